//! Expressions over an event: a closed set of functions, checked when they are read.

use serde::{Deserialize, Serialize};

use super::{Comparator, Number, Pattern};

/// A field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Field {
    Service,
    Host,
    State,
    Description,
    Time,
    Metric,
    Tags,
    Ttl,
    Attribute(Box<str>),
}

impl Field {
    /// From the name of a keyword or symbol, without a colon.
    pub fn named(name: &str) -> Field {
        match name {
            "service" => Field::Service,
            "host" => Field::Host,
            "state" => Field::State,
            "description" => Field::Description,
            "time" => Field::Time,
            "metric" => Field::Metric,
            "tags" => Field::Tags,
            "ttl" => Field::Ttl,
            other => Field::Attribute(other.into()),
        }
    }

    /// Without a colon.
    pub fn name(&self) -> &str {
        match self {
            Field::Service => "service",
            Field::Host => "host",
            Field::State => "state",
            Field::Description => "description",
            Field::Time => "time",
            Field::Metric => "metric",
            Field::Tags => "tags",
            Field::Ttl => "ttl",
            Field::Attribute(name) => name,
        }
    }
}

/// One expression. Its meaning is in `engine::expression`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expression {
    Nil,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    Field(Field),
    /// `=` and `not=` (`Equal`, `NotEqual`) of anything, the others of numbers; over neighbours, as in `(< 1 x 9)`.
    /// `(not= a b c)` is `(not (= a b c))`.
    Compare(Comparator, Vec<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// `(if test then else)`; `when` and `cond` are read as this. A missing else is nil.
    If(Box<(Expression, Expression, Expression)>),
    IsNil(Box<Expression>),
    IsSome(Box<Expression>),
    /// `(re-find PATTERN x)`: the first match as text, or nil.
    Find(Pattern, Box<Expression>),
    /// `(tagged "a")`.
    Tagged(Box<str>),
    /// `+ - * /` over numbers; nil if one of them is none, or is divided by 0.
    Arithmetic(Operation, Vec<Expression>),
    /// Texts one after the other; nil is nothing.
    Str(Vec<Expression>),
    /// `{:key value …}`, in order of key: what `:record` and `:event` give.
    Map(Vec<(Box<str>, Expression)>),
    /// `(re-groups PATTERN x N)`: what group N of the first match holds, or nil.
    Group(Pattern, u32, Box<Expression>),
    /// `(subs x start end)`: characters, as far as there are any.
    Sub(Box<Expression>, u32, Option<u32>),
    /// `starts-with? ends-with? contains?`: whether a text stands somewhere in it, or in an item of a list.
    Part(Side, Box<Expression>, Box<str>),
    /// `(url-path x)`: of a URL or the target of a request.
    Path(Box<Expression>),
    /// `(query-param x "name")`: decoded, of a URL, a target or a query; or nil.
    Query(Box<Expression>, Box<str>),
    /// `(bucket x 0.1 1)`: the label of the first bound that the number is below, else the last; nil of no number.
    Bucket(Box<Expression>, Vec<(Number, Box<str>)>, Box<str>),
    Lower(Box<Expression>),
    /// `(parse-number x)`: also of text with blanks around it; nil if it is none.
    ParseNumber(Box<Expression>),
}

/// Where one text stands in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    Start,
    End,
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Expression {
    /// Appends each field that the expression reads.
    pub fn fields<'e>(&'e self, out: &mut Vec<&'e Field>) {
        match self {
            Expression::Nil | Expression::Bool(_) | Expression::Number(_) | Expression::Text(_) => {}
            Expression::Field(field) => out.push(field),
            Expression::Tagged(_) => out.push(&Field::Tags),
            Expression::Compare(_, items)
            | Expression::And(items)
            | Expression::Or(items)
            | Expression::Arithmetic(_, items)
            | Expression::Str(items) => items.iter().for_each(|item| item.fields(out)),
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
            | Expression::ParseNumber(inner) => inner.fields(out),
            Expression::If(parts) => {
                parts.0.fields(out);
                parts.1.fields(out);
                parts.2.fields(out);
            }
            Expression::Map(entries) => entries.iter().for_each(|(_, value)| value.fields(out)),
        }
    }
}
