//! Lines and columns.

use super::{Sources, Span};

/// The line and column where `span` begins, both from 1. Columns count characters.
///
/// The first call for a file reads it once; each further one takes the same short time.
pub fn position(sources: &Sources, span: Span) -> (usize, usize) {
    let file = &sources.files[span.file as usize];
    file.lines().position(&file.text, span.start as usize)
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub(super) struct LineIndex {
    starts: Vec<u32>,
    /// How many characters stand before each [`STEP`]th byte; empty for ASCII.
    characters: Vec<u32>,
}

const STEP: usize = 1024;

impl LineIndex {
    pub(super) fn new(text: &str) -> LineIndex {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let starts = std::iter::once(0).chain(newlines.map(|at| offset(at + 1))).collect();
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for chunk in text.as_bytes().chunks(STEP) {
                characters.push(offset(before));
                before += count(chunk);
            }
            characters.push(offset(before));
        }
        LineIndex { starts, characters }
    }

    /// The number of the line, from 0, that `at` is in.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= at) - 1
    }

    /// Where a line begins and ends, without its line break. The line exists.
    pub(super) fn range(&self, text: &str, line: usize) -> (usize, usize) {
        let start = self.starts[line] as usize;
        let end = self.starts.get(line + 1).map_or(text.len(), |next| *next as usize - 1);
        let has_return = end > start && text.as_bytes()[end - 1] == b'\r';
        (start, if has_return { end - 1 } else { end })
    }

    pub(super) fn position(&self, text: &str, at: usize) -> (usize, usize) {
        let at = at.min(text.len());
        let line = self.line(at);
        let start = self.starts[line] as usize;
        (line + 1, self.characters_before(text, at) - self.characters_before(text, start) + 1)
    }

    fn characters_before(&self, text: &str, at: usize) -> usize {
        match self.characters.get(at / STEP) {
            Some(before) => *before as usize + count(&text.as_bytes()[at / STEP * STEP..at]),
            None => at,
        }
    }
}

/// How many characters begin in `bytes`.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_in_long_lines_too() {
        let line = "é".repeat(5000);
        let mut sources = Sources::default();
        let file = sources.add("thresholds.edn".into(), format!("{line}\r\n\n{line}x"));
        let text = sources.files[0].text.clone();
        for (start, expected) in
            [(0, (1, 1)), (10_000, (1, 5001)), (10_002, (2, 1)), (10_003, (3, 1)), (text.len(), (3, 5002))]
        {
            let start = u32::try_from(start).expect("small");
            assert_eq!(position(&sources, Span { file, start, end: start }), expected);
        }
    }
}
