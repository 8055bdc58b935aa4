//! The log on standard error: written by a thread of its own, so that whoever does not read it holds up nothing.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written; above that they are dropped.
const WAITING: usize = 1024;
/// How long the end waits for the last lines to be written.
const LAST: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<SyncSender<Message>> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// Everything before has been written once this is answered.
    Flush(SyncSender<()>),
}

/// Where `tracing` writes.
pub struct Stderr;

/// One line that is being written.
pub struct Line(Vec<u8>);

/// Starts the thread. A second call changes nothing.
///
/// # Errors
/// The system gives no thread.
pub fn start() -> io::Result<()> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if QUEUE.get().is_some() {
        return Ok(());
    }
    let (queue, lines) = sync_channel(WAITING);
    std::thread::Builder::new().name("log".to_string()).spawn(move || write(&lines))?;
    let _ = QUEUE.set(queue);
    Ok(())
}

/// Waits until what was logged has been written, but not for long.
pub fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    let (written, done) = sync_channel(1);
    let began = Instant::now();
    let mut message = Message::Flush(written);
    while let Err(error) = queue.try_send(message) {
        message = match error {
            std::sync::mpsc::TrySendError::Full(message) if began.elapsed() < LAST => message,
            _ => return,
        };
        std::thread::sleep(Duration::from_millis(5));
    }
    match done.recv_timeout(LAST.saturating_sub(began.elapsed())) {
        Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
}

fn write(lines: &Receiver<Message>) {
    for message in lines {
        match message {
            // A log that takes nothing is no reason to end.
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(written) => drop(written.send(())),
        }
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(queue) = QUEUE.get() {
            let _ = queue.try_send(Message::Line(std::mem::take(&mut self.0)));
        }
    }
}
