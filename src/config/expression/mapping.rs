//! Functions that the mapping of logs needs, and maps as results.

use super::{Call, expression, number};
use crate::config::context::Context;
use crate::config::values::{self, Appears};
use crate::config::{catalogue, pattern};
use crate::edn::{Form, Kind};
use crate::plan::{Comparator, Expression, Number, Side};

/// The most characters that `subs` counts.
const MOST: u64 = 1 << 20;

pub(super) fn record(form: &Form, subject: &str, depth: usize, context: &mut Context) -> Option<Expression> {
    if depth > super::MAX_DEPTH {
        return context.refuse(catalogue::too_deep(form.span));
    }
    match &form.kind {
        Kind::Broken => None,
        Kind::Nil => Some(Expression::Nil),
        Kind::Map(entries) => map(entries, subject, context),
        Kind::List(items) => choice(form, items, subject, depth, context),
        _ => context.refuse(catalogue::no_record(form, subject)),
    }
}

fn map(entries: &[(Form, Form)], subject: &str, context: &mut Context) -> Option<Expression> {
    let mut fine = true;
    let mut read: Vec<(Box<str>, Expression)> = Vec::new();
    for (key, value) in entries {
        let name = match &key.kind {
            Kind::Keyword(name) => Some(name.clone()),
            Kind::Broken => None,
            _ => context.refuse(catalogue::key_is_no_keyword(key, subject)),
        };
        match (name, expression(value, 0, context)) {
            (Some(name), Some(value)) => read.push((name, value)),
            _ => fine = false,
        }
    }
    read.sort_by(|a, b| a.0.cmp(&b.0));
    fine.then_some(Expression::Map(read))
}

/// `cond`, `if`, `when` and `case` whose results are records.
fn choice(form: &Form, items: &[Form], subject: &str, depth: usize, context: &mut Context) -> Option<Expression> {
    let Some((head, arguments)) = items.split_first() else {
        return context.refuse(catalogue::empty_call(form.span));
    };
    let name = match &head.kind {
        Kind::Symbol(name) => name.as_ref(),
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::no_record(form, subject)),
    };
    let result = &mut |form: &Form, depth: usize, context: &mut Context| record(form, subject, depth, context);
    let call = |name| Call { name, arguments, span: form.span, depth: depth + 1 };
    match (name, arguments.len()) {
        ("if", 2..=3) | ("when", 2) => {
            let test = expression(&arguments[0], depth + 1, context);
            let then = result(&arguments[1], depth + 1, context);
            let otherwise = match arguments.get(2) {
                Some(form) => result(form, depth + 1, context),
                None => Some(Expression::Nil),
            };
            Some(Expression::If(Box::new((test?, then?, otherwise?))))
        }
        ("cond", 2..) => super::clauses(&call("cond"), result, context),
        ("case", 2..) => cases(&call("case"), result, context),
        ("if" | "when" | "cond" | "case", count) => {
            let most = match name {
                "if" => Some(3),
                "when" => Some(2),
                _ => None,
            };
            context.refuse(catalogue::arity(form.span, name, count, 2, most))
        }
        _ => context.refuse(catalogue::no_record(form, subject)),
    }
}

/// How what a choice comes to is read.
pub(super) type Result<'r> = &'r mut dyn FnMut(&Form, usize, &mut Context) -> Option<Expression>;

pub(super) fn case(call: &Call, context: &mut Context) -> Option<Expression> {
    cases(call, &mut |form, depth, context| expression(form, depth, context), context)
}

/// `(case x CONSTANT r … default)`: one comparison after the other.
fn cases(call: &Call, result: Result<'_>, context: &mut Context) -> Option<Expression> {
    let (subject, clauses) = call.arguments.split_first()?;
    if call.depth + clauses.len() / 2 > super::MAX_DEPTH {
        return context.refuse(catalogue::too_deep(call.span));
    }
    let subject = expression(subject, call.depth, context);
    let pairs = clauses.chunks_exact(2);
    let mut otherwise = match pairs.remainder() {
        [form] => result(form, call.depth, context),
        _ => Some(Expression::Nil),
    };
    let mut read = Vec::new();
    for pair in pairs {
        read.push((constants(&pair[0], context), result(&pair[1], call.depth, context)));
    }
    let subject = subject?;
    for (constants, then) in read.into_iter().rev() {
        let is = |constant| Expression::Compare(Comparator::Equal, vec![subject.clone(), constant]);
        let mut tests: Vec<Expression> = constants?.into_iter().map(is).collect();
        let test = if tests.len() == 1 { tests.remove(0) } else { Expression::Or(tests) };
        otherwise = Some(Expression::If(Box::new((test, then?, otherwise?))));
    }
    otherwise
}

/// One constant, or a list of several.
fn constants(form: &Form, context: &mut Context) -> Option<Vec<Expression>> {
    match &form.kind {
        Kind::List(items) if !items.is_empty() => items.iter().map(|item| constant(item, context)).collect(),
        _ => constant(form, context).map(|one| vec![one]),
    }
}

fn constant(form: &Form, context: &mut Context) -> Option<Expression> {
    match &form.kind {
        Kind::Nil | Kind::Bool(_) | Kind::Integer(_) | Kind::Decimal(_) | Kind::String(_) => {
            expression(form, 0, context)
        }
        // A keyword is a constant there, and its text is what an event has.
        Kind::Keyword(name) => Some(Expression::Text(name.clone())),
        Kind::Broken => None,
        _ => context.refuse(catalogue::argument_is_no(form, "case", "a text, a number or a list of them", "`\"GET\"`")),
    }
}

/// An argument that can have a text.
fn textual(form: &Form, call: &Call, context: &mut Context) -> Option<Box<Expression>> {
    let read = expression(form, call.depth, context)?;
    let never = matches!(
        read,
        Expression::Nil
            | Expression::Bool(_)
            | Expression::Compare(..)
            | Expression::Not(_)
            | Expression::IsNil(_)
            | Expression::IsSome(_)
            | Expression::Tagged(_)
            | Expression::Part(..)
    );
    match never {
        true => context.refuse(catalogue::argument_is_no(form, call.name, "a text", "a field, such as `:path`")),
        false => Some(Box::new(read)),
    }
}

/// An argument that is a text as written.
fn written(form: &Form, call: &Call, context: &mut Context) -> Option<Box<str>> {
    match &form.kind {
        Kind::String(text) if !text.is_empty() => Some(text.clone()),
        Kind::Broken => None,
        Kind::Tagged(tag, _) if matches!(tag.as_ref(), "env" | "file") => {
            values::text(form, "an expression", Appears::Nowhere, context).map(|text| text.text.into())
        }
        _ => context.refuse(catalogue::argument_is_no(form, call.name, "a text as written, not empty", "`\"/api/\"`")),
    }
}

pub(super) fn re_groups(call: &Call, context: &mut Context) -> Option<Expression> {
    let [first, second, rest @ ..] = call.arguments else { return None };
    let is_pattern = |form: &Form| matches!(form.kind, Kind::String(_) | Kind::Tagged(..) | Kind::Broken);
    if !is_pattern(first) {
        return context.refuse(catalogue::pattern_comes_first(first.span, call.name, is_pattern(second)));
    }
    let pattern = match first.kind {
        Kind::Broken => None,
        _ => pattern::read(first, "the pattern of `re-groups`", None, context),
    };
    let inner = textual(second, call, context);
    let pattern = pattern?.1;
    let groups = pattern.groups();
    let found = match rest.first().map(|form| &form.kind) {
        None => (groups.len() > 1).then_some(1),
        Some(Kind::Integer(digits)) => digits.parse::<usize>().ok().filter(|group| *group < groups.len()),
        Some(Kind::String(name)) => groups.iter().position(|group| group.as_deref() == Some(name.as_ref())),
        Some(Kind::Broken) => return None,
        Some(_) => None,
    };
    let Some(group) = found.and_then(|group| u32::try_from(group).ok()) else {
        let place = rest.first().map_or(first.span, |form| form.span);
        return context.refuse(catalogue::no_group(place, &groups));
    };
    Some(Expression::Group(pattern, group, inner?))
}

pub(super) fn subs(call: &Call, context: &mut Context) -> Option<Expression> {
    let [text, start, rest @ ..] = call.arguments else { return None };
    let inner = textual(text, call, context);
    let whole = |form: &Form, context: &mut Context| {
        let found = values::whole(form, "an argument of `subs`", 0, MOST, context)?;
        u32::try_from(found).ok()
    };
    let from = whole(start, context);
    let end = match rest.first() {
        Some(form) => Some(whole(form, context)?),
        None => None,
    };
    let from = from?;
    if let (Some(end), Some(form)) = (end, rest.first())
        && end < from
    {
        return context.refuse(catalogue::argument_is_no(
            form,
            "subs",
            "an end that is not before the start",
            "`(subs :status-code 0 1)`",
        ));
    }
    Some(Expression::Sub(inner?, from, end))
}

pub(super) fn part(call: &Call, context: &mut Context) -> Option<Expression> {
    let [text, part] = call.arguments else { return None };
    if let Kind::Set(_) | Kind::Vector(_) = &text.kind {
        let example = "`(or (= :status-code 200) (= :status-code 201))`, or `(case :status-code (200 201) true)`";
        return context.refuse(catalogue::argument_is_no(text, call.name, "a text", example));
    }
    let side = match call.name {
        "starts-with?" => Side::Start,
        "ends-with?" => Side::End,
        _ => Side::Anywhere,
    };
    let inner = textual(text, call, context);
    let part = written(part, call, context);
    Some(Expression::Part(side, inner?, part?))
}

pub(super) fn url_path(call: &Call, context: &mut Context) -> Option<Expression> {
    textual(&call.arguments[0], call, context).map(Expression::Path)
}

pub(super) fn query_param(call: &Call, context: &mut Context) -> Option<Expression> {
    let [text, name] = call.arguments else { return None };
    let inner = textual(text, call, context);
    let name = written(name, call, context);
    Some(Expression::Query(inner?, name?))
}

pub(super) fn lower_case(call: &Call, context: &mut Context) -> Option<Expression> {
    textual(&call.arguments[0], call, context).map(Expression::Lower)
}

pub(super) fn parse_number(call: &Call, context: &mut Context) -> Option<Expression> {
    textual(&call.arguments[0], call, context).map(Expression::ParseNumber)
}

pub(super) fn bucket(call: &Call, context: &mut Context) -> Option<Expression> {
    let (value, bounds) = call.arguments.split_first()?;
    let inner = expression(value, call.depth, context);
    let bounds = match bounds {
        [Form { kind: Kind::Vector(items), .. }] if !items.is_empty() => items,
        other => other,
    };
    let mut read: Vec<(Number, String)> = Vec::new();
    for form in bounds {
        let bound = match &form.kind {
            Kind::Integer(digits) | Kind::Decimal(digits) => number(digits),
            Kind::Broken => return None,
            _ => None,
        };
        let is_after = |bound: &Number| read.last().is_none_or(|(last, _)| last.compare(*bound).is_lt());
        let Some(bound) = bound.filter(is_after) else {
            return context.refuse(catalogue::argument_is_no(
                form,
                "bucket",
                "a bound above the one before",
                "`(bucket :request-time 0.1 0.3 1)`",
            ));
        };
        read.push((bound, bound.to_string()));
    }
    let last = read.last()?.1.clone();
    let mut before: Option<String> = None;
    let labels = read.into_iter().map(|(bound, text)| {
        let label = match &before {
            None => format!("<{text}"),
            Some(before) => format!("{before}-{text}"),
        };
        before = Some(text);
        (bound, label.into())
    });
    let labels = labels.collect();
    Some(Expression::Bucket(Box::new(inner?), labels, format!(">={last}").into()))
}
