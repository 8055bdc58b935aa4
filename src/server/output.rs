//! Transitions to standard output, one JSON object a line, by a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::engine::Transition;
use crate::plan::Plan;

/// Ticks whose transitions may wait to be written; then the judge waits too, while events are counted on.
const WAITING: usize = 64;

/// Transitions and the plan that they belong to.
pub type Told = (Arc<Plan>, Vec<Transition>);

/// Starts the thread; `failed` is called once if standard output takes no more.
///
/// # Errors
/// The system gives no thread.
pub fn start(failed: impl FnOnce(io::Error) + Send + 'static) -> io::Result<(SyncSender<Told>, JoinHandle<()>)> {
    let (queue, waiting) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("writer".to_string()).spawn(move || {
        if let Err(error) = write(&waiting) {
            failed(error);
        }
    })?;
    Ok((queue, thread))
}

fn write(waiting: &Receiver<Told>) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    for (plan, transitions) in waiting {
        for transition in &transitions {
            writeln!(out, "{}", transition.to_json(&plan))?;
        }
        out.flush()?;
    }
    Ok(())
}
