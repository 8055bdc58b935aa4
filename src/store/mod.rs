//! Records that outlive the process: a journal in segments, and snapshots that make it short again.
//!
//! The room knows nothing of what is in them. One process uses a folder; one thread of it appends to the [`Journal`];
//! any thread syncs, and writes a snapshot while the journal goes on, by the [`Store`].
//!
//! ```text
//! lock                     locked while a process uses the folder; its number as text
//! snapshot-0000000042      the state before the first record of journal-0000000042
//! journal-0000000042       records since then; then the segments that follow on it
//! snapshot-0000000050.new  a snapshot that is being written, or was not finished
//! room                     holds room on the disk for a snapshot, until the journal has filled the rest
//! *.damaged-1              what was set aside: never read, never removed
//! ```
//!
//! # The bytes
//!
//! Numbers are little-endian. A checksum is CRC-32 as in zlib and gzip; "from A over B" is zlib's `crc32(A, B)`. Both
//! kinds of files begin with 8 bytes of magic (`hwjournl`, `hwsnapsh`), the version u32 (now 1), and the checksum u32 of
//! these 12 bytes. What comes after it is what the version says:
//!
//! ```text
//! segment   at 16  its number u64, as in its name
//!           at 24  the number u64 of what it follows: a segment, a snapshot, or 0 for nothing
//!           at 32  the length u64 up to which that segment counts; 0 for a snapshot, or nothing
//!           at 40  the checksum u32 of these 40 bytes
//!           at 44  records
//! record    at 0   the length u32 of its payload, at most 64 MiB
//!           at 4   the checksum u32 from the segment's over the length
//!           at 8   the checksum u32 from that one over the payload
//!           at 12  the payload
//! snapshot  at 16  its number u64, as in its name
//!           at 24  the length u64 of its payload
//!           at 32  the checksum u32 of these 32 bytes and the payload
//!           at 36  the payload, to the end of the file
//! ```
//!
//! # What counts
//!
//! The newest whole snapshot; then the segment of its number, or one that follows on the snapshot; then from segment to
//! segment, each up to the length that the next one gives it. Of two that follow on one, the greater number counts. A
//! segment without a record says nothing. In the last segment what is not a whole record at the end is cut if it is the
//! beginning of one, which is what a killed process leaves, or zeros; else it is damage. From damage on nothing counts,
//! so what is read is always the beginning of what was appended, and a number is never used twice.

mod copy;
mod disk;
mod format;
mod journal;
mod pause;
mod reader;
mod recovery;
mod shared;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use copy::Copy;
pub use disk::{Disk, File, Folder};
pub use format::{MAX_RECORD, VERSION};
pub use journal::{Journal, Position, SegmentNumber};
pub use pause::Pause;
pub use recovery::{Opened, Records, Started, open_on};
pub use shared::Store;

/// Locks a folder, makes it if it is not there, and reads what is in it.
pub fn open(path: &Path) -> Result<Opened, StoreError> {
    open_on(Arc::new(Folder::lock(path)?))
}

/// What the records follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The first record is the first there ever was.
    Nothing,
    /// This state, as it was written.
    Snapshot(Vec<u8>),
    /// A state that is damaged: the records are those since.
    Lost,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub enum StoreError {
    /// Another process uses it.
    Locked { path: PathBuf, pid: Option<u32> },
    /// A file is of a version that is not read here. Nothing was touched.
    Version { path: PathBuf, found: u32 },
    /// The system refuses.
    Io { path: PathBuf, does: &'static str, error: io::Error },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked { path, pid: Some(pid) } => {
                write!(f, "{}: process {pid} uses this state folder; each process needs its own", path.display())
            }
            StoreError::Locked { path, pid: None } => {
                write!(f, "{}: another process uses this state folder; each process needs its own", path.display())
            }
            StoreError::Version { path, found } => write!(
                f,
                "{}: written by a newer version (format {found}, this one reads {VERSION}); nothing was changed: \
                 use that version, or another state folder",
                path.display()
            ),
            StoreError::Io { path, does, error } => write!(f, "{}: cannot {does}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {}
