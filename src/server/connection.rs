//! A connection that speaks Riemann's protocol: frames in, one answer each, in order.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::apply::Kept;
use super::counters::Source;
use super::desk::{Hearing, Local};
use crate::plan::EventTime;
use crate::source::riemann::{self, Framed};
use crate::store::Position;

/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the rest of a message may take to come, from read to read.
const REST: Duration = Duration::from_secs(60);
/// How long a peer may leave its answers unread.
const UNREAD: Duration = Duration::from_secs(30);
/// After so many bytes the other connections have their turn.
const TURN: usize = 1 << 20;
/// Answers of so many bytes are written before more is applied.
const ANSWERS: usize = 64 << 10;
/// A connection keeps so much room for answers while it waits.
const ROOM: usize = 4 << 10;

/// What one read came to.
enum Read {
    /// So many bytes came, and what they made complete was applied.
    Applied(usize),
    /// The peer has closed its side.
    Closed,
    /// The connection cannot go on; the answer says why.
    Refused(&'static str),
}

/// What has arrived of a message in part.
struct Part<'a> {
    local: &'a Local,
    bytes: Vec<u8>,
    /// How long the message is in all.
    needed: usize,
    /// Whether there may be whole messages in it: their answers had to wait.
    whole: bool,
    /// Answers wait until the journal is on the disk up to there.
    unsynced: Option<Position>,
}

/// Serves a connection until it ends.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(local: &Local, mut stream: S, source: Source, time: EventTime) {
    let mut part = Part { local, bytes: Vec::new(), needed: 0, whole: false, unsynced: None };
    let mut answers = Vec::new();
    let mut hearing = Hearing::default();
    let mut turn = 0;
    let turn_away = |cause| local.applying.counters.turn_away(cause);
    loop {
        let patience = if part.bytes.is_empty() { local.idle } else { REST };
        let reading = poll_fn(|cx| poll_read(local, cx, &mut stream, &mut part, &mut answers, source, time));
        let read = match timeout(patience, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => return,
            Err(_) => return turn_away(if part.bytes.is_empty() { "idle" } else { "message never completed" }),
        };
        if let Read::Applied(bytes) = read {
            local.hear(bytes, &mut hearing);
            turn += if bytes == 0 { ANSWERS } else { bytes };
        }
        if let Some((keeper, position)) = local.applying.keeper.as_ref().zip(part.unsynced.take()) {
            keeper.synced(position).await;
        }
        if !answers.is_empty() {
            match timeout(UNREAD, write(&mut stream, &answers)).await {
                Ok(Ok(())) => answers.clear(),
                Ok(Err(_)) => return,
                Err(_) => return turn_away("answers not read"),
            }
            if answers.capacity() > ROOM {
                answers = Vec::new();
            }
        }
        match read {
            Read::Applied(_) => {}
            Read::Closed => {
                if !part.bytes.is_empty() {
                    turn_away("closed inside a message");
                }
                return;
            }
            Read::Refused(cause) => {
                turn_away(cause);
                // So that the answer is not lost by a reset.
                let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
                return;
            }
        }
        if turn >= TURN {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, answers: &[u8]) -> io::Result<()> {
    stream.write_all(answers).await?;
    stream.flush().await
}

/// Reads once into the buffer of the lane, and applies what is complete then.
fn poll_read<S: AsyncRead + Unpin>(
    local: &Local,
    cx: &mut Context<'_>,
    stream: &mut S,
    part: &mut Part<'_>,
    answers: &mut Vec<u8>,
    source: Source,
    time: EventTime,
) -> Poll<io::Result<Read>> {
    if std::mem::take(&mut part.whole) {
        let bytes = part.take();
        let applied = frames(local, &bytes, part, answers, source, time);
        return Poll::Ready(Ok(applied.map_or_else(Read::Refused, |()| Read::Applied(0))));
    }
    let mut buffer = local.buffer.borrow_mut();
    // A short part goes before what comes, so that all frames are read in one piece. A long one grows on its own.
    let before = if part.bytes.len() <= buffer.len() / 2 { part.bytes.len() } else { 0 };
    buffer[..before].copy_from_slice(&part.bytes[..before]);
    let mut space = ReadBuf::new(&mut buffer[before..]);
    ready!(Pin::new(stream).poll_read(cx, &mut space))?;
    let read = space.filled().len();
    if read == 0 {
        return Poll::Ready(Ok(Read::Closed));
    }
    local.applying.counters.of(source).bytes.fetch_add(read as u64, Relaxed);
    let long;
    let bytes = if before == part.bytes.len() {
        part.clear();
        &buffer[..before + read]
    } else {
        if let Err(cause) = part.extend(&buffer[..read], answers) {
            return Poll::Ready(Ok(Read::Refused(cause)));
        }
        if part.bytes.len() < part.needed {
            return Poll::Ready(Ok(Read::Applied(read)));
        }
        long = part.take();
        &long
    };
    let applied = frames(local, bytes, part, answers, source, time);
    Poll::Ready(Ok(applied.map_or_else(Read::Refused, |()| Read::Applied(read))))
}

/// Applies all frames that are whole and keeps the rest.
fn frames(
    local: &Local,
    bytes: &[u8],
    part: &mut Part<'_>,
    answers: &mut Vec<u8>,
    source: Source,
    time: EventTime,
) -> Result<(), &'static str> {
    let mut session = None;
    let mut rest = bytes;
    let ended = loop {
        if answers.len() >= ANSWERS {
            part.whole = true;
            break Ok(());
        }
        match riemann::frame(rest, local.applying.limits.frame_bytes) {
            Framed::Whole { message, used } => {
                let session = session.get_or_insert_with(|| local.applying.session(source, time));
                if let Err(malformed) = session.message(message, answers) {
                    riemann::error_reply(&format!("this is no message of Riemann's protocol: {malformed}"), answers);
                    break Err("malformed message");
                }
                rest = &rest[used..];
            }
            Framed::Part { needed } => {
                part.needed = needed;
                break Ok(());
            }
            Framed::TooLong { length } => {
                let limit = local.applying.limits.frame_bytes;
                let (text, cause) = match other_protocol(rest) {
                    Some(other) => (format!("this looks like {other}, and Riemann's protocol is spoken here"), other),
                    None => (
                        format!(
                            "a message of {length} bytes is above {limit}; `:limits {{:frame-bytes …}}` allows more"
                        ),
                        "message too long",
                    ),
                };
                riemann::error_reply(&text, answers);
                break Err(cause);
            }
        }
    };
    if let Some(session) = session {
        part.unsynced = session.finish(&Kept::Frames(&bytes[..bytes.len() - rest.len()])).or(part.unsynced);
    }
    ended?;
    part.extend(rest, answers)
}

/// What is spoken, if a stream that is not Riemann's begins like it.
fn other_protocol(bytes: &[u8]) -> Option<&'static str> {
    let begins = |starts: &[&[u8]]| starts.iter().any(|start| bytes.starts_with(start));
    if begins(&[b"GET ", b"PUT ", b"POST", b"HEAD", b"OPTI"]) {
        Some("HTTP")
    } else if begins(&[&[0x16, 3]]) {
        Some("TLS")
    } else {
        None
    }
}

impl Part<'_> {
    fn extend(&mut self, bytes: &[u8], answers: &mut Vec<u8>) -> Result<(), &'static str> {
        let before = self.bytes.capacity();
        // Twice as much each time, but no more than the message needs.
        let wanted = self.bytes.len() + bytes.len();
        if wanted > before {
            let room = wanted.max((2 * before).min(self.needed));
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        let grown = (self.bytes.capacity() - before) as u64;
        let receiving = &self.local.applying.counters.receiving;
        let limit = self.local.applying.limits.receive_bytes;
        if grown > 0 && receiving.fetch_add(grown, Relaxed) + grown > limit as u64 {
            riemann::error_reply(
                &format!(
                    "messages that have arrived in part take more than {limit} bytes; `:limits {{:receive-bytes …}}` \
                     allows more"
                ),
                answers,
            );
            return Err("too much received in part");
        }
        Ok(())
    }

    /// Forgets the part; what it took of memory is kept if it is little.
    fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > 4096 {
            drop(self.take());
        }
    }

    fn take(&mut self) -> Vec<u8> {
        self.local.applying.counters.receiving.fetch_sub(self.bytes.capacity() as u64, Relaxed);
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
