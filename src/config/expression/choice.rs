//! What chooses between expressions: `if`, `when`, `cond`, `case`; and the records that they may come to.

use std::collections::HashSet;

use super::{Call, FUNCTIONS, MAX_DEPTH, call, expression};
use crate::config::catalogue;
use crate::config::context::Context;
use crate::edn::{Form, Kind};
use crate::plan::{Case, Expression, Field, Number};

impl Call<'_> {
    /// Reads what the call may come to.
    fn result(&self, form: &Form, depth: usize, context: &mut Context) -> Option<Expression> {
        match self.record {
            Some(subject) => record(form, subject, depth, context),
            None => expression(form, depth, context),
        }
    }
}

pub(super) fn if_else(call: &Call, context: &mut Context) -> Option<Expression> {
    let test = expression(&call.arguments[0], call.depth, context);
    let then = call.result(&call.arguments[1], call.depth, context);
    let otherwise = match call.arguments.get(2) {
        Some(form) => call.result(form, call.depth, context),
        None => Some(Expression::Nil),
    };
    Some(Expression::If(Box::new((test?, then?, otherwise?))))
}

pub(super) fn cond(call: &Call, context: &mut Context) -> Option<Expression> {
    if !call.arguments.len().is_multiple_of(2) {
        return context.refuse(catalogue::odd_cond(call.span));
    }
    if call.depth + call.arguments.len() / 2 > MAX_DEPTH {
        return context.refuse(catalogue::too_deep(call.span));
    }
    let mut clauses = Vec::new();
    let mut fine = true;
    let mut otherwise = None;
    for (at, pair) in call.arguments.chunks_exact(2).enumerate() {
        if otherwise.is_some() {
            context.report(catalogue::clause_after_else(pair[0].span));
            break;
        }
        let depth = call.depth + at;
        let is_else = matches!(&pair[0].kind, Kind::Keyword(name) if name.as_ref() == "else");
        let test = if is_else { Some(Expression::Bool(true)) } else { expression(&pair[0], depth, context) };
        match (test, call.result(&pair[1], depth, context)) {
            (Some(_), Some(then)) if is_else => otherwise = Some(then),
            (Some(test), Some(then)) => clauses.push((test, then)),
            _ => fine = false,
        }
    }
    let last = otherwise.unwrap_or(Expression::Nil);
    let nested =
        clauses.into_iter().rev().fold(last, |rest, (test, then)| Expression::If(Box::new((test, then, rest))));
    fine.then_some(nested)
}

pub(super) fn case(call: &Call, context: &mut Context) -> Option<Expression> {
    let [of_form, rest @ ..] = call.arguments else { return None };
    let of = expression(of_form, call.depth, context);
    let mut fine = true;
    if of == Some(Expression::Field(Field::Tags)) {
        context.report(catalogue::argument_is_no_text(of_form.span, call.name, "a list of tags"));
        fine = false;
    }
    let mut known = Known::default();
    let mut clauses = Vec::new();
    let pairs = rest.chunks_exact(2);
    let default = pairs.remainder().first();
    for pair in pairs {
        let mut constants = Vec::new();
        let forms = match &pair[0].kind {
            Kind::List(items) if !items.is_empty() => items.as_ref(),
            _ => std::slice::from_ref(&pair[0]),
        };
        for form in forms {
            match constant(form, call.depth, context) {
                Some(constant) if known.has(&constant) => {
                    context.report(catalogue::constant_stands_twice(form.span));
                    fine = false;
                }
                Some(constant) => constants.push(constant),
                None => fine = false,
            }
        }
        match call.result(&pair[1], call.depth, context) {
            Some(result) => clauses.push((constants, result)),
            None => fine = false,
        }
    }
    let otherwise = match default {
        Some(form) => call.result(form, call.depth, context),
        None => Some(Expression::Nil),
    };
    let case = Case { of: of?, clauses, otherwise: otherwise? };
    fine.then(|| Expression::Case(Box::new(case)))
}

fn constant(form: &Form, depth: usize, context: &mut Context) -> Option<Expression> {
    match &form.kind {
        Kind::Nil | Kind::Bool(_) | Kind::Integer(_) | Kind::Decimal(_) | Kind::String(_) | Kind::Broken => {
            expression(form, depth, context)
        }
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => expression(form, depth, context),
        _ => context.refuse(catalogue::no_constant(form)),
    }
}

/// The constants of a `case` so far. Two are the same if `=` says so: `200` is `"200"`.
#[derive(Default)]
struct Known {
    texts: HashSet<Box<str>>,
    /// As text, so that 200 and 200.0 are one; so are the others.
    numbers: HashSet<String>,
    numbers_of_texts: HashSet<String>,
    others: HashSet<String>,
}

impl Known {
    /// Whether the constant is known; from now on it is.
    fn has(&mut self, constant: &Expression) -> bool {
        match constant {
            Expression::Text(text) => {
                let number = Number::parse_json(text.as_bytes()).map(|number| number.to_string());
                let is_number = number.as_ref().is_some_and(|number| self.numbers.contains(number));
                self.numbers_of_texts.extend(number);
                !self.texts.insert(text.clone()) || is_number
            }
            Expression::Number(number) => {
                let number = number.to_string();
                self.numbers_of_texts.contains(&number) || !self.numbers.insert(number)
            }
            other => !self.others.insert(other.to_string()),
        }
    }
}

/// Reads a record: nil, a map, or what comes to one.
pub(super) fn record(form: &Form, subject: &str, depth: usize, context: &mut Context) -> Option<Expression> {
    if depth > MAX_DEPTH {
        return context.refuse(catalogue::too_deep(form.span));
    }
    match &form.kind {
        Kind::Nil => Some(Expression::Nil),
        Kind::Map(entries) => map(entries, depth, context),
        Kind::List(items) if items.first().is_some_and(may_be_record) => {
            call(items, form.span, depth, Some(subject), context)
        }
        Kind::Broken => None,
        _ => context.refuse(catalogue::record_is_no_map(form, subject)),
    }
}

/// Whether a function chooses between its arguments.
pub(super) fn chooses(name: &str) -> bool {
    matches!(name, "if" | "when" | "cond" | "case")
}

/// Whether a list with this head comes to a record; or is no call at all, as whoever reads it says.
fn may_be_record(head: &Form) -> bool {
    match &head.kind {
        Kind::Symbol(name) => chooses(name) || FUNCTIONS.iter().all(|function| function.name != name.as_ref()),
        kind => *kind == Kind::Broken,
    }
}

fn map(entries: &[(Form, Form)], depth: usize, context: &mut Context) -> Option<Expression> {
    let mut read = Vec::new();
    let mut fine = true;
    for (key, value) in entries {
        let value = expression(value, depth + 1, context);
        let name = match &key.kind {
            Kind::Keyword(name) => Some(name.clone()),
            Kind::Broken => None,
            _ => context.refuse(catalogue::key_of_record(key)),
        };
        match (name, value) {
            (Some(name), Some(value)) => read.push((name, value)),
            _ => fine = false,
        }
    }
    read.sort_by(|(a, _), (b, _)| a.cmp(b));
    fine.then_some(Expression::Map(read))
}
