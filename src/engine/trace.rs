//! How an expression came to its value, part by part.

use super::Fields;
use super::expression::{arithmetic, branch, holds, result};
use crate::plan::{Comparator, Expression, Field, Operation};

/// One part of an expression that was evaluated. Those that it is made of follow, one deeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// 0 for the whole.
    pub depth: usize,
    /// As EDN.
    pub expression: String,
    /// What it came to, as EDN.
    pub value: String,
}

impl Expression {
    /// Appends each part that is evaluated for `event` with its value, the whole first.
    ///
    /// Branches that are not taken and what stands behind a part that decides are left out; so are constants, unless one
    /// is the whole.
    pub fn trace<F: Fields>(&self, event: &F, out: &mut Vec<Step>) {
        step(self, 0, event, out);
    }

    /// The value for people; of a record, the map with the values of its entries.
    fn shown<F: Fields>(&self, event: &F) -> String {
        let Some(entries) = self.record(event) else { return self.evaluate(event).to_string() };
        let entries = entries.iter().map(|(name, value)| format!(":{name} {}", value.evaluate(event)));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
    }
}

fn step<F: Fields>(expression: &Expression, depth: usize, event: &F, out: &mut Vec<Step>) {
    out.push(Step { depth, expression: expression.to_string(), value: expression.shown(event) });
    parts(expression, depth + 1, event, out);
}

fn parts<F: Fields>(expression: &Expression, depth: usize, event: &F, out: &mut Vec<Step>) {
    let one = |inner: &Expression, out: &mut Vec<Step>| {
        if !is_constant(inner) {
            step(inner, depth, event, out);
        }
    };
    let mut some = |items: &[Expression]| items.iter().for_each(|item| one(item, out));
    match expression {
        Expression::Compare(comparator, items) => some(&items[..compared(*comparator, items, event)]),
        Expression::And(items) => some(until(items, |item| !item.accepts(event))),
        Expression::Or(items) => some(until(items, |item| item.accepts(event))),
        Expression::Arithmetic(operation, items) => some(&items[..reckoned(*operation, items, event)]),
        Expression::If(first) => {
            // The clauses of a `cond` stand beside each other, as they are written.
            let mut parts = first;
            one(&parts.0, out);
            while let Expression::If(next) = branch(parts, event)
                && std::ptr::eq(branch(parts, event), &parts.2)
            {
                parts = next;
                one(&parts.0, out);
            }
            one(branch(parts, event), out);
        }
        Expression::Case(case) => {
            one(&case.of, out);
            one(result(case, event), out);
        }
        Expression::Tagged(_) => one(&Expression::Field(Field::Tags), out),
        // All of whatever always reads all.
        whole => whole.each_part(&mut |part| one(part, out)),
    }
}

fn is_constant(expression: &Expression) -> bool {
    matches!(expression, Expression::Nil | Expression::Bool(_) | Expression::Number(_) | Expression::Text(_))
}

/// The items up to the first that decides.
fn until(items: &[Expression], decides: impl Fn(&Expression) -> bool) -> &[Expression] {
    let last = items.iter().position(decides);
    last.map_or(items, |last| &items[..=last])
}

/// How many items are compared: up to the first pair that decides.
fn compared<F: Fields>(comparator: Comparator, items: &[Expression], event: &F) -> usize {
    let decides = |pair: &[Expression]| !holds(comparator, &pair[0].evaluate(event), &pair[1].evaluate(event));
    items.windows(2).position(decides).map_or(items.len(), |at| at + 2)
}

/// How many items are reckoned with: up to the first with which there is no number any more.
fn reckoned<F: Fields>(operation: Operation, items: &[Expression], event: &F) -> usize {
    let is_last = |count: &usize| match count {
        1 => items[0].evaluate(event).number().is_none(),
        count => arithmetic(operation, &items[..*count], event).is_none(),
    };
    (1..items.len()).find(is_last).unwrap_or(items.len())
}
