//! The reader: one pass over the text, with a stack of open brackets instead of recursion.

use std::cell::Cell;

use super::frame::{Frame, Opener};
use super::{Diagnostic, Form, Kind, Span, atom, catalogue};
use crate::order;

/// The largest file that is read, in bytes: 16 MiB.
pub const MAX_BYTES: usize = 16 << 20;
/// How deep brackets and tags may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many forms one file may hold.
pub const MAX_FORMS: usize = 1_000_000;
/// How many faults of one file are reported one by one.
pub const MAX_FAULTS: usize = 100;

/// How many forms a text of one form may hold: an event, whose memory must not follow the length of its line.
const MAX_FORMS_IN_ONE: usize = 10_000;

/// Reads all forms of one text, which is file number `file` of the sources.
///
/// Never fails: returns what could be read and appends a diagnostic for the rest, in order of place. What could
/// not be read is [`Kind::Broken`], already reported. A collection that was not complete (a bracket or a value
/// is missing) holds a broken item, or a broken key, at its end. Takes time linear in the text.
pub fn read(text: &str, file: u32, out: &mut Vec<Diagnostic>) -> Vec<Form> {
    let mut reader = Reader::new(text, file, MAX_FAULTS);
    if text.len() > MAX_BYTES {
        out.push(catalogue::file_too_large(reader.span(0, 0), MAX_BYTES));
        return Vec::new();
    }
    reader.run();
    if reader.lost_structure {
        // Where a bracket or a quote is missing, the lines often tell better than the brackets what was meant.
        let mut by_lines = Reader::new(text, file, MAX_FAULTS);
        by_lines.trust_lines = true;
        by_lines.run();
        if by_lines.fault_count() <= reader.fault_count() {
            reader = by_lines;
        }
    }
    order::by_key(&mut reader.faults, |fault| fault.labels[0].span.start);
    out.append(&mut reader.faults);
    if reader.more_faults > 0 {
        out.push(catalogue::more_faults(reader.span(text.len(), text.len()), reader.more_faults));
    }
    reader.frames.swap_remove(0).items
}

/// Reads a text that is exactly one form, such as a line of events. Spans carry file 0.
///
/// # Errors
///
/// The first fault, or that there is no form or more than one.
pub fn read_one(text: &str) -> Result<Form, Diagnostic> {
    let mut reader = Reader::new(text, 0, 1);
    reader.most_forms = MAX_FORMS_IN_ONE;
    if text.len() > MAX_BYTES {
        return Err(catalogue::file_too_large(reader.span(0, 0), MAX_BYTES));
    }
    reader.run();
    if let Some(fault) = reader.faults.pop() {
        return Err(fault);
    }
    let mut forms = reader.frames.swap_remove(0).items;
    match (forms.pop(), forms.pop()) {
        (Some(form), None) => Ok(form),
        (None, _) => Err(catalogue::not_one_form(reader_end(text), "there is nothing here")),
        (Some(further), Some(_)) => Err(catalogue::not_one_form(further.span, "there is a further form")),
    }
}

fn reader_end(text: &str) -> Span {
    let end = u32::try_from(text.len()).expect("a text that was read is below 16 MiB");
    Span { file: 0, start: end, end }
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    file: u32,
    pub(super) at: usize,
    /// The first is the file itself and is never closed.
    pub(super) frames: Vec<Frame>,
    pub(super) forms: usize,
    most_forms: usize,
    /// Bytes that may still be spent on comparing collections.
    pub(super) compare_budget: usize,
    pub(super) faults: Vec<Diagnostic>,
    max_faults: usize,
    more_faults: usize,
    /// Closing brackets that a reported fault has made superfluous: `)`, `]`, `}`.
    pub(super) owed: [u32; 3],
    /// Reading stopped early, and that was reported: what is open is not a further fault.
    pub(super) stopped: bool,
    /// A stretch of a line and its end, so that a long line is looked through once.
    known_line: Cell<(usize, usize)>,
    /// A bracket or a quote is missing or superfluous.
    pub(super) lost_structure: bool,
    /// Strings end on their line, and a line that is not indented ends what was opened before it.
    pub(super) trust_lines: bool,
    pub(super) line: super::indentation::Line,
    pub(super) last_string: Span,
    pub(super) notes: super::foreign::Notes,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, file: u32, max_faults: usize) -> Reader<'t> {
        let root = Frame::new(Opener::File, 0, 0);
        Reader {
            text,
            bytes: text.as_bytes(),
            file,
            at: if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 },
            frames: vec![root],
            forms: 0,
            most_forms: MAX_FORMS,
            compare_budget: 2 * text.len(),
            faults: Vec::new(),
            max_faults,
            more_faults: 0,
            owed: [0; 3],
            stopped: false,
            known_line: Cell::new((usize::MAX, 0)),
            lost_structure: false,
            trust_lines: false,
            line: super::indentation::Line::default(),
            last_string: Span { file, start: 0, end: 0 },
            notes: super::foreign::Notes::default(),
        }
    }

    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.trust_lines {
                self.trust_line(byte);
            }
            match byte {
                b' ' | b',' | b'\n' | b'\t' | b'\r' | 0x0B | 0x0C => self.at += 1,
                b'(' => self.open(Opener::List, 1),
                b'[' => self.open(Opener::Vector, 1),
                b'{' => self.open(Opener::Map, 1),
                b')' | b']' | b'}' => self.close(byte, 1),
                b'"' => self.string(),
                b';' => self.skip_line(),
                b'#' => self.dispatch(),
                b'\\' => self.character(),
                b'\'' | b'`' | 0x80.. => self.foreign(),
                _ => self.token(),
            }
            if self.forms > self.most_forms {
                let here = self.span(self.at, self.at);
                let limit = self.most_forms;
                self.fault(|| catalogue::too_many_forms(here, limit));
                self.stopped = true;
                break;
            }
        }
        self.finish();
        self.report_notes();
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.file, start: offset(start), end: offset(end) }
    }

    /// Makes and keeps a diagnostic, or only counts it when there are too many.
    pub(super) fn fault(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.faults.len() < self.max_faults {
            self.faults.push(make());
        } else {
            self.more_faults += 1;
        }
    }

    fn fault_count(&self) -> usize {
        self.faults.len() + self.more_faults
    }

    pub(super) fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the frame of the file is never popped")
    }

    pub(super) fn skip_line(&mut self) {
        self.at = self.line_end(self.at);
    }

    /// Where the line that `from` is in ends, before its newline.
    pub(super) fn line_end(&self, from: usize) -> usize {
        let (known_from, known_end) = self.known_line.get();
        if known_from <= from && from <= known_end {
            return known_end;
        }
        let end = memchr::memchr(b'\n', &self.bytes[from..]).map_or(self.bytes.len(), |length| from + length);
        self.known_line.set((from, end));
        end
    }

    /// Where the token ends that `from` is in.
    pub(super) fn token_end(&self, from: usize) -> usize {
        token_end(self.text, from)
    }

    fn token(&mut self) {
        let start = self.at;
        let end = self.token_end(start);
        let token = &self.text[start..end];
        if self.is_foreign_habit(token) {
            return;
        }
        self.at = end;
        if !token.is_ascii() {
            self.foreign_token(token, start);
            return;
        }
        let kind = match atom::read(token) {
            Ok(kind) => kind,
            Err((atom::Fault::Number(super::number::Fault::LeadingZero), _)) if self.continues_number(start, end) => {
                return;
            }
            Err((fault, meant)) => {
                let here = self.span(start, end);
                self.fault(|| catalogue::token(fault, here, token));
                meant
            }
        };
        self.push(kind, start, end);
    }

    fn character(&mut self) {
        let start = self.at;
        let first = self.text[start + 1..].chars().next().filter(|c| !c.is_whitespace());
        let Some(first) = first else {
            self.at += 1;
            let here = self.span(start, self.at);
            self.fault(|| catalogue::no_character(here));
            return self.push(Kind::Broken, start, self.at);
        };
        self.at = self.token_end(start + 1 + first.len_utf8());
        let token = &self.text[start..self.at];
        let here = self.span(start, self.at);
        let kind = atom::character(&token[1..]).map_or(Kind::Broken, Kind::Char);
        if kind == Kind::Broken {
            self.fault(|| catalogue::token(atom::Fault::Character, here, token));
        }
        self.push(kind, start, self.at);
    }

    fn dispatch(&mut self) {
        let start = self.at;
        match self.bytes.get(start + 1) {
            Some(b'{') => self.open(Opener::Set, 2),
            Some(b'_') => {
                let frame = self.top();
                frame.discards += 1;
                frame.discard = start;
                self.at += 2;
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let end = self.token_end(start);
                let tag = &self.text[start + 1..end];
                if let Some(fault) = atom::name_fault(tag) {
                    let here = self.span(start, end);
                    let token = &self.text[start..end];
                    self.fault(|| catalogue::token(fault, here, token));
                }
                self.open(Opener::Tag(tag.into()), end - start);
            }
            _ => self.foreign_dispatch(),
        }
    }
}

/// Where the token ends that `from` is in.
pub(super) fn token_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x80 {
            if ENDS_TOKEN[usize::from(byte)] {
                break;
            }
            at += 1;
        } else {
            let Some(c) = text[at..].chars().next() else { break };
            if super::glyph::ends_token(c) {
                break;
            }
            at += c.len_utf8();
        }
    }
    at
}

/// ASCII characters before which a token stops.
const ENDS_TOKEN: [bool; 128] = {
    let mut table = [false; 128];
    let ends = b" ,\n\t\r\x0B\x0C()[]{}\";\\";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
};
