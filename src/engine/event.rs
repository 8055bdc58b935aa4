//! What happened, as a source read it.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use crate::plan::{Expression, Field, Number, Timestamp};

/// One field's value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    #[default]
    Nil,
    Bool(bool),
    Number(Number),
    /// Bytes as they came; made readable only for output.
    Text(Cow<'a, [u8]>),
    List(Vec<Value<'a>>),
}

/// One event. What it does not carry is [`Value::Nil`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    pub time: Timestamp,
    pub service: Value<'a>,
    pub host: Value<'a>,
    pub state: Value<'a>,
    pub description: Value<'a>,
    pub metric: Value<'a>,
    pub tags: Value<'a>,
    pub ttl: Value<'a>,
    /// Keys are unique and none of the names above.
    pub attributes: Attributes<'a>,
}

/// What an event has besides the fields that all have.
pub type Attributes<'a> = Vec<(Cow<'a, [u8]>, Value<'a>)>;

/// The same memory for the attributes of another event: collecting an iterator into what it came from does not allocate.
pub fn emptied<'b>(mut attributes: Attributes<'_>) -> Attributes<'b> {
    attributes.clear();
    attributes.into_iter().map(|_| unreachable!("it was cleared")).collect()
}

/// What expressions are asked about: an event, a transition on its way to people.
pub trait Fields {
    /// The value of a field; nil where it is absent.
    fn field<'s>(&'s self, field: &Field) -> Cow<'s, Value<'s>>;
}

impl<'a> Value<'a> {
    pub fn text(text: &'a str) -> Value<'a> {
        Value::Text(Cow::Borrowed(text.as_bytes()))
    }

    pub fn bytes(bytes: &'a [u8]) -> Value<'a> {
        Value::Text(Cow::Borrowed(bytes))
    }

    /// The number that this is, or that its text reads as (text that is a JSON number).
    #[inline]
    pub fn number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => Number::parse_json(text),
            Value::Nil | Value::Bool(_) | Value::List(_) => None,
        }
    }

    /// Calls `f` with the text of the value; of each item for a list; not at all for nil.
    pub fn each_text(&self, f: &mut dyn FnMut(&[u8])) {
        match self {
            Value::Nil => {}
            Value::Bool(true) => f(b"true"),
            Value::Bool(false) => f(b"false"),
            Value::Number(number) => f(number.to_string().as_bytes()),
            Value::Text(text) => f(text),
            Value::List(items) => items.iter().for_each(|item| item.each_text(f)),
        }
    }

    /// Appends the text of the value; a list is its items with commas in brackets. Nil is nothing.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self {
            Value::List(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.write_text(out);
                }
                out.push(b']');
            }
            Value::Number(number) => {
                // Writing to memory does not fail.
                let _ = write!(out, "{number}");
            }
            other => other.each_text(&mut |text| out.extend_from_slice(text)),
        }
    }

    /// The same, which needs nothing else to live.
    pub fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Value::Nil => Value::Nil,
            Value::Bool(truth) => Value::Bool(truth),
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
        }
    }

    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }
}

impl fmt::Display for Value<'_> {
    /// For people: `nil`, `200`, `"text"`, `["a" "b"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("nil"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => write!(f, "{}", Expression::Text(String::from_utf8_lossy(text).into())),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Value::to_string).collect();
                write!(f, "[{}]", items.join(" "))
            }
        }
    }
}

impl<'a> Event<'a> {
    /// An event at `time` that carries nothing yet.
    pub fn at(time: Timestamp) -> Event<'a> {
        Event {
            time,
            service: Value::Nil,
            host: Value::Nil,
            state: Value::Nil,
            description: Value::Nil,
            metric: Value::Nil,
            tags: Value::Nil,
            ttl: Value::Nil,
            attributes: Vec::new(),
        }
    }
}

impl Fields for Event<'_> {
    #[inline]
    fn field<'s>(&'s self, field: &Field) -> Cow<'s, Value<'s>> {
        Cow::Borrowed(match field {
            Field::Service => &self.service,
            Field::Host => &self.host,
            Field::State => &self.state,
            Field::Description => &self.description,
            Field::Metric => &self.metric,
            Field::Tags => &self.tags,
            Field::Ttl => &self.ttl,
            Field::Time => return Cow::Owned(Value::Number(seconds(self.time))),
            Field::Attribute(name) => {
                let found = self.attributes.iter().find(|(key, _)| key.as_ref() == name.as_bytes());
                found.map_or(&Value::Nil, |(_, value)| value)
            }
        })
    }
}

fn seconds(time: Timestamp) -> Number {
    let micros = time.micros();
    match micros % 1_000_000 {
        0 => Number::Int(micros / 1_000_000),
        _ => Number::Float(micros as f64 / 1e6),
    }
}
