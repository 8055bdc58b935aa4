//! Lines of a compiled format → events.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::memchr;

use super::compile::{Compiled, Content, Find, Role, Step, TimeText};
use super::end::end;
use super::escape::{Escape, is_escaped};
use super::request::{Request, host_and_target, path_and_query, without_port};
use super::shape;
use crate::engine::{Attributes, Event, Value};
use crate::plan::{Number, Timestamp};
use crate::source::bytes::find;
use crate::source::time::Local;
use crate::source::{Refused, Wanted, time};

/// Reads lines of one compiled format.
///
/// It remembers the last time that it parsed, since neighbours share their second; nothing else.
#[derive(Debug)]
pub struct Scanned {
    format: Compiled,
    fields: Vec<Fields>,
    /// Of the attributes behind the last step, those that are wanted, with the place in the tail.
    tail: Vec<(usize, Box<[u8]>)>,
    wanted: Wanted,
    last_time: Cell<(Clf, Timestamp)>,
}

type Clf = [u8; time::CLF_LENGTH];

const CLF_EXAMPLE: &str = "a time as in 22/Nov/2026:15:46:35 +0000";

/// What of a step's variable is wanted.
#[derive(Debug, Default)]
struct Fields {
    /// Attributes that hold the value as it is.
    names: Vec<Box<[u8]>>,
    status_code: bool,
    method: bool,
    path: bool,
    query: bool,
    protocol: bool,
}

/// Attributes that have a name of their own, whatever the server calls it.
pub const COMPUTED: [&str; 5] = ["status-code", "method", "path", "query", "protocol"];

/// Fields of every event; no attribute has such a name.
pub const RESERVED: [&str; 8] = ["service", "host", "state", "description", "time", "metric", "tags", "ttl"];

impl Scanned {
    pub fn new(format: &Compiled, wanted: &Wanted) -> Scanned {
        let mut format = format.clone();
        let fields = fields(&format.steps, wanted);
        for (step, fields) in format.steps.iter_mut().zip(&fields) {
            if !says_something(step.variable.role, fields, wanted) {
                step.variable.role = Role::Plain;
            }
        }
        let tail = format.tail.iter().enumerate().flat_map(|(at, name)| {
            let names = [name.clone(), name.replace('_', "-")];
            let names = names.into_iter().take(if name.contains('_') { 2 } else { 1 });
            names.filter(|name| wanted.attribute(name.as_bytes())).map(move |name| (at, name.into_bytes().into()))
        });
        let tail = tail.collect();
        Scanned {
            format,
            fields,
            tail,
            wanted: wanted.clone(),
            last_time: Cell::new(([0; time::CLF_LENGTH], Timestamp::MIN)),
        }
    }
}

/// Whether somebody reads what a variable says about the event; its time and status are read in any case.
fn says_something(role: Role, fields: &Fields, wanted: &Wanted) -> bool {
    match role {
        Role::Plain => false,
        Role::Host { .. } | Role::Client => wanted.host,
        Role::State => wanted.state,
        Role::Description => wanted.description,
        Role::UrlRequest => wanted.host || fields.method || fields.path || fields.query || fields.protocol,
        Role::Request | Role::Method | Role::Uri | Role::Args | Role::Protocol => {
            fields.method || fields.path || fields.query || fields.protocol
        }
        Role::Bytes => !fields.names.is_empty(),
        Role::DurationPart { .. } => wanted.metric,
        Role::Time(_) | Role::StartTime(_) | Role::Status | Role::Duration { .. } => true,
        Role::Date | Role::Clock => false,
    }
}

fn is_request(role: Role) -> bool {
    matches!(role, Role::Request | Role::UrlRequest)
}

/// What is wanted of each step. Names are given once, to the first who claims them.
fn fields(steps: &[Step], wanted: &Wanted) -> Vec<Fields> {
    let provider = |rank: fn(Role) -> u8| -> Option<usize> {
        let best = (0..steps.len()).max_by_key(|at| (rank(steps[*at].variable.role), std::cmp::Reverse(*at)))?;
        (rank(steps[best].variable.role) > 0).then_some(best)
    };
    let providers = [
        provider(|role| u8::from(role == Role::Status)),
        provider(|role| u8::from(role == Role::Method) * 2 + u8::from(is_request(role))),
        provider(|role| u8::from(is_request(role)) * 2 + u8::from(role == Role::Uri)),
        provider(|role| {
            u8::from(role == Role::Args) * 3 + u8::from(is_request(role)) * 2 + u8::from(role == Role::Uri)
        }),
        provider(|role| u8::from(role == Role::Protocol) * 2 + u8::from(is_request(role))),
    ];
    let is_wanted = |name: &str| wanted.attribute(name.as_bytes());
    let mut taken: Vec<String> = RESERVED.map(str::to_owned).into();
    for (name, provider) in COMPUTED.iter().zip(&providers) {
        if provider.is_some() {
            taken.push((*name).to_owned());
        }
    }
    let mut fields = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let gives = |computed: usize| providers[computed] == Some(at) && is_wanted(COMPUTED[computed]);
        let mut names = Vec::new();
        for name in [step.variable.name.clone(), step.variable.name.replace('_', "-")] {
            if !taken.contains(&name) {
                if is_wanted(&name) {
                    names.push(name.as_bytes().into());
                }
                taken.push(name);
            }
        }
        fields.push(Fields {
            names,
            status_code: gives(0),
            method: gives(1),
            path: gives(2),
            query: gives(3),
            protocol: gives(4),
        });
    }
    fields
}

impl Scanned {
    /// Reads one line, without its end, into an event that carries nothing yet; `instead` is the time of a line that
    /// says none.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`] with the variable whose end was not found, [`Refused::NoTime`] and
    /// [`Refused::TimeOutOfRange`].
    // Inlined into the loop over lines, both are slower.
    #[inline(never)]
    pub fn read<'a>(
        &'a self,
        line: &'a [u8],
        event: &mut Event<'a>,
        instead: Option<Timestamp>,
        local: &Local,
    ) -> Result<(), Refused> {
        let format = &self.format;
        let mut rest = line
            .strip_prefix(format.prefix.as_slice())
            .ok_or_else(|| Refused::expected("the text that the log format begins with", 0))?;
        let mut took = None;
        for (step, fields) in format.steps.iter().zip(&self.fields) {
            let Some(end) = end(step, rest, format) else {
                return Err(no_end(step, line.len() - rest.len()));
            };
            let value = &rest[..end];
            match step.variable.role {
                Role::Plain => {}
                Role::Time(text) | Role::StartTime(text) => {
                    event.time = self.time(value, text, local, line.len() - rest.len())?;
                }
                Role::Duration { milliseconds } => {
                    let value = if format.escape == Escape::Encoded { unsigned(value) } else { value };
                    if !format.escape.is_absent(value) {
                        took = if format.is_start { time::scaled(value, milliseconds + 3) } else { None };
                        if self.wanted.metric {
                            event.metric = time::scaled(value, milliseconds)
                                .map_or_else(|| Value::Text(format.escape.undo(value)), Value::Number);
                        }
                    }
                }
                Role::DurationPart { milliseconds } => add_part(value, milliseconds, &mut event.metric),
                role => self.read_role(role, value, fields, event, line.len() - rest.len())?,
            }
            for name in &fields.names {
                push_attribute(name, value, step, format.escape, &mut event.attributes);
            }
            if !step.last {
                rest = &rest[if step.peeks { end } else { end + step.literal.len() }..];
            }
        }
        if let Value::Bool(_) = event.metric {
            event.metric = Value::Nil;
        }
        if !format.has_time {
            event.time = instead.ok_or(Refused::NoTime)?;
        }
        if !self.tail.is_empty() {
            self.read_tail(rest, event);
        }
        if format.is_start
            && let Some(took) = took
        {
            event.time = event.time.plus(match took {
                Number::Int(micros) => micros,
                Number::Float(micros) => micros.floor() as i64,
            });
        }
        Ok(())
    }

    /// Reads what stands behind the last step: `rest` begins with the value of that.
    fn read_tail<'a>(&'a self, rest: &'a [u8], event: &mut Event<'a>) {
        let Some(last) = self.format.steps.last() else { return };
        let end = end(last, rest, &self.format).map_or(rest.len(), |end| end + last.literal.len());
        let mut rest = rest.get(end..).unwrap_or_default();
        let mut at = 0;
        while let Some(after) = rest.strip_prefix(b" ") {
            let (value, length) = match after.strip_prefix(b"\"") {
                Some(quoted) => {
                    let ends = |end: &usize| !self.format.escape.has_backslashes() || !is_escaped(quoted, *end);
                    let end = memchr::memchr_iter(b'"', quoted).find(ends).unwrap_or(quoted.len());
                    (&quoted[..end], end + 2)
                }
                None => {
                    let end = find(b' ', after).unwrap_or(after.len());
                    (&after[..end], end)
                }
            };
            for (_, name) in self.tail.iter().filter(|(place, _)| *place == at) {
                if !self.format.escape.is_absent(value) {
                    push_text(name, value, self.format.escape, &mut event.attributes);
                }
            }
            rest = after.get(length..).unwrap_or_default();
            at += 1;
        }
    }

    /// Calls `f` with each variable as the format writes it, and its value as the line does.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`] as in [`Scanned::read`].
    pub fn each_field(&self, line: &[u8], f: &mut dyn FnMut(&str, &[u8])) -> Result<(), Refused> {
        let format = &self.format;
        let mut rest = line
            .strip_prefix(format.prefix.as_slice())
            .ok_or_else(|| Refused::expected("the text that the log format begins with", 0))?;
        for step in &format.steps {
            let end = end(step, rest, format).ok_or_else(|| no_end(step, line.len() - rest.len()))?;
            f(&step.variable.label, &rest[..end]);
            rest = rest.get(if step.peeks { end } else { end + step.literal.len() }..).unwrap_or_default();
        }
        Ok(())
    }

    #[inline]
    fn read_role<'a>(
        &'a self,
        role: Role,
        value: &'a [u8],
        fields: &Fields,
        event: &mut Event<'a>,
        at: usize,
    ) -> Result<(), Refused> {
        let escape = self.format.escape;
        let absent = escape.is_absent(value);
        let mut set = |wanted: bool, name: &'static str, value: &'a [u8]| {
            if wanted {
                push_text(name.as_bytes(), value, escape, &mut event.attributes);
            }
        };
        match role {
            _ if absent => {}
            Role::Status if value.len() == 3 && value.iter().all(u8::is_ascii_digit) => {
                set(fields.status_code, "status-code", value);
            }
            // There was no response.
            Role::Status if escape == Escape::Encoded && matches!(value, b"0" | b"-1") => {}
            Role::Status => return Err(Refused::expected("a status of three digits", at)),
            Role::Request => {
                if let Some(request) = Request::split(value) {
                    set(fields.method, "method", request.method);
                    let (path, query) = path_and_query(request.target);
                    set(fields.path, "path", path);
                    if let Some(query) = query {
                        set(fields.query, "query", query);
                    }
                    if let Some(protocol) = request.protocol {
                        set(fields.protocol, "protocol", protocol);
                    }
                }
            }
            Role::UrlRequest => self.read_url_request(value, fields, event),
            Role::Method => set(fields.method, "method", value),
            Role::Uri => {
                let (path, query) = path_and_query(value);
                set(fields.path, "path", path);
                if let Some(query) = query {
                    set(fields.query, "query", query);
                }
            }
            Role::Args => {
                let query = value.strip_prefix(b"?").unwrap_or(value);
                set(fields.query && !query.is_empty(), "query", query);
            }
            Role::Protocol => set(fields.protocol, "protocol", value),
            Role::Host { .. } => event.host = Value::Text(escape.undo(value)),
            Role::Client => event.host = Value::bytes(without_port(value)),
            Role::State => event.state = Value::Text(escape.undo(value)),
            Role::Description => event.description = Value::Text(escape.undo(value)),
            _ => {}
        }
        Ok(())
    }

    #[inline(never)]
    fn read_url_request<'a>(&'a self, value: &'a [u8], fields: &Fields, event: &mut Event<'a>) {
        let Some(request) = Request::split(value).filter(|request| request.method != b"-") else { return };
        let (host, target) = host_and_target(request.target);
        let (path, query) = path_and_query(target);
        for (wanted, name, value) in [
            (fields.method, "method", Some(request.method)),
            (fields.path, "path", Some(path)),
            (fields.query, "query", query),
            (fields.protocol, "protocol", request.protocol),
        ] {
            if let (true, Some(value)) = (wanted, value) {
                push_text(name.as_bytes(), value, self.format.escape, &mut event.attributes);
            }
        }
        if let (true, Some(host)) = (self.wanted.host, host) {
            event.host = Value::bytes(host);
        }
    }

    #[inline]
    fn time(&self, value: &[u8], text: TimeText, local: &Local, at: usize) -> Result<Timestamp, Refused> {
        let read = match text {
            TimeText::CommonLogFormat => {
                let (last, time) = self.last_time.get();
                let Ok(text) = <&Clf>::try_from(value) else {
                    return Err(Refused::expected(CLF_EXAMPLE, at));
                };
                if last == *text {
                    return Ok(time);
                }
                let read = time::common_log_format(value);
                if let Some(time) = read {
                    self.last_time.set((*text, time));
                }
                read
            }
            TimeText::Iso8601 => Timestamp::from_rfc3339(value),
            TimeText::Shape => shape::time(value, local),
            TimeText::Seconds => time::seconds(value),
            TimeText::Milliseconds | TimeText::Microseconds => {
                let places = if text == TimeText::Milliseconds { 3 } else { 0 };
                match time::scaled(value, places) {
                    Some(Number::Int(micros)) => Timestamp::from_micros(micros),
                    _ => None,
                }
            }
        };
        read.ok_or_else(|| match Number::parse_json(value) {
            Some(_) => Refused::TimeOutOfRange(String::from_utf8_lossy(value).into()),
            None if text == TimeText::CommonLogFormat => Refused::expected(CLF_EXAMPLE, at),
            None => Refused::expected("a time", at),
        })
    }
}

/// HAProxy marks with a plus what was logged before the end; below 0 there is no such time.
fn unsigned(value: &[u8]) -> &[u8] {
    match value {
        [b'+', value @ ..] => value,
        [b'-', ..] => b"-",
        _ => value,
    }
}

/// Adds a part of a duration to what is there of it; `false` once a part was below 0 or no number.
#[inline(never)]
fn add_part(value: &[u8], milliseconds: i32, metric: &mut Value<'_>) {
    let part = time::scaled(value, milliseconds).filter(|part| part.to_f64() >= 0.0);
    *metric = match (&*metric, part) {
        (Value::Nil, Some(part)) => Value::Number(part),
        (Value::Number(Number::Int(sum)), Some(Number::Int(part))) => {
            Value::Number(Number::Int(sum.saturating_add(part)))
        }
        (Value::Number(sum), Some(part)) => {
            Number::from_f64(sum.to_f64() + part.to_f64()).map_or(Value::Bool(false), Value::Number)
        }
        _ => Value::Bool(false),
    };
}

fn no_end(step: &Step, at: usize) -> Refused {
    let literal = String::from_utf8_lossy(step.literal.text());
    let label = &step.variable.label;
    let expected = match step.find {
        Find::CommonLogFormat => format!("{CLF_EXAMPLE} and `{literal}` for `{label}`"),
        _ => format!("a value for `{label}` that ends at `{literal}`"),
    };
    Refused::NotUnderstood { expected: Cow::Owned(expected), at }
}

/// Adds an attribute as text.
#[inline]
fn push_text<'a>(name: &'a [u8], value: &'a [u8], escape: Escape, out: &mut Attributes<'a>) {
    if find(b'\\', value).is_none() {
        out.push((Cow::Borrowed(name), Value::Text(Cow::Borrowed(value))));
    } else {
        out.push((Cow::Borrowed(name), Value::Text(escape.undo(value))));
    }
}

/// Adds an attribute: text, or the items of a list of several; nothing where the log says that there is nothing.
#[inline]
fn push_attribute<'a>(name: &'a [u8], value: &'a [u8], step: &Step, escape: Escape, out: &mut Attributes<'a>) {
    if step.variable.content == Content::Braces {
        let inner = value.strip_prefix(b"{").and_then(|value| value.strip_suffix(b"} ")).unwrap_or_default();
        if !inner.is_empty() {
            push_text(name, inner, escape, out);
        }
    } else if escape.is_absent(value) {
        if step.variable.role == Role::Bytes {
            push_text(name, b"0", escape, out);
        }
    } else if step.variable.content == Content::List && memchr(b' ', value).is_some() {
        let items = value.split(|byte| matches!(byte, b' ' | b','));
        let items = items.filter(|item| !matches!(*item, b"" | b"-" | b":"));
        let items = items.map(|item| Value::Text(escape.undo(item))).collect();
        out.push((Cow::Borrowed(name), Value::List(items)));
    } else {
        // HAProxy marks with a plus what was logged before the end.
        let plus = escape == Escape::Encoded && step.variable.content == Content::Number && value.starts_with(b"+");
        push_text(name, &value[usize::from(plus)..], escape, out);
    }
}
