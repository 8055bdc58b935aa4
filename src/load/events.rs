//! Records → events, one JSON object a line: for those who judge each, rather than count them here.

use serde_json::{Map, Value as Json};

use crate::engine::{Event, Fields as _, Value};
use crate::plan::{Counting, Expression, Number, Timestamp};

/// Appends the event of a record; false if it is nil.
///
/// It has the time of the line, the service is the measurement, stats are attributes with the value of their field; the
/// record may say otherwise.
pub fn write(counting: &Counting, event: &Event<'_>, out: &mut Vec<u8>) -> bool {
    let Some(entries) = counting.record.record(event) else { return false };
    let mut object = Map::new();
    object.insert("service".to_string(), counting.measurement.clone().into());
    for (name, value) in &counting.tags {
        object.insert(name.clone(), value.clone().into());
    }
    for stat in &counting.stats {
        if let Some(number) = event.field(&stat.field).number() {
            object.insert(stat.name.clone(), json_number(number));
        }
    }
    finish(entries, event, &mut object);
    out.extend_from_slice(Json::Object(object).to_string().as_bytes());
    out.push(b'\n');
    true
}

/// Adds what a record says to what its event has, nil for what it shall not have, and the time.
pub fn finish(record: &[(Box<str>, Expression)], event: &Event<'_>, object: &mut Map<String, Json>) {
    for (name, value) in record {
        match json(&value.evaluate(event)) {
            Json::Null => object.remove(name.as_ref()),
            value => object.insert(name.to_string(), value),
        };
    }
    object.insert("time".to_string(), time(event.time));
}

/// Seconds since 1970.
fn time(time: Timestamp) -> Json {
    let micros = time.micros();
    match micros.rem_euclid(1_000_000) {
        0 => Json::from(micros / 1_000_000),
        _ => Json::from(micros as f64 / 1e6),
    }
}

/// What is no UTF-8 is shown as U+FFFD.
pub fn json(value: &Value<'_>) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => json_number(*number),
        Value::Text(text) => String::from_utf8_lossy(text).into(),
        Value::List(items) => items.iter().map(json).collect(),
    }
}

fn json_number(number: Number) -> Json {
    match number {
        Number::Int(n) => n.into(),
        Number::Float(x) => x.into(),
    }
}
