//! Expressions as EDN, so that reading the text gives them again.

use std::fmt;

use super::{Case, Expression, Number, Operation, Pattern};
use crate::edn::{self, Form, Kind, Span};

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&edn::write(&expression(self)))
    }
}

pub(crate) fn expression(of: &Expression) -> Form {
    let all = |name: &str, items: &[Expression]| list(name, items.iter().map(expression));
    let one = |name: &str, item: &Expression| list(name, [expression(item)].into_iter());
    let with_text =
        |name: &str, item: &Expression, text: &str| list(name, [expression(item), string(text)].into_iter());
    match of {
        Expression::Nil => form(Kind::Nil),
        Expression::Bool(truth) => form(Kind::Bool(*truth)),
        Expression::Number(number) => self::number(*number),
        Expression::Text(text) => string(text),
        Expression::Field(field) => keyword(field.name()),
        Expression::Compare(comparator, items) => all(comparator.symbol(), items),
        Expression::And(items) => all("and", items),
        Expression::Or(items) => all("or", items),
        Expression::Not(inner) => one("not", inner),
        Expression::If(parts) => if_else(parts),
        Expression::IsNil(inner) => one("nil?", inner),
        Expression::IsSome(inner) => one("some?", inner),
        Expression::Find(pattern, inner) => list("re-find", [self::pattern(pattern), expression(inner)].into_iter()),
        Expression::Tagged(tag) => list("tagged", [string(tag)].into_iter()),
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
        Expression::Map(entries) => {
            let entry = |(name, value): &(Box<str>, Expression)| (keyword(name), expression(value));
            form(Kind::Map(entries.iter().map(entry).collect()))
        }
        Expression::Case(case) => self::case(case),
        Expression::Group(pattern, group, inner) => {
            list("re-groups", [self::pattern(pattern), expression(inner), integer(i64::from(*group))].into_iter())
        }
        Expression::Subs(inner, start, end) => {
            let positions = [Some(*start), *end].into_iter().flatten();
            list("subs", [expression(inner)].into_iter().chain(positions.map(|at| integer(i64::from(at)))))
        }
        Expression::StartsWith(inner, text) => with_text("starts-with?", inner, text),
        Expression::EndsWith(inner, text) => with_text("ends-with?", inner, text),
        Expression::Contains(inner, text) => with_text("contains?", inner, text),
        Expression::UrlPath(inner) => one("url-path", inner),
        Expression::QueryParam(inner, name) => with_text("query-param", inner, name),
        Expression::Bucket(inner, buckets) => {
            let bounds = buckets.below.iter().map(|(bound, _)| number(*bound));
            list("bucket", [expression(inner)].into_iter().chain(bounds))
        }
        Expression::LowerCase(inner) => one("lower-case", inner),
        Expression::ParseNumber(inner) => one("parse-number", inner),
    }
}

/// `(if test then else)`; `(cond …)` if the else is one, too.
fn if_else(parts: &(Expression, Expression, Expression)) -> Form {
    let (test, then, otherwise) = parts;
    let mut items = vec![expression(test), expression(then)];
    let mut rest = otherwise;
    // In front of a value in a `cond`, the field `:else` would be the last clause.
    let is_else = |test: &Expression| matches!(test, Expression::Field(field) if field.name() == "else");
    while let Expression::If(parts) = rest
        && !is_else(test)
        && !is_else(&parts.0)
    {
        items.extend([expression(&parts.0), expression(&parts.1)]);
        rest = &parts.2;
    }
    let name = if items.len() > 2 { "cond" } else { "if" };
    if *rest != Expression::Nil {
        items.extend((name == "cond").then(|| keyword("else")));
        items.push(expression(rest));
    }
    list(name, items.into_iter())
}

fn case(case: &Case) -> Form {
    let mut items = vec![expression(&case.of)];
    for (constants, result) in &case.clauses {
        items.push(match &constants[..] {
            [one] => expression(one),
            many => form(Kind::List(many.iter().map(expression).collect())),
        });
        items.push(expression(result));
    }
    items.extend((case.otherwise != Expression::Nil).then(|| expression(&case.otherwise)));
    list("case", items.into_iter())
}

fn pattern(pattern: &Pattern) -> Form {
    string(pattern.as_str())
}

fn number(number: Number) -> Form {
    match number {
        Number::Int(n) => integer(n),
        Number::Float(x) => form(Kind::Decimal(format!("{x:?}").into())),
    }
}

fn string(text: &str) -> Form {
    form(Kind::String(text.into()))
}

pub(crate) fn form(kind: Kind) -> Form {
    Form { kind, span: Span::default() }
}

pub(crate) fn symbol(name: &str) -> Form {
    form(Kind::Symbol(name.into()))
}

pub(crate) fn keyword(name: &str) -> Form {
    form(Kind::Keyword(name.into()))
}

pub(crate) fn integer(n: i64) -> Form {
    form(Kind::Integer(n.to_string().into()))
}

pub(crate) fn list(name: &str, items: impl Iterator<Item = Form>) -> Form {
    form(Kind::List([symbol(name)].into_iter().chain(items).collect()))
}
