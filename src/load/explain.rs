//! What becomes of one line, step by step, for people.

use std::fmt::Write;

use super::cells::{Cell, Cells};
use super::count::Counter;
use super::{events, points};
use crate::engine::{Budget, Event, Fields};
use crate::plan::{Destination, Field, Limits, Pipeline, Timestamp};
use crate::source::{Decoder, Kind, Refused};

/// What becomes of a line, read as an event by a decoder that gives every field.
pub fn explain(pipeline: &Pipeline, kind: &Kind, decoder: &Decoder, line: &[u8]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "pipeline  :{}", pipeline.name);
    let _ = writeln!(out, "format    {}", kind.name());
    let mut event = Event::at(Timestamp::MIN);
    match decoder.read(line, &mut event) {
        Ok(true) => {}
        Ok(false) => {
            let _ = writeln!(out, "nothing   a header, a part of a line, or no request: it is passed over");
            return out;
        }
        Err(refused @ Refused::NotUnderstood { at, .. }) => {
            let line = String::from_utf8_lossy(line);
            let blanks = String::from_utf8_lossy(&line.as_bytes()[..at.min(line.len())]).chars().count();
            let _ = writeln!(out, "refused   {refused}\n          {line}\n          {}^", " ".repeat(blanks));
            return out;
        }
        Err(refused) => {
            let _ = writeln!(out, "refused   {refused}");
            return out;
        }
    }
    fields(&event, &mut out);
    let mut steps = Vec::new();
    pipeline.counting.record.trace(&event, &mut steps);
    for (at, step) in steps.iter().enumerate() {
        let label = if at == 0 { "record" } else { "" };
        let _ = writeln!(out, "{label:<9} {}{} => {}", "  ".repeat(step.depth), step.expression, step.value);
    }
    if let Destination::Events(_) = pipeline.to {
        let mut lines = Vec::new();
        match events::write(&pipeline.counting, &event, &mut lines) {
            true => drop(write!(out, "event     {}", String::from_utf8_lossy(&lines))),
            false => out.push_str("dropped   the record is nil\n"),
        }
        return out;
    }
    point(pipeline, &event, &mut out);
    out
}

/// The fields of an event that have a value, a line each.
fn fields(event: &Event<'_>, out: &mut String) {
    let _ = writeln!(out, "time      {}", event.time);
    let named = ["host", "service", "state", "description", "metric", "tags"].map(Field::named);
    // Names of variables have a second spelling, with `-`, which reads better here.
    let names = || event.attributes.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    let attributes =
        names().filter(|name| !name.contains('_') || !names().any(|other| other == name.replace('_', "-")));
    let attributes = attributes.map(|name| Field::named(&name));
    let mut label = "fields";
    for field in named.into_iter().chain(attributes) {
        let value = event.field(&field);
        if !value.is_nil() && field != Field::Service {
            let _ = writeln!(out, "{label:<9} :{} {}", field.name(), value);
            label = "";
        }
    }
}

/// The point that this line alone would make.
fn point(pipeline: &Pipeline, event: &Event<'_>, out: &mut String) {
    let counting = &pipeline.counting;
    let budget = Budget { limit: 1 << 20, used: 0 };
    let mut counter = Counter::new(counting, budget, &Limits::default());
    counter.count(event);
    let mut lines = Vec::new();
    let mut cells: Cells = std::mem::take(&mut counter.cells);
    cells.each_changed(&mut |start, key, cell: &Cell| {
        let window = |micros: i64| Timestamp::from_micros(micros).map_or(String::new(), |time| time.to_string());
        let end = window(start.saturating_add(counting.interval.micros()));
        let _ = writeln!(out, "window    {} to {end}", window(start));
        points::write(counting, start, key, cell, 0, &mut lines);
    });
    match lines.is_empty() {
        true => out.push_str("dropped   the record is nil\n"),
        false => drop(write!(out, "point     {}", String::from_utf8_lossy(&lines))),
    }
}
