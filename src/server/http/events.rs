//! `PUT /events`: one JSON object a line in, one line back for each: `{}`, or `{"error":…}`.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::CONTENT_ENCODING;
use hyper::{Request, StatusCode};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

use super::held::{Held, Kept};
use super::{Answer, answer_bytes, held, text};
use crate::plan::EventTime;
use crate::server::apply::{self, Session};
use crate::server::counters::Source;
use crate::server::desk::{Hearing, Local};
use crate::store::Position;

/// How long a body may take to come.
const PATIENCE: Patience = Patience { piece: Duration::from_secs(30), whole: Duration::from_secs(300) };
/// What the answers to one body may take, in bytes: those to a million events that are well.
const ANSWERS: usize = 4 << 20;
/// After so many bytes the other connections have their turn.
const TURN: usize = 64 << 10;
/// What a line costs of a turn beside its bytes.
const LINE: usize = 64;

struct Patience {
    /// From piece to piece.
    piece: Duration,
    whole: Duration,
}

/// Why no more of a body was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stopped {
    BrokeOff(String),
    /// The rest did not come in time.
    Late,
    TooLong {
        limit: usize,
    },
    /// Its answers are too long.
    Answers,
    /// Lines in part, over all connections, are too long.
    Parts {
        limit: usize,
    },
    /// Answers that nobody has read yet, over all connections, are too long.
    Unread,
}

impl Stopped {
    fn status(&self) -> StatusCode {
        match self {
            Stopped::BrokeOff(_) => StatusCode::BAD_REQUEST,
            Stopped::Late => StatusCode::REQUEST_TIMEOUT,
            Stopped::TooLong { .. } | Stopped::Answers => StatusCode::PAYLOAD_TOO_LARGE,
            Stopped::Parts { .. } | Stopped::Unread => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn cause(&self) -> &'static str {
        match self {
            Stopped::BrokeOff(_) => "body broke off",
            Stopped::Late => "body never completed",
            Stopped::TooLong { .. } => "body too long",
            Stopped::Answers => "answers too long",
            Stopped::Parts { .. } => "too much received in part",
            Stopped::Unread => held::UNREAD,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::BrokeOff(error) => write!(f, "the body broke off: {error}"),
            Stopped::Late => write!(f, "the rest of the body did not come"),
            Stopped::TooLong { limit } => write!(
                f,
                "a body of more than {limit} bytes; send less at a time, or allow more with `:limits {{:frame-bytes …}}`"
            ),
            Stopped::Answers => write!(f, "the answers take more than {ANSWERS} bytes; send less at a time"),
            Stopped::Parts { limit } => write!(
                f,
                "lines that have arrived in part take more than {limit} bytes; `:limits {{:receive-bytes …}}` allows more"
            ),
            Stopped::Unread => write!(f, "answers that were not read take {} bytes; send the rest again", held::ALL),
        }
    }
}

/// Takes the events of a body as they come: those before a failure are counted.
pub async fn take(local: &Local, request: Request<Incoming>, time: EventTime, hearing: &RefCell<Hearing>) -> Answer {
    if let Some(encoding) = request.headers().get(CONTENT_ENCODING)
        && encoding != "identity"
    {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a compressed body is not supported; send it plain\n");
    }
    let mut lines = Lines::new(local, time);
    let ended = lines.read(request.into_body(), hearing).await;
    if let Some((keeper, position)) = local.applying.keeper.as_ref().zip(lines.unsynced) {
        keeper.synced(position).await;
    }
    match ended {
        Ok(()) => answer_bytes(StatusCode::OK, "application/json", lines.answers),
        Err(stopped) => {
            local.applying.counters.turn_away(stopped.cause());
            text(stopped.status(), &format!("{stopped}. {} lines were taken\n", lines.number))
        }
    }
}

/// The next piece of a body that has begun at that time; None at its end.
async fn next<B>(body: &mut B, begun: Instant, patience: &Patience) -> Result<Option<Bytes>, Stopped>
where
    B: Body<Data = Bytes, Error: fmt::Display> + Unpin,
{
    loop {
        let frame = timeout(patience.piece, timeout_at(begun + patience.whole, body.frame()));
        match frame.await {
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(Err(error)))) => return Err(Stopped::BrokeOff(error.to_string())),
            Err(_) | Ok(Err(_)) => return Err(Stopped::Late),
            Ok(Ok(Some(Ok(frame)))) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// A line that has come in part, and what was answered.
struct Lines<'a> {
    local: &'a Local,
    time: EventTime,
    part: Held,
    /// The line is too long already: nothing of it is kept.
    too_long: bool,
    /// Lines that were taken, also those that were refused.
    number: usize,
    answers: Held,
    /// What was done of this turn.
    done: usize,
    /// The answers wait until the journal is on the disk up to there.
    unsynced: Option<Position>,
}

impl<'a> Lines<'a> {
    fn new(local: &'a Local, time: EventTime) -> Lines<'a> {
        let apply::Applying { counters, limits, .. } = &local.applying;
        Lines {
            local,
            time,
            part: Held::new(Kept::Part, limits.receive_bytes as u64, counters),
            too_long: false,
            number: 0,
            answers: Held::new(Kept::Answer, held::ALL, counters),
            done: 0,
            unsynced: None,
        }
    }

    async fn read(&mut self, mut body: Incoming, hearing: &RefCell<Hearing>) -> Result<(), Stopped> {
        let limit = self.local.applying.limits.frame_bytes;
        if body.size_hint().lower() > limit as u64 {
            return Err(Stopped::TooLong { limit });
        }
        let begun = Instant::now();
        let mut length = 0;
        while let Some(piece) = next(&mut body, begun, &PATIENCE).await? {
            self.local.applying.counters.of(Source::Http).bytes.fetch_add(piece.len() as u64, Relaxed);
            length += piece.len();
            if length > limit {
                return Err(Stopped::TooLong { limit });
            }
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let (used, taken) = self.turn(rest);
                // Turn by turn: a drain waits for what was received and is not counted yet.
                self.local.hear(used, &mut hearing.borrow_mut());
                taken?;
                rest = &rest[used..];
                if self.done >= TURN {
                    self.done = 0;
                    yield_now().await;
                }
            }
        }
        self.end()
    }

    /// Takes lines while the turn lasts, under one lock of the lane; how many bytes were used.
    fn turn(&mut self, piece: &[u8]) -> (usize, Result<(), Stopped>) {
        let mut session = self.local.applying.session(Source::Http, self.time);
        let mut used = 0;
        let mut taken = Ok(());
        while taken.is_ok() && self.done < TURN && used < piece.len() {
            let rest = &piece[used..];
            let end = memchr::memchr(b'\n', rest);
            let length = end.unwrap_or(rest.len());
            taken = match end {
                Some(_) => self.line(&rest[..length], &mut session),
                None => self.keep(rest, session.line_bytes()),
            };
            used += length + usize::from(end.is_some());
            self.done += length + LINE;
        }
        self.unsynced = session.finish(&apply::Kept::Lines).or(self.unsynced);
        (used, taken)
    }

    /// Keeps a part of a line, unless the line is too long.
    fn keep(&mut self, bytes: &[u8], limit: usize) -> Result<(), Stopped> {
        if self.too_long || is_too_long(self.part.len() + bytes.len(), limit) {
            self.too_long = true;
            self.part.clear();
        } else if !self.part.extend(bytes) {
            return Err(Stopped::Parts { limit: self.local.applying.limits.receive_bytes });
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stopped> {
        if self.part.is_empty() && !self.too_long {
            return Ok(());
        }
        let mut session = self.local.applying.session(Source::Http, self.time);
        let taken = self.line(b"", &mut session);
        self.unsynced = session.finish(&apply::Kept::Lines).or(self.unsynced);
        taken
    }

    /// Takes a line, of which this is the end.
    fn line(&mut self, end: &[u8], session: &mut Session<'_>) -> Result<(), Stopped> {
        if self.answers.len() >= ANSWERS {
            return Err(Stopped::Answers);
        }
        let whole = if self.part.is_empty() && !self.too_long {
            end
        } else {
            self.keep(end, session.line_bytes())?;
            self.part.bytes()
        };
        self.number += 1;
        let too_long = self.too_long || is_too_long(whole.len(), session.line_bytes());
        let line = whole.trim_ascii();
        let fits = if too_long {
            let refused = session.too_long();
            self.answers.extend(&error(self.number, &refused))
        } else if line.is_empty() {
            true
        } else {
            match session.line(line) {
                Ok(()) => self.answers.extend(b"{}\n"),
                Err(refused) => self.answers.extend(&error(self.number, &refused)),
            }
        };
        self.part.clear();
        self.too_long = false;
        if fits { Ok(()) } else { Err(Stopped::Unread) }
    }
}

/// Whether a line of so many bytes is too long; it may end with a carriage return.
fn is_too_long(length: usize, limit: usize) -> bool {
    length > limit.saturating_add(1)
}

fn error(number: usize, refused: &crate::source::Refused) -> Vec<u8> {
    let error = serde_json::json!({"error": format!("line {number}: {refused}")});
    format!("{error}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use hyper::body::Frame;
    use tokio::time::Interval;

    use super::*;

    /// A byte now and then, for ever.
    struct Slow(Interval);

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.0.poll_tick(cx));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[test]
    fn a_body_that_stalls_or_never_ends_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for (every, piece, whole, some) in [(1, 1000, 50, true), (1000, 20, 60_000, false)] {
                let mut body = Slow(tokio::time::interval(Duration::from_millis(every)));
                let (piece, whole) = (Duration::from_millis(piece), Duration::from_millis(whole));
                let patience = Patience { piece, whole };
                let begun = Instant::now();
                let mut pieces = 0;
                let ended = loop {
                    match next(&mut body, begun, &patience).await {
                        Ok(_) => pieces += 1,
                        Err(stopped) => break stopped,
                    }
                };
                assert_eq!(ended, Stopped::Late);
                // An interval's first tick is at once.
                assert_eq!(pieces > 1, some, "{pieces} pieces, one every {every} ms");
            }
        });
    }
}
