//! Where one record would go, and why.

use std::fmt;

use super::Record;
use super::key::key;
use super::written::head;
use crate::plan::{Expression, Field, Route};

/// What routes would do with a record that is the first they see.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// One for each route.
    pub steps: Vec<TraceStep>,
    /// Who would be told, in the order in which they are reached, each once.
    pub notifiers: Vec<String>,
}

/// One operator that the record reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceStep {
    /// The operator as EDN, without those behind it.
    pub operator: String,
    /// What it does with the record.
    pub outcome: String,
    /// Those behind it that the record reaches.
    pub steps: Vec<TraceStep>,
}

/// Says where a record would go, and why, if it were the first.
pub fn trace<R: Record>(routes: &[Route], record: &R) -> Trace {
    let mut notifiers = Vec::new();
    let steps = all(routes, record, &mut notifiers);
    Trace { steps, notifiers }
}

impl fmt::Display for Trace {
    /// A line for each operator, those behind it indented by two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write(step, 0, f))
    }
}

fn write(step: &TraceStep, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let gap = if step.outcome.is_empty() { "" } else { "  " };
    writeln!(f, "{:depth$}{}{gap}{}", "", step.operator, step.outcome)?;
    step.steps.iter().try_for_each(|step| write(step, depth + 2, f))
}

fn all<R: Record>(routes: &[Route], record: &R, notifiers: &mut Vec<String>) -> Vec<TraceStep> {
    routes.iter().map(|route| one(route, record, notifiers)).collect()
}

fn one<R: Record>(route: &Route, record: &R, notifiers: &mut Vec<String>) -> TraceStep {
    let (outcome, steps) = match route {
        Route::Where { condition, then, otherwise } => {
            let (word, children) = match condition.accepts(record) {
                true => ("yes", then),
                false => ("no", otherwise),
            };
            (said(word, condition, record), all(children, record, notifiers))
        }
        Route::By { fields, children } => {
            let values: Vec<String> = fields.iter().map(|field| record.field(field).to_string()).collect();
            (format!("group [{}]", values.join(" ")), all(children, record, notifiers))
        }
        Route::Changed { of, init, children } => {
            let value = of.evaluate(record);
            let is_init =
                |init: &Expression| key([init.evaluate(record)].into_iter()) == key([of.evaluate(record)].into_iter());
            let is_same = init.as_ref().is_some_and(is_init);
            match is_same {
                true => (format!("stops here: {value} is what `:init` says"), Vec::new()),
                false => (format!("passes: {value} is the first"), all(children, record, notifiers)),
            }
        }
        Route::Throttle { most: 0, .. } => ("stops here: none passes".to_string(), Vec::new()),
        Route::Throttle { most, children, .. } => {
            (format!("1 of {most} in this window: passes"), all(children, record, notifiers))
        }
        Route::Rollup { most: 0, children, .. } => {
            ("waits for the end of this window".to_string(), all(children, record, notifiers))
        }
        Route::Rollup { most, children, .. } => {
            (format!("1 of {most} in this window: passes at once"), all(children, record, notifiers))
        }
        Route::With { fields, children } => {
            let mut changed = record.clone();
            let mut was = Vec::new();
            for (field, value) in fields {
                let value = value.evaluate(record);
                was.push(format!(":{} is {value}, was {}", field.name(), record.field(field)));
                changed.set(field, &value);
            }
            (was.join("; "), all(children, &changed, notifiers))
        }
        Route::Sdo(children) => (String::new(), all(children, record, notifiers)),
        Route::Notify(names) => (tells(names, notifiers), Vec::new()),
    };
    TraceStep { operator: head(route), outcome, steps }
}

fn tells(names: &[String], notifiers: &mut Vec<String>) -> String {
    let (mut new, mut again) = (Vec::new(), Vec::new());
    for name in names {
        if notifiers.contains(name) {
            again.push(format!(":{name}"));
        } else {
            notifiers.push(name.clone());
            new.push(format!(":{name}"));
        }
    }
    match (new.is_empty(), again.is_empty()) {
        (_, true) => format!("tells {}", new.join(", ")),
        (true, _) => format!("told already: {}", again.join(", ")),
        (false, _) => format!("tells {}; told already: {}", new.join(", "), again.join(", ")),
    }
}

/// `yes: :severity is "page"`: the fields that the condition reads, each once.
fn said<R: Record>(word: &str, condition: &Expression, record: &R) -> String {
    let mut read: Vec<&Field> = Vec::new();
    condition.fields(&mut read);
    let mut known: Vec<&Field> = Vec::new();
    for field in read {
        if !known.contains(&field) {
            known.push(field);
        }
    }
    let is = |field: &&Field| format!(":{} is {}", field.name(), record.field(field));
    let values: Vec<String> = known.iter().map(is).collect();
    if values.is_empty() { word.to_string() } else { format!("{word}: {}", values.join(", ")) }
}
