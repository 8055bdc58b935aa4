//! What the tests of sources share.

use highwater::engine::{Event, Value};
use highwater::source::{Refused, Wanted};

/// All that an event says, on one line: `2023-11-14T22:13:20Z service=q metric=85 status-code=200`.
pub fn show(event: &Event<'_>) -> String {
    let mut text = event.time.to_string();
    let mut field = |name: &str, value: &Value<'_>| {
        if !value.is_nil() {
            let mut out = Vec::new();
            value.write_text(&mut out);
            text.push_str(&format!(" {name}={}", String::from_utf8_lossy(&out)));
        }
    };
    field("service", &event.service);
    field("host", &event.host);
    field("state", &event.state);
    field("description", &event.description);
    field("metric", &event.metric);
    field("tags", &event.tags);
    field("ttl", &event.ttl);
    for (name, value) in &event.attributes {
        field(&String::from_utf8_lossy(name), value);
    }
    text
}

pub fn show_result(result: Result<Event<'_>, Refused>) -> String {
    match result {
        Ok(event) => show(&event),
        Err(refused) => format!("{}: {refused}", refused.cause()),
    }
}

pub fn wanted(names: &[&str]) -> Wanted {
    let fields: Vec<_> = names.iter().map(|name| highwater::plan::Field::named(name)).collect();
    Wanted::of(&fields)
}

pub fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
