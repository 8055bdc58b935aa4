//! The meaning of expressions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Event, Fields, Value};
use crate::plan::{Comparator, Expression, Field, Number, Operation, Threshold};

impl Threshold {
    /// Whether `:where` is true of `event`, or absent.
    pub fn accepts(&self, event: &Event<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.accepts(event))
    }
}

impl Expression {
    /// Whether the expression is true of `event`: neither nil nor false.
    pub fn accepts<F: Fields>(&self, event: &F) -> bool {
        is_true(&self.evaluate(event))
    }

    /// The map that the expression comes to; None for nil.
    pub fn record<F: Fields>(&self, event: &F) -> Option<&[(Box<str>, Expression)]> {
        match self {
            Expression::Map(entries) => Some(entries),
            Expression::If(parts) => {
                let (test, then, otherwise) = parts.as_ref();
                if test.accepts(event) { then.record(event) } else { otherwise.record(event) }
            }
            _ => None,
        }
    }

    /// The value of the expression. What is absent is nil; nothing fails.
    pub fn evaluate<'e, F: Fields>(&'e self, event: &'e F) -> Cow<'e, Value<'e>> {
        let owned = match self {
            Expression::Nil => Value::Nil,
            Expression::Bool(bool) => Value::Bool(*bool),
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::text(text),
            Expression::Field(field) => return event.field(field),
            Expression::Compare(comparator, items) => Value::Bool(compare(*comparator, items, event)),
            Expression::And(items) => return first_that(items, event, false),
            Expression::Or(items) => return first_that(items, event, true),
            Expression::Not(inner) => Value::Bool(!inner.accepts(event)),
            Expression::If(parts) => {
                let (test, then, otherwise) = parts.as_ref();
                return if test.accepts(event) { then.evaluate(event) } else { otherwise.evaluate(event) };
            }
            Expression::IsNil(inner) => Value::Bool(inner.evaluate(event).is_nil()),
            Expression::IsSome(inner) => Value::Bool(!inner.evaluate(event).is_nil()),
            Expression::Find(pattern, inner) => {
                let mut found = Value::Nil;
                inner.evaluate(event).each_text(&mut |text| {
                    if found.is_nil()
                        && let Some(part) = pattern.find(text)
                    {
                        found = Value::Text(Cow::Owned(part.to_vec()));
                    }
                });
                found
            }
            Expression::Tagged(tag) => {
                let mut tagged = false;
                event.field(&Field::Tags).each_text(&mut |text| tagged |= text == tag.as_bytes());
                Value::Bool(tagged)
            }
            Expression::Arithmetic(operation, items) => {
                arithmetic(*operation, items, event).map_or(Value::Nil, Value::Number)
            }
            Expression::Str(items) => {
                let mut text = Vec::new();
                items.iter().for_each(|item| item.evaluate(event).write_text(&mut text));
                Value::Text(Cow::Owned(text))
            }
            // No value: see `record`.
            Expression::Map(_) => Value::Nil,
        };
        Cow::Owned(owned)
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
    let mut neighbours = items.windows(2).map(|pair| (pair[0].evaluate(event), pair[1].evaluate(event)));
    match comparator {
        Comparator::Equal => neighbours.all(|(a, b)| equal(&a, &b)),
        Comparator::NotEqual => !neighbours.all(|(a, b)| equal(&a, &b)),
        numeric => neighbours.all(|(a, b)| match (a.number(), b.number()) {
            (Some(a), Some(b)) => numeric.holds(a.compare(b)),
            _ => false,
        }),
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

fn arithmetic<F: Fields>(operation: Operation, items: &[Expression], event: &F) -> Option<Number> {
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
