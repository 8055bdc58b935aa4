//! Lines of a log, with or without what its carrier wrote in front of them → events.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use super::columns::Columns;
use super::gather::Times;
use super::object::{self, Objects};
use super::pairs::Pairs;
use super::pattern::Matcher;
use super::prefix::{self, Kind, Prefix, Stream};
use super::scanned::Scanned;
use super::{LogFormat, Syntax};
use crate::engine::{Event, Value};
use crate::plan::{Limits, Timestamp};
use crate::source::time::Local;
use crate::source::{Refused, Wanted, Zone};

/// Reads lines of one format for one service.
///
/// It remembers what lines behind need: header lines, parts of a line, the time of the line before.
#[derive(Debug)]
pub struct LogDecoder {
    service: Box<[u8]>,
    lines: Lines,
    /// Whether a line is first tried as it is, since the format itself may look like a prefix.
    tries_whole: bool,
    local: Local,
    /// Parts of a line on standard output, and on standard error.
    parts: [RefCell<Parts>; 2],
    /// Which of them the last line ended.
    ended: Cell<Option<Stream>>,
    /// The longest line that parts make, in bytes.
    limit: usize,
}

/// How lines are read, without a prefix.
#[derive(Debug)]
enum Lines {
    Columns(Columns),
    Matcher(Matcher),
    Objects(Objects),
    Pairs(Pairs),
    Scanned(Box<Scanned>),
}

/// What came of a line that goes on.
#[derive(Debug, Default)]
struct Parts {
    text: Vec<u8>,
    too_long: bool,
    /// Whether the last part came; the others are kept in case it is read again.
    has_ended: bool,
}

/// A line in its fields: what the format calls each, and its value as the log has it.
pub type Split = Vec<(String, Vec<u8>)>;

impl LogFormat {
    /// A decoder whose events are of `service` and carry what is wanted.
    pub fn decoder(&self, service: &str, wanted: &Wanted) -> LogDecoder {
        LogDecoder {
            service: service.as_bytes().into(),
            lines: match &self.syntax {
                Syntax::Columns(dialect) => Lines::Columns(Columns::new(*dialect, wanted)),
                Syntax::Objects { dialect, only_requests } => {
                    Lines::Objects(Objects::new(*dialect, *only_requests, wanted))
                }
                Syntax::Pairs(syntax) => Lines::Pairs(Pairs::new(*syntax, wanted)),
                Syntax::Pattern(pattern) => Lines::Matcher(Matcher::new(pattern, wanted)),
                Syntax::Scanned(compiled) => Lines::Scanned(Box::new(Scanned::new(compiled, wanted))),
            },
            tries_whole: match &self.syntax {
                Syntax::Pattern(_) => true,
                Syntax::Scanned(compiled) => compiled.begins_with_bar(),
                _ => false,
            },
            local: Local::new(Zone::utc()),
            parts: Default::default(),
            ended: Cell::new(None),
            limit: Limits::default().line_bytes,
        }
    }
}

impl LogDecoder {
    /// The same, which joins parts to lines of at most so many bytes.
    pub fn limited(self, line_bytes: usize) -> LogDecoder {
        LogDecoder { limit: line_bytes, ..self }
    }

    /// The same, which reads times that do not say their zone as those of this one, rather than as UTC.
    pub fn in_zone(self, zone: Zone) -> LogDecoder {
        LogDecoder { local: Local::new(zone), ..self }
    }

    /// Says when the file was written to last: times without a year are of the year before that.
    pub fn set_age(&self, age: Option<Timestamp>) {
        self.local.age.set(age);
    }

    /// Says when the line before was, which was read by another decoder.
    pub fn set_last(&self, last: Option<Timestamp>) {
        self.local.last.set(last);
    }

    /// Reads one line, without its end; None for a line that says nothing of its own: a header, a part of a line that
    /// goes on, in the log of a server what is no request.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`] with what did not come, [`Refused::NoTime`] and others about the time, and
    /// [`Refused::TooLong`] for parts that are together.
    pub fn decode<'a>(&'a self, line: &'a [u8]) -> Result<Option<Event<'a>>, Refused> {
        let mut event = Event::at(Timestamp::MIN);
        self.read(line, &mut event).map(|is_event| is_event.then_some(event))
    }

    /// As [`LogDecoder::decode`], into an event that carries nothing yet; events are large, and this one is not moved.
    #[inline]
    pub fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>) -> Result<bool, Refused> {
        self.ended.set(None);
        if let Lines::Scanned(scanned) = &self.lines
            && !prefix::may_begin(line)
        {
            event.service = Value::bytes(&self.service);
            scanned.read(line, event, None, &self.local)?;
            return Ok(true);
        }
        self.read_any(line, event)
    }

    #[inline(never)]
    fn read_any<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>) -> Result<bool, Refused> {
        let read = self.read_at(line, event, None, NESTED);
        if let Ok(true) = read {
            event.service = Value::bytes(&self.service);
            self.local.last.set(Some(event.time));
        }
        read
    }

    /// Makes ready to read the last line once more.
    pub fn again(&self) {
        if let Some(stream) = self.ended.get() {
            self.parts[stream as usize].borrow_mut().has_ended = false;
        }
    }

    /// Forgets what it remembers, as at the start of another file.
    pub fn start(&self) {
        self.local.last.set(None);
        for parts in &self.parts {
            *parts.borrow_mut() = Parts::default();
        }
        if let Lines::Columns(columns) = &self.lines {
            columns.start();
        }
    }

    /// Header lines that lines behind need: whoever goes on in the middle of a file reads them first.
    pub fn header(&self) -> Vec<Vec<u8>> {
        match &self.lines {
            Lines::Columns(columns) => columns.header(),
            _ => Vec::new(),
        }
    }

    /// Whether parts of a line came whose last part did not: whoever goes on from here loses it.
    pub fn is_amid(&self) -> bool {
        self.parts.iter().any(|parts| {
            let parts = parts.borrow();
            !parts.has_ended && (parts.too_long || !parts.text.is_empty())
        })
    }

    /// The fields of a line; None as in [`LogDecoder::decode`].
    ///
    /// # Errors
    /// As [`LogDecoder::decode`], but only about where fields end.
    pub fn split(&self, line: &[u8]) -> Result<Option<Split>, Refused> {
        let raw = self.split_raw(line);
        if raw.is_ok() && self.tries_whole {
            return raw;
        }
        match prefix::find(line, &self.local) {
            Some(prefix) => self.split_raw(&line[prefix.length..]).or(raw),
            None => raw,
        }
    }

    fn split_raw(&self, line: &[u8]) -> Result<Option<Split>, Refused> {
        let mut fields = Split::new();
        let mut push = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_vec()));
        let is_line = match &self.lines {
            Lines::Columns(columns) => columns.each_field(line, &mut push)?,
            Lines::Matcher(matcher) => matcher.each_field(line, &mut push).map(|()| true)?,
            Lines::Objects(_) => object::each_field(line, &mut push).map(|()| true)?,
            Lines::Pairs(pairs) => pairs.each_field(line, &mut push).map(|()| true)?,
            Lines::Scanned(scanned) => scanned.each_field(line, &mut push).map(|()| true)?,
        };
        Ok(is_line.then_some(fields))
    }

    /// Reads a line behind at most so many prefixes.
    #[inline]
    fn read_at<'a>(
        &'a self,
        line: &'a [u8],
        event: &mut Event<'a>,
        instead: Option<Timestamp>,
        nested: usize,
    ) -> Result<bool, Refused> {
        if nested == 0 || !prefix::may_begin(line) {
            return self.read_raw(line, event, instead);
        }
        let Some(prefix) = prefix::find(line, &self.local) else {
            return self.read_raw(line, event, instead);
        };
        if self.tries_whole {
            if let Ok(read) = self.read_raw(line, event, instead) {
                return Ok(read);
            }
            clear(event);
        }
        self.read_behind(prefix, line, event, instead, nested)
    }

    #[inline(never)]
    fn read_behind<'a>(
        &'a self,
        prefix: Prefix,
        line: &'a [u8],
        event: &mut Event<'a>,
        instead: Option<Timestamp>,
        nested: usize,
    ) -> Result<bool, Refused> {
        let text = &line[prefix.length..];
        let instead = prefix.time.or(instead);
        if let Kind::Cri { stream, is_part } = prefix.kind
            && let Some(read) = self.join(stream, is_part, text, event, instead)
        {
            return read;
        }
        self.read_at(text, event, instead, nested - 1).or_else(|refused| {
            // It may be no prefix, but how the format itself begins.
            clear(event);
            self.read_raw(line, event, None).map_err(|_| behind(refused, prefix.length))
        })
    }

    /// Reads the parts of a line with the last of them; None if the line is whole.
    fn join<'a>(
        &'a self,
        stream: Stream,
        is_part: bool,
        text: &[u8],
        event: &mut Event<'a>,
        instead: Option<Timestamp>,
    ) -> Option<Result<bool, Refused>> {
        let mut parts = self.parts[stream as usize].borrow_mut();
        if parts.has_ended {
            *parts = Parts::default();
        }
        if !is_part && parts.text.is_empty() && !parts.too_long {
            return None;
        }
        let before = parts.text.len();
        if parts.too_long || before + text.len() > self.limit {
            *parts = Parts { too_long: true, ..Parts::default() };
        } else {
            parts.text.extend_from_slice(text);
        }
        if is_part {
            return Some(Ok(false));
        }
        parts.has_ended = true;
        self.ended.set(Some(stream));
        if parts.too_long {
            return Some(Err(Refused::TooLong { limit: self.limit }));
        }
        let text = parts.text.clone();
        parts.text.truncate(before);
        drop(parts);
        let mut joined = Event::at(Timestamp::MIN);
        let read = self.read_raw(&text, &mut joined, instead);
        if let Ok(true) = read {
            event.time = joined.time;
            for (into, value) in [
                (&mut event.host, joined.host),
                (&mut event.state, joined.state),
                (&mut event.description, joined.description),
                (&mut event.metric, joined.metric),
            ] {
                *into = value.into_owned();
            }
            let attributes = joined.attributes.into_iter();
            event
                .attributes
                .extend(attributes.map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())));
        }
        Some(read)
    }

    #[inline]
    fn read_raw<'a>(
        &'a self,
        line: &'a [u8],
        event: &mut Event<'a>,
        instead: Option<Timestamp>,
    ) -> Result<bool, Refused> {
        if let Lines::Scanned(scanned) = &self.lines {
            return scanned.read(line, event, instead, &self.local).map(|()| true);
        }
        let times = Times { instead, local: &self.local, offset: 0 };
        match &self.lines {
            Lines::Columns(columns) => columns.read(line, event, &times),
            Lines::Matcher(matcher) => matcher.read(line, event, &times).map(|()| true),
            Lines::Objects(objects) => objects.read(line, event, &times),
            Lines::Pairs(pairs) => pairs.read(line, event, &times).map(|()| true),
            Lines::Scanned(_) => Ok(false),
        }
    }
}

/// So many prefixes may stand in front of each other: docker compose's, and what a container wrote.
const NESTED: usize = 2;

/// As it was before a line was tried.
fn clear(event: &mut Event<'_>) {
    event.attributes.clear();
    let fields = [&mut event.host, &mut event.state, &mut event.description, &mut event.metric];
    fields.into_iter().for_each(|field| *field = Value::Nil);
}

/// What was refused of the text behind a prefix, with its place in the line.
fn behind(refused: Refused, length: usize) -> Refused {
    match refused {
        Refused::NotUnderstood { expected, at } => Refused::NotUnderstood { expected, at: at + length },
        Refused::Fault { message, at } => Refused::Fault { message, at: at + length },
        other => other,
    }
}
