//! Functions of numbers.

use super::{Call, comparator, expression, no_scalar, number};
use crate::config::catalogue;
use crate::config::context::Context;
use crate::edn::Kind;
use crate::plan::{Buckets, Expression, Number, Operation};

pub(super) fn order(call: &Call, context: &mut Context) -> Option<Expression> {
    let items = numbers(call, context)?;
    Some(Expression::Compare(comparator(call.name), items))
}

pub(super) fn arithmetic(call: &Call, context: &mut Context) -> Option<Expression> {
    let operation = match call.name {
        "+" => Operation::Add,
        "-" => Operation::Subtract,
        "*" => Operation::Multiply,
        _ => Operation::Divide,
    };
    Some(Expression::Arithmetic(operation, numbers(call, context)?))
}

/// All arguments, where each must be able to read as a number.
fn numbers(call: &Call, context: &mut Context) -> Option<Vec<Expression>> {
    let mut numbers = Vec::new();
    let mut fine = true;
    for form in call.arguments {
        let Some(item) = expression(form, call.depth, context) else {
            fine = false;
            continue;
        };
        if let Some(found) = no_number(&item) {
            fine = false;
            context.report(catalogue::argument_is_no_number(form.span, call.name, found));
        }
        numbers.push(item);
    }
    fine.then_some(numbers)
}

/// What an expression is, where it can never be a number.
fn no_number(expression: &Expression) -> Option<&'static str> {
    match expression {
        Expression::Text(text) if Number::parse_json(text.as_bytes()).is_none() => Some("a text that is no number"),
        Expression::Bucket(..) => Some("the name of a range"),
        other => no_scalar(other),
    }
}

pub(super) fn bucket(call: &Call, context: &mut Context) -> Option<Expression> {
    let value = number_of(call, context);
    let mut bounds: Vec<Number> = Vec::new();
    let mut fine = true;
    for form in &call.arguments[1..] {
        let bound = match &form.kind {
            Kind::Integer(digits) | Kind::Decimal(digits) => number(digits),
            Kind::Broken => return None,
            _ => return context.refuse(catalogue::bound_is_no_number(form)),
        };
        let Some(bound) = bound else { return context.refuse(catalogue::number_too_large(form.span)) };
        if bounds.last().is_some_and(|before| before.compare(bound).is_ge()) {
            context.report(catalogue::bounds_do_not_ascend(form.span, *bounds.last()?, bound));
            fine = false;
        }
        bounds.push(bound);
    }
    let value = value?;
    fine.then(|| Expression::Bucket(Box::new(value), Box::new(Buckets::new(&bounds))))
}

/// The first argument, which must be able to read as a number.
fn number_of(call: &Call, context: &mut Context) -> Option<Expression> {
    let form = &call.arguments[0];
    let value = expression(form, call.depth, context)?;
    match no_number(&value) {
        Some(found) => context.refuse(catalogue::argument_is_no_number(form.span, call.name, found)),
        None => Some(value),
    }
}
