//! One message → its events.

use std::borrow::Cow;

use super::read::{Fault, Malformed, Reader};
use crate::engine::{Event, Value};
use crate::plan::{EventTime, Number, Timestamp};
use crate::source::{Refused, Wanted};

/// Keys of fields, as they are written: the number of the field and its wire type.
mod key {
    const VARINT: u64 = 0;
    const DOUBLE: u64 = 1;
    const BYTES: u64 = 2;
    const FLOAT: u64 = 5;

    pub const STATES: u64 = 4 << 3 | BYTES;
    pub const QUERY: u64 = 5 << 3 | BYTES;
    pub const EVENTS: u64 = 6 << 3 | BYTES;

    pub const QUERY_TEXT: u64 = 1 << 3 | BYTES;

    pub const TIME: u64 = 1 << 3 | VARINT;
    pub const STATE: u64 = 2 << 3 | BYTES;
    pub const SERVICE: u64 = 3 << 3 | BYTES;
    pub const HOST: u64 = 4 << 3 | BYTES;
    pub const DESCRIPTION: u64 = 5 << 3 | BYTES;
    pub const TAG: u64 = 7 << 3 | BYTES;
    pub const TTL: u64 = 8 << 3 | FLOAT;
    pub const ATTRIBUTE: u64 = 9 << 3 | BYTES;
    pub const TIME_MICROS: u64 = 10 << 3 | VARINT;
    pub const METRIC_SINT64: u64 = 13 << 3 | VARINT;
    pub const METRIC_D: u64 = 14 << 3 | DOUBLE;
    pub const METRIC_F: u64 = 15 << 3 | FLOAT;

    pub const NAME: u64 = 1 << 3 | BYTES;
    pub const VALUE: u64 = 2 << 3 | BYTES;
}

/// What a message holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey<'a> {
    pub events: usize,
    /// What clients of long ago sent for events; nobody reads it.
    pub states: usize,
    /// The text of a query, if it asks one.
    pub query: Option<&'a [u8]>,
}

/// How events are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    pub wanted: &'a Wanted,
    /// The most attributes of an event, wanted or not.
    pub attributes: usize,
    /// The longest event.
    pub event_bytes: usize,
    /// When the message came: the time of an event that has none.
    pub arrival: Timestamp,
    pub time: EventTime,
}

/// Looks through a whole message before anything of it is applied.
///
/// What is inside of an event is not looked at: an event that is none does not lose its neighbours.
///
/// # Errors
/// The bytes are no message.
pub fn survey(message: &[u8]) -> Result<Survey<'_>, Malformed> {
    let mut reader = Reader::new(message);
    let mut survey = Survey::default();
    let looked = (|| {
        while !reader.is_at_end() {
            match reader.varint()? {
                key::EVENTS => reader.bytes().map(|_| survey.events += 1)?,
                key::STATES => reader.bytes().map(|_| survey.states += 1)?,
                key::QUERY => survey.query = Some(query(reader.bytes()?)?.or(survey.query).unwrap_or_default()),
                other => reader.skip(other)?,
            }
        }
        Ok(())
    })();
    looked.map(|()| survey).map_err(|fault| reader.malformed(fault))
}

#[cold]
fn query(bytes: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let mut reader = Reader::new(bytes);
    let mut text = None;
    while !reader.is_at_end() {
        match reader.varint()? {
            key::QUERY_TEXT => text = Some(reader.bytes()?),
            other => reader.skip(other)?,
        }
    }
    Ok(text)
}

/// Calls `each` with every event of a message that [`survey`] has looked through, in order, or with why it is none.
///
/// What is refused never depends on what is wanted.
pub fn events<'a>(message: &'a [u8], reading: &Reading<'_>, mut each: impl FnMut(Result<&Event<'a>, Refused>)) {
    let mut reader = Reader::new(message);
    let mut event = Event::at(reading.arrival);
    let mut tags = Vec::new();
    while !reader.is_at_end() {
        let bytes = match reader.varint() {
            Ok(key::EVENTS) => reader.bytes(),
            Ok(other) => match reader.skip(other) {
                Ok(()) => continue,
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        let Ok(bytes) = bytes else { return };
        each(match read(bytes, reading, &mut event, &mut tags) {
            Ok(()) => Ok(&event),
            Err(refused) => Err(refused),
        });
    }
}

/// The fields that are text, as they were read last.
#[derive(Clone, Copy, Default)]
struct Texts<'a> {
    service: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    state: Option<&'a [u8]>,
    description: Option<&'a [u8]>,
}

/// Reads one event over the one before it. `tags` is memory for tags.
#[inline]
fn read<'a>(
    bytes: &'a [u8],
    reading: &Reading<'_>,
    event: &mut Event<'a>,
    tags: &mut Vec<Value<'a>>,
) -> Result<(), Refused> {
    if bytes.len() > reading.event_bytes {
        return Err(Refused::EventTooLong { limit: reading.event_bytes });
    }
    let mut reader = Reader::new(bytes);
    match fields(&mut reader, reading, event, tags) {
        Ok(read) => read,
        Err(fault) => {
            let malformed = reader.malformed(fault);
            Err(Refused::Fault { message: malformed.fault.text().into(), at: malformed.at })
        }
    }
}

/// Reads all fields; the inner result is why the event is refused though it is well-formed.
///
/// Nothing of the event before is left: each field that is wanted is written, and none that is not.
#[inline]
fn fields<'a>(
    reader: &mut Reader<'a>,
    reading: &Reading<'_>,
    event: &mut Event<'a>,
    tags: &mut Vec<Value<'a>>,
) -> Result<Result<(), Refused>, Fault> {
    let wanted = reading.wanted;
    let (mut time, mut time_micros) = (None, None);
    let mut metric = Metric::default();
    let mut ttl = None;
    let mut texts = Texts::default();
    // The fields that attributes of their names overwrite, wherever those stand.
    let mut overwriting: Option<Texts<'_>> = None;
    let (mut attributes, mut kept) = (0, 0);
    tags.clear();
    while !reader.is_at_end() {
        match reader.varint()? {
            key::TIME => time = Some(reader.varint()? as i64),
            key::TIME_MICROS => time_micros = Some(reader.varint()? as i64),
            key::SERVICE => texts.service = Some(reader.bytes()?),
            key::HOST => texts.host = Some(reader.bytes()?),
            key::STATE => texts.state = Some(reader.bytes()?),
            key::DESCRIPTION => texts.description = Some(reader.bytes()?),
            key::METRIC_SINT64 => metric.sint64 = Some(reader.varint()?),
            key::METRIC_D => metric.d = Some(reader.fixed()?),
            key::METRIC_F => metric.f = Some(reader.fixed()?),
            key::TTL => ttl = Some(reader.fixed()?),
            key::ATTRIBUTE => {
                let (name, value) = attribute(reader)?;
                attributes += 1;
                // At once: equal names are looked for among those before.
                if attributes > reading.attributes {
                    return Ok(Err(Refused::TooManyAttributes { limit: reading.attributes }));
                }
                match name {
                    b"service" => overwriting.get_or_insert_default().service = Some(value),
                    b"host" => overwriting.get_or_insert_default().host = Some(value),
                    b"state" => overwriting.get_or_insert_default().state = Some(value),
                    b"description" => overwriting.get_or_insert_default().description = Some(value),
                    b"tags" | b"time" | b"ttl" | b"metric" => {}
                    _ if wanted.attribute(name) => keep(name, value, &mut event.attributes, &mut kept),
                    _ => {}
                }
            }
            key::TAG => {
                let tag = reader.bytes()?;
                if wanted.tags {
                    tags.push(Value::bytes(tag));
                }
            }
            other => reader.skip(other)?,
        }
    }
    event.attributes.truncate(kept);
    if let Some(by) = overwriting {
        texts = Texts {
            service: by.service.or(texts.service),
            host: by.host.or(texts.host),
            state: by.state.or(texts.state),
            description: by.description.or(texts.description),
        };
    }
    write(texts.service, &mut event.service);
    if wanted.host {
        write(texts.host, &mut event.host);
    }
    if wanted.state {
        write(texts.state, &mut event.state);
    }
    if wanted.description {
        write(texts.description, &mut event.description);
    }
    if wanted.metric {
        metric.write(&mut event.metric);
    }
    if wanted.ttl {
        match ttl {
            Some(ttl) => write_number(shortest(f32::from_le_bytes(ttl)), &mut event.ttl),
            None => event.ttl = Value::Nil,
        }
    }
    if wanted.tags {
        write_tags(tags, &mut event.tags);
    }
    Ok(time_of(time, time_micros, reading).map(|time| event.time = time))
}

/// Reads a name and a value; what is not there is empty.
#[inline]
fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let bytes = reader.bytes()?;
    let mut inside = reader.inside(bytes);
    let (mut name, mut value): (&[u8], &[u8]) = (b"", b"");
    while !inside.is_at_end() {
        let read = match inside.varint() {
            Ok(key::NAME) => inside.bytes().map(|bytes| name = bytes),
            Ok(key::VALUE) => inside.bytes().map(|bytes| value = bytes),
            Ok(other) => inside.skip(other),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = read {
            // So that the error has its place.
            *reader = inside;
            return Err(fault);
        }
    }
    Ok((name, value))
}

/// Puts an attribute among those `kept` of this event: over one of its name, else over one of the event before.
#[inline]
fn keep<'a>(name: &'a [u8], value: &'a [u8], attributes: &mut Vec<(Cow<'a, [u8]>, Value<'a>)>, kept: &mut usize) {
    let known = attributes[..*kept].iter().position(|(known, _)| known.as_ref() == name);
    let at = known.unwrap_or(*kept);
    match attributes.get_mut(at) {
        // What borrows is overwritten without a look at what it was.
        Some((Cow::Borrowed(known), Value::Text(Cow::Borrowed(before)))) => (*known, *before) = (name, value),
        Some(other) => *other = (Cow::Borrowed(name), Value::bytes(value)),
        None => attributes.push((Cow::Borrowed(name), Value::bytes(value))),
    }
    *kept = (*kept).max(at + 1);
}

#[inline(always)]
fn write<'a>(text: Option<&'a [u8]>, into: &mut Value<'a>) {
    match (text, into) {
        (Some(text), Value::Text(Cow::Borrowed(before))) => *before = text,
        (Some(text), into) => *into = Value::bytes(text),
        (None, into) => *into = Value::Nil,
    }
}

/// Both keep their memory.
fn write_tags<'a>(tags: &mut Vec<Value<'a>>, into: &mut Value<'a>) {
    match into {
        Value::List(before) if !tags.is_empty() => std::mem::swap(before, tags),
        _ if tags.is_empty() => *into = Value::Nil,
        _ => *into = Value::List(std::mem::take(tags)),
    }
}

/// A metric as it came.
#[derive(Clone, Copy, Default)]
struct Metric {
    sint64: Option<u64>,
    d: Option<[u8; 8]>,
    f: Option<[u8; 4]>,
}

impl Metric {
    /// The exact one: clients send a float beside it.
    #[inline]
    fn write(self, into: &mut Value<'_>) {
        match (self.sint64, self.d, self.f) {
            (Some(zigzag), _, _) => {
                let n = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                *into = Value::Number(Number::Int(n));
            }
            (None, Some(double), _) => write_number(f64::from_le_bytes(double), into),
            (None, None, Some(float)) => write_number(shortest(f32::from_le_bytes(float)), into),
            (None, None, None) => *into = Value::Nil,
        }
    }
}

/// What is no number stays in the event as a text that is none.
#[inline]
fn write_number(x: f64, into: &mut Value<'_>) {
    match (Number::from_f64(x), into) {
        (Some(number), Value::Number(before)) => *before = number,
        (Some(number), into) => *into = Value::Number(number),
        (None, into) if x.is_nan() => *into = Value::text("NaN"),
        (None, into) => *into = Value::text(if x > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

#[inline]
fn time_of(time: Option<i64>, time_micros: Option<i64>, reading: &Reading<'_>) -> Result<Timestamp, Refused> {
    let (read, written, unit) = match (reading.time, time_micros, time) {
        (EventTime::Arrival, _, _) | (_, None, None) => return Ok(reading.arrival),
        (EventTime::Event, Some(micros), _) => (Timestamp::from_micros(micros), micros, " µs"),
        (EventTime::Event, None, Some(secs)) => (Timestamp::from_secs(secs), secs, ""),
    };
    read.ok_or_else(|| Refused::TimeOutOfRange(format!("{written}{unit}").into()))
}

/// The double that the shortest decimal of a float reads as: 0.1 for the float nearest to it.
#[inline]
fn shortest(x: f32) -> f64 {
    const WHOLE: f64 = 16_777_216.0;
    // Below so many digits two decimals are further apart than two floats, so that one that gives the float is the
    // shortest there is.
    const DIGITS: f64 = 1e6;
    let exact = f64::from(x);
    let size = exact.abs();
    if size < WHOLE && size == f64::from(size as u32) {
        return exact;
    }
    for power in [1e1, 1e2, 1e3, 1e4, 1e5, 1e6] {
        let scaled = size * power + 0.5;
        if scaled >= DIGITS {
            break;
        }
        let decimal = f64::from(scaled as u32) / power;
        if decimal as f32 == x.abs() {
            return decimal.copysign(exact);
        }
    }
    shortest_by_text(x)
}

#[cold]
fn shortest_by_text(x: f32) -> f64 {
    format!("{x:e}").parse().unwrap_or(f64::from(x))
}
