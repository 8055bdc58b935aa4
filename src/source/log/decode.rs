//! Lines of a compiled format → events.

use std::borrow::Cow;
use std::cell::Cell;

use memchr::{memchr, memmem, memrchr};

use super::LogFormat;
use super::compile::{Compiled, Content, Find, Role, Step, TimeText};
use super::escape::{Escape, unescaped_quote};
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
        LogDecoder {
            format: self.compiled.clone(),
            service: service.as_bytes().into(),
            fields: fields(&self.compiled.steps, wanted),
            wanted: wanted.clone(),
            last_time: Cell::new(([0; time::CLF_LENGTH], Timestamp::MIN)),
        }
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

    /// As [`LogDecoder::decode`], into an event that carries nothing yet; events are large, and this one is not moved.
    pub(in crate::source) fn read<'a>(&'a self, line: &'a [u8], event: &mut Event<'a>) -> Result<(), Refused> {
        let format = &self.format;
        let mut rest = line
            .strip_prefix(format.prefix.as_slice())
            .ok_or_else(|| Refused::expected("the text that the log format begins with", 0))?;
        event.service = Value::bytes(&self.service);
        let mut took = None;
        let last = format.steps.len() - 1;
        for (at, (step, fields)) in format.steps.iter().zip(&self.fields).enumerate() {
            let Some(end) = end(step, rest, at == last, format) else {
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
                let value = attribute(value, step, format.escape);
                if !value.is_nil() {
                    event.attributes.push((Cow::Borrowed(name), value));
                }
            }
            if at < last {
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
                event.attributes.push((Cow::Borrowed(name.as_bytes()), Value::Text(escape.undo(value))));
            }
        };
        match role {
            Role::Status => {
                if !absent {
                    if value.len() != 3 || !value.iter().all(u8::is_ascii_digit) {
                        return Err(Refused::expected("a status of three digits", at));
                    }
                    set(fields.status_code, "status-code", value);
                }
            }
            Role::Request => {
                if (fields.method || fields.path || fields.query || fields.protocol)
                    && let Some(request) = Request::split(value)
                {
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
            _ if absent => {}
            Role::Host { .. } if !self.wanted.host => {}
            Role::State if !self.wanted.state => {}
            Role::Description if !self.wanted.description => {}
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

fn no_end(step: &Step, at: usize) -> Refused {
    let literal = String::from_utf8_lossy(step.literal.text());
    let label = &step.variable.label;
    let expected = match step.find {
        Find::CommonLogFormat => format!("{CLF_EXAMPLE} and `{literal}` for `{label}`"),
        _ => format!("a value for `{label}` that ends at `{literal}`"),
    };
    Refused::NotUnderstood { expected: Cow::Owned(expected), at }
}

/// How long the value is that `rest` begins with.
#[inline]
fn end(step: &Step, rest: &[u8], last: bool, format: &Compiled) -> Option<usize> {
    let from = match step.find {
        Find::Rest if format.open_ended => return Some(memchr(b' ', rest).unwrap_or(rest.len())),
        Find::Rest => return Some(rest.len()),
        Find::CommonLogFormat => {
            let ends = |end: usize| ends_at(step, rest, end, last, format).then_some(end);
            return ends(time::CLF_LENGTH);
        }
        Find::List => {
            let end = list_end(rest);
            return ends_at(step, rest, end, last, format).then_some(end);
        }
        Find::Quote => {
            let mut at = 0;
            while let Some(quote) = unescaped_quote(rest, at) {
                if ends_at(step, rest, quote, last, format) {
                    return Some(quote);
                }
                at = quote + 1;
            }
            // A line that was cut off in its last value says all that counts.
            return (last && format.open_ended).then_some(rest.len());
        }
        Find::Request => memmem::find(rest, b" HTTP/").map_or(0, |at| at + 1),
        Find::Literal | Find::Word => 0,
    };
    let first = step.literal.first();
    let mut at = from + find(first, rest.get(from..)?)?;
    while !ends_at(step, rest, at, last, format) {
        if first == b' ' && step.find == Find::Word {
            return None;
        }
        at += 1 + find(first, &rest[at + 1..])?;
    }
    if first != b' ' && step.find == Find::Word && find(b' ', &rest[..at]).is_some() {
        return None;
    }
    Some(at)
}

/// Whether the literal stands at `end`, and what follows can be what comes next.
#[inline]
fn ends_at(step: &Step, rest: &[u8], end: usize, last: bool, format: &Compiled) -> bool {
    let Some(rest) = rest.get(end..).filter(|rest| step.literal.starts(rest)) else {
        return false;
    };
    let after = &rest[step.literal.len()..];
    if last {
        return after.is_empty() || (format.open_ended && after[0] == b' ');
    }
    match step.next {
        None => true,
        Some(Content::CommonLogFormat) => time::looks_like_common_log_format(after),
        Some(_) => match format.escape {
            Escape::Default | Escape::Apache => matches!(after.first(), Some(b'0'..=b'9' | b'-')),
            Escape::Json | Escape::None => true,
        },
    }
}

/// Where a list of upstream servers' values ends: `item((", " | " : ") item)*`.
fn list_end(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += rest[at..].iter().take_while(|byte| !matches!(byte, b' ' | b',')).count();
        at += match &rest[at..] {
            [b',', b' ', _, ..] => 2,
            [b' ', b':', b' ', _, ..] => 3,
            _ => return at,
        };
    }
}

/// The value of an attribute: nil, text, or the items of a list of several.
fn attribute<'a>(value: &'a [u8], step: &Step, escape: Escape) -> Value<'a> {
    if escape.is_absent(value) {
        return if step.variable.role == Role::Bytes { Value::bytes(b"0") } else { Value::Nil };
    }
    if step.variable.content == Content::List && memchr(b' ', value).is_some() {
        let mut items = Vec::new();
        let mut rest = value;
        while !rest.is_empty() {
            let end = rest.iter().take_while(|byte| !matches!(byte, b' ' | b',')).count();
            if end > 0 && &rest[..end] != b"-" && &rest[..end] != b":" {
                items.push(Value::Text(escape.undo(&rest[..end])));
            }
            rest = &rest[(end + 1).min(rest.len())..];
        }
        return Value::List(items);
    }
    Value::Text(escape.undo(value))
}

/// A request line.
struct Request<'a> {
    method: &'a [u8],
    target: &'a [u8],
    protocol: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// None for what is no request: bytes of TLS on a plain port, nothing, `-`.
    #[inline]
    fn split(text: &'a [u8]) -> Option<Request<'a>> {
        let blank = find(b' ', text)?;
        let (method, rest) = (&text[..blank], &text[blank + 1..]);
        let is_method = blank > 0
            && blank <= 32
            && method.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_method {
            return None;
        }
        // Nearly all end with ` HTTP/1.1` or the like.
        let blank = match rest.len().checked_sub(9) {
            Some(at) if rest[at..].starts_with(b" HTTP/") => Some(at),
            _ => memrchr(b' ', rest),
        };
        let (target, protocol) = match blank {
            Some(at) if rest[at + 1..].starts_with(b"HTTP/") => (&rest[..at], Some(&rest[at + 1..])),
            _ => (rest, None),
        };
        (!target.is_empty()).then_some(Request { method, target, protocol })
    }
}

#[inline]
fn path_and_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match find(b'?', target) {
        Some(at) => (&target[..at], Some(&target[at + 1..]).filter(|query| !query.is_empty())),
        None => (target, None),
    }
}
