//! Lines appended to a file, or written to standard output.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::notify::{Answer, Line, Trouble};
use crate::server::lock;

/// What is being written, by the file; None: standard output. A pipe that nobody reads may take it for ever.
#[derive(Default)]
pub struct Places(std::sync::Mutex<HashMap<Option<PathBuf>, Place>>);

/// What is under way there.
type Place = Arc<Mutex<Option<Pending>>>;

struct Pending {
    lines: Vec<u8>,
    written: JoinHandle<io::Result<()>>,
}

impl Places {
    /// Appends once; what an attempt before has left under way is waited for, not written again.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn append(&self, line: &Line) -> Result<Answer, Trouble> {
        let place = lock(&self.0).entry(line.path.clone()).or_default().clone();
        let mut pending = place.lock().await;
        let mut result = None;
        if let Some(before) = pending.as_mut() {
            let written = (&mut before.written).await;
            result = (before.lines == line.lines).then_some(written);
            *pending = None;
        }
        let written = match result {
            Some(written) => written,
            None => {
                let (path, lines) = (line.path.clone(), line.lines.clone());
                let written = spawn_blocking(move || write(path.as_deref(), &lines));
                let now = pending.insert(Pending { lines: line.lines.clone(), written });
                let written = (&mut now.written).await;
                *pending = None;
                written
            }
        };
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => Ok(Answer::default()),
            Err(error) => Err(Trouble::new(format!("{}: {error}", shown(line.path.as_deref()))).unsent()),
        }
    }
}

/// A place for people.
pub fn shown(path: Option<&Path>) -> String {
    path.map_or("standard output".to_string(), |path| path.display().to_string())
}

fn write(path: Option<&Path>, lines: &[u8]) -> io::Result<()> {
    let Some(path) = path else {
        let mut out = io::stdout().lock();
        return out.write_all(lines).and_then(|()| out.flush());
    };
    // Opened each time, so that a file that was moved away is begun anew.
    let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let before = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
    let written = file.write_all(lines);
    if let (Err(_), Some(before)) = (&written, before) {
        // A line in part would spoil the next one. Whoever else appends meanwhile is taken for nobody.
        let _ = file.set_len(before);
    }
    written
}
