//! Diagnostics for machines: JSON lines, and annotations of a pull request on GitHub.

use std::fmt::Write;

use serde::Serialize;

use super::{Diagnostic, Severity, Sources, Span};

/// Renders one JSON object a line.
///
/// Lines and columns begin at 1; columns count characters; the end is the place after the last one.
pub fn json(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let labels = diagnostic.labels.iter();
        let message = Message {
            code: diagnostic.code,
            severity: severity(diagnostic.severity),
            message: &diagnostic.message,
            place: place(sources, diagnostic.labels[0].span),
            labels: labels.map(|label| Place { text: Some(&label.text), ..place(sources, label.span) }).collect(),
            help: diagnostic.help.as_deref(),
        };
        out.push_str(&serde_json::to_string(&message).expect("texts and numbers are JSON"));
        out.push('\n');
    }
    out
}

/// Renders workflow commands, which GitHub shows beside the line in question.
///
/// A fault of several lines is shown at its first.
pub fn github(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.labels[0].span;
        let file = &sources.files[span.file as usize];
        let (_, line_end) = file.lines().range(&file.text, file.lines().line(span.start as usize));
        let end = span.end.min(u32::try_from(line_end).unwrap_or(u32::MAX)).max(span.start);
        let place = place(sources, Span { end, ..span });
        let mut text = diagnostic.message.clone();
        for label in diagnostic.labels.iter().filter(|label| !label.text.is_empty()) {
            let (line, column) = super::position(sources, label.span);
            let _ = write!(text, "\n{line}:{column}: {}", label.text);
        }
        if let Some(help) = &diagnostic.help {
            let _ = write!(text, "\nhelp: {help}");
        }
        let _ = writeln!(
            out,
            "::{} file={},line={},col={},endLine={},endColumn={},title={}::{}",
            severity(diagnostic.severity),
            escaped(place.path, true),
            place.line,
            place.column,
            place.end_line,
            place.end_column,
            escaped(diagnostic.code, true),
            escaped(&text, false),
        );
    }
    out
}

#[derive(Serialize)]
struct Message<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
    labels: Vec<Place<'a>>,
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

fn place(sources: &Sources, span: Span) -> Place<'_> {
    let (line, column) = super::position(sources, span);
    let (end_line, end_column) = super::position(sources, Span { start: span.end, ..span });
    Place { path: &sources.files[span.file as usize].path, line, column, end_line, end_column, text: None }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Escapes text for a workflow command; properties end at `:` and `,`.
fn escaped(text: &str, is_property: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if is_property => out.push_str("%3A"),
            ',' if is_property => out.push_str("%2C"),
            // A log is read on terminals too.
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}
