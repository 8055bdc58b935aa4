//! Transitions to standard output, one JSON object a line, by a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::keep::Keeper;

/// So many pieces may wait to be written; then the judge waits too, while events are counted on.
const WAITING: usize = 64;
/// Transitions to a piece.
pub const PIECE: usize = 256;

/// Transitions, each with its number.
pub type Lines = Vec<(u64, Arc<str>)>;

/// Starts the thread; `failed` is called once if standard output takes no more.
///
/// What has been written is told to the keeper. So a transition that was being written when the process was killed is
/// written again by the next one, and none is lost.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    keeper: Option<Arc<Keeper>>,
    failed: impl FnOnce(io::Error) + Send + 'static,
) -> io::Result<(SyncSender<Lines>, JoinHandle<()>)> {
    let (queue, waiting) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("writer".to_string()).spawn(move || {
        if let Err(error) = write(&waiting, keeper.as_deref()) {
            failed(error);
        }
    })?;
    Ok((queue, thread))
}

fn write(waiting: &Receiver<Lines>, keeper: Option<&Keeper>) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    for lines in waiting {
        for (_, line) in &lines {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        if let Some((keeper, (last, _))) = keeper.zip(lines.last()) {
            keeper.told(last + 1);
        }
    }
    Ok(())
}
