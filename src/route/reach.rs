//! What can reach a route: three-valued, over what is known of a threshold's transitions before there are any.
//!
//! Of a transition it is known which threshold it is of, and what that says: severity, labels, service. Not known are
//! its group, its numbers and its times. Whatever is not known makes a condition undecided, never wrong: what is said
//! to reach nothing reaches nothing.

mod known;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::engine::Value;
use crate::order;
use crate::plan::{Comparator, Expression, Field, Number, Route, Threshold};
use known::{Known, Scope, Truth};

/// How much work is worth it: parts of conditions times thresholds that they tell apart. Beyond it nothing is said.
const BUDGET: usize = 60_000_000;

/// Of how many conditions that are never true the values that come there are told.
const EXPLAINED: usize = 100;

/// What was found of all routes. Operators are numbered as they are met: parents first, and in a `where` the children
/// before those of its `else`.
#[derive(Debug, Default, PartialEq)]
pub struct Reach {
    pub never: Vec<Never>,
    /// Each `where` whose `else` nothing reaches.
    pub always: Vec<usize>,
    /// An operator and a field that it reads, and that no transition has.
    pub absent: Vec<(usize, Field)>,
    /// Thresholds whose violations certainly reach no notifier, by their index. Shadow thresholds are not among them.
    pub untold: Vec<usize>,
    /// The severities that thresholds say and that can reach a notifier, by its name.
    pub severities: BTreeMap<String, BTreeSet<String>>,
}

/// A `where` whose condition is true of nothing that reaches it.
#[derive(Debug, PartialEq)]
pub struct Never {
    pub operator: usize,
    /// Of a condition made of parts by `and`, the one that is never true; None: each is true of something.
    pub part: Option<usize>,
    /// The one field that this part reads, and its values, in order, if all are known.
    pub field: Option<(Field, Vec<String>)>,
    /// Whether only some of the thresholds reach it.
    pub is_narrowed: bool,
}

/// Thresholds that no condition tells apart.
struct Class<'p> {
    /// In the order of the fields.
    known: Vec<Known<'p>>,
    thresholds: Vec<usize>,
}

/// What holds of every record at a place in the tree.
#[derive(Clone)]
enum Fact<'p> {
    /// What a `with` set, or a condition found out.
    Set {
        field: &'p Field,
        value: Value<'p>,
        by_with: bool,
    },
    /// What a `with` set is not known.
    Lost(&'p Field),
    Truth(&'p Expression, bool),
}

struct Walk<'p> {
    index: HashMap<&'p Field, usize>,
    classes: Vec<Class<'p>>,
    severity: &'p Field,
    told: Vec<bool>,
    next: usize,
    /// What is left of the budget; None: it was not enough.
    budget: Option<usize>,
    reach: Reach,
}

/// Finds what each operator and each threshold can come to.
pub fn reach(thresholds: &[Threshold], instance: &str, routes: &[Route]) -> Reach {
    let severity = Field::named("severity");
    let mut fields = vec![&severity];
    let mut set = Vec::new();
    routes.iter().for_each(|route| read_by(route, &mut fields, &mut set));
    fields.sort_unstable();
    fields.dedup();
    let classes = classify(thresholds, instance, &fields);
    if classes.is_empty() {
        return Reach::default();
    }
    let is_absent = |at: usize| classes.iter().all(|class| class.known[at] == Known::Value(Value::Nil));
    let absent: Vec<&Field> = (0..)
        .zip(&fields)
        .filter(|(at, field)| is_absent(*at) && !set.contains(field))
        .map(|(_, field)| *field)
        .collect();
    let mut walk = Walk {
        index: fields.iter().zip(0..).map(|(field, at)| (*field, at)).collect(),
        told: vec![false; classes.len()],
        classes,
        severity: &severity,
        next: 0,
        budget: Some(BUDGET),
        reach: Reach::default(),
    };
    let all: Vec<usize> = (0..walk.classes.len()).collect();
    walk.routes(routes, &all, &[], &absent);
    if walk.budget.is_none() {
        return Reach::default();
    }
    let untold = walk.classes.iter().zip(&walk.told).filter(|(_, told)| !**told);
    let mut untold: Vec<usize> = untold.flat_map(|(class, _)| class.thresholds.iter().copied()).collect();
    untold.sort_unstable();
    Reach { untold, ..walk.reach }
}

/// Appends each field that operators read, and each that a `with` sets.
fn read_by<'p>(route: &'p Route, fields: &mut Vec<&'p Field>, set: &mut Vec<&'p Field>) {
    own_fields(route, fields);
    if let Route::With { fields: changed, .. } = route {
        set.extend(changed.iter().map(|(field, _)| field));
    }
    for child in children(route).into_iter().flatten() {
        read_by(child, fields, set);
    }
}

/// Appends each field that an operator reads itself.
fn own_fields<'p>(route: &'p Route, out: &mut Vec<&'p Field>) {
    match route {
        Route::Where { condition, .. } => condition.fields(out),
        Route::By { fields, .. } => out.extend(fields),
        Route::Changed { of, .. } => of.fields(out),
        Route::With { fields, .. } => fields.iter().for_each(|(_, value)| value.fields(out)),
        Route::Throttle { .. } | Route::Rollup { .. } | Route::Sdo(_) | Route::Notify(_) => {}
    }
}

fn children(route: &Route) -> [&[Route]; 2] {
    match route {
        Route::Where { then, otherwise, .. } => [then, otherwise],
        Route::By { children, .. }
        | Route::Changed { children, .. }
        | Route::Throttle { children, .. }
        | Route::Rollup { children, .. }
        | Route::With { children, .. }
        | Route::Sdo(children) => [children, &[]],
        Route::Notify(_) => [&[], &[]],
    }
}

/// Thresholds by what is known of these fields; those that are never routed are left out.
fn classify<'p>(thresholds: &'p [Threshold], instance: &'p str, fields: &[&Field]) -> Vec<Class<'p>> {
    let mut classes: Vec<Class> = Vec::new();
    let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
    for (number, threshold) in thresholds.iter().enumerate().filter(|(_, threshold)| !threshold.output.shadow) {
        let known: Vec<Known> = fields.iter().map(|field| known::of(threshold, instance, field)).collect();
        let mut key = Vec::new();
        known.iter().for_each(|known| known.write_key(&mut key));
        let at = *by_key.entry(key).or_insert_with(|| {
            classes.push(Class { known, thresholds: Vec::new() });
            classes.len() - 1
        });
        classes[at].thresholds.push(number);
    }
    classes
}

impl<'p> Walk<'p> {
    fn routes(&mut self, routes: &'p [Route], alive: &[usize], facts: &[Fact<'p>], absent: &[&'p Field]) {
        routes.iter().for_each(|route| self.route(route, alive, facts, absent));
    }

    fn route(&mut self, route: &'p Route, alive: &[usize], facts: &[Fact<'p>], absent: &[&'p Field]) {
        let operator = self.next;
        self.next += 1;
        let mut own = Vec::new();
        own_fields(route, &mut own);
        let missing = order::set(own.into_iter().filter(|field| absent.contains(field)));
        self.reach.absent.extend(missing.iter().map(|field| (operator, (*field).clone())));
        match route {
            Route::Where { condition, then, otherwise } => {
                self.choose(operator, (condition, then, otherwise), alive, facts, absent);
            }
            Route::With { fields, children } => {
                let facts = changed(facts, fields);
                self.routes(children, alive, &facts, absent);
            }
            Route::Notify(names) => self.notify(names, alive, facts),
            other => {
                for children in children(other) {
                    self.routes(children, alive, facts, absent);
                }
            }
        }
    }

    fn choose(
        &mut self,
        operator: usize,
        (condition, then, otherwise): (&'p Expression, &'p [Route], &'p [Route]),
        alive: &[usize],
        facts: &[Fact<'p>],
        absent: &[&'p Field],
    ) {
        let work = alive.len().saturating_mul(size(condition));
        self.budget = self.budget.and_then(|left| left.checked_sub(work));
        if self.budget.is_none() {
            return;
        }
        let (mut passing, mut failing) = (Vec::new(), Vec::new());
        for class in alive {
            let truth = self.scope(*class, facts).truth(condition);
            passing.extend((truth != Truth::Never).then_some(*class));
            failing.extend((truth != Truth::Always).then_some(*class));
        }
        let mut read = Vec::new();
        condition.fields(&mut read);
        if !alive.is_empty() && !read.is_empty() {
            if passing.is_empty() && !then.is_empty() {
                let never = self.never(operator, condition, alive, facts);
                self.reach.never.push(never);
            }
            if failing.is_empty() && !otherwise.is_empty() {
                self.reach.always.push(operator);
            }
        }
        let mut here = facts.to_vec();
        learn(condition, true, &mut here);
        self.routes(then, &passing, &here, absent);
        here.truncate(facts.len());
        learn(condition, false, &mut here);
        self.routes(otherwise, &failing, &here, absent);
    }

    /// Why a condition is never true.
    fn never(&self, operator: usize, condition: &'p Expression, alive: &[usize], facts: &[Fact<'p>]) -> Never {
        let parts = match condition {
            Expression::And(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let is_never =
            |part: &Expression| alive.iter().all(|class| self.scope(*class, facts).truth(part) == Truth::Never);
        let part = parts.iter().position(is_never);
        let field = part.filter(|_| self.reach.never.len() < EXPLAINED).and_then(|at| {
            let mut read = Vec::new();
            parts[at].fields(&mut read);
            read.sort_unstable();
            read.dedup();
            let [field] = read[..] else { return None };
            let mut values = BTreeSet::new();
            for class in alive {
                // What a condition before found out says nothing of thresholds.
                let own = self.scope(*class, &[]).field_known(field);
                if matches!(own, Known::Present | Known::Group | Known::Unknown) {
                    return None;
                }
                match self.scope(*class, facts).field_known(field) {
                    Known::Value(Value::Nil) => {}
                    Known::Value(value) => {
                        let mut text = Vec::new();
                        value.write_text(&mut text);
                        values.insert(String::from_utf8_lossy(&text).into_owned());
                    }
                    Known::Present | Known::Group | Known::Unknown => return None,
                }
            }
            Some((field.clone(), values.into_iter().collect()))
        });
        Never { operator, part, field, is_narrowed: alive.len() < self.classes.len() }
    }

    fn notify(&mut self, names: &[String], alive: &[usize], facts: &[Fact<'p>]) {
        let mut words = BTreeSet::new();
        for class in alive {
            self.told[*class] = true;
            if let Known::Value(Value::Text(text)) = self.scope(*class, facts).field_known(self.severity) {
                words.insert(String::from_utf8_lossy(&text).into_owned());
            }
        }
        for name in names {
            self.reach.severities.entry(name.clone()).or_default().extend(words.iter().cloned());
        }
    }

    fn scope<'w>(&'w self, class: usize, facts: &'w [Fact<'p>]) -> Scope<'w, 'p> {
        Scope { index: &self.index, known: &self.classes[class].known, facts }
    }
}

/// How many parts an expression has.
fn size(expression: &Expression) -> usize {
    let mut size = 1;
    if let Expression::Case(case) = expression {
        size += case.clauses.iter().map(|(constants, _)| constants.len()).sum::<usize>();
    }
    expression.each_part(&mut |part| size += self::size(part));
    size
}

/// What still holds behind a `with`, and what it sets.
fn changed<'p>(facts: &[Fact<'p>], fields: &'p [(Field, Expression)]) -> Vec<Fact<'p>> {
    let is_changed = |field: &Field| fields.iter().any(|(changed, _)| changed == field);
    let still = |fact: &&Fact| match fact {
        Fact::Set { field, .. } | Fact::Lost(field) => !is_changed(field),
        Fact::Truth(expression, _) => {
            let mut read = Vec::new();
            expression.fields(&mut read);
            !read.into_iter().any(is_changed)
        }
    };
    let mut facts: Vec<Fact> = facts.iter().filter(still).cloned().collect();
    for (field, expression) in fields {
        let is_label = !super::CHANGEABLE.contains(&field.name());
        facts.push(match expression {
            Expression::Text(text) => Fact::Set { field, value: Value::text(text), by_with: true },
            Expression::Bool(truth) if is_label => {
                Fact::Set { field, value: Value::text(if *truth { "true" } else { "false" }), by_with: true }
            }
            Expression::Number(number) => {
                let text = number.to_string().into_bytes();
                Fact::Set { field, value: Value::Text(Cow::Owned(text)), by_with: true }
            }
            _ => Fact::Lost(field),
        });
    }
    facts
}

/// What is known once a condition was found true, or false.
fn learn<'p>(condition: &'p Expression, truth: bool, facts: &mut Vec<Fact<'p>>) {
    facts.push(Fact::Truth(condition, truth));
    match (condition, truth) {
        (Expression::And(items), true) | (Expression::Or(items), false) => {
            items.iter().for_each(|item| learn(item, truth, facts));
        }
        (Expression::Not(inner), _) => learn(inner, !truth, facts),
        (Expression::Compare(Comparator::Equal, items), true)
        | (Expression::Compare(Comparator::NotEqual, items), false) => {
            if let [Expression::Field(field), Expression::Text(text)] | [Expression::Text(text), Expression::Field(field)] =
                items.as_slice()
                // A text that reads as a number equals others: "5" and 5.0.
                && Number::parse_json(text.as_bytes()).is_none()
            {
                facts.push(Fact::Set { field, value: Value::text(text), by_with: false });
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
