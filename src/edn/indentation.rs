//! The second try: where a bracket is missing, indentation tells which.

use super::frame::{Frame, Opener};
use super::read::Reader;

/// The line that is being read.
#[derive(Default)]
pub(super) struct Line {
    start: usize,
    /// The column of its first form.
    indent: usize,
    /// Its first form has been seen.
    is_begun: bool,
    /// Up to where line breaks were looked for.
    seen: usize,
}

/// Characters of longer beginnings of lines count as bytes, which bounds the work.
const LONGEST_COUNTED: usize = 1024;

impl Reader<'_> {
    /// Closes the frames that the form here, if it begins a line, cannot be part of.
    pub(super) fn trust_line(&mut self, byte: u8) {
        if let Some(newline) = memchr::memrchr(b'\n', &self.bytes[self.line.seen..self.at]) {
            self.line.start = self.line.seen + newline + 1;
            self.line.is_begun = false;
        }
        self.line.seen = self.at;
        if self.line.is_begun || matches!(byte, b' ' | b',' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C) {
            return;
        }
        self.line.is_begun = true;
        self.line.indent = self.column(self.at);
        if matches!(byte, b')' | b']' | b'}' | b';') {
            return;
        }
        let indent = self.line.indent;
        let is_outside = |frame: &Frame| frame.least_column.is_some_and(|least| indent <= least);
        let Some(outermost) = self.frames.iter().position(is_outside) else { return };
        let end = self.content_end(self.line.start);
        let next = self.span(self.at, self.at + self.text[self.at..].chars().next().map_or(0, char::len_utf8));
        self.report_open(outermost, end, Some(next));
        while self.frames.len() > outermost {
            self.abandon_frame(end);
        }
    }

    /// The rightmost column that is outside of `frame` at the beginning of a line.
    pub(super) fn least_column(&self, frame: &Frame) -> Option<usize> {
        if !self.trust_lines || matches!(frame.opener, Opener::File | Opener::Tag(_)) {
            return None;
        }
        let mut after = self.bytes[frame.inside..].iter().take(16).skip_while(|byte| **byte == b' ');
        // With nothing behind the bracket its content is indented against the line, else against the bracket.
        Some(match after.next() {
            None | Some(b'\n' | b'\r' | b';') => self.line.indent,
            Some(_) => self.column(frame.start),
        })
    }

    fn column(&self, at: usize) -> usize {
        let before = &self.bytes[self.line.start..at];
        if before.len() > LONGEST_COUNTED {
            return before.len();
        }
        before.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    }
}
