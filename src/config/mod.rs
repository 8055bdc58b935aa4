//! Forms to the plan, with every error and lint at once.
//!
//! Nothing here sees an event. The files are read in [`load`]; all else is pure.

mod address;
mod bounds;
mod catalogue;
mod context;
mod destination;
mod direction;
mod environment;
mod expression;
mod fields;
mod files;
mod habits;
mod heartbeat;
mod language;
mod lint;
mod listener;
mod logs;
mod named;
mod notifier;
mod options;
mod paths;
mod pattern;
mod pipeline;
mod reach;
mod root;
mod route;
mod scenario;
mod series;
mod server;
mod source;
mod state;
mod suggest;
mod threshold;
mod time;
mod url;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::edn::{self, Diagnostic, Form, Kind, Severity, SourceFile, Sources, Span};
use crate::order;
use crate::plan::{Plan, Threshold};
use context::Context;

pub use address::address;
pub use environment::{Environment, Noting, Process};
pub use files::{DEFAULTS, stamp, stamp_files};
pub use lint::needed_values;
pub use scenario::{Scenarios, scenarios, scenarios_from_text};

/// What a configuration says, and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub sources: Sources,
    /// In order of file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// There is a plan unless there is an error.
    pub plan: Option<Plan>,
    /// How many files and folders could not be read. Each has an error, and an empty file among the sources.
    pub unreadable: usize,
    /// How many lints `:lint` keeps from being said.
    pub allowed: usize,
    allowing: lint::Allowed,
}

/// What a variable or file of secrets that is not there is, where it has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// A warning: for `check`, `test` and `replay`. A check that cannot do without it is left out of the plan.
    Warning,
    /// An error: for `run` and `load`.
    Error,
}

/// Reads files and folders, and checks what they say.
///
/// Without paths it is `./thresholds.edn`, else `./thresholds`. A file that cannot be read is an error like any other,
/// and hides nothing of what is to be said about the others.
pub fn load(paths: &[PathBuf], environment: &dyn Environment, unset: Unset) -> Loaded {
    let files = files::read(paths);
    check(files.sources, files.unreadable, environment, unset)
}

/// Checks one text in which no variable and no file is set.
pub fn from_text(text: &str) -> Loaded {
    named_text("thresholds.edn", text)
}

/// The same for a text of this name.
fn named_text(name: &str, text: &str) -> Loaded {
    let mut sources = Sources::default();
    sources.add(name.to_string(), text.to_string());
    check(sources, Vec::new(), &environment::Nothing, Unset::Warning)
}

/// The texts of a configuration, as they were written.
#[derive(Debug)]
pub struct Texts {
    /// Each file with its path, and its name and text in order.
    pub files: Vec<(PathBuf, SourceFile)>,
    /// Files and folders that could not be read.
    pub unreadable: Loaded,
}

/// Reads files and folders as [`load`] does, scenarios (`*.test.edn`) too, and checks nothing.
pub fn texts(paths: &[PathBuf]) -> Texts {
    let files = files::read_all(paths);
    let failed: Vec<u32> = files.unreadable.iter().map(|error| error.labels[0].span.file).collect();
    let named = files.paths.into_iter().zip(files.sources.files.iter().cloned()).zip(0..);
    let read = named.filter(|(_, index)| !failed.contains(index)).map(|(file, _)| file).collect();
    let (unreadable, sources) = (files.unreadable.len(), files.sources);
    let allowing = lint::Allowed::default();
    let unreadable = Loaded { sources, diagnostics: files.unreadable, plan: None, unreadable, allowed: 0, allowing };
    Texts { files: read, unreadable }
}

/// What makes a text no EDN, with the text, in which secrets are hidden.
pub fn faults_of_reading(file: &SourceFile) -> (Sources, Vec<Diagnostic>) {
    let mut loaded = named_text(&file.path, &file.text);
    // That it is another language is said instead of what its signs are in EDN.
    loaded.diagnostics.retain(|diagnostic| diagnostic.code.starts_with('E') || diagnostic.code == "T013");
    (loaded.sources, loaded.diagnostics)
}

/// Checks what was read. `diagnostics` is about what could not be.
fn check(
    mut sources: Sources,
    mut diagnostics: Vec<Diagnostic>,
    environment: &dyn Environment,
    unset: Unset,
) -> Loaded {
    let unreadable = diagnostics.len();
    let files: Vec<_> =
        sources.files.iter().zip(0..).map(|(file, index)| read(&file.text, index, &mut diagnostics)).collect();
    let mut context = Context::new(&sources, environment, unset, diagnostics);
    let plan = root::check(&files, &mut context);
    let hidden = std::mem::take(&mut context.hidden);
    let allowing = std::mem::take(&mut context.allowed);
    let mut diagnostics = context.finish();
    hidden.into_iter().for_each(|span| sources.hide(span));
    let allowed = allowing.take_out(&mut diagnostics);
    sort(&mut diagnostics);
    let refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Loaded { sources, diagnostics, plan: (!refused).then_some(plan), unreadable, allowed, allowing }
}

/// In order of file and place.
fn sort(diagnostics: &mut [Diagnostic]) {
    order::by_key(diagnostics, |diagnostic| {
        let span = diagnostic.labels[0].span;
        (span.file, span.start)
    });
}

/// The lint of a percentile of which one value decided `few` of so many windows, and violates so often a day by chance.
pub fn few_values(threshold: &Threshold, needed: u64, few: usize, windows: usize, a_day: f64) -> Diagnostic {
    catalogue::one_value_decided(threshold, (needed, lint::hops(threshold)), (few, windows), a_day)
}

/// The lint of a field some of whose values no pattern matches: how many such values there are, and their share of all.
pub fn uncovered(threshold: &Threshold, values: &[String], count: usize, share: f64) -> Diagnostic {
    catalogue::uncovered(threshold, values, count, share)
}

impl Loaded {
    /// Adds lints that a history proves, in the place of those that can only be guessed without one.
    pub fn prove(&mut self, mut found: Vec<Diagnostic>) {
        self.diagnostics.retain(|guessed| guessed.code != "W040");
        self.allowed += self.allowing.take_out(&mut found);
        self.diagnostics.append(&mut found);
        sort(&mut self.diagnostics);
    }

    /// Adds what the author of a plan without errors may not have thought of.
    pub fn advise(&mut self) {
        let Some(plan) = &self.plan else { return };
        let mut found = lint::check(plan, &self.allowing);
        self.allowed += self.allowing.take_out(&mut found);
        self.diagnostics.append(&mut found);
        sort(&mut self.diagnostics);
    }
}

/// The forms of one file; none, and one error, if it is in another language.
fn read(text: &str, file: u32, diagnostics: &mut Vec<Diagnostic>) -> Vec<Form> {
    let Some((language, place)) = language::recognise(text) else { return edn::read(text, file, diagnostics) };
    let offset = |at: usize| u32::try_from(at).expect("a file that was read is below 16 MiB");
    let span = Span { file, start: offset(place.start), end: offset(place.end) };
    diagnostics.push(catalogue::other_language(span, language));
    vec![Form { kind: Kind::Broken, span }]
}
