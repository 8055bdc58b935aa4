//! Section 2 of the contract: values, their text and number, and expressions.

use std::cmp::Ordering;

use super::Micros;

#[derive(Clone, Debug)]
pub struct Event {
    pub time: Micros,
    pub stamp: Stamp,
    /// Everything but the time. A key is absent or once in the list.
    pub fields: Vec<(&'static str, Value)>,
}

/// How the time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    Seconds,
    /// With digits beyond the microsecond, which are cut off.
    Finer,
    Rfc3339,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Value>),
}

/// "64-bit integers compare exactly"; every other number is a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Event {
    pub fn field(&self, name: &str) -> &Value {
        self.fields.iter().find(|(key, _)| *key == name).map_or(&Value::Nil, |(_, value)| value)
    }
}

impl Value {
    pub fn text_of(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    pub fn number_of(text: &str) -> Value {
        Value::Number(text.to_owned())
    }

    /// "Text that is a JSON number reads as that number where one is needed." What no finite double holds is none.
    pub fn number(&self) -> Option<Number> {
        let (Value::Number(text) | Value::Text(text)) = self else { return None };
        if !matches(r"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z", text) {
            return None;
        }
        if let Ok(int) = text.parse() {
            return Some(Number::Int(int));
        }
        text.parse().ok().filter(|double: &f64| double.is_finite()).map(Number::Float)
    }

    /// "A number's text: integers without a point, else the shortest decimal (200.0 is "200")". Absent has none.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Nil => None,
            Value::Bool(bool) => Some(bool.to_string()),
            Value::Number(_) => match self.number().expect("only numbers are written as numbers") {
                Number::Int(int) => Some(int.to_string()),
                Number::Float(0.0) => Some("0".to_owned()),
                Number::Float(double) => Some(double.to_string()),
            },
            Value::Text(text) => Some(text.clone()),
            Value::List(items) => {
                let items: Vec<String> = items.iter().filter_map(Value::text).collect();
                Some(format!("[{}]", items.join(",")))
            }
        }
    }

    /// "searched (not anchored) in the field's text"; "a list matches if an item does".
    pub fn matches(&self, pattern: &str) -> bool {
        match self {
            Value::List(items) => items.iter().any(|item| item.matches(pattern)),
            other => other.text().is_some_and(|text| matches(pattern, &text)),
        }
    }
}

pub fn matches(pattern: &str, text: &str) -> bool {
    thread_local!(static COMPILED: std::cell::RefCell<Vec<(String, regex::Regex)>> = const { std::cell::RefCell::new(Vec::new()) });
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.iter().any(|(known, _)| known == pattern) {
            compiled.push((pattern.to_owned(), regex::Regex::new(pattern).expect("a pattern of these tests")));
        }
        let (_, regex) = compiled.iter().find(|(known, _)| known == pattern).expect("was just put there");
        regex.is_match(text)
    })
}

impl Number {
    pub fn to_double(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Float(double) => double,
        }
    }

    /// By value, exactly: the whole part of a double below 2^100 fits into 128 bits.
    pub fn compare(self, other: Number) -> Ordering {
        const HUGE: f64 = 1e30;
        let parts = |number: Number| match number {
            Number::Int(int) => (i128::from(int), 0.0),
            Number::Float(double) => {
                let double = double.clamp(-HUGE, HUGE);
                (double.floor() as i128, double - double.floor())
            }
        };
        if let (Number::Float(a), Number::Float(b)) = (self, other) {
            return a.partial_cmp(&b).expect("numbers are finite");
        }
        parts(self).partial_cmp(&parts(other)).expect("parts are finite")
    }
}

/// A `:where` expression.
#[derive(Clone, Debug)]
pub enum Where {
    /// `=`; against `nil` too.
    Equal(Name, Value),
    NotEqual(Name, Value),
    /// `< <= > >=` of a field and a number.
    Order(&'static str, Name, &'static str),
    IsNil(Name),
    IsSome(Name),
    Find(&'static str, Name),
    Tagged(&'static str),
    Not(Box<Where>),
    And(Box<Where>, Box<Where>),
    Or(Box<Where>, Box<Where>),
    If(Box<Where>, Box<Where>, Box<Where>),
}

/// A field, and whether it is written `:field` or in another way that means the same.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    pub field: &'static str,
    pub otherwise: bool,
}

impl Where {
    pub fn accepts(&self, event: &Event) -> bool {
        match self {
            Where::Equal(name, value) => equal(event.field(name.field), value),
            Where::NotEqual(name, value) => !equal(event.field(name.field), value),
            Where::Order(comparator, name, limit) => {
                // "numeric: false unless both sides read as numbers"
                let limit = Value::number_of(limit).number().expect("a number");
                event.field(name.field).number().is_some_and(|number| match *comparator {
                    "<" => number.compare(limit).is_lt(),
                    "<=" => number.compare(limit).is_le(),
                    ">" => number.compare(limit).is_gt(),
                    _ => number.compare(limit).is_ge(),
                })
            }
            Where::IsNil(name) => *event.field(name.field) == Value::Nil,
            Where::IsSome(name) => *event.field(name.field) != Value::Nil,
            Where::Find(pattern, name) => event.field(name.field).matches(pattern),
            Where::Tagged(tag) => match event.field("tags") {
                Value::List(tags) => tags.contains(&Value::text_of(tag)),
                _ => false,
            },
            Where::Not(inner) => !inner.accepts(event),
            Where::And(a, b) => a.accepts(event) && b.accepts(event),
            Where::Or(a, b) => a.accepts(event) || b.accepts(event),
            Where::If(test, then, otherwise) => match test.accepts(event) {
                true => then.accepts(event),
                false => otherwise.accepts(event),
            },
        }
    }
}

/// "`=` of number and text compares with the number that the text reads as"
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_) | Value::Text(_)) | (Value::Text(_), Value::Number(_)) => {
            matches!((a.number(), b.number()), (Some(a), Some(b)) if a.compare(b).is_eq())
        }
        _ => a == b,
    }
}
