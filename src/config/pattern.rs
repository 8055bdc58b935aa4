//! Patterns: read once each, with what other dialects allow caught by name.

use std::ops::Range;

use regex_syntax::ast;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::context::Context;
use super::values::{self, Appears, Text};
use super::{catalogue, habits};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Field, Pattern};

/// A part of a path as it was written: a string, or `#re`.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub text: String,
    tagged: bool,
}

/// A pattern that was seen before.
#[derive(Clone, Debug)]
pub(super) enum Checked {
    Fine(Pattern),
    Faulty(Fault),
}

/// What is wrong with a pattern, and where in its text.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub at: Range<usize>,
    pub kind: FaultKind,
}

#[derive(Clone, Debug)]
pub(super) enum FaultKind {
    /// In the words of `regex-syntax`, which do not repeat the pattern.
    Syntax(String),
    /// Another dialect's: what it is called, and what to write instead.
    Foreign {
        name: &'static str,
        instead: String,
    },
    /// A dash that makes no range: the two characters beside it.
    Dash {
        from: char,
        to: char,
    },
    TooLarge,
    TooLargeTogether,
}

/// How many states one pattern may have: a program of about 10 MiB.
const MAX_STATES: u64 = 200_000;

/// How many states all patterns together may have: 10,000 patterns with one `\w` each.
const MAX_STATES_OF_ALL: u64 = 8_000_000;

/// The longest pattern, in bytes.
const MAX_LENGTH: usize = 64 << 10;

/// Reads a string or `#re`. `subject` names it in messages: `a pattern`.
pub(super) fn read(
    form: &Form,
    subject: &str,
    field: Option<&Field>,
    context: &mut Context,
) -> Option<(Written, Pattern)> {
    let (inner, tagged) = match &form.kind {
        Kind::Tagged(tag, inner) if tag.as_ref() == "re" => (inner.as_ref(), true),
        Kind::Integer(digits) => return context.refuse(catalogue::pattern_is_a_number(form, digits)),
        _ => (form, false),
    };
    let text = values::text(inner, subject, Appears::InOutput, context)?;
    let pattern = compiled(&text, context)?;
    habits::check(&text, field, context);
    Some((Written { text: text.text, tagged }, pattern))
}

impl Written {
    pub fn string(text: Text) -> Written {
        Written { text: text.text, tagged: false }
    }

    pub fn form(&self, span: Span) -> Form {
        let string = Form { kind: Kind::String(self.text.as_str().into()), span };
        if self.tagged { Form { kind: Kind::Tagged("re".into(), Box::new(string)), span } } else { string }
    }
}

/// The groups of a pattern from 1 on: the name of each, if it has one.
pub(super) fn groups(pattern: &Pattern) -> Vec<Option<String>> {
    let mut groups = Vec::new();
    // It was read before.
    if let Ok(hir) = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern.as_str()) {
        captures(&hir, &mut groups);
    }
    groups
}

fn captures(hir: &Hir, groups: &mut Vec<Option<String>>) {
    match hir.kind() {
        HirKind::Capture(capture) => {
            // A group that can never match may be left out of what is read.
            groups.resize(groups.len().max(capture.index as usize), None);
            groups[capture.index as usize - 1] = capture.name.as_deref().map(str::to_string);
            captures(&capture.sub, groups);
        }
        HirKind::Repetition(repetition) => captures(&repetition.sub, groups),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| captures(part, groups)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}

fn compiled(text: &Text, context: &mut Context) -> Option<Pattern> {
    if !context.patterns.contains_key(text.text.as_str()) {
        let checked = match check(&text.text, &mut context.states) {
            Ok(pattern) => Checked::Fine(pattern),
            Err(fault) => Checked::Faulty(fault),
        };
        context.patterns.insert(text.text.as_str().into(), checked);
    }
    let fault = match &context.patterns[text.text.as_str()] {
        Checked::Fine(pattern) => return Some(pattern.clone()),
        Checked::Faulty(fault) => fault,
    };
    let span = place(text, &fault.at, context);
    let diagnostic = catalogue::faulty_pattern(span, &text.text, text.secret, fault);
    context.refuse(diagnostic)
}

/// Where a part of the pattern stands in the file; all of it where the string has escapes or is not in the file.
fn place(text: &Text, at: &Range<usize>, context: &Context) -> Span {
    let written = context.sources.text(text.span);
    let Some(inside) = written.find(text.text.as_str()).filter(|_| !text.secret && !at.is_empty()) else {
        return text.span;
    };
    let offset = |at: usize| text.span.start + u32::try_from(inside + at).unwrap_or_default();
    Span { file: text.span.file, start: offset(at.start), end: offset(at.end) }
}

/// `total` is how many states all patterns have so far.
fn check(text: &str, total: &mut u64) -> Result<Pattern, Fault> {
    if text.len() > MAX_LENGTH {
        return Err(Fault { at: 0..0, kind: FaultKind::TooLarge });
    }
    if let Some(fault) = foreign(text) {
        return Err(fault);
    }
    // As `regex::bytes` reads it.
    let hir = match regex_syntax::ParserBuilder::new().utf8(false).build().parse(text) {
        Ok(hir) => hir,
        Err(regex_syntax::Error::Parse(error)) => {
            return Err(syntax(text, error.kind().to_string(), error.span()));
        }
        Err(regex_syntax::Error::Translate(error)) => {
            return Err(syntax(text, error.kind().to_string(), error.span()));
        }
        Err(other) => return Err(Fault { at: 0..0, kind: FaultKind::Syntax(other.to_string()) }),
    };
    // Not compiled here: a plan of 10,000 patterns is checked without compiling one.
    let states = states(&hir);
    if states > MAX_STATES {
        return Err(Fault { at: 0..0, kind: FaultKind::TooLarge });
    }
    *total += states;
    if *total > MAX_STATES_OF_ALL {
        return Err(Fault { at: 0..0, kind: FaultKind::TooLargeTogether });
    }
    Ok(Pattern::parsed(text))
}

fn syntax(text: &str, words: String, span: &ast::Span) -> Fault {
    let start = span.start.offset.min(text.len());
    let end = span.end.offset.clamp(start, text.len());
    if start < end {
        return Fault { at: start..end, kind: FaultKind::Syntax(words) };
    }
    // Between two characters the one behind is shown; at the end of the pattern the last.
    let (start, end) = match text[start..].chars().next() {
        Some(c) => (start, start + c.len_utf8()),
        None => (text.char_indices().next_back().map_or(0, |(at, _)| at), text.len()),
    };
    Fault { at: start..end, kind: FaultKind::Syntax(words) }
}

/// About how many states the program will have, of about 48 bytes each.
fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => 10 + class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).saturating_add(1);
            states(&repetition.sub).saturating_mul(u64::from(times))
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(1, |sum: u64, part| sum.saturating_add(states(part)).saturating_add(1))
        }
    }
}

/// The first thing that Java, Perl or a word processor allows and that is read otherwise here, or not at all.
fn foreign(text: &str) -> Option<Fault> {
    let mut rest = text.char_indices().peekable();
    let mut depth = 0usize;
    let mut before: Option<char> = None;
    while let Some((at, c)) = rest.next() {
        let tail = &text[at..];
        let mut last = Some(c);
        match c {
            '\\' => {
                if let Some((length, name, instead)) = foreign_escape(tail) {
                    return Some(Fault { at: at..at + length, kind: FaultKind::Foreign { name, instead } });
                }
                rest.next();
                last = None;
            }
            '[' => {
                depth += 1;
                rest.next_if(|(_, next)| *next == '^');
                // A bracket that closes nothing yet is one of the characters.
                rest.next_if(|(_, next)| *next == ']');
            }
            ']' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {
                if is_dash(c)
                    && let (Some(from), Some((_, to))) = (before, rest.peek())
                    && from.is_alphanumeric()
                    && to.is_alphanumeric()
                {
                    let at = at - from.len_utf8()..at + c.len_utf8() + to.len_utf8();
                    return Some(Fault { at, kind: FaultKind::Dash { from, to: *to } });
                }
            }
            '(' => {
                let groups = GROUPS.iter().find(|(start, ..)| tail.starts_with(start));
                if let Some((start, name, instead)) = groups {
                    let kind = FaultKind::Foreign { name, instead: instead.to_string() };
                    return Some(Fault { at: at..at + start.len(), kind });
                }
                rest.next_if(|(_, next)| *next == '?');
            }
            '*' | '+' | '?' | '}' if tail[1..].starts_with('+') && at > 0 => {
                let kind = FaultKind::Foreign { name: POSSESSIVE.0, instead: format!("{} `{c}`", POSSESSIVE.1) };
                return Some(Fault { at: at..at + 2, kind });
            }
            _ => {}
        }
        before = last;
    }
    None
}

/// How a group of another dialect starts, what it is called, and what to do instead.
const GROUPS: [(&str, &str, &str); 7] = [
    ("(?=", "a lookahead", LOOK_INSTEAD),
    ("(?!", "a negative lookahead", LOOK_INSTEAD),
    ("(?<=", "a lookbehind", LOOK_INSTEAD),
    ("(?<!", "a negative lookbehind", LOOK_INSTEAD),
    ("(?>", "an atomic group", "write `(?:`: nothing is ever tried twice here"),
    ("(?P=", "a backreference", REFERENCE_INSTEAD),
    ("(?#", "a comment", "leave it out; EDN has comments of its own, with `;`"),
];

const LOOK_INSTEAD: &str =
    "say what may stand there instead of what may not; or take events apart with `:where (not (re-find \"…\" :field))`";

const REFERENCE_INSTEAD: &str = "write out what may be repeated: `(aa|bb)`";

const POSSESSIVE: (&str, &str) = ("a possessive quantifier", "nothing is ever tried twice here: write only");

/// Classes of Java with other names here, as typed into an EDN string.
const CLASSES: [(&str, &str); 17] = [
    ("Lower", "[[:lower:]]"),
    ("Upper", "[[:upper:]]"),
    ("ASCII", "[[:ascii:]]"),
    ("Alpha", "[[:alpha:]]"),
    ("Digit", "[0-9]"),
    ("Alnum", "[[:alnum:]]"),
    ("Punct", "[[:punct:]]"),
    ("Graph", "[[:graph:]]"),
    ("Print", "[[:print:]]"),
    ("Blank", "[[:blank:]]"),
    ("Cntrl", "[[:cntrl:]]"),
    ("XDigit", "[[:xdigit:]]"),
    ("Space", "[[:space:]]"),
    ("javaLowerCase", "\\\\p{Lowercase}"),
    ("javaUpperCase", "\\\\p{Uppercase}"),
    ("javaWhitespace", "\\\\s"),
    ("javaLetter", "\\\\p{L}"),
];

/// The length, name and replacement of a foreign escape at the start of `tail`.
fn foreign_escape(tail: &str) -> Option<(usize, &'static str, String)> {
    let next = tail[1..].chars().next()?;
    let found = |name, instead: &str| Some((2, name, instead.to_string()));
    match next {
        '1'..='9' => found("a backreference", REFERENCE_INSTEAD),
        'k' => found("a backreference", REFERENCE_INSTEAD),
        'Q' | 'E' => found("a quoted text", "put a backslash before each special character: `\\\\.`"),
        'G' => found("the end of the previous match", "leave it out: a pattern is searched once"),
        'Z' => found("the end before a last line break", "write `$` or `\\\\z`"),
        'h' => found("horizontal space", "write `[ \\\\t]`"),
        'R' => found("any line break", "write `(?:\\\\r\\\\n|\\\\n|\\\\r)`"),
        'X' => found("a grapheme", "write `.`"),
        'e' => found("the escape character", "write `\\\\x1B`"),
        'p' | 'P' if tail[2..].starts_with('{') => {
            let name = tail[3..].split('}').next()?;
            let (_, instead) = CLASSES.iter().find(|(known, _)| *known == name)?;
            let instead = match (next, instead.strip_prefix("[[:")) {
                ('P', Some(rest)) => format!("[[:^{rest}"),
                ('P', None) => format!("[^{instead}]"),
                _ => instead.to_string(),
            };
            Some((4 + name.len(), "a class of Java", format!("write `{instead}`")))
        }
        _ => None,
    }
}

/// Dashes that look like `-` and make no range.
fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}
