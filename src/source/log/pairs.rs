//! Lines of keys and values: LTSV (`key:value`, tabs between) and logfmt (`key=value`, blanks between, quotes).

use std::borrow::Cow;

use memchr::memchr;

use super::escape::{Escape, is_escaped};
use super::gather::{Computed, Gathered, Times, list};
use super::keys::Dialect;
use super::lexicon::Lexicon;
use super::object::MOST;
use crate::engine::{Event, Value};
use crate::source::bytes::find;
use crate::source::json::place_of;
use crate::source::{Refused, Wanted};

/// How keys and values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Ltsv,
    Logfmt,
}

/// Reads lines of keys and values.
#[derive(Debug)]
pub struct Pairs {
    syntax: Syntax,
    lexicon: Lexicon,
    computed: Computed,
}

impl Pairs {
    pub fn new(syntax: Syntax, wanted: &Wanted) -> Pairs {
        let dialect = if syntax == Syntax::Ltsv { Dialect::Ltsv } else { Dialect::Plain };
        Pairs { syntax, lexicon: Lexicon::new(dialect, wanted), computed: Computed::new(wanted) }
    }

    /// Reads one line into an event that carries nothing yet.
    ///
    /// # Errors
    /// A line without a key, and those of [`Gathered::finish`].
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>, times: &Times<'_>) -> Result<(), Refused> {
        let mut gathered = Gathered::default();
        let mut rest = line;
        let mut any = false;
        while let Some((key, value)) = next(self.syntax, &mut rest) {
            any = true;
            if let Some(entry) = self.lexicon.find(key) {
                let value = Escape::Default.undo(value);
                for name in &entry.names {
                    if !Escape::Default.is_absent(&value) && !value.is_empty() {
                        let value = if entry.is_list { list(value.clone()) } else { Value::Text(value.clone()) };
                        *place_of(Cow::Borrowed(name), &mut event.attributes) = value;
                    }
                }
                gathered.take(entry, value, times);
            } else if self.lexicon.takes_all() && event.attributes.len() < MOST && !matches!(value, b"" | b"-") {
                let entry = self.lexicon.unknown(key);
                for name in entry.names {
                    let value = Escape::Default.undo(value);
                    *place_of(Cow::Owned(name.into_vec()), &mut event.attributes) =
                        if entry.is_list { list(value) } else { Value::Text(value) };
                }
            }
        }
        // Nearly any text has a colon somewhere.
        if !any || (self.syntax == Syntax::Ltsv && gathered.is_empty()) {
            return Err(Refused::expected(self.expected(), 0));
        }
        gathered.finish(&self.computed, times, event)
    }

    /// Calls `f` with each key and its value.
    ///
    /// # Errors
    /// A line without a key.
    pub fn each_field(&self, line: &[u8], f: &mut dyn FnMut(&str, &[u8])) -> Result<(), Refused> {
        let mut rest = line;
        let mut any = false;
        while let Some((key, value)) = next(self.syntax, &mut rest) {
            any = true;
            f(&String::from_utf8_lossy(key), &Escape::Default.undo(value));
        }
        if any { Ok(()) } else { Err(Refused::expected(self.expected(), 0)) }
    }

    fn expected(&self) -> &'static str {
        match self.syntax {
            Syntax::Ltsv => "fields as `status:200`, with tabs between them, among them a time,",
            Syntax::Logfmt => "a key and `=`",
        }
    }
}

/// The next key and its value, as it is written; what is no pair is passed over.
#[inline]
fn next<'a>(syntax: Syntax, rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    match syntax {
        Syntax::Ltsv => next_ltsv(rest),
        Syntax::Logfmt => next_logfmt(rest),
    }
}

#[inline]
fn next_ltsv<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    while !rest.is_empty() {
        let end = memchr(b'\t', rest).unwrap_or(rest.len());
        let field = &rest[..end];
        *rest = rest.get(end + 1..).unwrap_or_default();
        if let Some(colon) = find(b':', field).filter(|colon| *colon > 0) {
            return Some((&field[..colon], &field[colon + 1..]));
        }
    }
    None
}

fn next_logfmt<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    loop {
        *rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'=' | b'\t'))?;
        let key = &rest[..end];
        let is_pair = rest[end] == b'=' && end > 0;
        *rest = &rest[end + 1..];
        if !is_pair {
            continue;
        }
        let value = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                let end =
                    memchr::memchr_iter(b'"', quoted).find(|end| !is_escaped(quoted, *end)).unwrap_or(quoted.len());
                *rest = quoted.get(end + 1..).unwrap_or_default();
                &quoted[..end]
            }
            None => {
                let end = find(b' ', rest).unwrap_or(rest.len());
                let value = &rest[..end];
                *rest = &rest[end..];
                value
            }
        };
        return Some((key, value));
    }
}
