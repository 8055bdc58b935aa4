//! Access logs of JSON objects: keys in objects become `request.method`.

use std::borrow::Cow;

use super::gather::{Computed, Gathered, Times, list};
use super::keys::Dialect;
use super::lexicon::{Entry, Lexicon};
use crate::engine::{Event, Value};
use crate::source::json::scan::Scanner;
use crate::source::json::{DEPTH, as_text, place_of};
use crate::source::{Refused, Wanted};

/// Reads lines that are JSON objects.
#[derive(Debug)]
pub struct Objects {
    lexicon: Lexicon,
    computed: Computed,
    /// Whether lines that speak of no request are passed over.
    only_requests: bool,
}

/// The most attributes that an event gets where all are wanted; those behind are left out.
pub const MOST: usize = 1024;

impl Objects {
    pub fn new(dialect: Dialect, only_requests: bool, wanted: &Wanted) -> Objects {
        Objects { lexicon: Lexicon::new(dialect, wanted), computed: Computed::new(wanted), only_requests }
    }

    /// Reads one line into an event that carries nothing yet; whether it speaks of a request.
    ///
    /// # Errors
    /// What JSON expects, and those of [`Gathered::finish`].
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>, times: &Times<'_>) -> Result<bool, Refused> {
        let mut scanner = Scanner::new(line);
        let mut gathered = Gathered::default();
        let mut path = Vec::new();
        scanner.skip_blanks();
        scanner.expect(b'{', "`{` of an object")?;
        self.object(&mut scanner, &mut path, DEPTH, &mut gathered, event, times)?;
        scanner.skip_blanks();
        scanner.expect_end()?;
        if self.only_requests && !gathered.is_request() {
            return Ok(false);
        }
        gathered.finish(&self.computed, times, event).map(|()| true)
    }

    /// Reads what is behind an opening brace; `path` is where the object stands, with a point behind.
    fn object<'a>(
        &'a self,
        scanner: &mut Scanner<'a>,
        path: &mut Vec<u8>,
        depth: usize,
        gathered: &mut Gathered<'a>,
        event: &mut Event<'a>,
        times: &Times<'_>,
    ) -> Result<(), Refused> {
        let depth = depth.checked_sub(1).ok_or(Refused::TooDeep { limit: DEPTH })?;
        scanner.skip_blanks();
        if scanner.eat(b'}') {
            return Ok(());
        }
        let outside = path.len();
        loop {
            let plain = scanner.plain_string();
            let key = match plain {
                Some(key) => Cow::Borrowed(key),
                None => scanner.string("a key in quotes")?,
            };
            scanner.skip_blanks();
            scanner.expect(b':', "`:` after a key")?;
            scanner.skip_blanks();
            let entry = if outside == 0 {
                self.lexicon.find(&key)
            } else {
                path.extend_from_slice(&key);
                self.lexicon.find(path)
            };
            let all = self.lexicon.takes_all();
            if entry.is_none() && !all {
                scanner.skip(depth)?;
            } else if (all || entry.is_some_and(|entry| entry.inside)) && scanner.eat(b'{') {
                if outside == 0 {
                    path.extend_from_slice(&key);
                }
                path.push(b'.');
                self.object(scanner, path, depth, gathered, event, times)?;
            } else if let Some(entry) = entry {
                take(entry, scanner, depth, gathered, event, times)?;
            } else {
                let name = if outside == 0 { key } else { Cow::Owned(path.clone()) };
                take_unknown(&self.lexicon.unknown(&name), scanner, depth, event)?;
            }
            path.truncate(outside);
            scanner.skip_blanks();
            if scanner.eat(b',') {
                scanner.skip_blanks();
                continue;
            }
            return scanner.expect(b'}', "`,` or `}`");
        }
    }
}

/// Calls `f` with each key of the object itself, as far as the line is JSON.
pub fn each_key(line: &[u8], f: &mut dyn FnMut(&str)) -> Result<(), Refused> {
    each_field(line, &mut |name, _| f(name))
}

/// Calls `f` with each key and its value.
///
/// # Errors
/// What JSON expects.
pub fn each_field(line: &[u8], f: &mut dyn FnMut(&str, &[u8])) -> Result<(), Refused> {
    let mut scanner = Scanner::new(line);
    scanner.skip_blanks();
    scanner.expect(b'{', "`{` of an object")?;
    each_in(&mut scanner, "", DEPTH, f)?;
    scanner.skip_blanks();
    scanner.expect_end()
}

fn each_in(scanner: &mut Scanner<'_>, path: &str, depth: usize, f: &mut dyn FnMut(&str, &[u8])) -> Result<(), Refused> {
    let depth = depth.checked_sub(1).ok_or(Refused::TooDeep { limit: DEPTH })?;
    scanner.skip_blanks();
    if scanner.eat(b'}') {
        return Ok(());
    }
    loop {
        let key = scanner.string("a key in quotes")?;
        let name = format!("{path}{}", String::from_utf8_lossy(&key));
        scanner.skip_blanks();
        scanner.expect(b':', "`:` after a key")?;
        scanner.skip_blanks();
        if scanner.eat(b'{') {
            each_in(scanner, &format!("{name}."), depth, f)?;
        } else {
            let start = scanner.place();
            let mut text = Vec::new();
            match scanner.value(depth)? {
                Value::Number(_) => text.extend_from_slice(scanner.since(start)),
                other => other.write_text(&mut text),
            }
            f(&name, &text);
        }
        scanner.skip_blanks();
        if !scanner.eat(b',') {
            return scanner.expect(b'}', "`,` or `}`");
        }
        scanner.skip_blanks();
    }
}

#[inline]
fn take<'a>(
    entry: &'a Entry,
    scanner: &mut Scanner<'a>,
    depth: usize,
    gathered: &mut Gathered<'a>,
    event: &mut Event<'a>,
    times: &Times<'_>,
) -> Result<(), Refused> {
    let start = scanner.place();
    let value: Cow<'a, [u8]> = if let Some(text) = scanner.plain_string() {
        Cow::Borrowed(text)
    } else if scanner.plain_number().is_some() {
        Cow::Borrowed(scanner.since(start))
    } else {
        let mut value = Value::Nil;
        scanner.value_into(depth, &mut value)?;
        match value {
            Value::Nil => return Ok(()),
            Value::Text(text) => text,
            Value::Number(_) => Cow::Borrowed(scanner.since(start)),
            other => {
                for name in &entry.names {
                    *place_of(Cow::Borrowed(name), &mut event.attributes) = other.clone();
                }
                return Ok(());
            }
        }
    };
    if !entry.names.is_empty() && !value.is_empty() {
        for name in &entry.names {
            let value = value.clone();
            *place_of(Cow::Borrowed(name), &mut event.attributes) =
                if entry.is_list { list(value) } else { Value::Text(value) };
        }
    }
    gathered.take(entry, value, times);
    Ok(())
}

fn take_unknown<'a>(
    entry: &Entry,
    scanner: &mut Scanner<'a>,
    depth: usize,
    event: &mut Event<'a>,
) -> Result<(), Refused> {
    let mut value = Value::Nil;
    scanner.value_into(depth, &mut value)?;
    let is_nothing = value.is_nil() || matches!(&value, Value::Text(text) if text.is_empty());
    if is_nothing || event.attributes.len() >= MOST {
        return Ok(());
    }
    let value = match as_text(value) {
        Value::Text(text) if entry.is_list => list(text),
        other => other,
    };
    for name in &entry.names {
        *place_of(Cow::Owned(name.to_vec()), &mut event.attributes) = value.clone();
    }
    Ok(())
}
