//! One content from an offset on → whole lines, each with its offset, through one buffer of bounded size.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use super::find::Stamp;
use super::generation::{Generation, HEAD, Print, TAIL};
use crate::source::input::KEPT;
use crate::source::zstd::Zstd;

/// The buffer at first, in bytes; it grows as far as a line may.
const BUFFER: usize = 256 << 10;
/// Of a packed file that is inflated.
const PACKED_BUFFER: usize = 64 << 10;

/// How a file is packed, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What the text of a file begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    pub path: PathBuf,
    pub packing: Packing,
    /// At most [`HEAD`] bytes.
    pub start: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// [`Lines::line`].
    Line,
    /// [`Lines::line`] is the beginning of a line that is longer than the limit.
    TooLong,
    /// There is no further whole line now.
    End,
    /// The packed text is cut off here: more may come.
    Cut,
    /// What stands before the offset is not what was taken: it is another content.
    Other,
}

/// The lines of one content.
pub struct Lines {
    from: Box<dyn Read>,
    packing: Packing,
    start: Vec<u8>,
    buffer: Vec<u8>,
    /// What of the buffer was read and not given. Before it stand at least [`TAIL`] bytes of what was given, if there are.
    pending: Range<usize>,
    /// Where to go on looking for the end of a line.
    searched: usize,
    line: Range<usize>,
    /// Of `pending.start`, in bytes of the text.
    offset: u64,
    /// Of the current line.
    line_offset: u64,
    number: u64,
    limit: usize,
    ended: bool,
    cut: bool,
    /// The first bytes of a line that is longer than the limit, and what of it went by.
    long: Option<Long>,
}

struct Long {
    kept: Vec<u8>,
    /// What is true where it begins.
    offset: u64,
    number: u64,
    tail: Print,
}

impl Beginning {
    /// Looks into a file. A packed one that is cut off there begins with less.
    ///
    /// # Errors
    /// It cannot be read, or unpacked.
    pub fn of(path: &Path) -> io::Result<Beginning> {
        let mut file = File::open(path)?;
        let mut start = vec![0; HEAD];
        let length = read_full(&mut file, &mut start)?;
        start.truncate(length);
        let packing = match start[..] {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            _ => Packing::Plain,
        };
        if packing != Packing::Plain {
            file.seek(SeekFrom::Start(0))?;
            start = vec![0; HEAD];
            let mut from = unpacked(file, packing, 4 << 10);
            let length = match read_full(&mut from, &mut start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                read => read?,
            };
            start.truncate(length);
        }
        Ok(Beginning { path: path.to_path_buf(), packing, start })
    }

    /// The text from its beginning on.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn text(&self) -> io::Result<Box<dyn Read>> {
        Ok(unpacked(File::open(&self.path)?, self.packing, PACKED_BUFFER))
    }

    pub fn is_packed(&self) -> bool {
        self.packing != Packing::Plain
    }

    /// So many bytes before an offset of a plain file; None if it is shorter.
    pub fn before(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let mut bytes = vec![0; length];
        let at = offset.checked_sub(length as u64)?;
        File::open(&self.path).ok()?.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
}

/// Whether a plain file still begins as it did when it was looked at.
fn begins(file: &File, start: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let mut now = vec![0; start.len()];
    file.read_exact_at(&mut now, 0).is_ok() && now == start
}

/// Fills a buffer as far as there is something. What was read of a packed text that is cut off counts.
fn read_full(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match from.read(&mut into[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && length > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn unpacked(file: File, packing: Packing, buffer: usize) -> Box<dyn Read> {
    match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(buffer, file))),
        Packing::Zstd => Box::new(Zstd::new(BufReader::with_capacity(buffer, file))),
    }
}

impl Lines {
    /// The lines behind what was taken of a generation; None if another file is there by now. `limit` is the longest
    /// line, in bytes.
    ///
    /// # Errors
    /// The file cannot be read from there.
    pub fn open(
        beginning: Beginning,
        stamp: &Stamp,
        generation: &Generation,
        limit: usize,
    ) -> io::Result<Option<Lines>> {
        let Beginning { path, packing, start } = beginning;
        let mut file = File::open(&path)?;
        if !Stamp::of(&file.metadata()?).is_same_file(stamp) {
            return Ok(None);
        }
        if packing == Packing::Plain && !begins(&file, &start) {
            return Ok(None);
        }
        let from = generation.offset.saturating_sub(u64::from(generation.tail.length));
        let from_start = if packing == Packing::Plain { from } else { 0 };
        file.seek(SeekFrom::Start(from_start))?;
        let mut lines = Lines {
            from: unpacked(file, packing, PACKED_BUFFER),
            packing,
            start,
            buffer: vec![0; BUFFER],
            pending: 0..0,
            searched: 0,
            line: 0..0,
            offset: from_start,
            line_offset: generation.offset,
            number: generation.line,
            limit,
            ended: false,
            cut: false,
            long: None,
        };
        lines.skip_to(from)?;
        Ok(Some(lines))
    }

    /// Reads over what stands before an offset.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        while self.offset < offset && !self.ended {
            self.fill()?;
            let length = (offset - self.offset).min(self.pending.len() as u64) as usize;
            self.pass(length);
        }
        Ok(())
    }

    fn pass(&mut self, length: usize) {
        self.pending.start += length;
        self.offset += length as u64;
        self.searched = self.searched.max(self.pending.start);
    }

    /// Checks that what stands before the offset is what was taken, and goes there. To be asked once, first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn resume(&mut self, generation: &Generation) -> io::Result<Taken> {
        let length = generation.tail.len();
        while self.pending.len() < length && !self.ended {
            self.fill()?;
        }
        if self.offset + self.pending.len() as u64 >= generation.offset
            && self.pending.len() >= length
            && Print::of(&self.buffer[self.pending.start..self.pending.start + length]) == generation.tail
        {
            self.pass(length);
            if self.offset == 0 {
                self.pass_byte_order_mark()?;
            }
            return Ok(Taken::Line);
        }
        Ok(if self.cut { Taken::Cut } else { Taken::Other })
    }

    fn pass_byte_order_mark(&mut self) -> io::Result<()> {
        while self.pending.len() < 3 && !self.ended {
            self.fill()?;
        }
        if self.buffer[self.pending.clone()].starts_with(&[0xef, 0xbb, 0xbf]) {
            self.pending.start += 3;
            self.offset += 3;
            self.searched = self.pending.start;
        }
        Ok(())
    }

    /// Goes on to the next line that is not empty. The last line of a packed text counts without a newline, too.
    ///
    /// # Errors
    /// The file cannot be read further; what was given is whole.
    #[inline]
    pub fn advance(&mut self) -> io::Result<Taken> {
        loop {
            match memchr(b'\n', &self.buffer[self.searched..self.pending.end]) {
                Some(length) => {
                    let end = self.searched + length;
                    if let Some(taken) = self.give(end, end + 1) {
                        return Ok(taken);
                    }
                }
                None => {
                    if let Some(taken) = self.read_on()? {
                        return Ok(taken);
                    }
                }
            }
        }
    }

    /// Makes what is pending up to `end` the current line, and passes it up to `next`.
    #[inline]
    fn give(&mut self, end: usize, next: usize) -> Option<Taken> {
        let mut line = self.pending.start..end;
        self.line_offset = self.offset;
        self.offset += (next - self.pending.start) as u64;
        self.pending.start = next;
        self.searched = next;
        self.number += 1;
        if let Some(long) = self.long.take() {
            return Some(self.give_long(long));
        }
        if line.end > line.start && self.buffer[line.end - 1] == b'\r' {
            line.end -= 1;
        }
        while line.start < line.end && self.buffer[line.start] == 0 {
            line.start += 1;
        }
        if line.is_empty() {
            return None;
        }
        let too_long = line.len() > self.limit;
        if too_long {
            line.end = line.start + KEPT.min(line.len());
        }
        self.line = line;
        Some(if too_long { Taken::TooLong } else { Taken::Line })
    }

    /// The end of a line that is longer than the limit has come.
    #[cold]
    fn give_long(&mut self, long: Long) -> Taken {
        self.line_offset = long.offset;
        // What was kept of it stands in front of all, where nothing else is pending.
        let length = long.kept.len();
        let pending = self.pending.clone();
        let history = pending.start.min(TAIL);
        let mut buffer = long.kept;
        buffer.extend_from_slice(&self.buffer[pending.start - history..pending.end]);
        let end = buffer.len();
        buffer.resize(end.max(self.buffer.len()), 0);
        self.buffer = buffer;
        self.line = 0..length;
        self.pending = length + history..end;
        self.searched = self.pending.start;
        Taken::TooLong
    }

    /// There is no newline in what is pending.
    #[cold]
    fn read_on(&mut self) -> io::Result<Option<Taken>> {
        self.searched = self.pending.end;
        if self.ended {
            if self.cut {
                return Ok(Some(Taken::Cut));
            }
            if self.packing == Packing::Plain || (self.pending.is_empty() && self.long.is_none()) {
                return Ok(Some(Taken::End));
            }
            // A packed file does not grow.
            return Ok(self.give(self.pending.end, self.pending.end));
        }
        // A carriage return may follow.
        if self.pending.len() > self.limit + 1 {
            if self.long.is_none() {
                let kept = self.buffer[self.pending.clone()][..KEPT.min(self.limit)].to_vec();
                self.long = Some(Long { kept, offset: self.offset, number: self.number, tail: self.tail() });
            }
            self.pass(self.pending.len());
        }
        self.fill()?;
        Ok(None)
    }

    /// Reads once, behind what is pending.
    fn fill(&mut self) -> io::Result<()> {
        if self.pending.end == self.buffer.len() {
            let history = self.pending.start.saturating_sub(TAIL);
            self.buffer.copy_within(history..self.pending.end, 0);
            self.searched -= history;
            self.pending = self.pending.start - history..self.pending.end - history;
        }
        if self.pending.end == self.buffer.len() {
            let length = self.buffer.len().saturating_mul(2).min(self.limit.saturating_add(TAIL + 4));
            self.buffer.resize(length.max(self.pending.end + 1), 0);
        }
        loop {
            match self.from.read(&mut self.buffer[self.pending.end..]) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    self.extend_start(length);
                    self.pending.end += length;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    self.cut = true;
                }
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// The current line, without its end.
    #[inline]
    pub fn line(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    /// Where what was not given yet begins, in bytes of the text.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How long the text is as far as it was read.
    pub fn total(&self) -> u64 {
        self.offset + self.pending.len() as u64
    }

    /// The number of the current line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the current line begins, in bytes of the text.
    pub fn line_offset(&self) -> u64 {
        self.line_offset
    }

    /// What was just read may stand where the beginning that is known ends.
    #[inline]
    fn extend_start(&mut self, length: usize) {
        let at = self.offset + self.pending.len() as u64;
        let known = self.start.len();
        if known < HEAD && at <= known as u64 && at + length as u64 > known as u64 {
            let from = self.pending.end + (known - at as usize);
            let to = (self.pending.end + length).min(from + HEAD - known);
            self.start.extend_from_slice(&self.buffer[from..to]);
        }
    }

    /// Of what stands before the offset.
    fn tail(&self) -> Print {
        let length = self.pending.start.min(usize::try_from(self.offset).unwrap_or(usize::MAX)).min(TAIL);
        Print::of(&self.buffer[self.pending.start - length..self.pending.start])
    }

    /// Notes in a generation that everything up to the current line was taken, and that not.
    pub fn note_before_line(&self, generation: &mut Generation) {
        let back = usize::try_from(self.offset - self.line_offset).unwrap_or(usize::MAX);
        let Some(at) = self.pending.start.checked_sub(back) else { return };
        let length = at.min(usize::try_from(self.line_offset).unwrap_or(usize::MAX));
        (generation.offset, generation.line) = (self.line_offset, self.number - 1);
        generation.tail = Print::of(&self.buffer[at - length.min(TAIL)..at]);
        let known = usize::try_from(self.line_offset).unwrap_or(usize::MAX).min(self.start.len());
        generation.head = Print::of(&self.start[..known]);
        generation.packed = self.packing != Packing::Plain;
    }

    /// Notes in a generation that everything up to here was taken. A line that has no end yet was not.
    pub fn note(&self, generation: &mut Generation) {
        (generation.offset, generation.line, generation.tail) = match &self.long {
            Some(long) => (long.offset, long.number, long.tail),
            None => (self.offset, self.number, self.tail()),
        };
        let length = usize::try_from(generation.offset).unwrap_or(usize::MAX);
        generation.head = Print::of(&self.start[..self.start.len().min(length)]);
        generation.packed = self.packing != Packing::Plain;
    }
}
