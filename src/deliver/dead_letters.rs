//! What nobody will be told any more: kept as a line of JSON, by its notifier and cause.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::outbox::Dead;

/// A file that has grown to so many bytes is renamed to `….1`, and a new one begun.
const LONG: u64 = 64 << 20;

/// The file of dead letters.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    path: PathBuf,
}

impl DeadLetters {
    pub fn at(path: PathBuf) -> DeadLetters {
        DeadLetters { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends them, and waits until they are on the disk.
    pub fn append<'d>(&self, dead: impl Iterator<Item = &'d Dead>) -> io::Result<()> {
        let mut lines = Vec::new();
        for dead in dead {
            lines.extend(line(dead).into_bytes());
            lines.push(b'\n');
        }
        let mut file = open(&self.path)?;
        if file.metadata()?.len() > LONG {
            std::fs::rename(&self.path, self.path.with_extension("jsonl.1"))?;
            file = open(&self.path)?;
        }
        file.write_all(&lines)?;
        file.sync_data()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// `{"time", "notifier", "why", "transitions": […]}`
pub fn line(dead: &Dead) -> String {
    let transitions = dead.lines.iter().map(|line| serde_json::from_str(line).unwrap_or(Json::Null));
    json!({
        "time": dead.at.to_string(),
        "notifier": dead.notifier,
        "why": dead.why,
        "transitions": transitions.collect::<Vec<_>>(),
    })
    .to_string()
}
