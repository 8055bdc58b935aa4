//! One JSON object a line → event.
//!
//! A scanner of its own: flat objects are read without a copy. It takes what `serde_json` takes, with the same
//! meaning, and a little more, because producers write it: bytes that are not UTF-8 and control characters inside of
//! strings (nginx with `escape=json`), half surrogates, and `NaN` and `Infinity`, which are read as text.

pub(super) mod scan;

use std::borrow::Cow;

use scan::Scanner;

use super::{Refused, Wanted, time};
use crate::engine::{Attributes, Event, Value};
use crate::plan::{EventTime, Number, Timestamp};

/// The deepest nesting of brackets that is read.
pub const DEPTH: usize = 64;

/// Reads one event. `most_attributes` is the limit of attributes, wanted or not.
///
/// The last of several equal keys counts; `null` is absent. A list is a list; an object inside is its JSON text
/// without blanks; a number beyond doubles is its text.
///
/// # Errors
/// One for each cause in [`Refused`], but never [`Refused::TooLong`].
pub fn decode<'a>(line: &'a [u8], wanted: &Wanted, most_attributes: usize) -> Result<Event<'a>, Refused> {
    let mut event = Event::at(Timestamp::MIN);
    read(line, wanted, most_attributes, &mut event).map(|()| event)
}

/// As [`decode`], of an event that arrived: without a time it has that of its arrival.
///
/// With [`EventTime::Arrival`] it always has, whatever it says of its time.
///
/// # Errors
/// Those of [`decode`], but never [`Refused::NoTime`]; with [`EventTime::Arrival`] none about the time.
pub fn decode_at<'a>(
    line: &'a [u8],
    wanted: &Wanted,
    most_attributes: usize,
    arrival: Timestamp,
    time: EventTime,
) -> Result<Event<'a>, Refused> {
    let mut event = Event::at(arrival);
    match (time, read_all(line, wanted, most_attributes, &mut event)?) {
        (EventTime::Arrival, _) | (EventTime::Event, Err(Refused::NoTime)) => {}
        (EventTime::Event, read) => event.time = read?,
    }
    Ok(event)
}

/// As [`decode`], into an event that carries nothing yet; events are large, and this one is not moved.
pub(super) fn read<'a>(
    line: &'a [u8],
    wanted: &Wanted,
    most_attributes: usize,
    event: &mut Event<'a>,
) -> Result<(), Refused> {
    event.time = read_all(line, wanted, most_attributes, event)??;
    Ok(())
}

/// Reads all but the time into the event; the outer result is the line's, the inner one the time's.
fn read_all<'a>(
    line: &'a [u8],
    wanted: &Wanted,
    most_attributes: usize,
    event: &mut Event<'a>,
) -> Result<Result<Timestamp, Refused>, Refused> {
    let mut scanner = Scanner::new(line);
    let mut time = Err(Refused::NoTime);
    let mut attributes = 0;
    scanner.skip_blanks();
    scanner.expect(b'{', "`{` of an object")?;
    scanner.skip_blanks();
    if !scanner.eat(b'}') {
        loop {
            if pair(&mut scanner, wanted, event, &mut time)? {
                attributes += 1;
                // At once: equal names are looked for among those before.
                if attributes > most_attributes {
                    return Err(Refused::TooManyAttributes { limit: most_attributes });
                }
            }
            scanner.skip_blanks();
            if scanner.eat(b',') {
                scanner.skip_blanks();
                continue;
            }
            scanner.expect(b'}', "`,` or `}`")?;
            break;
        }
    }
    scanner.skip_blanks();
    scanner.expect_end()?;
    event.attributes.retain(|(_, value)| !value.is_nil());
    Ok(time)
}

/// Reads a key and its value; whether it is an attribute, wanted or not.
#[inline]
fn pair<'a>(
    scanner: &mut Scanner<'a>,
    wanted: &Wanted,
    event: &mut Event<'a>,
    time: &mut Result<Timestamp, Refused>,
) -> Result<bool, Refused> {
    let plain = scanner.plain_string();
    let escaped = if plain.is_none() { Some(scanner.string("a key in quotes")?) } else { None };
    scanner.skip_blanks();
    scanner.expect(b':', "`:` after a key")?;
    scanner.skip_blanks();
    let slot = slot(plain.or(escaped.as_deref()).unwrap_or_default(), wanted);
    let into = match slot {
        Slot::Time => {
            *time = read_time(scanner)?;
            None
        }
        Slot::Unread | Slot::UnreadAttribute => {
            scanner.skip(DEPTH)?;
            None
        }
        Slot::Service => Some(&mut event.service),
        Slot::Host => Some(&mut event.host),
        Slot::State => Some(&mut event.state),
        Slot::Description => Some(&mut event.description),
        Slot::Metric => Some(&mut event.metric),
        Slot::Tags => Some(&mut event.tags),
        Slot::Ttl => Some(&mut event.ttl),
        Slot::Attribute => {
            let name = escaped.or(plain.map(Cow::Borrowed)).unwrap_or_default();
            Some(place_of(name, &mut event.attributes))
        }
    };
    if let Some(into) = into {
        scanner.value_into(DEPTH, into)?;
        if let Slot::Service | Slot::Host | Slot::State | Slot::Description = slot
            && let Value::Number(_) | Value::Bool(_) = into
        {
            *into = as_text(std::mem::take(into));
        }
    }
    Ok(matches!(slot, Slot::Attribute | Slot::UnreadAttribute))
}

/// Where a value goes.
#[derive(Clone, Copy)]
enum Slot {
    Time,
    Service,
    Host,
    State,
    Description,
    Metric,
    Tags,
    Ttl,
    Attribute,
    UnreadAttribute,
    Unread,
}

#[inline]
fn slot(key: &[u8], wanted: &Wanted) -> Slot {
    let (slot, is_wanted) = match key {
        b"time" => (Slot::Time, true),
        b"service" => (Slot::Service, true),
        b"metric" => (Slot::Metric, wanted.metric),
        b"host" => (Slot::Host, wanted.host),
        b"state" => (Slot::State, wanted.state),
        b"description" => (Slot::Description, wanted.description),
        b"tags" => (Slot::Tags, wanted.tags),
        b"ttl" => (Slot::Ttl, wanted.ttl),
        name if wanted.attribute(name) => (Slot::Attribute, true),
        _ => (Slot::UnreadAttribute, true),
    };
    if is_wanted { slot } else { Slot::Unread }
}

/// The outer result is the line's, the inner one the time's: a later `time` may replace it.
fn read_time(scanner: &mut Scanner<'_>) -> Result<Result<Timestamp, Refused>, Refused> {
    let start = scanner.place();
    if let Some((digits, places)) = scanner.plain_number() {
        return Ok(
            time::seconds_divided(digits, places).ok_or_else(|| Refused::TimeOutOfRange(lossy(scanner.since(start))))
        );
    }
    if let Some(number) = scanner.number_text() {
        return Ok(time::seconds(number).ok_or_else(|| Refused::TimeOutOfRange(lossy(number))));
    }
    Ok(match scanner.value(DEPTH)? {
        Value::Nil => Err(Refused::NoTime),
        Value::Text(text) => time_from_text(&text),
        other => {
            let mut text = Vec::new();
            other.write_text(&mut text);
            Err(Refused::TimeNotUnderstood(lossy(&text)))
        }
    })
}

/// Reads RFC 3339, or seconds since 1970.
pub(super) fn time_from_text(text: &[u8]) -> Result<Timestamp, Refused> {
    match Timestamp::from_rfc3339(text).or_else(|| time::seconds(text)) {
        Some(time) => Ok(time),
        None if Number::parse_json(text).is_some() => Err(Refused::TimeOutOfRange(lossy(text))),
        None => Err(Refused::TimeNotUnderstood(lossy(text))),
    }
}

/// Text for a message: readable, and not longer than a message should be.
pub(crate) fn lossy(text: &[u8]) -> Box<str> {
    let short = &text[..text.len().min(80)];
    let ellipsis = if short.len() < text.len() { "…" } else { "" };
    format!("{}{ellipsis}", String::from_utf8_lossy(short)).into()
}

/// The value of a field that holds text: numbers and booleans become their text.
#[inline]
pub(super) fn as_text(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Number(_) | Value::Bool(_) => {
            let mut text = Vec::new();
            value.write_text(&mut text);
            Value::Text(Cow::Owned(text))
        }
        other => other,
    }
}

/// Where the value of an attribute goes: the last of several equal names counts.
#[inline]
pub(super) fn place_of<'v, 'a>(name: Cow<'a, [u8]>, attributes: &'v mut Attributes<'a>) -> &'v mut Value<'a> {
    let known = if attributes.is_empty() { None } else { attributes.iter().position(|(known, _)| *known == name) };
    let at = known.unwrap_or_else(|| {
        attributes.push((name, Value::Nil));
        attributes.len() - 1
    });
    &mut attributes[at].1
}
