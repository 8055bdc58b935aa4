//! Columns that header lines name: W3C extended logs (IIS and others), CloudFront.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};

use memchr::memchr;

use super::compile::Role;
use super::gather::{Computed, Gathered, Times};
use super::keys::Dialect;
use super::lexicon::{Entry, Lexicon};
use super::shape;
use crate::engine::{Event, Value, percent_decoded};
use crate::source::{Refused, Wanted};

/// Reads lines whose columns the last `#Fields:` line names.
#[derive(Debug)]
pub struct Columns {
    dialect: Dialect,
    wanted: Wanted,
    computed: Computed,
    /// All layouts that there were; an event borrows from the one it is read by.
    layouts: OnceCell<Box<Layout>>,
    /// Which of them counts, from 1; 0 before the first.
    current: Cell<usize>,
    /// Of `#Date:`, for lines that have only a time of day.
    date: RefCell<Vec<u8>>,
    /// Of `#Software:`, where it says which dialect it is.
    software: Cell<Option<Dialect>>,
    /// Of `#GMT-Offset:`, in microseconds.
    offset: Cell<i64>,
}

/// The columns of one `#Fields:` line.
#[derive(Debug)]
struct Layout {
    text: Box<[u8]>,
    dialect: Dialect,
    columns: Vec<(Box<[u8]>, Entry)>,
    has_date: bool,
    next: OnceCell<Box<Layout>>,
}

/// The most layouts that are kept: a file has one, or a few if its server was set up anew.
const LAYOUTS: usize = 64;

/// The most columns of a layout.
const COLUMNS: usize = 256;

impl Columns {
    pub fn new(dialect: Dialect, wanted: &Wanted) -> Columns {
        Columns {
            dialect,
            wanted: wanted.clone(),
            computed: Computed::new(wanted),
            layouts: OnceCell::new(),
            current: Cell::new(0),
            date: RefCell::default(),
            software: Cell::new(None),
            offset: Cell::new(0),
        }
    }

    /// Forgets the header, as at the start of another file.
    pub fn start(&self) {
        self.current.set(0);
        self.date.borrow_mut().clear();
        self.software.set(None);
        self.offset.set(0);
    }

    /// The header lines that count now: reading them again brings another decoder where this one is.
    pub fn header(&self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        if let Some(Dialect::Iis) = self.software.get() {
            lines.push(b"#Software: Microsoft Internet Information Services".to_vec());
        }
        let date = self.date.borrow();
        if !date.is_empty() {
            lines.push([b"#Date: ", date.as_slice()].concat());
        }
        if self.offset.get() != 0 {
            let minutes = self.offset.get() / 60_000_000;
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.abs();
            lines.push(format!("#GMT-Offset: {sign}{:02}{:02}", minutes / 60, minutes % 60).into_bytes());
        }
        if let Some(layout) = self.layout() {
            lines.push([b"#Fields: ", layout.text.as_ref()].concat());
        }
        lines
    }

    /// Reads one line into an event that carries nothing yet; false for a header line.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`] for another number of columns or none known, and those of [`Gathered::finish`].
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>, times: &Times<'_>) -> Result<bool, Refused> {
        if let Some(header) = line.strip_prefix(b"#") {
            return self.read_header(header).map(|()| false);
        }
        let layout = self.layout().ok_or_else(no_header)?;
        let times = Times { offset: self.offset.get(), ..*times };
        let mut gathered = Gathered::default();
        let mut values = Values::of(line);
        for (key, entry) in &layout.columns {
            let value = values.next().ok_or_else(|| too_few(layout, line.len()))?;
            if entry.role == Role::Plain && entry.names.is_empty() {
                continue;
            }
            let value = decoded(layout.dialect, key, value);
            if !matches!(&*value, b"" | b"-") {
                for name in &entry.names {
                    event.attributes.push((Cow::Borrowed(name), Value::Text(value.clone())));
                }
                gathered.take(entry, value, &times);
            }
        }
        if values.next().is_some() {
            return Err(too_few(layout, line.len()));
        }
        if !layout.has_date {
            gathered.take_date(self.date.borrow().clone());
        }
        gathered.finish(&self.computed, &times, event).map(|()| true)
    }

    fn layout(&self) -> Option<&Layout> {
        let mut layout = self.layouts.get()?;
        for _ in 1..self.current.get() {
            layout = layout.next.get()?;
        }
        (self.current.get() > 0).then_some(layout)
    }

    fn read_header(&self, header: &[u8]) -> Result<(), Refused> {
        let Some(colon) = memchr(b':', header) else { return Ok(()) };
        let value = header[colon + 1..].trim_ascii();
        match &header[..colon] {
            b"Fields" => return self.read_fields(value),
            b"Date" => *self.date.borrow_mut() = value.iter().copied().take(10).collect(),
            b"Software" if value.starts_with(b"Microsoft") => self.software.set(Some(Dialect::Iis)),
            b"Software" => self.software.set(None),
            b"GMT-Offset" => self.offset.set(shape::zone_offset(value).unwrap_or(0)),
            _ => {}
        }
        Ok(())
    }

    fn read_fields(&self, text: &[u8]) -> Result<(), Refused> {
        let cloud = memchr::memmem::find(text, b"x-edge-location").is_some();
        let dialect = match self.dialect {
            Dialect::W3c if cloud => Dialect::CloudFront,
            Dialect::W3c => self.software.get().unwrap_or(Dialect::W3c),
            dialect => dialect,
        };
        let mut place = &self.layouts;
        let mut number = 0;
        while let Some(layout) = place.get() {
            number += 1;
            if *layout.text == *text && layout.dialect == dialect {
                self.current.set(number);
                return Ok(());
            }
            place = &layout.next;
        }
        // Whatever is wrong with it, lines behind it are not those of the layout before.
        self.current.set(0);
        let names: Vec<&[u8]> = text.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).collect();
        if number == LAYOUTS || names.len() > COLUMNS {
            let message = format!("more than {LAYOUTS} different `#Fields:` lines, or {COLUMNS} columns").into();
            return Err(Refused::Fault { message, at: 0 });
        }
        let lexicon = Lexicon::new(dialect, &self.wanted);
        let columns = lexicon.entries(&names);
        let has_date = names.contains(&b"date".as_slice());
        let layout = Layout { text: text.into(), dialect, columns, has_date, next: OnceCell::new() };
        if place.set(Box::new(layout)).is_ok() {
            self.current.set(number + 1);
        }
        Ok(())
    }

    /// Calls `f` with the name of each column and its value; false for a header line.
    ///
    /// # Errors
    /// As [`Columns::read`].
    pub fn each_field(&self, line: &[u8], f: &mut dyn FnMut(&str, &[u8])) -> Result<bool, Refused> {
        if let Some(header) = line.strip_prefix(b"#") {
            return self.read_header(header).map(|()| false);
        }
        let layout = self.layout().ok_or_else(no_header)?;
        let mut values = Values::of(line);
        for (name, _) in &layout.columns {
            let value = values.next().ok_or_else(|| too_few(layout, line.len()))?;
            f(&String::from_utf8_lossy(name), &decoded(layout.dialect, name, value));
        }
        if values.next().is_some() { Err(too_few(layout, line.len())) } else { Ok(true) }
    }
}

fn no_header() -> Refused {
    Refused::expected("a line that begins with `#Fields:`, which names the columns, before this one", 0)
}

fn too_few(layout: &Layout, at: usize) -> Refused {
    let count = layout.columns.len();
    Refused::NotUnderstood { expected: format!("the {count} columns that `#Fields:` names").into(), at }
}

/// Headers that clients sent are written without blanks: IIS writes `+`, CloudFront `%20`.
fn decoded<'a>(dialect: Dialect, name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
    let is_header = name.ends_with(b")");
    match dialect {
        Dialect::Iis if is_header && value.contains(&b'+') => {
            Cow::Owned(value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect())
        }
        Dialect::CloudFront if is_header && value.contains(&b'%') => Cow::Owned(percent_decoded(value, b'+').collect()),
        _ => Cow::Borrowed(value),
    }
}

/// The values of a line: between tabs if there is one, else between blanks; quotes hold them together.
struct Values<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Values<'a> {
    fn of(line: &'a [u8]) -> Values<'a> {
        let separator = if memchr(b'\t', line).is_some() { b'\t' } else { b' ' };
        let line = if separator == b' ' { line.trim_ascii_end() } else { line };
        Values { rest: Some(line), separator }
    }

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        // Columns may be aligned with blanks.
        let rest = if self.separator == b' ' { rest.trim_ascii_start() } else { rest };
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let end = closing_quote(quoted);
            self.rest = quoted.get(end + 2..);
            return Some(&quoted[..end]);
        }
        let end = crate::source::bytes::find(self.separator, rest).unwrap_or(rest.len());
        self.rest = rest.get(end + 1..);
        Some(&rest[..end])
    }
}

/// Where the quote stands that ends a value; inside, a quote is written twice.
fn closing_quote(quoted: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match memchr(b'"', &quoted[at..]) {
            Some(found) if quoted.get(at + found + 1) == Some(&b'"') => at += found + 2,
            Some(found) => return at + found,
            None => return quoted.len(),
        }
    }
}
