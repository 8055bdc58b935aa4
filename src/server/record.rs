//! Where a recording is written while the daemon runs. What its lines say: `source/recording.rs`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use super::counters::Counters;
use super::lock;
use crate::plan::Timestamp;
use crate::source::recording;

/// A recording under way. After a failure nothing more is written.
pub struct Recorder {
    file: Mutex<Option<BufWriter<File>>>,
}

impl Recorder {
    /// Begins a recording in a new file.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn create(path: &Path, started: Timestamp) -> io::Result<Recorder> {
        let mut file = BufWriter::with_capacity(256 << 10, File::create_new(path)?);
        let mut line = Vec::new();
        recording::write_start(started, &mut line);
        file.write_all(&line)?;
        file.flush()?;
        Ok(Recorder { file: Mutex::new(Some(file)) })
    }

    /// Appends lines. A failure ends the recording, and is said once.
    pub fn append(&self, lines: &[u8], counters: &Counters) {
        let mut file = lock(&self.file);
        if let Some(open) = file.as_mut()
            && let Err(error) = open.write_all(lines)
        {
            *file = None;
            end(&error, counters);
        }
    }

    /// Hands what was appended to the system.
    pub fn flush(&self, counters: &Counters) {
        let mut file = lock(&self.file);
        if let Some(open) = file.as_mut()
            && let Err(error) = open.flush()
        {
            *file = None;
            end(&error, counters);
        }
    }
}

fn end(error: &io::Error, counters: &Counters) {
    counters.recording_failed.store(1, Relaxed);
    tracing::error!(%error, "the recording ends here: it cannot be written");
}
