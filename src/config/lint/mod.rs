//! Lints of thresholds that are right: what their authors may not have thought of. One file for each thing to think of.
//!
//! They look at checked thresholds, all together, and only `check` says them: a daemon that starts has no author.
//! One more is a file with a function of the type [`Lint`], its name in [`LINTS`], a message in `catalogue/advice.rs`
//! with the next code, and a section of that code in `docs/codes.md`.

mod allow;
mod day;
mod few;
mod names;
mod patterns;
mod service;
mod silence;

use crate::edn::Diagnostic;
use crate::plan::Plan;

pub(super) use allow::{Allowed, read};
pub use few::{hops, needed as needed_values};

/// What a lint looks at: thresholds, without those that allow it by themselves.
type Lint = fn(&Plan, &Allowed, &mut Vec<Diagnostic>);

const LINTS: [Lint; 6] = [day::check, few::check, names::check, patterns::check, service::check, silence::check];

/// What is to be thought of, in no order. What one check allows keeps nobody from saying it of another.
pub(super) fn check(plan: &Plan, allowed: &Allowed) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    LINTS.iter().for_each(|lint| lint(plan, allowed, &mut found));
    found
}
