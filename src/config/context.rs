//! What checking needs at hand, and what it has found so far.

use std::collections::HashMap;

use super::pattern::Checked;
use super::{Environment, Unset, catalogue, suggest};
use crate::edn::{Diagnostic, Severity, Sources, Span};

/// How many errors and lints are kept of each severity; the rest is counted.
const MAX_DIAGNOSTICS: usize = 1_000;

pub(super) struct Context<'a> {
    pub sources: &'a Sources,
    pub environment: &'a dyn Environment,
    pub unset: Unset,
    /// Each distinct pattern is checked once.
    pub patterns: HashMap<Box<str>, Checked>,
    /// About how many states the patterns have so far.
    pub states: u64,
    /// What no message may show of the files.
    pub hidden: Vec<Span>,
    found: Vec<Diagnostic>,
    /// How many of them reading has found; they come first.
    by_reading: usize,
    errors: usize,
    lints: usize,
}

impl<'a> Context<'a> {
    /// Goes on from what reading has found.
    pub fn new(
        sources: &'a Sources,
        environment: &'a dyn Environment,
        unset: Unset,
        found: Vec<Diagnostic>,
    ) -> Context<'a> {
        let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let lints = found.len() - errors;
        Context {
            sources,
            environment,
            unset,
            patterns: HashMap::new(),
            states: 0,
            hidden: Vec::new(),
            by_reading: found.len(),
            found,
            errors,
            lints,
        }
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        let seen = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.lints,
        };
        *seen += 1;
        if *seen <= MAX_DIAGNOSTICS {
            self.found.push(diagnostic);
        }
    }

    /// Reports, and is None: for `return context.refuse(…)`.
    pub fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.report(diagnostic);
        None
    }

    /// Did-you-mean, as long as anyone will read it.
    pub fn nearest(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'static str>,
        other_words: &[(&str, &'static str)],
    ) -> Option<&'static str> {
        (self.errors < MAX_DIAGNOSTICS).then(|| suggest::nearest(name, candidates, other_words)).flatten()
    }

    /// Did-you-mean among names that the user gave, as long as anyone will read it.
    pub fn nearest_given<'n>(&self, name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        let is_read = self.errors.max(self.lints) < MAX_DIAGNOSTICS / 4;
        is_read.then(|| suggest::among(name, candidates)).flatten()
    }

    /// Gives better advice on what reading found at this place, now that it is known what stands there.
    pub fn explain(&mut self, code: &str, span: Span, help: impl FnOnce() -> String) {
        let is_it = |fault: &&mut Diagnostic| fault.code == code && fault.labels[0].span == span;
        if let Some(fault) = self.found[..self.by_reading].iter_mut().find(is_it) {
            fault.help = Some(help());
        }
    }

    /// How much was found so far.
    pub fn mark(&self) -> usize {
        self.found.len()
    }

    /// Says of each variable or file that was found unset since `mark` what comes of it.
    pub fn say_of_unset(&mut self, mark: usize, what: &str) {
        for fault in &mut self.found[mark..] {
            // What stands deeper has said it already.
            if matches!(fault.code, "W003" | "W004") && !fault.labels[0].text.contains(';') {
                fault.labels[0].text.push_str(what);
            }
        }
    }

    /// Whether a variable or a file was found unset since `mark`: then what was read may lack something.
    pub fn has_unset_since(&self, mark: usize) -> bool {
        self.found[mark..].iter().any(|fault| matches!(fault.code, "W003" | "W004"))
    }

    /// How many errors were found so far.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether nothing was found so far.
    pub fn is_silent(&self) -> bool {
        self.errors + self.lints == 0
    }

    /// Whether reading found a fault of this kind in a file.
    pub fn was_found(&self, file: u32, is_meant: impl Fn(&str) -> bool) -> bool {
        self.found.iter().any(|fault| fault.labels[0].span.file == file && is_meant(fault.code))
    }

    /// All that was found, with a last word on what was not kept.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        let unseen = (self.errors + self.lints).saturating_sub(self.found.len());
        if unseen > 0
            && let Some(last) =
                self.found.iter().map(|diagnostic| diagnostic.labels[0].span).max_by_key(|s| (s.file, s.start))
        {
            let mut last = catalogue::too_many(last, unseen);
            if self.errors == 0 {
                last.severity = Severity::Warning;
                last.code = "W017";
            }
            self.found.push(last);
        }
        self.found
    }
}
