//! Routes and expressions as EDN, so that reading the text gives them again.

use std::fmt;

use crate::edn::{self, Form, Kind, Span};
use crate::plan::{Expression, Number, Operation, Route, Side};

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&edn::write(&expression(self)))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&edn::write(&route(self)))
    }
}

/// An operator without those behind it: `(rollup 1 60)`.
pub(super) fn head(route: &Route) -> String {
    edn::write(&form(Kind::List(head_items(route))))
}

fn route(route: &Route) -> Form {
    let mut items = head_items(route);
    match route {
        Route::Where { then, otherwise, .. } => {
            items.extend(then.iter().map(self::route));
            if !otherwise.is_empty() {
                items.push(list("else", otherwise.iter().map(self::route)));
            }
        }
        Route::By { children, .. }
        | Route::Changed { children, .. }
        | Route::Throttle { children, .. }
        | Route::Rollup { children, .. }
        | Route::With { children, .. }
        | Route::Sdo(children) => items.extend(children.iter().map(self::route)),
        Route::Notify(_) => {}
    }
    form(Kind::List(items))
}

fn head_items(route: &Route) -> Vec<Form> {
    let limit = |name: &str, most: u32, every: i64| vec![symbol(name), integer(i64::from(most)), seconds(every)];
    match route {
        Route::Where { condition, .. } => vec![symbol("where"), expression(condition)],
        Route::By { fields, .. } => {
            vec![symbol("by"), form(Kind::Vector(fields.iter().map(|field| keyword(field.name())).collect()))]
        }
        Route::Changed { of, init, .. } => {
            let mut items = vec![symbol("changed"), expression(of)];
            items.extend(init.as_ref().map(|init| form(Kind::Map(vec![(keyword("init"), expression(init))]))));
            items
        }
        Route::Throttle { most, every, .. } => limit("throttle", *most, *every),
        Route::Rollup { most, every, .. } => limit("rollup", *most, *every),
        Route::With { fields, .. } => {
            let pairs = fields.iter().map(|(field, value)| (keyword(field.name()), expression(value)));
            vec![symbol("with"), form(Kind::Map(pairs.collect()))]
        }
        Route::Sdo(_) => vec![symbol("sdo")],
        Route::Notify(names) => {
            let mut items = vec![symbol("notify")];
            items.extend(names.iter().map(|name| keyword(name)));
            items
        }
    }
}

fn expression(of: &Expression) -> Form {
    let all = |name: &str, items: &[Expression]| list(name, items.iter().map(expression));
    let one = |name: &str, item: &Expression| list(name, [expression(item)].into_iter());
    match of {
        Expression::Nil => form(Kind::Nil),
        Expression::Bool(truth) => form(Kind::Bool(*truth)),
        Expression::Number(Number::Int(n)) => integer(*n),
        Expression::Number(Number::Float(x)) => form(Kind::Decimal(format!("{x:?}").into())),
        Expression::Text(text) => form(Kind::String(text.clone())),
        Expression::Field(field) => keyword(field.name()),
        Expression::Compare(comparator, items) => all(comparator.symbol(), items),
        Expression::And(items) => all("and", items),
        Expression::Or(items) => all("or", items),
        Expression::Not(inner) => one("not", inner),
        Expression::If(parts) => match parts.as_ref() {
            (test, then, Expression::Nil) => list("if", [test, then].into_iter().map(expression)),
            (test, then, otherwise) => list("if", [test, then, otherwise].into_iter().map(expression)),
        },
        Expression::IsNil(inner) => one("nil?", inner),
        Expression::IsSome(inner) => one("some?", inner),
        Expression::Find(pattern, inner) => {
            let pattern = form(Kind::String(pattern.as_str().into()));
            list("re-find", [pattern, expression(inner)].into_iter())
        }
        Expression::Tagged(tag) => list("tagged", [form(Kind::String(tag.clone()))].into_iter()),
        Expression::Arithmetic(operation, items) => {
            let name = match operation {
                Operation::Add => "+",
                Operation::Subtract => "-",
                Operation::Multiply => "*",
                Operation::Divide => "/",
            };
            all(name, items)
        }
        Expression::Str(items) => all("str", items),
        Expression::Group(pattern, group, inner) => {
            let pattern = form(Kind::String(pattern.as_str().into()));
            list("re-groups", [pattern, expression(inner), integer(i64::from(*group))].into_iter())
        }
        Expression::Sub(inner, start, end) => {
            let bounds = std::iter::once(*start).chain(*end).map(|bound| integer(i64::from(bound)));
            list("subs", std::iter::once(expression(inner)).chain(bounds))
        }
        Expression::Part(side, inner, part) => {
            let name = match side {
                Side::Start => "starts-with?",
                Side::End => "ends-with?",
                Side::Anywhere => "contains?",
            };
            list(name, [expression(inner), form(Kind::String(part.clone()))].into_iter())
        }
        Expression::Path(inner) => one("url-path", inner),
        Expression::Query(inner, name) => {
            list("query-param", [expression(inner), form(Kind::String(name.clone()))].into_iter())
        }
        Expression::Bucket(inner, bounds, _) => {
            let bounds = bounds.iter().map(|(bound, _)| expression(&Expression::Number(*bound)));
            list("bucket", std::iter::once(expression(inner)).chain(bounds))
        }
        Expression::Lower(inner) => one("lower-case", inner),
        Expression::ParseNumber(inner) => one("parse-number", inner),
        Expression::Map(entries) => {
            let entry = |(name, value): &(Box<str>, Expression)| (keyword(name), expression(value));
            form(Kind::Map(entries.iter().map(entry).collect()))
        }
    }
}

fn form(kind: Kind) -> Form {
    Form { kind, span: Span::default() }
}

fn symbol(name: &str) -> Form {
    form(Kind::Symbol(name.into()))
}

fn keyword(name: &str) -> Form {
    form(Kind::Keyword(name.into()))
}

fn integer(n: i64) -> Form {
    form(Kind::Integer(n.to_string().into()))
}

/// Microseconds as seconds.
fn seconds(micros: i64) -> Form {
    match micros % 1_000_000 {
        0 => integer(micros / 1_000_000),
        rest => {
            let text = format!("{}.{rest:06}", micros / 1_000_000);
            form(Kind::Decimal(text.trim_end_matches('0').into()))
        }
    }
}

fn list(name: &str, items: impl Iterator<Item = Form>) -> Form {
    form(Kind::List([symbol(name)].into_iter().chain(items).collect()))
}
