//! Arguments, or a line of JSON → the event as Riemann's protocol has it.

use super::EventArgs;
use crate::engine::{Event, Value};
use crate::plan::{EventTime, Number, Timestamp};
use crate::source::riemann::wire;
use crate::source::{Refused, Wanted, json};

/// How many attributes of an event are sent; the daemon has a limit of its own.
const ATTRIBUTES: usize = 10_000;

/// The event that the arguments say.
pub fn of_arguments(args: &EventArgs) -> wire::Event {
    let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let attributes = args.attributes.iter();
    let mut event = wire::Event {
        service: text(&args.service),
        host: text(&args.host),
        state: text(&args.state),
        description: text(&args.description),
        tags: args.tags.iter().map(|tag| tag.as_bytes().to_vec()).collect(),
        ttl: args.ttl,
        attributes: attributes.map(|(name, value)| attribute(name.as_bytes(), value.as_bytes().to_vec())).collect(),
        ..wire::Event::default()
    };
    if let Some(metric) = args.metric {
        put_metric(metric, &mut event);
    }
    if let Some(time) = args.time {
        put_time(time, &mut event);
    }
    event
}

/// The event that a line says; without a time it has none, so that the daemon dates it.
///
/// # Errors
/// Why the line is none that could be sent.
pub fn of_json(line: &[u8]) -> Result<wire::Event, String> {
    let all = Wanted::all();
    let (event, is_dated) = match json::decode(line, &all, ATTRIBUTES) {
        Ok(event) => (event, true),
        Err(Refused::NoTime) => {
            let event = json::decode_at(line, &all, ATTRIBUTES, Timestamp::MIN, EventTime::Arrival);
            (event.map_err(|refused| refused.to_string())?, false)
        }
        Err(refused) => return Err(refused.to_string()),
    };
    let mut sent = wire::Event {
        service: text(&event.service),
        host: text(&event.host),
        state: text(&event.state),
        description: text(&event.description),
        tags: tags(&event),
        attributes: Vec::with_capacity(event.attributes.len()),
        ..wire::Event::default()
    };
    match (&event.metric, event.metric.number()) {
        (Value::Nil, _) => {}
        (_, Some(metric)) => put_metric(metric, &mut sent),
        // `NaN` and what else is no number to JSON, but one to the protocol.
        (other, None) => match shown(other).parse() {
            Ok(metric) => sent.metric_d = Some(metric),
            Err(_) => return Err(format!("the metric `{}` is no number", shown(other))),
        },
    }
    match (&event.ttl, event.ttl.number()) {
        (Value::Nil, _) => {}
        (_, Some(ttl)) => sent.ttl = Some(ttl.to_f64() as f32),
        (other, None) => return Err(format!("the ttl `{}` is no number", shown(other))),
    }
    for (name, value) in &event.attributes {
        sent.attributes.push(attribute(name, text(value).unwrap_or_default()));
    }
    if is_dated {
        put_time(event.time, &mut sent);
    }
    Ok(sent)
}

fn attribute(name: &[u8], value: Vec<u8>) -> wire::Attribute {
    wire::Attribute { key: name.to_vec(), value: Some(value) }
}

fn tags(event: &Event<'_>) -> Vec<Vec<u8>> {
    let mut tags = Vec::new();
    event.tags.each_text(&mut |tag| tags.push(tag.to_vec()));
    tags
}

fn text(value: &Value<'_>) -> Option<Vec<u8>> {
    if value.is_nil() {
        return None;
    }
    let mut text = Vec::new();
    value.write_text(&mut text);
    Some(text)
}

fn shown(value: &Value<'_>) -> String {
    json::lossy(&text(value).unwrap_or_default()).into()
}

fn put_metric(metric: Number, event: &mut wire::Event) {
    match metric {
        Number::Int(n) => event.metric_sint64 = Some(n),
        Number::Float(x) => event.metric_d = Some(x),
    }
}

/// In whole seconds too, for those who do not know microseconds.
fn put_time(time: Timestamp, event: &mut wire::Event) {
    event.time_micros = Some(time.micros());
    event.time = Some(time.micros().div_euclid(1_000_000));
}
