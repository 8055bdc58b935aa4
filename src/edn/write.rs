//! Forms to canonical text.

use std::fmt::Write;

use super::number::normal;
use super::{Form, Kind};

/// Writes a form on one line, numbers in normal form.
///
/// Reading the text gives an equal form, up to spans and the form of numbers. What is broken is written as `nil`.
pub fn write(form: &Form) -> String {
    let mut out = String::new();
    append(form, &mut out);
    out
}

pub(super) fn append(form: &Form, out: &mut String) {
    match &form.kind {
        Kind::Nil | Kind::Broken => out.push_str("nil"),
        Kind::Bool(true) => out.push_str("true"),
        Kind::Bool(false) => out.push_str("false"),
        Kind::Integer(text) | Kind::Decimal(text) => out.push_str(&normal(text)),
        Kind::String(text) => {
            out.push('"');
            escape_string(text, out);
            out.push('"');
        }
        Kind::Char(c) => character(*c, out),
        Kind::Keyword(name) => {
            out.push(':');
            out.push_str(name);
        }
        Kind::Symbol(name) => out.push_str(name),
        Kind::List(items) => sequence('(', items, ')', out),
        Kind::Vector(items) => sequence('[', items, ']', out),
        Kind::Set(items) => {
            out.push('#');
            sequence('{', items, '}', out);
        }
        Kind::Map(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                append(key, out);
                out.push(' ');
                append(value, out);
            }
            out.push('}');
        }
        Kind::Tagged(tag, inner) => {
            out.push('#');
            out.push_str(tag);
            out.push(' ');
            append(inner, out);
        }
    }
}

fn sequence(open: char, items: &[Form], close: char, out: &mut String) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        append(item, out);
    }
    out.push(close);
}

/// A text as it is written in EDN: between `"` and `"`, on one line.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    escape_string(text, &mut out);
    out.push('"');
    out
}

/// Appends `text` so that it can stand between `"` and `"`: on one line, control characters escaped.
pub(super) fn escape_string(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => escape_unicode(c, out),
            c => out.push(c),
        }
    }
}

fn character(c: char, out: &mut String) {
    out.push('\\');
    match c {
        '\n' => out.push_str("newline"),
        '\r' => out.push_str("return"),
        ' ' => out.push_str("space"),
        '\t' => out.push_str("tab"),
        // One code unit only: what lies beyond is written as it is.
        c if (is_hidden(c) || c.is_whitespace()) && c <= '\u{FFFF}' => {
            out.pop();
            escape_unicode(c, out);
        }
        c => out.push(c),
    }
}

/// Control characters, and what breaks a line or cannot be seen.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

fn escape_unicode(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("a String takes everything");
    }
}
