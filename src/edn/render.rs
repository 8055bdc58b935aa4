//! Diagnostics for people: the line, a caret, what was expected, what to type.

use std::borrow::Cow;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Label, Severity, Sources};

/// Labels on lines at most so far apart are shown in one piece.
const NEAR: usize = 12;
/// Of a longer line only the part around its labels is shown, in bytes.
const LONGEST_LINE: usize = 400;
/// How much of a long line is shown on either side of its labels, in bytes.
const AROUND: usize = 50;

/// Renders diagnostics one after the other, each with the lines that it points to.
///
/// Control characters are shown as symbols, so that nothing in a source reaches the terminal as a command.
pub fn human(sources: &Sources, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        let text = renderer.render(&[group(sources, diagnostic)]);
        for line in text.lines().filter(|line| !is_filler(line)) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Whether a line is only `:::`, drawn between a place and its lines when the lines carry no path of their own.
fn is_filler(line: &str) -> bool {
    if !line.contains(":::") || line.contains('|') {
        return false;
    }
    let mut plain = String::new();
    let mut is_style = false;
    for c in line.chars() {
        match c {
            '\x1B' => is_style = true,
            'm' if is_style => is_style = false,
            c if !is_style => plain.push(c),
            _ => {}
        }
    }
    plain.trim() == ":::"
}

fn group<'a>(sources: &Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        level.primary_title(visible(&diagnostic.message)).id(diagnostic.code).elements([] as [Origin<'_>; 0]);
    for piece in pieces(sources, &diagnostic.labels) {
        let first = piece.labels[0].0.span;
        let file = &sources.files[first.file as usize];
        let (line, column) = super::position(sources, first);
        let path = visible(&file.path).into_owned();
        group = group.element(Origin::path(path).line(line).char_column(column));
        // Of an empty file, or one that could not be read, there is no line to show.
        if !file.text.is_empty() {
            group = group.element(snippet(sources, &piece));
        }
    }
    if let Some(help) = &diagnostic.help {
        let lines: Vec<Cow<'_, str>> = help.lines().map(visible).collect();
        group = group.element(Level::HELP.message(lines.join("\n")));
    }
    group
}

/// Labels of one file on lines that are near one another, in order of line.
struct Piece<'d> {
    /// With the number of their line, from 0. The first of the diagnostic is the first here.
    labels: Vec<(&'d Label, usize, bool)>,
    first_line: usize,
    last_line: usize,
}

fn pieces<'d>(sources: &Sources, labels: &'d [Label]) -> Vec<Piece<'d>> {
    let mut pieces: Vec<Piece<'d>> = Vec::new();
    for (at, label) in labels.iter().enumerate() {
        let file = &sources.files[label.span.file as usize];
        let line = file.lines().line(label.span.start as usize);
        let near = pieces.iter_mut().find(|piece| {
            let first = piece.labels[0].0.span;
            let is_long = first.start.abs_diff(label.span.start) as usize > LONGEST_LINE / 2;
            first.file == label.span.file
                && line + NEAR >= piece.first_line
                && line <= piece.last_line + NEAR
                // What is far apart in one long line cannot be shown in one window.
                && !(line == piece.labels[0].1 && is_long)
        });
        match near {
            Some(piece) => {
                piece.first_line = piece.first_line.min(line);
                piece.last_line = piece.last_line.max(line);
                piece.labels.push((label, line, at == 0));
            }
            None => pieces.push(Piece { labels: vec![(label, line, at == 0)], first_line: line, last_line: line }),
        }
    }
    pieces
}

/// The lines of a piece, long ones cut, with carets under the first line of each label.
fn snippet<'d>(sources: &Sources, piece: &Piece<'d>) -> Snippet<'d, Annotation<'d>> {
    let file = &sources.files[piece.labels[0].0.span.file as usize];
    let mut source = String::new();
    let mut annotations = Vec::new();
    for line in piece.first_line..=piece.last_line {
        let (start, end) = file.lines().range(&file.text, line);
        let here = piece.labels.iter().filter(|(_, of, _)| *of == line);
        let spans = here.clone().map(|(label, ..)| (label.span.start as usize, (label.span.end as usize).min(end)));
        let (from, to) = window(&file.text, (start, end), spans);
        let cut = |wanted: bool| if wanted { "…" } else { "" };
        source.push_str(cut(from > start));
        // Where a byte of the text stands in `source`: replacing control characters moves what follows them.
        let begin = source.len();
        let offset = |at: usize| begin + visible(&file.text[from..at.clamp(from, to)]).len();
        for (label, _, is_first) in here {
            let kind = if *is_first { AnnotationKind::Primary } else { AnnotationKind::Context };
            let (start, end) = (offset(label.span.start as usize), offset(label.span.end as usize));
            let annotation = kind.span(start..end.max(start));
            let text = visible(&label.text);
            annotations.push(if text.is_empty() { annotation } else { annotation.label(text) });
        }
        source.push_str(&visible(&file.text[from..to]));
        source.push_str(cut(to < end));
        source.push('\n');
    }
    Snippet::source(source).line_start(piece.first_line + 1).annotations(annotations)
}

/// The part of a line that is shown: all of it, or what is around its first label.
fn window(text: &str, line: (usize, usize), mut spans: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    let (start, end) = line;
    if end - start <= LONGEST_LINE {
        return line;
    }
    let (first, last) = spans.next().unwrap_or((start, start));
    let mut from = first.saturating_sub(AROUND).clamp(start, end);
    let mut to = last.max(first).min(first + LONGEST_LINE / 2).saturating_add(AROUND).min(end);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    while !text.is_char_boundary(to) {
        to += 1;
    }
    (from, to)
}

/// Control characters as symbols of one column, invisible and direction-changing ones as `�`. Tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let symbol = |c: char| match c {
        '\t' => None,
        '\0'..='\x1F' => char::from_u32(0x2400 + c as u32),
        '\x7F' => Some('␡'),
        '\u{80}'..='\u{9F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' => Some('\u{FFFD}'),
        '\u{2060}'..='\u{206F}' | '\u{FEFF}' => Some('\u{FFFD}'),
        _ => None,
    };
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !text.chars().any(|c| symbol(c).is_some()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| symbol(c).unwrap_or(c)).collect())
}
