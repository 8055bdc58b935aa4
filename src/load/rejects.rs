//! Lines that were not understood, kept with their place in a file of bounded size.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::source::Refused;
use crate::source::input::KEPT;

/// The file is set aside when it is so long, and the one that was set aside before is gone.
const MOST: u64 = 8 << 20;
/// What is held back until the step ends; of more, lines are counted only.
const HELD: usize = 4 << 20;

/// Lines that wait to be written.
#[derive(Debug)]
pub struct Rejects {
    /// None: they are counted only.
    path: Option<PathBuf>,
    lines: Vec<u8>,
}

impl Rejects {
    pub fn new(path: Option<PathBuf>) -> Rejects {
        Rejects { path, lines: Vec::new() }
    }

    /// Keeps a line: one JSON object.
    pub fn add(&mut self, why: &Refused, path: &Path, offset: u64, line: &[u8]) {
        if self.lines.len() > HELD || self.path.is_none() {
            return;
        }
        let line = String::from_utf8_lossy(&line[..line.len().min(KEPT)]);
        let kept = serde_json::json!({
            "file": path.to_string_lossy(), "offset": offset, "why": why.to_string(), "line": line,
        });
        self.lines.extend_from_slice(kept.to_string().as_bytes());
        self.lines.push(b'\n');
    }

    /// Drops what waits.
    pub fn forget(&mut self) {
        self.lines.clear();
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// It was not written.
    pub fn write(&mut self) -> Result<(), String> {
        let Some(path) = self.path.as_ref().filter(|_| !self.lines.is_empty()) else { return Ok(()) };
        append(path, &self.lines).map_err(|error| format!("{}: {error}", path.display()))?;
        self.lines.clear();
        Ok(())
    }
}

fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() + lines.len() as u64 > MOST) {
        fs::rename(path, path.with_extension("rejects.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?.write_all(lines)
}
