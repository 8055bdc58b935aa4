//! What becomes of one line, step by step, for people.

use std::fmt::Write;

use super::cells::{Cell, Cells};
use super::count::Counter;
use super::{events, points};
use crate::edn::quote;
use crate::engine::{Budget, Event, Fields, Value};
use crate::plan::{Destination, Expression, Field, Pipeline, Timestamp};
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
    record(&pipeline.counting.record, &event, &mut steps);
    for (at, step) in steps.iter().enumerate() {
        let _ = writeln!(out, "{:<9} {step}", if at == 0 { "record" } else { "" });
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
            let _ = writeln!(out, "{label:<9} :{} {}", field.name(), shown(&value));
            label = "";
        }
    }
}

/// The point that this line alone would make.
fn point(pipeline: &Pipeline, event: &Event<'_>, out: &mut String) {
    let counting = &pipeline.counting;
    let budget = Budget { limit: 1 << 20, used: 0 };
    let mut counter = Counter::new(counting, budget, usize::MAX);
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

/// Which branches a record takes, and what the values of its map come to.
fn record<'e>(expression: &'e Expression, event: &'e Event<'e>, out: &mut Vec<String>) {
    match expression {
        Expression::If(parts) => {
            let (test, then, otherwise) = parts.as_ref();
            if *test != Expression::Bool(true) {
                value(test, event, 0, out);
            }
            record(if test.accepts(event) { then } else { otherwise }, event, out);
        }
        Expression::Map(entries) => {
            if entries.is_empty() {
                out.push("{}".to_string());
            }
            for (name, expression) in entries {
                let before = out.len();
                value(expression, event, 0, out);
                if let Some(first) = out.get_mut(before) {
                    first.insert_str(0, &format!(":{name} "));
                }
            }
        }
        _ => out.push("nil".to_string()),
    }
}

/// What an expression comes to, and below it what its parts do, as far as they were asked.
fn value<'e>(expression: &'e Expression, event: &'e Event<'e>, depth: usize, out: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let result = shown(&expression.evaluate(event));
    match expression {
        Expression::Text(_) | Expression::Number(_) | Expression::Bool(_) | Expression::Nil => {
            // What stands there is what it comes to.
            if depth == 0 {
                out.push(result);
            }
            return;
        }
        _ => out.push(format!("{indent}{expression} => {result}")),
    }
    match expression {
        Expression::If(parts) => {
            let (test, then, otherwise) = parts.as_ref();
            value(test, event, depth + 1, out);
            value(if test.accepts(event) { then } else { otherwise }, event, depth + 1, out);
        }
        Expression::And(items) | Expression::Or(items) => {
            let goes_on = matches!(expression, Expression::And(_));
            for item in items {
                value(item, event, depth + 1, out);
                if item.accepts(event) != goes_on {
                    break;
                }
            }
        }
        Expression::Compare(_, items) | Expression::Arithmetic(_, items) | Expression::Str(items) => {
            items.iter().for_each(|item| value(item, event, depth + 1, out));
        }
        Expression::Not(inner)
        | Expression::IsNil(inner)
        | Expression::IsSome(inner)
        | Expression::Find(_, inner)
        | Expression::Group(_, _, inner)
        | Expression::Sub(inner, ..)
        | Expression::Part(_, inner, _)
        | Expression::Path(inner)
        | Expression::Query(inner, _)
        | Expression::Bucket(inner, ..)
        | Expression::Lower(inner)
        | Expression::ParseNumber(inner) => value(inner, event, depth + 1, out),
        _ => {}
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Nil => "nil".to_string(),
        Value::Text(text) => quote(&String::from_utf8_lossy(text)),
        other => {
            let mut text = Vec::new();
            other.write_text(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}
