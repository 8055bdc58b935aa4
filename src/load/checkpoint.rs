//! What is remembered from run to run, as one file: positions, open windows, and points that are not known to be sent.
//!
//! A step writes where it got to and what it is about to send, sends it, and writes that it is sent. Whatever ends the
//! process in between, the next one sends the very same bytes again, before it reads anything.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cells::{Cell, Key, Start};
use crate::follow::Generation;
use crate::plan::{Field, Timestamp};

/// What a checkpoint holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How many steps were taken.
    pub steps: u64,
    pub generations: Vec<Generation>,
    /// Windows that start before were let go of.
    pub open_from: Start,
    /// The greatest time of an event; None before the first.
    pub greatest: Option<Timestamp>,
    pub series: Series,
    /// The patterns of files that it is of.
    pub files: Vec<String>,
    pub cells: Vec<(Start, Vec<(Key, Cell)>)>,
    /// Lines that are not known to be accepted.
    pub unsent: Vec<u8>,
    /// The length of the file that they are appended to, before they are.
    pub appended_at: Option<u64>,
}

/// Which series cells are of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub measurement: String,
    pub tags: Vec<(String, String)>,
    /// The names and fields of stats.
    pub stats: Vec<(String, Field)>,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            steps: 0,
            generations: Vec::new(),
            open_from: Start::MIN,
            greatest: None,
            series: Series::default(),
            files: Vec::new(),
            cells: Vec::new(),
            unsent: Vec::new(),
            appended_at: None,
        }
    }
}

/// What files begin with; the number is that of the version.
const MAGIC: &[u8; 16] = b"highwater-load 1";

/// Why there is no checkpoint to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not as it was written.
    Damaged,
    /// Of a later version.
    Later,
}

impl Kept {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(self).expect("everything in a checkpoint can be written");
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// # Errors
    /// They are not those of a checkpoint of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Kept, Unreadable> {
        let (magic, rest) = bytes.split_first_chunk::<16>().ok_or(Unreadable::Damaged)?;
        if magic != MAGIC {
            let is_later = magic.starts_with(&MAGIC[..15]) && magic[15].is_ascii_digit();
            return Err(if is_later { Unreadable::Later } else { Unreadable::Damaged });
        }
        let (sum, body) = rest.split_first_chunk::<4>().ok_or(Unreadable::Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(Unreadable::Damaged);
        }
        postcard::from_bytes(body).map_err(|_| Unreadable::Damaged)
    }
}

/// The files of one pipeline in a folder of checkpoints. It is locked as long as this lives.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    name: String,
    lock: Option<File>,
}

/// Why a checkpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCheckpoint {
    /// Another process uses it.
    Locked(String),
    /// One line.
    Fault(String),
}

impl Checkpoint {
    /// Locks the checkpoint of a pipeline, and makes the folder, for its owner only, if it is not there.
    ///
    /// # Errors
    /// It is locked, or the folder cannot be used.
    pub fn lock(folder: &Path, pipeline: &str) -> Result<Checkpoint, NoCheckpoint> {
        let fail = |what: &str, error: &io::Error| {
            NoCheckpoint::Fault(format!(
                "{}: cannot {what}: {error}; `--checkpoint DIR` takes another folder",
                folder.display()
            ))
        };
        if !folder.is_dir() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| fail("make the folder", &error))?;
        }
        let name = file_name(pipeline);
        let path = folder.join(format!("{name}.lock"));
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = opened.map_err(|error| fail(&format!("open `{name}.lock`"), &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = fs::read_to_string(&path).unwrap_or_default();
                let owner = owner.trim().parse::<u32>().map_or(String::new(), |pid| format!(" (process {pid})"));
                return Err(NoCheckpoint::Locked(format!("another run is under way{owner}: {}", path.display())));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&format!("lock `{name}.lock`"), &error)),
        }
        // For the message of another process only.
        let pid = std::process::id().to_string();
        if fs::read(&path).is_ok_and(|text| text != pid.as_bytes()) {
            let _ = lock.set_len(0).and_then(|()| (&lock).write_all(pid.as_bytes()));
        }
        Ok(Checkpoint { folder: folder.to_path_buf(), name, lock: Some(lock) })
    }

    /// The checkpoint of a pipeline, to be looked at only.
    pub fn unlocked(folder: &Path, pipeline: &str) -> Checkpoint {
        Checkpoint { folder: folder.to_path_buf(), name: file_name(pipeline), lock: None }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.checkpoint", self.name))
    }

    /// Where lines go that were not understood.
    pub fn rejects(&self) -> PathBuf {
        self.folder.join(format!("{}.rejects", self.name))
    }

    /// Whether it is looked at only.
    pub fn is_read_only(&self) -> bool {
        self.lock.is_none()
    }

    /// What is remembered; nothing at first. One that is damaged is set aside, and `damaged` gets a line.
    ///
    /// # Errors
    /// It cannot be read, or was written by a later version.
    pub fn read(&self, damaged: &mut Option<String>) -> Result<Kept, String> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        match Kept::from_bytes(&bytes) {
            Ok(kept) => Ok(kept),
            Err(Unreadable::Later) => Err(format!(
                "{}: was written by a later version: use that, or `--checkpoint DIR` with another folder",
                path.display()
            )),
            Err(Unreadable::Damaged) => {
                const ANEW: &str = "all that the files hold is read anew; windows of which lines are gone already are \
                                    written with less than there was, and late lines that made points of their own are \
                                    counted in their windows, too";
                if self.lock.is_none() {
                    *damaged = Some(format!("{}: is damaged; a run sets it aside: {ANEW}", path.display()));
                    return Ok(Kept::default());
                }
                let mut aside = path.with_extension("checkpoint.bad");
                let mut free = (0..).map(|n| path.with_extension(format!("checkpoint.bad{n}")));
                if aside.exists() {
                    aside = free.find(|aside| !aside.exists()).unwrap_or(aside);
                }
                fs::rename(&path, &aside).map_err(|error| format!("{}: {error}", path.display()))?;
                *damaged =
                    Some(format!("{}: is damaged, and was set aside as {}: {ANEW}", path.display(), aside.display()));
                Ok(Kept::default())
            }
        }
    }

    /// Writes what is to be remembered, as a whole or not at all, and waits until it is on the disk. What is only looked
    /// at is not written to.
    ///
    /// # Errors
    /// It was not written; what was there stays.
    pub fn write(&self, kept: &Kept) -> Result<(), String> {
        if self.lock.is_none() {
            return Ok(());
        }
        let path = self.path();
        let unfinished = path.with_extension("checkpoint.new");
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(&kept.to_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.folder)?.sync_all()
        })();
        written.map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            format!(
                "{}: cannot be written: {error}; nothing is lost, the next run goes on from the last one",
                path.display()
            )
        })
    }
}

/// The name of a pipeline as that of a file.
fn file_name(pipeline: &str) -> String {
    let mut name = String::new();
    for byte in pipeline.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    name
}
