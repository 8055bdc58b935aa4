//! The meaning of expressions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Event, Fields, Value, url};
use crate::plan::{Comparator, Expression, Field, Number, Operation, Side, Threshold};

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
            Expression::Find(pattern, inner) => {
                let mut found = false;
                inner.evaluate(event).each_text(&mut |text| found = found || pattern.matches(text));
                found
            }
            other => is_true(&other.evaluate(event)),
        }
    }

    /// Appends the text of the value; false if it is nil.
    #[inline]
    pub fn write_text<F: Fields>(&self, event: &F, out: &mut Vec<u8>) -> bool {
        match self {
            Expression::Text(text) => out.extend_from_slice(text.as_bytes()),
            Expression::Str(items) => {
                for item in items {
                    item.write_text(event, out);
                }
            }
            Expression::If(parts) => {
                let (test, then, otherwise) = parts.as_ref();
                let part = if test.accepts(event) { then } else { otherwise };
                return part.write_text(event, out);
            }
            other => match &*other.evaluate(event) {
                Value::Nil => return false,
                Value::Text(text) => out.extend_from_slice(text),
                other => other.write_text(out),
            },
        }
        true
    }

    /// The map that the expression comes to; None for nil.
    #[inline]
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
            Expression::Find(pattern, inner) => first_part(inner.evaluate(event), |text| pattern.find(text)),
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
                for item in items {
                    item.write_text(event, &mut text);
                }
                Value::Text(Cow::Owned(text))
            }
            Expression::Group(pattern, group, inner) => {
                first_part(inner.evaluate(event), |text| pattern.group(text, *group as usize))
            }
            Expression::Sub(inner, start, end) => first_part(inner.evaluate(event), |text| {
                Some(characters(text, *start as usize, end.map(|end| end as usize)))
            }),
            Expression::Part(side, inner, part) => {
                let part = part.as_bytes();
                let mut has = false;
                inner.evaluate(event).each_text(&mut |text| {
                    has |= match side {
                        Side::Start => text.starts_with(part),
                        Side::End => text.ends_with(part),
                        Side::Anywhere => memchr::memmem::find(text, part).is_some(),
                    };
                });
                Value::Bool(has)
            }
            Expression::Path(inner) => first_part(inner.evaluate(event), |text| Some(url::path(text))),
            Expression::Query(inner, name) => {
                let mut found = Value::Nil;
                inner.evaluate(event).each_text(&mut |text| {
                    if found.is_nil()
                        && let Some(value) = url::parameter(text, name.as_bytes())
                    {
                        found = Value::Text(Cow::Owned(value));
                    }
                });
                found
            }
            Expression::Bucket(inner, bounds, last) => match inner.evaluate(event).number() {
                None => Value::Nil,
                Some(number) => {
                    let below = bounds.iter().find(|(bound, _)| number.compare(*bound).is_lt());
                    Value::text(below.map_or(last, |(_, label)| label))
                }
            },
            Expression::Lower(inner) => {
                let value = inner.evaluate(event);
                match &*value {
                    Value::Nil => Value::Nil,
                    Value::Text(text) if !text.iter().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) => {
                        return value;
                    }
                    other => {
                        let mut text = Vec::new();
                        other.write_text(&mut text);
                        Value::Text(Cow::Owned(String::from_utf8_lossy(&text).to_lowercase().into_bytes()))
                    }
                }
            }
            Expression::ParseNumber(inner) => {
                let mut found = None;
                inner.evaluate(event).each_text(&mut |text| {
                    found = found.or_else(|| Number::parse_json(text.trim_ascii()));
                });
                found.map_or(Value::Nil, Value::Number)
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

/// A part of the text of a value, or of the first item that has it; borrowed where the text is.
fn first_part<'e>(value: Cow<'e, Value<'e>>, part: impl Fn(&[u8]) -> Option<&[u8]>) -> Value<'e> {
    match value {
        Cow::Borrowed(Value::Text(text)) => part(text).map_or(Value::Nil, Value::bytes),
        Cow::Owned(Value::Text(Cow::Borrowed(text))) => part(text).map_or(Value::Nil, Value::bytes),
        other => {
            let mut found = Value::Nil;
            other.each_text(&mut |text| {
                if found.is_nil()
                    && let Some(part) = part(text)
                {
                    found = Value::Text(Cow::Owned(part.to_vec()));
                }
            });
            found
        }
    }
}

/// Characters of a text from one on and up to another, as far as there are any.
fn characters(text: &[u8], start: usize, end: Option<usize>) -> &[u8] {
    if text.is_ascii() {
        let start = start.min(text.len());
        return &text[start..end.unwrap_or(text.len()).clamp(start, text.len())];
    }
    // A byte that continues a character belongs to the one before.
    let starts = || (0..text.len()).filter(|at| text[*at] & 0xc0 != 0x80);
    let place = |n: usize| starts().nth(n).unwrap_or(text.len());
    let start = place(start);
    &text[start..end.map_or(text.len(), place).max(start)]
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
