//! Diagnostics as plain data, and the texts they point into.

use std::sync::OnceLock;

use super::Span;
use super::place::LineIndex;

/// Errors refuse the plan; warnings are lints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One message: what is wrong here, what was expected, what to type.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Stable, never reused: `E…` reading, `T…` errors in thresholds, `W…` lints.
    pub code: &'static str,
    pub severity: Severity,
    /// Lower case, no full stop.
    pub message: String,
    /// The first is the place of the fault; the others are related places. Never empty.
    pub labels: Vec<Label>,
    /// What to type instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        let labels = vec![Label { span, text: String::new() }];
        Diagnostic { code, severity: Severity::Error, message: message.into(), labels, help: None }
    }

    /// A lint at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Says at the place of the fault what was expected there.
    pub fn here(mut self, text: impl Into<String>) -> Diagnostic {
        self.labels[0].text = text.into();
        self
    }

    /// Adds a related place.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to type instead.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }
}

/// One file that was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user named it.
    pub path: String,
    pub text: String,
    /// Made when the first position is asked for.
    lines: OnceLock<LineIndex>,
}

/// All files that were read, by the index that spans carry.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and returns its index.
    pub fn add(&mut self, path: String, text: String) -> u32 {
        self.files.push(SourceFile { path, text, lines: OnceLock::new() });
        u32::try_from(self.files.len() - 1).expect("fewer than 2^32 files")
    }

    /// Makes what a span covers unreadable, so that no message shows it; places stay what they are.
    pub fn hide(&mut self, span: Span) {
        let text = &mut self.files[span.file as usize].text;
        let (start, end) = (span.start as usize, span.end as usize);
        let stars = "*".repeat(end - start);
        text.replace_range(start..end, &stars);
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        &self.files[span.file as usize].text[span.start as usize..span.end as usize]
    }
}

impl SourceFile {
    pub(super) fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }
}
