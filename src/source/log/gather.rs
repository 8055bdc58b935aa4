//! What the fields of a line, each by its own name, say together about an event.

use std::borrow::Cow;

use super::compile::{Role, TimeText};
use super::lexicon::Entry;
use super::request::{Request, path_and_query};
use super::shape;
use crate::engine::{Event, Value};
use crate::plan::{Number, Timestamp};
use crate::source::time::Local;
use crate::source::{Refused, Wanted, json, time};

type Text<'a> = Cow<'a, [u8]>;

/// Of several fields that say the same, the one with the highest rank counts, and the first of equals.
#[derive(Debug)]
struct Best<T> {
    rank: u8,
    value: Option<T>,
}

impl<T> Default for Best<T> {
    fn default() -> Best<T> {
        Best { rank: 0, value: None }
    }
}

impl<T> Best<T> {
    #[inline]
    fn offer(&mut self, rank: u8, value: T) {
        if self.value.is_none() || rank > self.rank {
            *self = Best { rank, value: Some(value) };
        }
    }
}

/// What was read of a line so far.
#[derive(Debug, Default)]
pub struct Gathered<'a> {
    end: Best<Timestamp>,
    start: Best<Timestamp>,
    date: Best<Text<'a>>,
    clock: Best<Text<'a>>,
    /// With the power of ten that makes it milliseconds.
    duration: Best<(Text<'a>, i32)>,
    host: Best<Text<'a>>,
    status: Best<Text<'a>>,
    request: Best<Text<'a>>,
    method: Best<Text<'a>>,
    uri: Best<Text<'a>>,
    args: Best<Text<'a>>,
    protocol: Best<Text<'a>>,
    /// A time that could not be read.
    not_a_time: Option<Text<'a>>,
}

/// Which of the computed attributes somebody reads.
#[derive(Clone, Debug)]
pub struct Computed {
    names: [bool; 5],
    wanted: Wanted,
}

impl Computed {
    pub fn new(wanted: &Wanted) -> Computed {
        Computed {
            names: super::scanned::COMPUTED.map(|name| wanted.attribute(name.as_bytes())),
            wanted: wanted.clone(),
        }
    }
}

/// What a line without a time of its own goes by.
#[derive(Clone, Copy, Debug)]
pub struct Times<'l> {
    /// The time of the prefix in front of it.
    pub instead: Option<Timestamp>,
    /// Of the line before.
    pub local: &'l Local,
    /// Microseconds by which columns without a zone are east of UTC.
    pub offset: i64,
}

impl<'a> Gathered<'a> {
    /// Notes the value of a field, if it has one: nothing and `-` are none.
    #[inline]
    pub fn take(&mut self, entry: &Entry, value: Text<'a>, times: &Times<'_>) {
        let rank = entry.rank;
        if matches!(&*value, b"" | b"-") {
            return;
        }
        match entry.role {
            Role::Time(_) | Role::StartTime(_) => self.take_time(entry, value, times),
            Role::Date => self.date.offer(rank, value),
            Role::Clock => self.clock.offer(rank, value),
            Role::Status => self.status.offer(rank, value),
            Role::Request | Role::UrlRequest => self.request.offer(rank, value),
            Role::Method => self.method.offer(rank, value),
            Role::Uri => self.uri.offer(rank, value),
            Role::Args => self.args.offer(rank, value),
            Role::Protocol => self.protocol.offer(rank, value),
            Role::Duration { milliseconds } | Role::DurationPart { milliseconds } => {
                self.duration.offer(rank, (value, milliseconds));
            }
            Role::Host { rank: kind } => self.host.offer(kind * 16 + rank, value),
            Role::Plain | Role::Client | Role::State | Role::Description | Role::Bytes => {}
        }
    }

    fn take_time(&mut self, entry: &Entry, value: Text<'a>, times: &Times<'_>) {
        let (is_start, text) = match entry.role {
            Role::StartTime(text) => (true, text),
            Role::Time(text) => (false, text),
            _ => return,
        };
        let known = if is_start { &self.start } else { &self.end };
        if known.value.is_some() && known.rank >= entry.rank {
            return;
        }
        let read = match text {
            TimeText::Seconds => time::seconds(&value),
            TimeText::Iso8601 => Timestamp::from_rfc3339(&value),
            _ => shape::time(&value, times.local),
        };
        match (read, is_start) {
            (Some(time), true) => self.start.offer(entry.rank, time),
            (Some(time), false) => self.end.offer(entry.rank, time),
            (None, _) => self.not_a_time = Some(value),
        }
    }

    /// Notes the day of a line that has only a time of day.
    pub fn take_date(&mut self, date: Vec<u8>) {
        if !date.is_empty() {
            self.date.offer(0, Cow::Owned(date));
        }
    }

    /// Whether a request is spoken of.
    pub fn is_request(&self) -> bool {
        self.status.value.is_some()
            || self.request.value.is_some()
            || (self.uri.value.is_some() && self.method.value.is_some())
    }

    /// Whether it says nothing that is known: neither a time nor a request.
    pub fn is_empty(&self) -> bool {
        self.end.value.is_none() && self.start.value.is_none() && self.not_a_time.is_none() && !self.is_request()
    }

    /// Writes what was gathered into an event whose plain attributes are there already.
    ///
    /// # Errors
    /// [`Refused::NoTime`], [`Refused::TimeNotUnderstood`], and a status that is none.
    pub fn finish(self, computed: &Computed, times: &Times<'_>, event: &mut Event<'a>) -> Result<(), Refused> {
        let took = self.duration.value.as_ref().and_then(|(text, unit)| took(text, *unit));
        event.time = self.time(took, times)?;
        if let Some((text, _)) = self.duration.value
            && computed.wanted.metric
        {
            // Below 0 there is no duration.
            if !text.starts_with(b"-") {
                event.metric = took.map_or(Value::Text(text), Value::Number);
            }
        }
        if let (true, Some(host)) = (computed.wanted.host, self.host.value) {
            event.host = Value::Text(host);
        }
        if let Some(status) = self.status.value {
            match &*status {
                b"0" | b"-1" => {}
                [a, b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => {
                    push(computed.names[0], "status-code", status, event);
                }
                _ => return Err(Refused::expected("a status of three digits", 0)),
            }
        }
        if computed.names[1..].iter().any(|wanted| *wanted) {
            let [mut method, mut target, mut protocol] = [None, None, None];
            if let Some(request) = self.request.value {
                [method, target, protocol] = parts(request);
            }
            let method = self.method.value.or(method);
            let protocol = self.protocol.value.or(protocol);
            let (path, query) = match self.uri.value.or(target.take()) {
                Some(uri) => split_uri(uri),
                None => (None, None),
            };
            let query = self.args.value.map(without_mark).or(query);
            let values = [method, path, query, protocol];
            for ((value, wanted), name) in
                values.into_iter().zip(&computed.names[1..]).zip(&super::scanned::COMPUTED[1..])
            {
                if let Some(value) = value {
                    push(*wanted, name, value, event);
                }
            }
        }
        Ok(())
    }

    fn time(&self, took: Option<Number>, times: &Times<'_>) -> Result<Timestamp, Refused> {
        if let Some(start) = self.start.value
            && let Some(took) = took.filter(|took| took.to_f64() >= 0.0)
            && (self.end.value.is_none() || self.start.rank > self.end.rank)
        {
            return Ok(start.plus(match took {
                Number::Int(millis) => millis.saturating_mul(1000),
                Number::Float(millis) => (millis * 1000.0).floor() as i64,
            }));
        }
        if let Some(time) = self.end.value {
            return Ok(time);
        }
        if let (Some(date), Some(clock)) = (&self.date.value, &self.clock.value) {
            let time = shape::date_and_clock(date, clock, times.offset);
            return time
                .ok_or_else(|| Refused::TimeNotUnderstood(json::lossy(&[date.as_ref(), clock.as_ref()].join(&b' '))));
        }
        match (self.start.value.or(times.instead), &self.not_a_time) {
            (Some(time), _) => Ok(time),
            (None, Some(text)) => Err(json::time_from_text(text).err().unwrap_or(Refused::NoTime)),
            (None, None) => Err(Refused::NoTime),
        }
    }
}

/// The duration in milliseconds.
fn took(text: &[u8], unit: i32) -> Option<Number> {
    shape::duration(text, unit)
}

fn push<'a>(wanted: bool, name: &'static str, value: Text<'a>, event: &mut Event<'a>) {
    if wanted {
        event.attributes.push((Cow::Borrowed(name.as_bytes()), Value::Text(value)));
    }
}

/// Method, target and protocol of a request line.
fn parts(request: Text<'_>) -> [Option<Text<'_>>; 3] {
    match request {
        Cow::Borrowed(text) => match Request::split(text) {
            Some(Request { method, target, protocol }) => {
                [Some(method.into()), Some(target.into()), protocol.map(Cow::Borrowed)]
            }
            None => [None, None, None],
        },
        Cow::Owned(text) => match Request::split(&text) {
            Some(Request { method, target, protocol }) => {
                let owned = |text: &[u8]| Some(Cow::Owned(text.to_vec()));
                [owned(method), owned(target), protocol.and_then(owned)]
            }
            None => [None, None, None],
        },
    }
}

fn split_uri(uri: Text<'_>) -> (Option<Text<'_>>, Option<Text<'_>>) {
    match uri {
        Cow::Borrowed(text) => {
            let (path, query) = path_and_query(text);
            (Some(path.into()), query.map(Cow::Borrowed))
        }
        Cow::Owned(text) => {
            let (path, query) = path_and_query(&text);
            let query = query.map(|query| Cow::Owned(query.to_vec()));
            (Some(Cow::Owned(path.to_vec())), query)
        }
    }
}

fn without_mark(query: Text<'_>) -> Text<'_> {
    match query {
        Cow::Borrowed(text) => text.strip_prefix(b"?").unwrap_or(text).into(),
        Cow::Owned(text) if text.starts_with(b"?") => Cow::Owned(text[1..].to_vec()),
        owned => owned,
    }
}

/// The items of a list of several upstream servers' values; the value itself if it is one.
pub fn list(value: Text<'_>) -> Value<'_> {
    if !value.contains(&b' ') {
        return Value::Text(value);
    }
    let items = value.split(|byte| matches!(byte, b' ' | b','));
    let items = items.filter(|item| !matches!(*item, b"" | b"-" | b":"));
    Value::List(items.map(|item| Value::Text(Cow::Owned(item.to_vec()))).collect())
}
