//! One message → its events.

use std::borrow::Cow;

use super::read::{Fault, Malformed, Reader};
use crate::engine::{Event, Value};
use crate::plan::{EventTime, Number, Timestamp};
use crate::source::json::place_of;
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

/// The fields that attributes of their names overwrite, wherever those stand.
#[derive(Default)]
struct Overwriting<'a> {
    any: bool,
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
    clear(event, reading.wanted, tags);
    let mut reader = Reader::new(bytes);
    match fields(&mut reader, reading, event, tags) {
        Ok(Ok(time)) => {
            event.time = time;
            Ok(())
        }
        Ok(Err(refused)) => Err(refused),
        Err(fault) => {
            let malformed = reader.malformed(fault);
            Err(Refused::Fault { message: malformed.fault.text().into(), at: malformed.at })
        }
    }
}

/// Takes away what the event before this one said; what is not wanted was never there.
#[inline]
fn clear<'a>(event: &mut Event<'a>, wanted: &Wanted, tags: &mut Vec<Value<'a>>) {
    event.service = Value::Nil;
    event.attributes.clear();
    if wanted.metric {
        event.metric = Value::Nil;
    }
    if wanted.host {
        event.host = Value::Nil;
    }
    if wanted.state {
        event.state = Value::Nil;
    }
    if wanted.description {
        event.description = Value::Nil;
    }
    if wanted.ttl {
        event.ttl = Value::Nil;
    }
    if wanted.tags {
        if let Value::List(read) = std::mem::take(&mut event.tags) {
            *tags = read;
        }
        tags.clear();
    }
}

/// Reads all fields; the inner result is the time's, or why the event is refused though it is well-formed.
#[inline]
fn fields<'a>(
    reader: &mut Reader<'a>,
    reading: &Reading<'_>,
    event: &mut Event<'a>,
    tags: &mut Vec<Value<'a>>,
) -> Result<Result<Timestamp, Refused>, Fault> {
    let wanted = reading.wanted;
    let mut time = None;
    let mut time_micros = None;
    let mut sint64 = None;
    let mut double = None;
    let mut float = None;
    let mut attributes = 0;
    let mut overwriting = Overwriting::default();
    while !reader.is_at_end() {
        match reader.varint()? {
            key::TIME => time = Some(reader.varint()? as i64),
            key::TIME_MICROS => time_micros = Some(reader.varint()? as i64),
            key::SERVICE => event.service = Value::bytes(reader.bytes()?),
            key::HOST => keep(reader.bytes()?, wanted.host, &mut event.host),
            key::STATE => keep(reader.bytes()?, wanted.state, &mut event.state),
            key::DESCRIPTION => keep(reader.bytes()?, wanted.description, &mut event.description),
            key::METRIC_SINT64 => sint64 = Some(reader.varint()?),
            key::METRIC_D => double = Some(reader.fixed()?),
            key::METRIC_F => float = Some(reader.fixed()?),
            key::ATTRIBUTE => {
                let bytes = reader.bytes()?;
                let mut inside = reader.inside(bytes);
                let (name, value) = match attribute(&mut inside) {
                    Ok(pair) => pair,
                    Err(fault) => {
                        *reader = inside;
                        return Err(fault);
                    }
                };
                attributes += 1;
                // At once: equal names are looked for among those before.
                if attributes > reading.attributes {
                    return Ok(Err(Refused::TooManyAttributes { limit: reading.attributes }));
                }
                put(name, value, wanted, event, &mut overwriting);
            }
            key::TAG => {
                let tag = reader.bytes()?;
                if wanted.tags {
                    tags.push(Value::bytes(tag));
                }
            }
            key::TTL => {
                let ttl = reader.fixed()?;
                if wanted.ttl {
                    event.ttl = shortest(f32::from_le_bytes(ttl));
                }
            }
            other => reader.skip(other)?,
        }
    }
    if wanted.metric {
        event.metric = match (sint64, double, float) {
            (Some(zigzag), _, _) => Value::Number(Number::Int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))),
            (None, Some(double), _) => number(f64::from_le_bytes(double)),
            (None, None, Some(float)) => shortest(f32::from_le_bytes(float)),
            (None, None, None) => Value::Nil,
        };
    }
    if !tags.is_empty() {
        event.tags = Value::List(std::mem::take(tags));
    }
    if overwriting.any {
        overwrite(&overwriting, wanted, event);
    }
    Ok(time_of(time, time_micros, reading))
}

#[inline(always)]
fn keep<'a>(bytes: &'a [u8], wanted: bool, into: &mut Value<'a>) {
    if wanted {
        *into = Value::bytes(bytes);
    }
}

/// Reads a name and a value; what is not there is empty.
#[inline]
fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let (mut name, mut value): (&[u8], &[u8]) = (b"", b"");
    while !reader.is_at_end() {
        match reader.varint()? {
            key::NAME => name = reader.bytes()?,
            key::VALUE => value = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    Ok((name, value))
}

/// Puts an attribute where it belongs: some names are those of fields.
#[inline]
fn put<'a>(name: &'a [u8], value: &'a [u8], wanted: &Wanted, event: &mut Event<'a>, overwriting: &mut Overwriting<'a>) {
    let field = match name {
        b"service" => &mut overwriting.service,
        b"host" => &mut overwriting.host,
        b"state" => &mut overwriting.state,
        b"description" => &mut overwriting.description,
        b"tags" | b"time" | b"ttl" | b"metric" => return,
        _ => {
            if wanted.attribute(name) {
                *place_of(Cow::Borrowed(name), &mut event.attributes) = Value::bytes(value);
            }
            return;
        }
    };
    *field = Some(value);
    overwriting.any = true;
}

#[cold]
fn overwrite<'a>(overwriting: &Overwriting<'a>, wanted: &Wanted, event: &mut Event<'a>) {
    for (by, wanted, field) in [
        (overwriting.service, true, &mut event.service),
        (overwriting.host, wanted.host, &mut event.host),
        (overwriting.state, wanted.state, &mut event.state),
        (overwriting.description, wanted.description, &mut event.description),
    ] {
        if let Some(text) = by {
            keep(text, wanted, field);
        }
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

/// What is no number stays in the event as a text that is none.
#[inline]
fn number(x: f64) -> Value<'static> {
    match Number::from_f64(x) {
        Some(number) => Value::Number(number),
        None if x.is_nan() => Value::text("NaN"),
        None => Value::text(if x > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// The double that the shortest decimal of a float reads as: 0.1 for the float nearest to it.
#[inline]
fn shortest(x: f32) -> Value<'static> {
    const WHOLE: f64 = 16_777_216.0;
    // Below so many digits two decimals are further apart than two floats, so that one that gives the float is the
    // shortest there is.
    const DIGITS: f64 = 1e6;
    let exact = f64::from(x);
    let size = exact.abs();
    if size < WHOLE && size == f64::from(size as u32) {
        return number(exact);
    }
    for power in [1e1, 1e2, 1e3, 1e4, 1e5, 1e6] {
        let scaled = size * power + 0.5;
        if !(1.0..DIGITS).contains(&scaled) {
            break;
        }
        let decimal = f64::from(scaled as u32) / power;
        if decimal as f32 == x.abs() {
            return number(decimal.copysign(exact));
        }
    }
    shortest_by_text(x)
}

#[cold]
fn shortest_by_text(x: f32) -> Value<'static> {
    number(format!("{x:e}").parse().unwrap_or(f64::from(x)))
}
