//! The meaning of expressions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::{Event, Fields, Value, text};
use crate::plan::{Case, Comparator, Expression, Field, Number, Operation, Threshold};

impl Threshold {
    /// Whether `:where` is true of `event`, or absent.
    pub fn accepts(&self, event: &Event<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.accepts(event))
    }
}

impl Expression {
    /// Whether the expression is true of `event`: neither nil nor false.
    #[inline]
    pub fn accepts<F: Fields>(&self, event: &F) -> bool {
        match self {
            Expression::Compare(comparator, items) => compare(*comparator, items, event),
            Expression::And(items) => items.iter().all(|item| item.accepts(event)),
            Expression::Or(items) => items.iter().any(|item| item.accepts(event)),
            Expression::Not(inner) => !inner.accepts(event),
            Expression::If(parts) => branch(parts, event).accepts(event),
            Expression::Case(case) => result(case, event).accepts(event),
            Expression::IsNil(inner) => inner.evaluate(event).is_nil(),
            Expression::IsSome(inner) => !inner.evaluate(event).is_nil(),
            Expression::Find(pattern, inner) => text::any_text(&inner.evaluate(event), &|text| pattern.matches(text)),
            Expression::Tagged(tag) => text::any_text(&event.field(&Field::Tags), &|text| text == tag.as_bytes()),
            Expression::StartsWith(inner, part) => {
                text::any_text(&inner.evaluate(event), &|text| text.starts_with(part.as_bytes()))
            }
            Expression::EndsWith(inner, part) => {
                text::any_text(&inner.evaluate(event), &|text| text.ends_with(part.as_bytes()))
            }
            Expression::Contains(inner, part) => contains(&inner.evaluate(event), part),
            other => is_true(&other.evaluate(event)),
        }
    }

    /// The map that the expression comes to; None for nil.
    #[inline]
    pub fn record<F: Fields>(&self, event: &F) -> Option<&[(Box<str>, Expression)]> {
        match self {
            Expression::Map(entries) => Some(entries),
            Expression::If(parts) => branch(parts, event).record(event),
            Expression::Case(case) => result(case, event).record(event),
            _ => None,
        }
    }

    /// The value of the expression. What is absent is nil; nothing fails.
    pub fn evaluate<'e, F: Fields>(&'e self, event: &'e F) -> Cow<'e, Value<'e>> {
        let part = |found: Option<Cow<'e, [u8]>>| found.map_or(Value::Nil, Value::Text);
        let owned = match self {
            Expression::Nil => Value::Nil,
            Expression::Bool(bool) => Value::Bool(*bool),
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::text(text),
            Expression::Field(field) => return event.field(field),
            Expression::And(items) => return first_that(items, event, false),
            Expression::Or(items) => return first_that(items, event, true),
            Expression::If(parts) => return branch(parts, event).evaluate(event),
            Expression::Case(case) => return result(case, event).evaluate(event),
            Expression::Compare(..)
            | Expression::Not(_)
            | Expression::IsNil(_)
            | Expression::IsSome(_)
            | Expression::Tagged(_)
            | Expression::StartsWith(..)
            | Expression::EndsWith(..)
            | Expression::Contains(..) => Value::Bool(self.accepts(event)),
            Expression::Find(pattern, inner) => {
                part(text::part_of_any(inner.evaluate(event), &|text| pattern.find(text)))
            }
            Expression::Group(pattern, group, inner) => {
                part(text::part_of_any(inner.evaluate(event), &|text| pattern.group(text, *group as usize)))
            }
            Expression::Arithmetic(operation, items) => {
                arithmetic(*operation, items, event).map_or(Value::Nil, Value::Number)
            }
            Expression::Str(items) => {
                let mut text = Vec::new();
                for item in items {
                    item.write_text(event, &mut text);
                }
                Value::Text(Cow::Owned(text))
            }
            Expression::Subs(inner, start, end) => {
                part(text::part_of(inner.evaluate(event), &|text| Some(text::characters(text, *start, *end))))
            }
            Expression::UrlPath(inner) => {
                part(text::part_of(inner.evaluate(event), &|text| Some(text::url_path(text))))
            }
            Expression::QueryParam(inner, name) => {
                let found = text::part_of(inner.evaluate(event), &|text| text::parameter(text, name));
                part(found.map(|value| match text::is_plain(&value) {
                    true => value,
                    false => Cow::Owned(text::decoded(&value).collect()),
                }))
            }
            Expression::LowerCase(inner) => {
                let whole = text::part_of(inner.evaluate(event), &|text| Some(0..text.len()));
                part(whole.map(|mut value| {
                    if !text::is_lower(&value) {
                        text::lower(value.to_mut(), 0);
                    }
                    value
                }))
            }
            Expression::Bucket(inner, buckets) => {
                let number = inner.evaluate(event).number();
                number.map_or(Value::Nil, |number| Value::text(buckets.label(number)))
            }
            Expression::ParseNumber(inner) => parse_number(&inner.evaluate(event)).map_or(Value::Nil, Value::Number),
            // No value: see `record`.
            Expression::Map(_) => Value::Nil,
        };
        Cow::Owned(owned)
    }

    /// Appends the text of the value, as [`Value::write_text`] writes it; false, and nothing, for nil.
    ///
    /// Where the text is one that the event carries, or made of such, no memory is asked for but that of `out`. Only
    /// `re-groups`, what is percent-encoded and small letters beyond ASCII take some.
    pub fn write_text<F: Fields>(&self, event: &F, out: &mut Vec<u8>) -> bool {
        self.write(event, true, out)
    }

    /// `lists`: whether a list has a text; else it is like nil.
    fn write<F: Fields>(&self, event: &F, lists: bool, out: &mut Vec<u8>) -> bool {
        match self {
            Expression::Text(text) => out.extend_from_slice(text.as_bytes()),
            Expression::Str(items) => {
                for item in items {
                    item.write_text(event, out);
                }
            }
            Expression::If(parts) => return branch(parts, event).write(event, lists, out),
            Expression::Case(case) => return result(case, event).write(event, lists, out),
            Expression::Subs(inner, start, end) => {
                return inner.write_part(event, |text| Some(text::characters(text, *start, *end)), out);
            }
            Expression::UrlPath(inner) => return inner.write_part(event, |text| Some(text::url_path(text)), out),
            Expression::QueryParam(inner, name) => {
                let from = out.len();
                if !inner.write_part(event, |text| text::parameter(text, name), out) {
                    return false;
                }
                if !text::is_plain(&out[from..]) {
                    let value = out.split_off(from);
                    out.extend(text::decoded(&value));
                }
            }
            Expression::LowerCase(inner) => {
                let from = out.len();
                if !inner.write(event, false, out) {
                    return false;
                }
                text::lower(out, from);
            }
            other => {
                let value = other.evaluate(event);
                match value.as_ref() {
                    Value::Nil => return false,
                    Value::List(_) if !lists => return false,
                    value => value.write_text(out),
                }
            }
        }
        true
    }

    /// Appends the part of the text that `cut` says; false, and nothing, without one.
    fn write_part<F: Fields>(&self, event: &F, cut: impl Fn(&[u8]) -> Option<Range<usize>>, out: &mut Vec<u8>) -> bool {
        // What is as long as it came is not copied for a part of it.
        if let Expression::Field(field) = self
            && let Value::Text(text) = event.field(field).as_ref()
        {
            return cut(text).is_some_and(|part| {
                out.extend_from_slice(&text[part]);
                true
            });
        }
        let from = out.len();
        if !self.write(event, false, out) {
            return false;
        }
        let part = cut(&out[from..]);
        text::keep(out, from, part.clone().unwrap_or(0..0));
        part.is_some()
    }
}

impl Value<'_> {
    /// Whether two values are equal for `=`.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        equal(self, other)
    }
}

fn is_true(value: &Value<'_>) -> bool {
    !matches!(value, Value::Nil | Value::Bool(false))
}

/// What an `if` comes to.
pub(super) fn branch<'e, F: Fields>(parts: &'e (Expression, Expression, Expression), event: &F) -> &'e Expression {
    if parts.0.accepts(event) { &parts.1 } else { &parts.2 }
}

/// What a `case` comes to.
pub(super) fn result<'e, F: Fields>(case: &'e Case, event: &F) -> &'e Expression {
    let value = case.of.evaluate(event);
    let is_it = |constant: &Expression| match (constant, value.as_ref()) {
        (Expression::Text(text), Value::Text(value)) => text.as_bytes() == value.as_ref(),
        (constant, value) => equal(&constant.evaluate(event), value),
    };
    let found = case.clauses.iter().find(|(constants, _)| constants.iter().any(is_it));
    found.map_or(&case.otherwise, |(_, result)| result)
}

fn contains(value: &Value<'_>, part: &str) -> bool {
    match value {
        Value::List(_) => text::any_text(value, &|text| text == part.as_bytes()),
        single => text::any_text(single, &|text| memchr::memmem::find(text, part.as_bytes()).is_some()),
    }
}

fn parse_number(value: &Value<'_>) -> Option<Number> {
    match value {
        Value::Text(text) => text::number(text),
        other => other.number(),
    }
}

/// The first item whose truth is `wanted`, or else the last; of nothing, `not wanted`.
fn first_that<'e, F: Fields>(items: &'e [Expression], event: &'e F, wanted: bool) -> Cow<'e, Value<'e>> {
    let mut last = Cow::Owned(Value::Bool(!wanted));
    for item in items {
        last = item.evaluate(event);
        if is_true(&last) == wanted {
            break;
        }
    }
    last
}

fn compare<F: Fields>(comparator: Comparator, items: &[Expression], event: &F) -> bool {
    let all = items.windows(2).all(|pair| holds(comparator, &pair[0].evaluate(event), &pair[1].evaluate(event)));
    all != (comparator == Comparator::NotEqual)
}

/// Whether neighbours compare so; of `not=`, whether they are equal: it is true if not all are.
pub(super) fn holds(comparator: Comparator, a: &Value<'_>, b: &Value<'_>) -> bool {
    match comparator {
        Comparator::Equal | Comparator::NotEqual => equal(a, b),
        numeric => match (a.number(), b.number()) {
            (Some(a), Some(b)) => numeric.holds(a.compare(b)),
            _ => false,
        },
    }
}

/// A number and a text are compared by the number that the text reads as.
fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_) | Value::Text(_)) | (Value::Text(_), Value::Number(_)) => {
            match (a.number(), b.number()) {
                (Some(a), Some(b)) => a.compare(b) == Ordering::Equal,
                _ => false,
            }
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => a == b,
    }
}

pub(super) fn arithmetic<F: Fields>(operation: Operation, items: &[Expression], event: &F) -> Option<Number> {
    let mut numbers = items.iter().map(|item| item.evaluate(event).number());
    let first = numbers.next()??;
    if items.len() == 1 {
        return match operation {
            Operation::Add | Operation::Multiply => Some(first),
            Operation::Subtract => apply(operation, Number::Int(0), first),
            Operation::Divide => apply(operation, Number::Int(1), first),
        };
    }
    numbers.try_fold(first, |total, next| apply(operation, total, next?))
}

fn apply(operation: Operation, a: Number, b: Number) -> Option<Number> {
    if let (Number::Int(a), Number::Int(b)) = (a, b) {
        let exact = match operation {
            Operation::Add => a.checked_add(b),
            Operation::Subtract => a.checked_sub(b),
            Operation::Multiply => a.checked_mul(b),
            Operation::Divide => a.checked_rem(b).filter(|rest| *rest == 0).and_then(|_| a.checked_div(b)),
        };
        if let Some(exact) = exact {
            return Some(Number::Int(exact));
        }
    }
    let (a, b) = (a.to_f64(), b.to_f64());
    Number::from_f64(match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
    })
}
