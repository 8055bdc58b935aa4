//! What an event of Riemann's protocol says, from what `prost` decodes and from the contract alone.
//!
//! The fuzz target takes this file too.

use highwater::engine::{Event, Value};
use highwater::plan::{EventTime, Number, Timestamp};
use highwater::source::Refused;
use highwater::source::riemann::{Reading, wire};

/// The event that `wire` is, with every field.
pub fn event(wire: &wire::Event, reading: &Reading<'_>) -> Result<Event<'static>, Refused> {
    if wire.attributes.len() > reading.attributes {
        return Err(Refused::TooManyAttributes { limit: reading.attributes });
    }
    let own = match (wire.time_micros, wire.time) {
        _ if reading.time == EventTime::Arrival => None,
        (Some(micros), _) => Some((Timestamp::from_micros(micros), format!("{micros} µs"))),
        (None, Some(secs)) => Some((Timestamp::from_secs(secs), secs.to_string())),
        (None, None) => None,
    };
    let time = match own {
        Some((time, text)) => time.ok_or_else(|| Refused::TimeOutOfRange(text.into()))?,
        None => reading.arrival,
    };
    let mut event = Event::at(time);
    event.service = optional(&wire.service);
    event.host = optional(&wire.host);
    event.state = optional(&wire.state);
    event.description = optional(&wire.description);
    event.metric = match wire {
        wire::Event { metric_sint64: Some(n), .. } => Value::Number(Number::Int(*n)),
        wire::Event { metric_d: Some(x), .. } => number(*x),
        wire::Event { metric_f: Some(x), .. } => number(shortest(*x)),
        _ => Value::Nil,
    };
    event.ttl = wire.ttl.map_or(Value::Nil, |ttl| number(shortest(ttl)));
    if !wire.tags.is_empty() {
        event.tags = Value::List(wire.tags.iter().map(|tag| text(tag)).collect());
    }
    for wire::Attribute { key, value } in &wire.attributes {
        let value = text(value.as_deref().unwrap_or_default());
        match key.as_slice() {
            b"service" => event.service = value,
            b"host" => event.host = value,
            b"state" => event.state = value,
            b"description" => event.description = value,
            b"tags" | b"time" | b"ttl" | b"metric" => {}
            name => match event.attributes.iter().position(|(known, _)| known.as_ref() == name) {
                Some(at) => event.attributes[at].1 = value,
                None => event.attributes.push((name.to_vec().into(), value)),
            },
        }
    }
    Ok(event)
}

fn text(bytes: &[u8]) -> Value<'static> {
    Value::Text(bytes.to_vec().into())
}

fn optional(bytes: &Option<Vec<u8>>) -> Value<'static> {
    bytes.as_deref().map_or(Value::Nil, text)
}

fn shortest(x: f32) -> f64 {
    x.to_string().parse().expect("the text of a float")
}

fn number(x: f64) -> Value<'static> {
    match Number::from_f64(x) {
        Some(number) => Value::Number(number),
        None if x.is_nan() => Value::text("NaN"),
        None if x > 0.0 => Value::text("Infinity"),
        None => Value::text("-Infinity"),
    }
}

/// A message whose events are not looked into: each is decoded on its own.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Outer {
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub states: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    pub query: Option<wire::Query>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub events: Vec<Vec<u8>>,
}
