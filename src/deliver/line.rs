//! Lines appended to a file, or written to standard output.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::notify::{Answer, Line, Trouble};

/// What is being written to standard output, which may take for ever.
#[derive(Default)]
pub struct StandardOutput {
    pending: Mutex<Option<Pending>>,
}

struct Pending {
    lines: Vec<u8>,
    written: JoinHandle<io::Result<()>>,
}

impl StandardOutput {
    /// Appends once; what an attempt before has left under way is waited for, not written again.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn append(&self, line: &Line) -> Result<Answer, Trouble> {
        let Some(path) = line.path.clone() else { return self.write(&line.lines).await };
        let lines = line.lines.clone();
        let at = path.clone();
        let written = spawn_blocking(move || append(&at, &lines)).await;
        answered(&path.display().to_string(), written)
    }

    async fn write(&self, lines: &[u8]) -> Result<Answer, Trouble> {
        let mut pending = self.pending.lock().await;
        if let Some(before) = pending.as_mut() {
            let written = (&mut before.written).await;
            let was_this = before.lines == lines;
            *pending = None;
            if was_this {
                return answered("standard output", written);
            }
        }
        let bytes = lines.to_vec();
        let written = spawn_blocking(move || {
            let mut out = io::stdout().lock();
            out.write_all(&bytes)?;
            out.flush()
        });
        let now = pending.insert(Pending { lines: lines.to_vec(), written });
        let written = (&mut now.written).await;
        *pending = None;
        answered("standard output", written)
    }
}

fn answered(place: &str, written: Result<io::Result<()>, tokio::task::JoinError>) -> Result<Answer, Trouble> {
    match written {
        Ok(Ok(())) => Ok(Answer::default()),
        Ok(Err(error)) => Err(Trouble(format!("{place}: {error}"))),
        Err(error) => Err(Trouble(format!("{place}: {error}"))),
    }
}

/// Appends by one write. The file is opened each time, so that one that was moved away is begun anew.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let before = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
    let written = file.write_all(lines);
    if let (Err(_), Some(before)) = (&written, before) {
        // A line in part would spoil the next one. Whoever else appends meanwhile is taken for nobody.
        let _ = file.set_len(before);
    }
    written
}
