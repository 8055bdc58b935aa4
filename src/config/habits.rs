//! Patterns that can be read, and probably say something else than was meant.

use super::catalogue;
use super::context::Context;
use super::values::Text;
use crate::plan::Field;

/// Lints a pattern of a field, or of something else if `field` is None.
pub(super) fn check(text: &Text, field: Option<&Field>, context: &mut Context) {
    if text.secret {
        return;
    }
    let pattern = text.text.as_str();
    if let Some(expression) = between_slashes(pattern, field) {
        return context.report(catalogue::pattern_in_slashes(text.span, pattern, &expression));
    }
    if !field.is_some_and(names_a_status) {
        return;
    }
    if let Some(meant) = with_letters_for_digits(pattern) {
        context.report(catalogue::letter_for_a_digit(text.span, pattern, &meant));
    } else if let Some(meant) = with_stars_for_digits(pattern) {
        context.report(catalogue::star_for_digits(text.span, pattern, &meant));
    } else if let Some(meant) = anchored_on_one_side(pattern) {
        context.report(catalogue::anchored_on_one_side(text.span, pattern, &meant));
    } else if is_bare_number(pattern) {
        context.report(catalogue::unanchored_status(text.span, pattern));
    }
}

pub(super) fn names_a_status(field: &Field) -> bool {
    let name = field.name();
    name.contains("status") || name.contains("code")
}

/// The expression of `/^5/i` and `=~"^5"`, as patterns are written elsewhere.
fn between_slashes(pattern: &str, field: Option<&Field>) -> Option<String> {
    if let Some(rest) = pattern.strip_prefix("=~") {
        return Some(rest.trim().trim_matches(['"', '\'', '/']).to_string());
    }
    let inner = pattern.strip_prefix('/')?;
    let (inner, flag) = match inner.strip_suffix("/i") {
        Some(inner) => (inner, "(?i)"),
        None => (inner.strip_suffix('/')?, ""),
    };
    // A path is between slashes, too.
    let is_path = field.is_none_or(|field| {
        let name = field.name().to_lowercase();
        ["path", "uri", "url", "route", "request", "referer", "endpoint", "location"]
            .iter()
            .any(|word| name.contains(word))
    });
    let is_anchored = inner.starts_with('^') || inner.ends_with('$');
    (!inner.is_empty() && (is_anchored || !is_path)).then(|| format!("{flag}{inner}"))
}

/// `^2[0-9]{2}$` for `^2xx$`.
fn with_letters_for_digits(pattern: &str) -> Option<String> {
    let core = pattern.strip_prefix('^').unwrap_or(pattern);
    let core = core.strip_suffix('$').unwrap_or(core);
    let is_class = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_digit())
            && part.len() == 3
            && bytes.all(|byte| matches!(byte, b'x' | b'X'))
    };
    let inner = core.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(core);
    if !inner.split('|').all(is_class) {
        return None;
    }
    let classes: Vec<String> = inner.split('|').map(|class| format!("{}[0-9]{{2}}", &class[..1])).collect();
    Some(match classes.as_slice() {
        [one] => format!("^{one}$"),
        several => format!("^({})$", several.join("|")),
    })
}

/// `^5[0-9]{2}$` for `5*`, `^5**`, `50*`.
fn with_stars_for_digits(pattern: &str) -> Option<String> {
    let core = pattern.strip_prefix('^').unwrap_or(pattern);
    let core = core.strip_suffix('$').unwrap_or(core);
    let digits = core.trim_end_matches('*');
    let is_it =
        matches!(digits.len(), 1 | 2) && digits.len() < core.len() && digits.bytes().all(|b| b.is_ascii_digit());
    is_it.then(|| match digits.len() {
        1 => format!("^{digits}[0-9]{{2}}$"),
        _ => format!("^{digits}[0-9]$"),
    })
}

/// `^(200|201)$` for `^200|201$`, whose anchors bind to one side only.
fn anchored_on_one_side(pattern: &str) -> Option<String> {
    let parts = alternatives(pattern);
    let (first, last) = (parts.first()?, parts.last()?);
    let begins = parts.iter().filter(|part| part.starts_with('^')).count();
    let ends = parts.iter().filter(|part| is_ended(part)).count();
    let is_uneven = |count: usize| 0 < count && count < parts.len();
    let at_the_edges =
        (begins == 0 || begins == 1 && first.starts_with('^')) && (ends == 0 || ends == 1 && is_ended(last));
    let bare = |part: &&str| {
        let part = part.strip_prefix('^').unwrap_or(part);
        part.strip_suffix('$').unwrap_or(part).to_string()
    };
    let meant = || format!("^({})$", parts.iter().map(bare).collect::<Vec<_>>().join("|"));
    (at_the_edges && (is_uneven(begins) || is_uneven(ends))).then(meant)
}

fn is_ended(part: &str) -> bool {
    part.ends_with('$') && !part.ends_with("\\$")
}

/// The parts between the bars that stand in no bracket.
fn alternatives(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut is_escaped) = (0usize, 0, false);
    for (at, byte) in pattern.bytes().enumerate() {
        match byte {
            _ if is_escaped => {
                is_escaped = false;
                continue;
            }
            b'\\' => is_escaped = true,
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'|' if depth == 0 => {
                parts.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&pattern[start..]);
    parts
}

/// Whether a pattern is made of digits and what stands for digits: `200`, `2[0-9]{2}`, `(301|302)`, `5..`, `2.*`.
fn is_bare_number(pattern: &str) -> bool {
    let rest = pattern.replace("\\d", "0");
    let is_of_digits = |c: char| c.is_ascii_digit() || "[]{}()|?:,-.*+".contains(c);
    rest.contains(|c: char| c.is_ascii_digit()) && rest.chars().all(is_of_digits)
}
