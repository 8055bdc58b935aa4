//! Lines of a compiled format → events.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::memchr;

use super::LogFormat;
use super::compile::{Compiled, Content, Find, Role, Step, TimeText};
use super::end::end;
use super::escape::Escape;
use super::request::{Request, path_and_query};
use crate::engine::{Event, Value};
use crate::plan::{Number, Timestamp};
use crate::source::bytes::find;
use crate::source::{Refused, Wanted, time};

/// Reads lines of one format for one service.
///
/// It remembers the last time that it parsed, since neighbours share their second; nothing else.
#[derive(Debug)]
pub struct LogDecoder {
    format: Compiled,
    service: Box<[u8]>,
    fields: Vec<Fields>,
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
const COMPUTED: [&str; 5] = ["status-code", "method", "path", "query", "protocol"];

/// Fields of every event; no attribute has such a name.
const RESERVED: [&str; 8] = ["service", "host", "state", "description", "time", "metric", "tags", "ttl"];

impl LogFormat {
    /// A decoder whose events are of `service` and carry what is wanted.
    pub fn decoder(&self, service: &str, wanted: &Wanted) -> LogDecoder {
        let mut format = self.compiled.clone();
        let fields = fields(&format.steps, wanted);
        for (step, fields) in format.steps.iter_mut().zip(&fields) {
            if !says_something(step.variable.role, fields, wanted) {
                step.variable.role = Role::Plain;
            }
        }
        LogDecoder {
            format,
            service: service.as_bytes().into(),
            fields,
            wanted: wanted.clone(),
            last_time: Cell::new(([0; time::CLF_LENGTH], Timestamp::MIN)),
        }
    }
}

/// Whether somebody reads what a variable says about the event; its time and status are read in any case.
fn says_something(role: Role, fields: &Fields, wanted: &Wanted) -> bool {
    match role {
        Role::Plain => false,
        Role::Host { .. } => wanted.host,
        Role::State => wanted.state,
        Role::Description => wanted.description,
        Role::Request | Role::Method | Role::Uri | Role::Args | Role::Protocol => {
            fields.method || fields.path || fields.query || fields.protocol
        }
        Role::Bytes => !fields.names.is_empty(),
        Role::Time(_) | Role::StartTime(_) | Role::Status | Role::Duration { .. } => true,
    }
}

/// What is wanted of each step. Names are given once, to the first who claims them.
fn fields(steps: &[Step], wanted: &Wanted) -> Vec<Fields> {
    let provider = |rank: fn(Role) -> u8| -> Option<usize> {
        let best = (0..steps.len()).max_by_key(|at| (rank(steps[*at].variable.role), std::cmp::Reverse(*at)))?;
        (rank(steps[best].variable.role) > 0).then_some(best)
    };
    let providers = [
        provider(|role| u8::from(role == Role::Status)),
        provider(|role| u8::from(role == Role::Method) * 2 + u8::from(role == Role::Request)),
        provider(|role| u8::from(role == Role::Request) * 2 + u8::from(role == Role::Uri)),
        provider(|role| {
            u8::from(role == Role::Args) * 3 + u8::from(role == Role::Request) * 2 + u8::from(role == Role::Uri)
        }),
        provider(|role| u8::from(role == Role::Protocol) * 2 + u8::from(role == Role::Request)),
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

impl LogDecoder {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`] with the variable whose end was not found, and [`Refused::TimeOutOfRange`].
    pub fn decode<'a>(&'a self, line: &'a [u8]) -> Result<Event<'a>, Refused> {
        let mut event = Event::at(Timestamp::MIN);
        self.read(line, &mut event).map(|()| event)
    }

    pub(super) fn format(&self) -> &Compiled {
        &self.format
    }

    /// As [`LogDecoder::decode`], into an event that carries nothing yet; events are large, and this one is not moved.
    pub(in crate::source) fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>) -> Result<(), Refused> {
        let format = &self.format;
        let mut rest = line
            .strip_prefix(format.prefix.as_slice())
            .ok_or_else(|| Refused::expected("the text that the log format begins with", 0))?;
        event.service = Value::bytes(&self.service);
        let mut took = None;
        for (step, fields) in format.steps.iter().zip(&self.fields) {
            let Some(end) = end(step, rest, format) else {
                return Err(no_end(step, line.len() - rest.len()));
            };
            let value = &rest[..end];
            match step.variable.role {
                Role::Plain => {}
                Role::Time(text) | Role::StartTime(text) => {
                    event.time = self.time(value, text, line.len() - rest.len())?;
                }
                Role::Duration { milliseconds } => {
                    if !format.escape.is_absent(value) {
                        took = if format.is_start { time::scaled(value, milliseconds + 3) } else { None };
                        if self.wanted.metric {
                            event.metric = time::scaled(value, milliseconds)
                                .map_or_else(|| Value::Text(format.escape.undo(value)), Value::Number);
                        }
                    }
                }
                role => self.read_role(role, value, fields, event, line.len() - rest.len())?,
            }
            for name in &fields.names {
                push_attribute(name, value, step, format.escape, &mut event.attributes);
            }
            if !step.last {
                rest = &rest[if step.peeks { end } else { end + step.literal.len() }..];
            }
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
            Role::State => event.state = Value::Text(escape.undo(value)),
            Role::Description => event.description = Value::Text(escape.undo(value)),
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn time(&self, value: &[u8], text: TimeText, at: usize) -> Result<Timestamp, Refused> {
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

pub(super) fn no_end(step: &Step, at: usize) -> Refused {
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
    if escape.is_absent(value) {
        if step.variable.role == Role::Bytes {
            push_text(name, b"0", escape, out);
        }
    } else if step.variable.content == Content::List && memchr(b' ', value).is_some() {
        let items = value.split(|byte| matches!(byte, b' ' | b','));
        let items = items.filter(|item| !matches!(*item, b"" | b"-" | b":"));
        let items = items.map(|item| Value::Text(escape.undo(item))).collect();
        out.push((Cow::Borrowed(name), Value::List(items)));
    } else {
        push_text(name, value, escape, out);
    }
}

type Attributes<'a> = Vec<(Cow<'a, [u8]>, Value<'a>)>;
