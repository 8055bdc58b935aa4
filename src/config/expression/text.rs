//! Functions of texts.

use super::{Call, expression, no_scalar};
use crate::config::context::Context;
use crate::config::values::{self, Appears};
use crate::config::{catalogue, pattern};
use crate::edn::{Form, Kind};
use crate::plan::{Expression, Field, Pattern};

pub(super) fn re_find(call: &Call, context: &mut Context) -> Option<Expression> {
    let (pattern, text) = searched(call, context);
    Some(Expression::Find(pattern?, text?))
}

pub(super) fn re_groups(call: &Call, context: &mut Context) -> Option<Expression> {
    let (pattern, text) = searched(call, context);
    let pattern = pattern?;
    let group = match call.arguments.get(2) {
        Some(form) => group(form, &pattern, context),
        // The one group that most patterns have.
        None if !pattern::groups(&pattern).is_empty() => Some(1),
        None => {
            let first = Form { kind: Kind::Integer("1".into()), span: call.arguments[0].span };
            context.refuse(catalogue::no_such_group(&first, &[]))
        }
    };
    Some(Expression::Group(pattern, group?, text?))
}

/// A pattern, and what is searched with it.
fn searched(call: &Call, context: &mut Context) -> (Option<Pattern>, Option<Box<Expression>>) {
    let (first, second) = (&call.arguments[0], &call.arguments[1]);
    let is_pattern = |form: &Form| matches!(form.kind, Kind::String(_) | Kind::Tagged(..) | Kind::Broken);
    if !is_pattern(first) {
        context.report(catalogue::pattern_comes_first(first.span, call.name, is_pattern(second)));
        return (None, None);
    }
    let pattern = match first.kind {
        Kind::Broken => None,
        _ => pattern::read(first, &format!("the pattern of `{}`", call.name), None, context),
    };
    let text = expression(second, call.depth, context);
    (pattern.map(|(_, pattern)| pattern), text.map(Box::new))
}

/// The number of a group, by its number or name.
fn group(form: &Form, pattern: &Pattern, context: &mut Context) -> Option<u32> {
    let names = pattern::groups(pattern);
    let found = match &form.kind {
        Kind::Integer(digits) => digits.parse().ok().filter(|group| *group <= names.len()),
        Kind::String(name) => {
            let named = names.iter().position(|known| known.as_deref() == Some(name.as_ref()));
            named.map(|at| at + 1)
        }
        Kind::Broken => return None,
        _ => return context.refuse(catalogue::group_is_no_number(form)),
    };
    match found.and_then(|group| u32::try_from(group).ok()) {
        Some(group) => Some(group),
        None => context.refuse(catalogue::no_such_group(form, &names)),
    }
}

pub(super) fn subs(call: &Call, context: &mut Context) -> Option<Expression> {
    let text = text_of(call, context);
    let mut positions = Vec::new();
    for form in &call.arguments[1..] {
        positions.push(match &form.kind {
            Kind::Integer(digits) => match digits.parse::<u32>() {
                Ok(position) => position,
                Err(_) => return context.refuse(catalogue::no_position(form)),
            },
            Kind::Broken => return None,
            _ => return context.refuse(catalogue::no_position(form)),
        });
    }
    match positions[..] {
        [start] => Some(Expression::Subs(text?, start, None)),
        [start, end] if start <= end => Some(Expression::Subs(text?, start, Some(end))),
        [start, end] => context.refuse(catalogue::end_before_start(call.arguments[2].span, start, end)),
        _ => None,
    }
}

/// `starts-with?`, `ends-with?`, `contains?`.
pub(super) fn looks_for(call: &Call, context: &mut Context) -> Option<Expression> {
    let [first, second] = call.arguments else { return None };
    match (&first.kind, &second.kind) {
        (Kind::Set(_) | Kind::Vector(_), _) if call.name == "contains?" => {
            return context.refuse(catalogue::contains_of_a_set(first));
        }
        (Kind::String(_), Kind::Keyword(_) | Kind::Symbol(_) | Kind::List(_)) => {
            return context.refuse(catalogue::field_comes_first(first.span, call.name));
        }
        _ => {}
    }
    // An item of a list may be what is looked for.
    let value = argument(call, true, context);
    let part = values::text(second, &format!("what `{}` looks for", call.name), Appears::Nowhere, context);
    let (value, part) = (value?, part?.text.into());
    Some(match call.name {
        "starts-with?" => Expression::StartsWith(value, part),
        "ends-with?" => Expression::EndsWith(value, part),
        _ => Expression::Contains(value, part),
    })
}

pub(super) fn query_param(call: &Call, context: &mut Context) -> Option<Expression> {
    let [first, second] = call.arguments else { return None };
    if let (Kind::String(_), Kind::Keyword(_) | Kind::Symbol(_) | Kind::List(_)) = (&first.kind, &second.kind) {
        return context.refuse(catalogue::field_comes_first(first.span, call.name));
    }
    let text = text_of(call, context);
    let name = values::text(second, "the name of a parameter", Appears::Nowhere, context);
    Some(Expression::QueryParam(text?, name?.text.into()))
}

/// `lower-case`, `url-path`, `parse-number`.
pub(super) fn of_one(call: &Call, context: &mut Context) -> Option<Expression> {
    let text = text_of(call, context)?;
    Some(match call.name {
        "lower-case" => Expression::LowerCase(text),
        "url-path" => Expression::UrlPath(text),
        _ => Expression::ParseNumber(text),
    })
}

/// The first argument, which must be able to have a text.
fn text_of(call: &Call, context: &mut Context) -> Option<Box<Expression>> {
    argument(call, false, context)
}

/// The first argument, which must be able to have a text, or texts.
fn argument(call: &Call, lists: bool, context: &mut Context) -> Option<Box<Expression>> {
    let form = &call.arguments[0];
    let value = expression(form, call.depth, context)?;
    match no_scalar(&value) {
        Some(_) if lists && value == Expression::Field(Field::Tags) => Some(Box::new(value)),
        Some(found) => context.refuse(catalogue::argument_is_no_text(form.span, call.name, found)),
        None => Some(Box::new(value)),
    }
}
