//! The operators of `:routes`, over records that are no transitions.

mod edits;
mod laws;
mod limits;
mod model;
mod notices;
mod operators;
mod traces;

use std::borrow::Cow;
use std::collections::BTreeMap;

use highwater::edn::{Form, Kind, read_one};
use highwater::engine::{Fields, Value};
use highwater::plan::{Comparator, Expression, Field, Number, Route, Timestamp};
use highwater::route::{Record, Router, Sending};
use serde::{Deserialize, Serialize};

const BASE: i64 = 1_700_000_000;

/// A few words under names: nothing that a transition must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    pub id: String,
    pub words: BTreeMap<String, String>,
}

impl Fields for Fact {
    fn field<'s>(&'s self, field: &Field) -> Cow<'s, Value<'s>> {
        Cow::Owned(self.words.get(field.name()).map_or(Value::Nil, |word| Value::text(word)))
    }
}

impl Record for Fact {
    fn id(&self) -> &str {
        &self.id
    }

    fn set(&mut self, field: &Field, value: &Value<'_>) {
        let mut text = Vec::new();
        value.write_text(&mut text);
        match value.is_nil() {
            true => self.words.remove(field.name()),
            false => self.words.insert(field.name().to_string(), String::from_utf8(text).unwrap()),
        };
    }
}

/// `a sev=page x=1`: an id and words.
pub fn fact(text: &str) -> Fact {
    let mut parts = text.split_whitespace();
    let id = parts.next().unwrap().to_string();
    let word = |part: &str| part.split_once('=').map(|(name, word)| (name.to_string(), word.to_string())).unwrap();
    Fact { id, words: parts.map(word).collect() }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(BASE + seconds).unwrap()
}

/// Routes as EDN, one after the other.
pub fn routes(text: &str) -> Vec<Route> {
    let Kind::Vector(forms) = read_one(&format!("[{text}]")).unwrap().kind else { unreachable!() };
    forms.iter().map(route).collect()
}

/// `0 a sev=page; 10 tick; 20 note a sev=ok; 30 release a`: what a router does, step by step.
///
/// Gives what leaves, at which of these times and to whom: `0 hook[a]; 60 hook[b c]`.
pub fn play(router: &mut Router<Fact>, script: &str) -> String {
    let mut told = Vec::new();
    for step in script.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        let (time, what) = step.split_once(' ').unwrap();
        let now = at(time.parse().unwrap());
        let mut out = Vec::new();
        match what.split_once(' ') {
            None if what == "tick" => router.advance(now, &mut out),
            Some(("note", record)) => router.note(&fact(record), now),
            Some(("release", id)) => router.release(id, now, &mut out),
            _ => router.pass(fact(what), now, &mut out),
        }
        if !out.is_empty() {
            told.push(format!("{time} {}", shown(&out)));
        }
    }
    told.join("; ")
}

pub fn shown(out: &[Sending<Fact>]) -> String {
    let ids = |sending: &Sending<Fact>| sending.batch.iter().map(|fact| fact.id.as_str()).collect::<Vec<_>>().join(" ");
    let all = out.iter().map(|sending| format!("{}[{}]", sending.notifier, ids(sending)));
    all.collect::<Vec<_>>().join(" ")
}

fn route(form: &Form) -> Route {
    let Kind::List(items) = &form.kind else { panic!("no operator: {form:?}") };
    let Kind::Symbol(name) = &items[0].kind else { panic!("no name: {form:?}") };
    let rest = |from: usize| items[from..].iter().map(route).collect::<Vec<_>>();
    match name.as_ref() {
        "where" => {
            let (mut then, mut otherwise) = (Vec::new(), Vec::new());
            for child in &items[2..] {
                match &child.kind {
                    Kind::List(inner) if inner[0].kind == Kind::Symbol("else".into()) => {
                        otherwise.extend(inner[1..].iter().map(route));
                    }
                    _ => then.push(route(child)),
                }
            }
            Route::Where { condition: expression(&items[1]), then, otherwise }
        }
        "by" => {
            let Kind::Vector(fields) = &items[1].kind else { panic!("no fields") };
            Route::By { fields: fields.iter().map(field).collect(), children: rest(2) }
        }
        "changed" => match &items[2].kind {
            Kind::Map(pairs) => {
                Route::Changed { of: expression(&items[1]), init: Some(expression(&pairs[0].1)), children: rest(3) }
            }
            _ => Route::Changed { of: expression(&items[1]), init: None, children: rest(2) },
        },
        "throttle" => Route::Throttle { most: number(&items[1]) as u32, every: micros(&items[2]), children: rest(3) },
        "rollup" => Route::Rollup { most: number(&items[1]) as u32, every: micros(&items[2]), children: rest(3) },
        "with" => {
            let Kind::Map(pairs) = &items[1].kind else { panic!("no fields") };
            let fields = pairs.iter().map(|(name, value)| (field(name), expression(value))).collect();
            Route::With { fields, children: rest(2) }
        }
        "sdo" => Route::Sdo(rest(1)),
        "notify" => Route::Notify(items[1..].iter().map(|name| field(name).name().to_string()).collect()),
        other => panic!("no operator: {other}"),
    }
}

fn expression(form: &Form) -> Expression {
    match &form.kind {
        Kind::Nil => Expression::Nil,
        Kind::String(text) => Expression::Text(text.clone()),
        Kind::Integer(_) => Expression::Number(Number::Int(number(form))),
        Kind::Keyword(_) => Expression::Field(field(form)),
        Kind::List(items) if items[0].kind == Kind::Symbol("=".into()) => {
            Expression::Compare(Comparator::Equal, items[1..].iter().map(expression).collect())
        }
        Kind::List(items) if items[0].kind == Kind::Symbol("str".into()) => {
            Expression::Str(items[1..].iter().map(expression).collect())
        }
        other => panic!("no expression: {other:?}"),
    }
}

fn field(form: &Form) -> Field {
    let Kind::Keyword(name) = &form.kind else { panic!("no field: {form:?}") };
    Field::named(name)
}

fn number(form: &Form) -> i64 {
    let Kind::Integer(digits) = &form.kind else { panic!("no number: {form:?}") };
    digits.parse().unwrap()
}

fn micros(form: &Form) -> i64 {
    match &form.kind {
        Kind::Decimal(text) => (text.parse::<f64>().unwrap() * 1e6) as i64,
        _ => number(form) * 1_000_000,
    }
}
