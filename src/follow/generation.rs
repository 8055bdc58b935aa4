//! What is remembered of a file that was read: what it begins with, how far it was taken, what stands before that.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Beginning, Found, Stamp};
use crate::plan::Timestamp;

/// How much of the beginning is remembered, in bytes.
pub const HEAD: usize = 4096;
/// How much before the offset is remembered, in bytes. With 32, a third of the lines of some logs end alike.
pub const TAIL: usize = 1024;

/// How much is looked at for the last newline at a time, in bytes.
const END: u64 = 64 << 10;

/// A hash of so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Print {
    pub length: u32,
    hash: [u8; 16],
}

/// One content, as far as it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Of the first bytes, as far as they were taken.
    pub head: Print,
    /// Everything before was taken. It stands behind a newline, in bytes of the text.
    pub offset: u64,
    /// Of the bytes before the offset.
    pub tail: Print,
    /// Where it was last.
    pub path: PathBuf,
    pub stamp: Stamp,
    /// Whether nothing was left to take when it had that stamp.
    pub settled: bool,
    /// Whether it was packed.
    pub packed: bool,
    /// The number of the last line that was taken.
    pub line: u64,
    /// The time of the last line that was taken.
    pub last: Option<Timestamp>,
    /// Lines that say what those behind them mean, as W3C's `#Fields`, in order; none elsewhere.
    pub header: Vec<u8>,
    /// The step that changed it last.
    pub seen: u64,
}

impl Print {
    pub fn of(bytes: &[u8]) -> Print {
        let digest = Sha256::digest(bytes);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Print { length: u32::try_from(bytes.len()).expect("a print is of a few kilobytes"), hash }
    }

    pub fn len(self) -> usize {
        self.length as usize
    }

    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

impl Generation {
    /// Of a file of which nothing was taken yet.
    pub fn new(path: PathBuf, stamp: Stamp, packed: bool) -> Generation {
        Generation {
            head: Print::of(b""),
            offset: 0,
            tail: Print::of(b""),
            path,
            stamp,
            settled: false,
            packed,
            line: 0,
            last: None,
            header: Vec::new(),
            seen: 0,
        }
    }

    /// Of a file of which everything was taken that is there, but for a last line without an end.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn at_end(found: &Found) -> io::Result<Generation> {
        let beginning = Beginning::of(&found.path)?;
        let mut generation = Generation::new(found.path.clone(), found.stamp, beginning.is_packed());
        if beginning.is_packed() {
            // It does not grow, and its stamp tells it.
            generation.head = Print::of(&beginning.start);
            // Behind all that it may hold, should somebody touch it.
            generation.offset = u64::MAX;
            generation.settled = true;
            return Ok(generation);
        }
        let size = found.stamp.size;
        let mut end = size;
        while end > 0 {
            let length = end.min(END) as usize;
            let Some(piece) = beginning.before(end, length) else { break };
            if let Some(at) = memchr::memrchr(b'\n', &piece) {
                generation.offset = end - (length - at - 1) as u64;
                break;
            }
            end -= length as u64;
        }
        let known = usize::try_from(generation.offset).unwrap_or(usize::MAX);
        generation.head = Print::of(&beginning.start[..beginning.start.len().min(known)]);
        generation.tail = Print::of(&beginning.before(generation.offset, known.min(TAIL)).unwrap_or_default());
        Ok(generation)
    }

    /// Whether a text begins as this one did.
    pub fn begins(&self, start: &[u8]) -> bool {
        start.get(..self.head.len()).is_some_and(|start| Print::of(start) == self.head)
    }
}
