//! The records of one segment, read with a buffer that holds one of them.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::disk::{File, read_full};
use super::format::{FRAME, SEGMENT_HEADER, framed, is_framed_by};

/// At least so many bytes are read at a time.
const CHUNK: usize = 256 << 10;

pub(super) struct Reader {
    file: Arc<dyn File>,
    seed: u32,
    /// Nothing is read from here on.
    limit: u64,
    /// Where in the file the next frame begins.
    at: u64,
    buffer: Vec<u8>,
    /// What of the buffer is not yet read: it begins with what is at `at`.
    unread: Range<usize>,
}

/// What is behind the last record that could be read, and how many bytes that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remainder {
    None,
    /// The beginning of a record, as a process leaves it that ended in a write; or zeros, as a power loss may.
    Torn(u64),
    Damaged(u64),
}

impl Reader {
    /// Of a segment whose header was read.
    pub fn new(file: Arc<dyn File>, seed: u32, limit: u64) -> Reader {
        Reader { file, seed, limit, at: SEGMENT_HEADER as u64, buffer: Vec::new(), unread: 0..0 }
    }

    /// Where in the buffer the next record is, if one can be read.
    pub fn next(&mut self) -> Option<Range<usize>> {
        self.fill(FRAME)?;
        let frame: [u8; FRAME] = *self.buffer[self.unread.clone()].first_chunk()?;
        let length = framed(self.seed, &frame)?;
        self.fill(FRAME + length)?;
        let record = self.unread.start + FRAME..self.unread.start + FRAME + length;
        if !is_framed_by(&frame, &self.buffer[record.clone()]) {
            return None;
        }
        self.at += (FRAME + length) as u64;
        self.unread.start = record.end;
        Some(record)
    }

    pub fn bytes(&self, record: Range<usize>) -> &[u8] {
        &self.buffer[record]
    }

    /// Where the records end that were read.
    pub fn end(&self) -> u64 {
        self.at
    }

    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Makes so many bytes ready, unless the file ends before or cannot be read.
    fn fill(&mut self, wanted: usize) -> Option<()> {
        if self.unread.len() >= wanted {
            return Some(());
        }
        let end = self.file.length().ok()?.min(self.limit);
        // A length is believed only as far as the file reaches.
        let left = end.saturating_sub(self.at);
        if left < wanted as u64 {
            return None;
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let size = wanted.max(CHUNK).min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
        let from = self.at + self.unread.end as u64;
        let read = read_full(&*self.file, from, &mut self.buffer[self.unread.end..size]).ok()?;
        self.unread.end += read;
        (self.unread.len() >= wanted).then_some(())
    }
}

/// What is in a segment behind its last record.
pub(super) fn remainder(file: &dyn File, seed: u32, end: u64) -> io::Result<Remainder> {
    let bytes = file.length()?.saturating_sub(end);
    if bytes == 0 {
        return Ok(Remainder::None);
    }
    if bytes < FRAME as u64 {
        return Ok(Remainder::Torn(bytes));
    }
    let mut frame = [0; FRAME];
    read_full(file, end, &mut frame)?;
    let is_torn = match framed(seed, &frame) {
        Some(length) => bytes < (FRAME + length) as u64,
        None => is_zero(file, end)?,
    };
    Ok(if is_torn { Remainder::Torn(bytes) } else { Remainder::Damaged(bytes) })
}

fn is_zero(file: &dyn File, mut at: u64) -> io::Result<bool> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = read_full(file, at, &mut buffer)?;
        if read == 0 || buffer[..read].iter().any(|byte| *byte != 0) {
            return Ok(read == 0);
        }
        at += read as u64;
    }
}
