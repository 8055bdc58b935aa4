//! Files and standard input → lines, through one buffer of bounded size.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use super::zstd::Zstd;

/// An input that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// As the user named it.
    pub path: String,
    /// After how many lines, if any were read.
    pub line: Option<u64>,
    pub cause: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}: after line {line}: {}", self.path, self.cause),
            None => write!(f, "{}: {}", self.path, self.cause),
        }
    }
}

impl std::error::Error for InputError {}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    /// The first [`KEPT`] bytes of a line that is longer than the limit.
    TooLong(&'a [u8]),
}

/// How much is kept of a line that is too long.
pub const KEPT: usize = 4096;

/// The buffer of an input, unless it has to share with many.
pub const BUFFER: usize = 256 << 10;

/// Lines of one input.
///
/// NULs at the start of a line, a carriage return at its end, empty lines and a byte order mark are passed over. The
/// last line counts without a newline too, unless the input was cut off.
pub struct Lines {
    from: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer was read and not yet given.
    pending: Range<usize>,
    /// Where to go on looking for the end of a line.
    searched: usize,
    current: Current,
    /// Of the current line, from 1.
    number: u64,
    limit: usize,
    ended: bool,
    /// Inside of a line that was too long.
    skipping: bool,
}

/// The current line, as a range of the buffer.
#[derive(Clone, Debug, Default)]
struct Current {
    range: Range<usize>,
    too_long: bool,
}

/// How many bytes were read, before they were unpacked.
pub type Counter = Arc<AtomicU64>;

/// What is behind a path.
pub struct Opened {
    pub lines: Lines,
    /// The size of a regular file, which can be opened again.
    pub size: Option<u64>,
}

/// How lines are read.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The longest line, in bytes.
    pub line: usize,
    /// The buffer at first, in bytes; it grows as far as a line may.
    pub buffer: usize,
}

/// Opens a path, or `-` for standard input; gzip and zstd are recognised by their first bytes.
pub fn open(path: &str, sizes: Sizes, counter: &Counter) -> Result<Opened, InputError> {
    let fail = |cause: String| InputError { path: path.to_owned(), line: None, cause };
    let (from, size): (Box<dyn Read + Send>, _) = if path == "-" {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(|error| fail(cause(&error)))?;
        let size = regular_size(path, &file).map_err(fail)?;
        (Box::new(file), size)
    };
    let counted = Counted { from, counter: Arc::clone(counter) };
    let lines = Lines::new(counted, sizes).map_err(|error| fail(cause(&error)))?;
    Ok(Opened { lines, size })
}

/// The size of a regular file, None for a pipe; an error for what gives no lines.
fn regular_size(path: &str, file: &File) -> Result<Option<u64>, String> {
    let metadata = file.metadata().map_err(|error| cause(&error))?;
    if metadata.is_dir() {
        return Err("is a folder: name the files in it".to_owned());
    }
    if metadata.is_file() {
        return Ok(Some(metadata.len()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_block_device() || (kind.is_char_device() && !file.is_terminal() && path != "/dev/null") {
            return Err("is a device, not a file".to_owned());
        }
    }
    Ok(None)
}

/// What went wrong, without the number that the system has for it.
pub fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read (permission denied)".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder: name the files in it".to_owned(),
        _ => {
            let text = error.to_string();
            match text.find(" (os error") {
                Some(at) => text[..at].to_owned(),
                None => text,
            }
        }
    }
}

struct Counted<R> {
    from: R,
    counter: Counter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        self.counter.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl Lines {
    /// Lines of what may be packed; gzip and zstd are recognised by their first bytes.
    ///
    /// # Errors
    /// The first bytes could not be read, or are those of UTF-16.
    pub fn new(mut from: impl Read + Send + 'static, sizes: Sizes) -> io::Result<Lines> {
        let mut magic = Vec::new();
        (&mut from).take(4).read_to_end(&mut magic)?;
        let whole = Cursor::new(magic.clone()).chain(from);
        let from: Box<dyn Read + Send> = match magic[..] {
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, whole))),
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                Box::new(Zstd::new(BufReader::with_capacity(64 << 10, whole)))
            }
            _ => Box::new(whole),
        };
        let mut lines = Lines {
            from,
            buffer: vec![0; sizes.buffer.max(1 << 10)],
            pending: 0..0,
            searched: 0,
            current: Current::default(),
            number: 0,
            limit: sizes.line,
            ended: false,
            skipping: false,
        };
        lines.pass_byte_order_mark()?;
        Ok(lines)
    }

    fn pass_byte_order_mark(&mut self) -> io::Result<()> {
        while self.pending.len() < 3 && !self.ended {
            self.fill()?;
        }
        match self.buffer[self.pending.clone()] {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "is UTF-16: convert it to UTF-8 first, as with `iconv -f UTF-16 -t UTF-8`",
            )),
            [0xef, 0xbb, 0xbf, ..] => {
                self.pending.start += 3;
                self.searched = self.pending.start;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What was read and not yet given, at least one line that is not empty if there is one and it fits the buffer;
    /// and whether that is all there is.
    pub fn sample(&mut self) -> io::Result<(&[u8], bool)> {
        loop {
            let sample = &self.buffer[self.pending.clone()];
            let start = sample.iter().position(|byte| !is_blank(*byte)).unwrap_or(sample.len());
            let whole = memchr(b'\n', &sample[start..]).is_some();
            if whole || self.ended || self.pending.end == self.buffer.len() {
                break;
            }
            self.fill()?;
        }
        Ok((&self.buffer[self.pending.clone()], self.ended))
    }

    /// Goes on to the next line that is not empty; false at the end.
    ///
    /// # Errors
    /// The input could not be read further; what was whole has been given.
    #[inline]
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            match memchr(b'\n', &self.buffer[self.searched..self.pending.end]) {
                Some(length) => {
                    let range = self.pending.start..self.searched + length;
                    self.pending.start = range.end + 1;
                    self.searched = self.pending.start;
                    if self.give(range) {
                        return Ok(true);
                    }
                }
                None => match self.read_on()? {
                    Step::Again => {}
                    Step::Given => return Ok(true),
                    Step::End => return Ok(false),
                },
            }
        }
    }

    /// Whether the next line has come as a whole: then [`Lines::advance`] does not wait for it.
    pub fn has_come(&self) -> bool {
        memchr(b'\n', &self.buffer[self.searched..self.pending.end]).is_some()
    }

    /// The line that [`Lines::advance`] went to.
    #[inline]
    pub fn current_line(&self) -> Line<'_> {
        let line = &self.buffer[self.current.range.clone()];
        if self.current.too_long { Line::TooLong(line) } else { Line::Whole(line) }
    }

    /// The number of the current line, from 1; empty lines count.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Makes a range the current line; not if nothing is in it, or it ends a line that was too long.
    #[inline]
    fn give(&mut self, mut range: Range<usize>) -> bool {
        if self.skipping {
            self.skipping = false;
            return false;
        }
        self.number += 1;
        if range.end > range.start && self.buffer[range.end - 1] == b'\r' {
            range.end -= 1;
        }
        while range.start < range.end && self.buffer[range.start] == 0 {
            range.start += 1;
        }
        let too_long = range.len() > self.limit;
        if too_long {
            range.end = range.start + KEPT.min(range.len());
        }
        let given = !range.is_empty();
        self.current = Current { range, too_long };
        given
    }

    /// There is no newline in what is pending.
    #[cold]
    fn read_on(&mut self) -> io::Result<Step> {
        if self.skipping {
            self.pending.start = self.pending.end;
        }
        while !self.pending.is_empty() && self.buffer[self.pending.start] == 0 {
            self.pending.start += 1;
        }
        self.searched = self.pending.end;
        if self.ended {
            if self.pending.is_empty() {
                return Ok(Step::End);
            }
            let range = self.pending.clone();
            self.pending.start = range.end;
            return Ok(if self.give(range) { Step::Given } else { Step::Again });
        }
        // A carriage return may follow.
        if self.pending.len() > self.limit + 1 {
            let range = self.pending.clone();
            self.pending.start = range.end;
            self.give(range);
            self.skipping = true;
            return Ok(Step::Given);
        }
        self.fill()?;
        Ok(Step::Again)
    }

    /// Reads once, after what is pending.
    fn fill(&mut self) -> io::Result<()> {
        if self.pending.start > 0 && (self.pending.is_empty() || self.pending.end == self.buffer.len()) {
            self.buffer.copy_within(self.pending.clone(), 0);
            self.searched -= self.pending.start;
            self.pending = 0..self.pending.len();
        }
        if self.pending.end == self.buffer.len() {
            // Room for the line, its end, and one byte that shows it to be too long.
            let most = self.limit.saturating_add(3);
            let length = self.buffer.len().saturating_mul(2).min(most).max(self.pending.end + 1);
            self.buffer.resize(length, 0);
        }
        loop {
            match self.from.read(&mut self.buffer[self.pending.end..]) {
                Ok(0) => self.ended = true,
                Ok(length) => self.pending.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }
}

enum Step {
    Again,
    Given,
    End,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// The error of an input that could be read up to some line.
pub fn read_error(path: &str, lines: &Lines, error: &io::Error) -> InputError {
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed file is cut off here".to_owned(),
        _ => cause(error),
    };
    InputError { path: path.to_owned(), line: Some(lines.number()).filter(|number| *number > 0), cause }
}
