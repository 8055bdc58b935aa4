//! What is known of a field before there is a transition, and what that makes of a condition.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::Fact;
use crate::engine::{Fields, Value};
use crate::plan::{Comparator, Expression, Field, Measure, Number, Service, Threshold};

/// What is known of the value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known<'p> {
    Value(Value<'p>),
    /// It is there, whatever it is: neither nil nor false.
    Present,
    /// It is the group's: there or not. A label of that name is not seen.
    Group,
    Unknown,
}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Never,
    Maybe,
    Always,
}

/// What is known at a place in the tree of the transitions of some thresholds.
pub(super) struct Scope<'w, 'p> {
    pub index: &'w HashMap<&'p Field, usize>,
    /// In the order of the fields.
    pub known: &'w [Known<'p>],
    pub facts: &'w [Fact<'p>],
}

/// What is known of a field of the violations of a threshold, as [`Notice`](crate::route::Notice) reads it.
pub(super) fn of<'p>(threshold: &'p Threshold, instance: &'p str, field: &Field) -> Known<'p> {
    let own = match field {
        Field::State => "status",
        Field::Metric => "value",
        other => other.name(),
    };
    let text = |text: &'p str| Known::Value(Value::text(text));
    let optional = |text: Option<&'p str>| text.map(|text| Known::Value(Value::text(text)));
    let number = |number: Option<Number>| number.map_or(Known::Present, |number| Known::Value(Value::Number(number)));
    let output = &threshold.output;
    let found = match own {
        "v" => Some(number(Some(Number::Int(1)))),
        "status" => Some(text("violation")),
        "previous" => Some(text("ok")),
        "threshold" => Some(text(&threshold.id)),
        "service" => Some(match &threshold.service {
            Service::Exactly(name) => text(name),
            Service::Matching(_) => Known::Present,
        }),
        "kind" => Some(text(threshold.measure.kind())),
        "field" => Some(text(threshold.measure.field().name())),
        "pattern" => optional(threshold.measure.pattern().map(|pattern| pattern.as_str())),
        "quantile" => match &threshold.measure {
            Measure::Percentile { quantile, .. } => Some(number(Number::from_f64(quantile.decimal().to_f64()))),
            _ => None,
        },
        "interval" => Some(number(Number::from_f64(threshold.interval.micros() as f64 / 1e6))),
        "instance" => Some(text(instance)),
        "severity" => optional(output.severity.as_deref()),
        "description" => optional(output.description.as_deref()),
        "runbook" => optional(output.runbook.as_deref()),
        "shadow" => Some(Known::Value(Value::Bool(false))),
        // Maps read as nil.
        "group" | "labels" | "window" => Some(Known::Value(Value::Nil)),
        "value" | "matched" => return Known::Unknown,
        "reason" | "path" | "count" | "bounds" | "watched" | "late" | "time" | "since" | "summary" | "dedup_key"
        | "dedup-key" | "violation_id" | "violation-id" => Some(Known::Present),
        _ => None,
    };
    found.unwrap_or_else(|| beside(threshold, field.name()))
}

/// Of a field that is no key of the transition itself: its group's, or else a label.
fn beside<'p>(threshold: &'p Threshold, name: &str) -> Known<'p> {
    let is_service = name == "service" && matches!(threshold.service, Service::Matching(_));
    if is_service || threshold.group_by.iter().any(|field| field.name() == name) {
        return Known::Group;
    }
    let label = threshold.output.labels.iter().find(|(label, _)| label == name);
    Known::Value(label.map_or(Value::Nil, |(_, text)| Value::text(text)))
}

impl Known<'_> {
    /// Appends what tells it from others.
    pub fn write_key(&self, out: &mut Vec<u8>) {
        let (tag, text) = match self {
            Known::Value(value) => {
                let tag = match value {
                    Value::Nil => 0,
                    Value::Bool(_) => 1,
                    Value::Number(_) => 2,
                    Value::Text(_) => 3,
                    Value::List(_) => 4,
                };
                let mut text = Vec::new();
                value.write_text(&mut text);
                (tag, text)
            }
            Known::Present => (5, Vec::new()),
            Known::Group => (6, Vec::new()),
            Known::Unknown => (7, Vec::new()),
        };
        out.push(tag);
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text);
    }
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Truth {
        if truth { Truth::Always } else { Truth::Never }
    }
}

impl Truth {
    fn not(self) -> Truth {
        match self {
            Truth::Never => Truth::Always,
            Truth::Maybe => Truth::Maybe,
            Truth::Always => Truth::Never,
        }
    }
}

/// A value is true unless it is nil or false.
fn of_value(known: &Known<'_>) -> Truth {
    match known {
        Known::Value(value) => Truth::from(!matches!(value, Value::Nil | Value::Bool(false))),
        Known::Present => Truth::Always,
        Known::Group | Known::Unknown => Truth::Maybe,
    }
}

impl<'p> Scope<'_, 'p> {
    /// What is known of a field here.
    pub fn field_known(&self, field: &Field) -> Known<'p> {
        let own = self.index.get(field).map_or(Known::Unknown, |at| self.known[*at].clone());
        for fact in self.facts.iter().rev() {
            match fact {
                Fact::Set { field: set, value, by_with: true } if *set == field => {
                    // A label behind the group's own field is not seen.
                    return if own == Known::Group { Known::Unknown } else { Known::Value(value.clone()) };
                }
                Fact::Set { field: set, value, by_with: false } if *set == field => {
                    return match own {
                        Known::Group | Known::Unknown | Known::Present => Known::Value(value.clone()),
                        known => known,
                    };
                }
                Fact::Lost(lost) if *lost == field => return Known::Unknown,
                _ => {}
            }
        }
        own
    }

    pub fn truth(&self, expression: &'p Expression) -> Truth {
        let is_it = |fact: &&Fact| matches!(fact, Fact::Truth(known, _) if *known == expression);
        if let Some(Fact::Truth(_, truth)) = self.facts.iter().rev().find(is_it) {
            return Truth::from(*truth);
        }
        match expression {
            Expression::And(items) => self.all(items.iter().map(|item| self.truth(item))),
            Expression::Or(items) => self.all(items.iter().map(|item| self.truth(item).not())).not(),
            Expression::Not(inner) => self.truth(inner).not(),
            Expression::If(parts) => match self.truth(&parts.0) {
                Truth::Always => self.truth(&parts.1),
                Truth::Never => self.truth(&parts.2),
                Truth::Maybe => match (self.truth(&parts.1), self.truth(&parts.2)) {
                    (then, otherwise) if then == otherwise => then,
                    _ => Truth::Maybe,
                },
            },
            Expression::Compare(comparator, items) => self.compare(*comparator, items),
            Expression::IsNil(inner) => self.is_there(inner).not(),
            Expression::IsSome(inner) => self.is_there(inner),
            other => of_value(&self.value(other)),
        }
    }

    fn all(&self, items: impl Iterator<Item = Truth>) -> Truth {
        let mut all = Truth::Always;
        for item in items {
            match item {
                Truth::Never => return Truth::Never,
                Truth::Maybe => all = Truth::Maybe,
                Truth::Always => {}
            }
        }
        all
    }

    fn is_there(&self, expression: &'p Expression) -> Truth {
        match self.value(expression) {
            Known::Value(value) => Truth::from(!value.is_nil()),
            Known::Present => Truth::Always,
            Known::Group | Known::Unknown => Truth::Maybe,
        }
    }

    /// Neighbours are compared; one pair that is certainly wrong decides.
    fn compare(&self, comparator: Comparator, items: &'p [Expression]) -> Truth {
        let known: Vec<Known> = items.iter().map(|item| self.value(item)).collect();
        let pairs = known.windows(2).map(|pair| match (comparator, &pair[0], &pair[1]) {
            (_, Known::Value(a), Known::Value(b)) => Truth::from(holds(comparator, a, b)),
            (Comparator::Equal | Comparator::NotEqual, Known::Present, Known::Value(Value::Nil))
            | (Comparator::Equal | Comparator::NotEqual, Known::Value(Value::Nil), Known::Present) => Truth::Never,
            (Comparator::Equal | Comparator::NotEqual, ..) => Truth::Maybe,
            // What is no number is in no order.
            (_, Known::Value(value), _) | (_, _, Known::Value(value)) if value.number().is_none() => Truth::Never,
            _ => Truth::Maybe,
        });
        match comparator {
            Comparator::NotEqual => self.all(pairs).not(),
            _ => self.all(pairs),
        }
    }

    /// What is known of the value of an expression.
    fn value(&self, expression: &'p Expression) -> Known<'p> {
        match expression {
            Expression::Nil => Known::Value(Value::Nil),
            Expression::Bool(truth) => Known::Value(Value::Bool(*truth)),
            Expression::Number(number) => Known::Value(Value::Number(*number)),
            Expression::Text(text) => Known::Value(Value::text(text)),
            Expression::Field(field) => self.field_known(field),
            other => {
                let mut fields = Vec::new();
                other.fields(&mut fields);
                match fields.iter().all(|field| matches!(self.field_known(field), Known::Value(_))) {
                    true => Known::Value(other.evaluate(self).into_owned().into_owned()),
                    false => Known::Unknown,
                }
            }
        }
    }
}

/// Of two values; for `not=` whether they are equal, which is turned round by who asks.
fn holds(comparator: Comparator, a: &Value<'_>, b: &Value<'_>) -> bool {
    match (comparator, a.number(), b.number()) {
        (Comparator::Equal | Comparator::NotEqual, ..) => a.equals(b),
        (_, Some(a), Some(b)) => comparator.holds(a.compare(b)),
        _ => false,
    }
}

impl Fields for Scope<'_, '_> {
    fn field<'s>(&'s self, field: &Field) -> Cow<'s, Value<'s>> {
        match self.field_known(field) {
            Known::Value(value) => Cow::Owned(value),
            _ => Cow::Owned(Value::Nil),
        }
    }
}
