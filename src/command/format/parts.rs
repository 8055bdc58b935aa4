//! The values of a line, and the fields of its event that come of each.

use serde_json::Value as Json;

use crate::engine::{Event, Fields};
use crate::load::events::json;
use crate::plan::Field;
use crate::source::{Decoder, Kind};

/// One value of a line.
pub struct Part {
    /// As the format calls it; empty for what comes of no single value.
    pub label: String,
    /// As the line has it.
    pub value: String,
    /// The fields that come of it, each with its value; none if the log says that there is no value.
    pub fields: Vec<(String, Json)>,
}

/// Fields of every event, in the order in which they are shown.
const STANDARD: [&str; 8] = ["time", "service", "host", "state", "description", "metric", "tags", "ttl"];

/// Splits a line that was read as an event. All fields of the event are in the parts.
pub fn of(kind: &Kind, decoder: &Decoder, line: &[u8], event: &Event<'_>) -> Vec<Part> {
    let names = STANDARD.iter().map(|name| (*name).to_owned());
    let attributes = event.attributes.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    let mut left: Vec<String> = names.chain(attributes).filter(|name| !value(event, name).is_null()).collect();
    let (Kind::Log(format), Decoder::Log(decoder)) = (kind, decoder) else {
        return left.into_iter().map(|name| Part::of_event(event, name)).collect();
    };
    let has = left.clone();
    let split = decoder.split(line).ok().flatten().unwrap_or_default();
    let uses = format.uses(&split);
    let mut parts = Vec::new();
    for ((label, text), uses) in split.into_iter().zip(uses) {
        let uses = uses.into_iter().filter(|name| has.contains(name));
        let fields: Vec<(String, Json)> = uses.map(|name| (name.clone(), value(event, &name))).collect();
        // Each attribute of a log has two names: `remote_user` and `remote-user`.
        let dashed = |name: &str| name.replace('_', "-");
        left.retain(|name| fields.iter().all(|(said, _)| dashed(said) != dashed(name)));
        parts.push(Part { label, value: String::from_utf8_lossy(&text).into_owned(), fields });
    }
    // The service is that of the command line.
    left.retain(|name| name != "service");
    if !left.is_empty() {
        let fields = left.into_iter().map(|name| (name.clone(), value(event, &name)));
        parts.push(Part { label: String::new(), value: String::new(), fields: fields.collect() });
    }
    parts
}

impl Part {
    fn of_event(event: &Event<'_>, name: String) -> Part {
        let value = value(event, &name);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Part { label: name.clone(), value: text, fields: vec![(name, value)] }
    }
}

/// Null for what the event does not have.
fn value(event: &Event<'_>, name: &str) -> Json {
    match Field::named(name) {
        Field::Time => event.time.to_string().into(),
        field => json(event.field(&field).as_ref()),
    }
}
