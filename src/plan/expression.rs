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
    Case(Box<Case>),
    /// `(re-groups PATTERN x N)`: the text of a group of the first match, or nil; 0 is the whole match.
    Group(Pattern, u32, Box<Expression>),
    /// `(subs x start end)`: characters of a text from `start` to before `end`, as far as it has them.
    Subs(Box<Expression>, u32, Option<u32>),
    /// Of a list: whether an item does; so with the next.
    StartsWith(Box<Expression>, Box<str>),
    EndsWith(Box<Expression>, Box<str>),
    /// Whether a text has this part, or a list this item.
    Contains(Box<Expression>, Box<str>),
    /// The path of a URL or of the target of a request, as it is written there.
    UrlPath(Box<Expression>),
    /// `(query-param x "name")`: the first parameter of this name, decoded, or nil.
    QueryParam(Box<Expression>, Box<str>),
    /// `(bucket x 0.1 0.3)`: the label of the range that a number is in, or nil.
    Bucket(Box<Expression>, Box<Buckets>),
    LowerCase(Box<Expression>),
    /// `(parse-number x)`: a number, also of a text with blanks around it, or nil.
    ParseNumber(Box<Expression>),
}

/// `(case of constants result … otherwise)`: the result of the first clause with a constant that `=` says is the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub of: Expression,
    /// Constants are `Nil`, `Bool`, `Number` and `Text`.
    pub clauses: Vec<(Vec<Expression>, Expression)>,
    /// A missing one is nil.
    pub otherwise: Expression,
}

/// The ranges of a `bucket`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buckets {
    /// Each bound with the label of what lies below it and not below the one before; ascending.
    pub below: Vec<(Number, Box<str>)>,
    /// The label of what lies below no bound.
    pub rest: Box<str>,
}

impl Buckets {
    /// `<0.1`, `0.1-0.3`, `>=0.3`. At least one bound, ascending.
    pub fn new(bounds: &[Number]) -> Buckets {
        let mut below: Vec<(Number, Box<str>)> = Vec::new();
        for bound in bounds {
            let label = match below.last() {
                None => format!("<{bound}"),
                Some((before, _)) => format!("{before}-{bound}"),
            };
            below.push((*bound, label.into()));
        }
        let rest = bounds.last().map_or_else(String::new, |last| format!(">={last}"));
        Buckets { below, rest: rest.into() }
    }

    /// The label of the range that a number is in.
    pub fn label(&self, number: Number) -> &str {
        let found = self.below.iter().find(|(bound, _)| number.compare(*bound).is_lt());
        found.map_or(&self.rest, |(_, label)| label)
    }
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
            Expression::Field(field) => out.push(field),
            Expression::Tagged(_) => out.push(&Field::Tags),
            whole => whole.each_part(&mut |part| part.fields(out)),
        }
    }

    /// Calls `f` with each expression that stands right in this one, in order.
    pub fn each_part<'e>(&'e self, f: &mut dyn FnMut(&'e Expression)) {
        match self {
            Expression::Nil
            | Expression::Bool(_)
            | Expression::Number(_)
            | Expression::Text(_)
            | Expression::Field(_)
            | Expression::Tagged(_) => {}
            Expression::Compare(_, items)
            | Expression::And(items)
            | Expression::Or(items)
            | Expression::Arithmetic(_, items)
            | Expression::Str(items) => items.iter().for_each(f),
            Expression::Not(inner)
            | Expression::IsNil(inner)
            | Expression::IsSome(inner)
            | Expression::Find(_, inner)
            | Expression::Group(_, _, inner)
            | Expression::Subs(inner, ..)
            | Expression::StartsWith(inner, _)
            | Expression::EndsWith(inner, _)
            | Expression::Contains(inner, _)
            | Expression::UrlPath(inner)
            | Expression::QueryParam(inner, _)
            | Expression::Bucket(inner, _)
            | Expression::LowerCase(inner)
            | Expression::ParseNumber(inner) => f(inner),
            Expression::If(parts) => [&parts.0, &parts.1, &parts.2].into_iter().for_each(f),
            Expression::Map(entries) => entries.iter().for_each(|(_, value)| f(value)),
            Expression::Case(case) => {
                f(&case.of);
                case.clauses.iter().for_each(|(_, result)| f(result));
                f(&case.otherwise);
            }
        }
    }
}
