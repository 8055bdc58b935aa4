//! Patterns.

use super::{code, error};
use crate::config::pattern::{Fault, FaultKind};
use crate::edn::{Diagnostic, Form, Span};

pub fn faulty_pattern(span: Span, text: &str, secret: bool, fault: &Fault) -> Diagnostic {
    let part = text.get(fault.at.clone()).unwrap_or_default();
    match &fault.kind {
        FaultKind::Syntax(words) => {
            let what = if secret { String::new() } else { format!(" {}", code(text)) };
            error("T060", span, format!("the pattern{what} cannot be read: {words}"))
                .here(words.clone())
                .maybe_help(escape_help(part).filter(|_| !secret))
        }
        FaultKind::Foreign { name, instead } => {
            let what = if secret { "a part of this".to_string() } else { code(part) };
            error("T061", span, format!("{what} is {name}, which patterns do not have here"))
                .here("other dialects have it")
                .help(instead.clone())
        }
        FaultKind::Dash { from, to } => {
            let part = if secret { "a dash".to_string() } else { format!("`[{part}]`") };
            let draft = error("T062", span, format!("{part} is no range: its dash is not the sign `-`"))
                .here("matches only the two characters and the dash");
            match secret {
                true => draft.help("write a plain `-`"),
                false => draft.help(format!("write `[{from}-{to}]`")),
            }
        }
        FaultKind::TooLarge => error("T063", span, "the pattern is too large: it would take more than 10 MiB")
            .here("too large")
            .help("repeat less: `{1,1000}` counts for a thousand copies; `+` and `*` count for one"),
        FaultKind::TooLargeTogether => error("T065", span, "with this one all patterns are too large together")
            .here("one too many")
            .help("write simpler patterns: `[0-9]` for `\\\\d`, `[0-9A-Za-z_]` for `\\\\w`"),
    }
}

/// What to type for a mistake that is easily made.
fn escape_help(part: &str) -> Option<String> {
    match part {
        "*" | "+" | "?" => Some(format!("for the character itself write `\\\\{part}`; for any text write `.*`")),
        "(" | ")" | "[" | "{" => Some(format!("for the character itself write `\\\\{part}`")),
        _ => None,
    }
}

pub fn pattern_is_a_number(form: &Form, digits: &str) -> Diagnostic {
    let draft = error("T064", form.span, format!("a pattern is a string, not the number {}", code(digits)));
    let plain = digits.len() <= 40;
    draft.here("expected a string").maybe_help(plain.then(|| format!("write `\"^{digits}$\"`")))
}

pub fn unanchored_status(span: Span, text: &str) -> Diagnostic {
    let whole = if text.contains('|') && !text.starts_with('(') { format!("^({text})$") } else { format!("^{text}$") };
    super::lint("W006", span, format!("the pattern {} also matches inside longer texts", code(text)))
        .here("searched anywhere in the text")
        .help(format!("write `\"{}\"`", whole.replace('\\', "\\\\")))
}

pub fn letter_for_a_digit(span: Span, text: &str, meant: &str) -> Diagnostic {
    super::lint("W018", span, format!("the `x` of the pattern {} is a letter", code(text)))
        .here("matches no status")
        .help(format!("write `\"{meant}\"`"))
}

pub fn star_for_digits(span: Span, text: &str, meant: &str) -> Diagnostic {
    super::lint("W048", span, format!("the `*` of the pattern {} repeats the digit before it", code(text)))
        .here("matches no status that was meant")
        .help(format!("write `\"{meant}\"`"))
}

pub fn anchored_on_one_side(span: Span, text: &str, meant: &str) -> Diagnostic {
    super::lint("W019", span, format!("`^` and `$` of the pattern {} bind to one side of the bar only", code(text)))
        .here("matches inside longer texts")
        .help(format!("write `\"{}\"`", meant.replace('\\', "\\\\")))
}

pub fn pattern_in_slashes(span: Span, text: &str, expression: &str) -> Diagnostic {
    super::lint("W020", span, format!("what stands around the expression in {} is a part of the pattern", code(text)))
        .here("matched as it is written")
        .help(format!("write only the expression: {}", code(&format!("\"{}\"", expression.replace('\\', "\\\\")))))
}
