//! A recording of the daemon: what was observed and what the judge did, in one order that explains the result.
//!
//! One JSON object a line: `{"highwater-recording":1,"started":T}`, then `{"arrival":T,"event":{…}}` for each event,
//! `{"clock":T}` where windows were taken, `{"unwatched":[T,T]}`, `{"set-back":T}`, `{"reloaded":T}`, and `{"end":T}`. T is in seconds.

use std::io::Write;

use super::{Refused, Wanted, json};
use crate::engine::{Event, Value};
use crate::plan::Timestamp;

const VERSION: u64 = 1;
const BEGINNING: &[u8] = b"{\"highwater-recording\":";

/// What one line says.
#[derive(Debug)]
pub enum Step<'a> {
    /// The first line: watching began.
    Started(Timestamp),
    Event {
        arrival: Timestamp,
        event: Box<Event<'a>>,
    },
    /// Windows were closed as far as this time allows.
    Clock(Timestamp),
    Unwatched(Timestamp, Timestamp),
    SetBack(Timestamp),
    /// Other thresholds were read.
    Reloaded(Timestamp),
    /// The last line: the process was asked to stop.
    End(Timestamp),
}

/// Whether a line begins a recording.
pub fn begins(line: &[u8]) -> bool {
    line.starts_with(BEGINNING)
}

/// Reads one line.
///
/// # Errors
/// It is no line of a recording, or one of another version; or its event is one that [`json::decode`] refuses.
pub fn decode<'a>(line: &'a [u8], wanted: &Wanted, most_attributes: usize) -> Result<Step<'a>, Refused> {
    if let Some(rest) = line.strip_prefix(b"{\"arrival\":") {
        let comma = memchr::memchr(b',', rest).ok_or(Refused::expected("`,` after the arrival", line.len()))?;
        let arrival = Timestamp::from_seconds_text(&rest[..comma]).ok_or(Refused::expected("seconds", 11))?;
        let event = rest[comma + 1..].strip_prefix(b"\"event\":").and_then(|event| event.strip_suffix(b"}"));
        let event = event.ok_or(Refused::expected("`\"event\":{…}}`", 12 + comma))?;
        return Ok(Step::Event { arrival, event: Box::new(json::decode(event, wanted, most_attributes)?) });
    }
    let fault = |message: &str| Refused::Fault { message: message.into(), at: 0 };
    let line: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| fault("this is no line of a recording, or it is cut off"))?;
    let time = |value: &serde_json::Value| {
        Timestamp::from_seconds_text(value.to_string().as_bytes()).ok_or_else(|| fault("a time is not in seconds"))
    };
    if let Some(version) = line.get("highwater-recording") {
        if version.as_u64() != Some(VERSION) {
            return Err(fault(&format!("a recording of version {version}; this version reads {VERSION}")));
        }
        return Ok(Step::Started(time(&line["started"])?));
    }
    if let Some(clock) = line.get("clock") {
        return Ok(Step::Clock(time(clock)?));
    }
    if let Some(unwatched) = line.get("unwatched") {
        return Ok(Step::Unwatched(time(&unwatched[0])?, time(&unwatched[1])?));
    }
    if let Some(to) = line.get("set-back") {
        return Ok(Step::SetBack(time(to)?));
    }
    if let Some(at) = line.get("reloaded") {
        return Ok(Step::Reloaded(time(at)?));
    }
    match line.get("end") {
        Some(end) => Ok(Step::End(time(end)?)),
        None => Err(fault("this is no line of a recording")),
    }
}

/// Appends the first line.
pub fn write_start(started: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(BEGINNING);
    let _ = writeln!(out, "{VERSION},\"started\":{}}}", seconds(started));
}

/// Appends the line of one event. Text is written as it is, be it UTF-8 or not: [`decode`] reads the same bytes.
pub fn write_event(event: &Event<'_>, arrival: Timestamp, out: &mut Vec<u8>) {
    let _ = write!(out, "{{\"arrival\":{},\"event\":{{\"time\":{}", seconds(arrival), seconds(event.time));
    let fields = [
        ("service", &event.service),
        ("host", &event.host),
        ("state", &event.state),
        ("description", &event.description),
        ("metric", &event.metric),
        ("tags", &event.tags),
        ("ttl", &event.ttl),
    ];
    for (name, value) in fields {
        pair(name.as_bytes(), value, out);
    }
    for (name, value) in &event.attributes {
        pair(name, value, out);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends the line of a step that is no event.
pub fn write_clock(time: Timestamp, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"clock\":{}}}", seconds(time));
}

pub fn write_unwatched(from: Timestamp, to: Timestamp, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"unwatched\":[{},{}]}}", seconds(from), seconds(to));
}

pub fn write_set_back(to: Timestamp, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"set-back\":{}}}", seconds(to));
}

pub fn write_reloaded(time: Timestamp, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"reloaded\":{}}}", seconds(time));
}

pub fn write_end(time: Timestamp, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"end\":{}}}", seconds(time));
}

/// Seconds since 1970 with six places.
fn seconds(time: Timestamp) -> String {
    let micros = time.micros();
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn pair(name: &[u8], value: &Value<'_>, out: &mut Vec<u8>) {
    if value.is_nil() {
        return;
    }
    out.push(b',');
    text(name, out);
    out.push(b':');
    write_value(value, out);
}

fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(_) | Value::Number(_) => value.write_text(out),
        Value::Text(bytes) => text(bytes, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
    }
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let mut event = Event::at(Timestamp::clamped(1_700_000_000_250_001));
        event.service = Value::bytes(b"q \"\\ \n \xff \xc3\xbc");
        event.metric = Value::Number(crate::plan::Number::Float(0.1));
        event.tags = Value::List(vec![Value::text("a"), Value::Bool(true)]);
        event.attributes = vec![(b"status-code".as_slice().into(), Value::text("200"))];
        let mut line = Vec::new();
        write_event(&event, Timestamp::clamped(1_700_000_001_000_000), &mut line);
        match decode(line.trim_ascii_end(), &Wanted::all(), 10) {
            Ok(Step::Event { arrival, event: read }) => {
                assert_eq!((arrival.micros(), *read), (1_700_000_001_000_000, event));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn steps_are_read_as_they_were_written_and_others_are_refused() {
        let time = |seconds: i64| Timestamp::clamped(seconds * 1_000_000);
        let mut lines = Vec::new();
        write_start(time(1_700_000_000), &mut lines);
        write_clock(time(1_700_000_001), &mut lines);
        write_unwatched(time(1), time(2), &mut lines);
        write_set_back(time(3), &mut lines);
        write_end(time(4), &mut lines);
        assert!(begins(&lines));
        let steps = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let steps: Vec<String> = steps.map(|line| format!("{:?}", decode(line, &Wanted::all(), 1).unwrap())).collect();
        let at = |seconds: i64| format!("{:?}", time(seconds));
        assert_eq!(
            steps,
            [
                format!("Started({})", at(1_700_000_000)),
                format!("Clock({})", at(1_700_000_001)),
                format!("Unwatched({}, {})", at(1), at(2)),
                format!("SetBack({})", at(3)),
                format!("End({})", at(4)),
            ]
        );
        for wrong in [
            "",
            "{}",
            "[]",
            "{\"clock\":\"x\"}",
            "{\"arrival\":1,\"event\":{",
            "{\"highwater-recording\":2,\"started\":1}",
        ] {
            assert!(decode(wrong.as_bytes(), &Wanted::all(), 1).is_err(), "{wrong}");
        }
    }
}
