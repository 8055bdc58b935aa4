//! Every message, with its code. Codes are never reused: `T…` are errors, `W…` lints.
//!
//! A message says what is wrong here, the label what was expected, the help what to type. What came out of `#env` and
//! `#file` is never part of one: callers hand over [`Amount`]s and [`Text`]s, which know whether they may be shown.

mod advice;
mod checks;
mod destinations;
mod expressions;
mod lints;
mod notifiers;
mod patterns;
mod pipelines;
mod routes;
mod scenarios;
mod server;
mod state;
mod structure;
mod values;

pub(super) use advice::*;
pub(super) use checks::*;
pub(super) use destinations::*;
pub(super) use expressions::*;
pub(super) use lints::*;
pub(super) use notifiers::*;
pub(super) use patterns::*;
pub(super) use pipelines::*;
pub(super) use routes::*;
pub(super) use scenarios::*;
pub(super) use server::*;
pub(super) use state::*;
pub(super) use structure::*;
pub(super) use values::*;

use super::values::Amount;
use crate::edn::{Diagnostic, Form, Kind, Span};

/// How much of a user's text is repeated in a message, in characters.
const SHOWN: usize = 40;

fn error(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, span, message)
}

fn lint(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::warning(code, span, message)
}

impl Diagnostic {
    /// Says what to type instead, where that is known.
    fn maybe_help(self, help: Option<String>) -> Diagnostic {
        Diagnostic { help, ..self }
    }
}

/// A user's text as code: on one line and not long.
fn code(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// What a form is, and which, where that is short to say.
fn kind(form: &Form) -> String {
    match &form.kind {
        Kind::Nil => "`nil`".to_string(),
        Kind::Bool(truth) => format!("`{truth}`"),
        Kind::Integer(digits) | Kind::Decimal(digits) => format!("the number {}", code(digits)),
        Kind::String(_) => "a string".to_string(),
        Kind::Char(_) => "a character".to_string(),
        Kind::Keyword(name) => format!("the keyword {}", code(&format!(":{name}"))),
        Kind::Symbol(name) => format!("the symbol {}", code(name)),
        Kind::List(_) => "a list".to_string(),
        Kind::Vector(_) => "a vector".to_string(),
        Kind::Set(_) => "a set".to_string(),
        Kind::Map(_) => "a map".to_string(),
        Kind::Tagged(tag, _) => code(&format!("#{tag}")),
        Kind::Broken => "what could not be read".to_string(),
    }
}

/// A number as code, or words for one that may not be shown.
fn shown(amount: &Amount) -> String {
    if amount.secret { "this value".to_string() } else { format!("`{}`", amount.decimal) }
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(names: &[impl AsRef<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

/// A length of time for people: `10 min`, `6.9 days`.
fn for_people(seconds: f64) -> String {
    let (unit, name) = match seconds {
        s if s >= 2.0 * 365.0 * 86_400.0 => (365.0 * 86_400.0, "years"),
        s if s >= 172_800.0 => (86_400.0, "days"),
        s if s >= 7_200.0 => (3_600.0, "hours"),
        s if s >= 120.0 => (60.0, "min"),
        _ => (1.0, "s"),
    };
    let rounded = (seconds / unit * 10.0).round() / 10.0;
    format!("{rounded} {name}")
}
