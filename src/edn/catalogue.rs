//! Every message of the reader, by its code. Codes are never reused.

use super::number::{MAX_DIGITS, normal};
use super::write::escape_string;
use super::{Diagnostic, Span, atom, glyph, number};

// Limits.

pub(super) fn file_too_large(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E001", span, format!("this file is larger than {} MiB", limit >> 20))
        .help("split it: a folder of files is read as one")
}

pub(super) fn more_faults(span: Span, more: usize) -> Diagnostic {
    let noun = if more == 1 { "error" } else { "errors" };
    Diagnostic::error("E002", span, format!("{more} more {noun} in this file"))
}

pub(super) fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E003", span, format!("nested more than {limit} deep"))
}

pub(super) fn too_many_forms(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E004", span, format!("more than {limit} forms in one text"))
        .help("split it: a folder of files is read as one")
}

// Structure.

/// `opening` is the innermost bracket that is not closed, `outer` are those around it, `closers` closes them all.
/// `next` is what follows and is outside by its indentation.
pub(super) fn not_closed(
    at: Span,
    opening: Span,
    bracket: &str,
    outer: &[Span],
    closers: &str,
    next: Option<Span>,
) -> Diagnostic {
    let mut error = Diagnostic::error("E010", at, format!("`{bracket}` is not closed"))
        .here(format!("expected `{closers}`"))
        .also(opening, "opened here");
    for &span in outer {
        error = error.also(span, "nor is this");
    }
    if let Some(next) = next {
        error = error.also(next, "by its indentation this is outside");
    }
    error.help(format!("write `{closers}`"))
}

pub(super) fn wrong_closer(at: Span, found: char, opening: Span, bracket: &str, expected: char) -> Diagnostic {
    Diagnostic::error("E011", at, format!("`{found}` does not close `{bracket}`"))
        .here(format!("expected `{expected}`"))
        .also(opening, "opened here")
        .help(format!("write `{expected}`"))
}

pub(super) fn nothing_to_close(at: Span, found: char) -> Diagnostic {
    Diagnostic::error("E012", at, format!("`{found}` closes nothing")).help(format!("remove the `{found}`"))
}

pub(super) fn key_without_value(key: Span, text: &str, map: Span) -> Diagnostic {
    Diagnostic::error("E013", key, format!("the key `{}` has no value", shown(text)))
        .here("expected a value after it")
        .also(map, "in this map")
}

/// `maps` says that both values are maps.
pub(super) fn duplicate_key(second: Span, text: &str, first: Span, maps: bool) -> Diagnostic {
    Diagnostic::error("E014", second, format!("the key `{}` stands twice in one map", shown(text)))
        .here("a second time")
        .also(first, "first here")
        .help(if maps { "merge the two maps into one, or remove one of them" } else { "remove one of them" })
}

pub(super) fn duplicate_member(second: Span, text: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E015", second, format!("`{}` stands twice in one set", shown(text)))
        .here("a second time")
        .also(first, "first here")
        .help("remove one of them")
}

pub(super) fn tag_without_form(tag: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E016", tag, format!("nothing follows the tag `{}`", shown(text)))
        .here("expected a form after it")
}

pub(super) fn discard_without_form(discard: Span) -> Diagnostic {
    Diagnostic::error("E017", discard, "`#_` has nothing to leave out")
        .here("expected a form after it")
        .help("remove the `#_`")
}

pub(super) fn not_one_form(at: Span, message: &'static str) -> Diagnostic {
    Diagnostic::error("E018", at, message).here("expected exactly one form")
}

// Strings and characters.

/// `content` is what the string probably was.
pub(super) fn string_not_closed(opening: Span, end: Span, content: &str) -> Diagnostic {
    Diagnostic::error("E020", opening, "this string is not closed")
        .here("opened here")
        .also(end, "expected `\"`")
        .help(format!("write `\"{}\"`", shown(content)))
}

/// `escapes` holds the place and the character of each; it is not empty.
pub(super) fn unknown_escapes(escapes: &[(Span, char)]) -> Diagnostic {
    let (first, c) = escapes[0];
    let mut diagnostic =
        Diagnostic::error("E021", first, format!("a string has no escape `\\{}`", shown(c.encode_utf8(&mut [0; 4]))));
    let mut advice: Vec<String> = Vec::new();
    for &(span, c) in escapes {
        if span != first && diagnostic.labels.len() < 5 {
            diagnostic = diagnostic.also(span, "");
        }
        let text = escape_advice(c);
        if advice.len() < 3 && !advice.contains(&text) {
            advice.push(text);
        }
    }
    diagnostic.help(format!("write {}", advice.join("; ")))
}

fn escape_advice(c: char) -> String {
    let other = match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[A-Za-z0-9_]",
        'W' => "[^A-Za-z0-9_]",
        '.' => "[.]",
        '/' => return "`/`, it needs no escape".to_owned(),
        '\'' => return "`'`, it needs no escape".to_owned(),
        '*' | '+' | '?' | '$' | '|' | '(' | ')' | '{' | '}' => return format!("`\\\\{c}`, or `[{c}]`"),
        c => return format!("`\\\\{}`", shown(c.encode_utf8(&mut [0; 4]))),
    };
    format!("`\\\\{c}`, or `{other}`")
}

pub(super) fn bad_unicode_escape(at: Span) -> Diagnostic {
    Diagnostic::error("E022", at, "`\\u` needs four hexadecimal digits")
        .help("write as `\\u00e9`, or the character itself")
}

pub(super) fn lone_surrogate(at: Span) -> Diagnostic {
    Diagnostic::error("E023", at, "this is half of a surrogate pair")
        .help("write both halves, as `\\ud83d\\ude00`, or the character itself")
}

pub(super) fn no_character(at: Span) -> Diagnostic {
    Diagnostic::error("E024", at, "`\\` stands alone").here("expected a character after it")
}

// Tokens.

pub(super) fn token(fault: atom::Fault, at: Span, token: &str) -> Diagnostic {
    let text = shown(token);
    let error = |code, message: String| Diagnostic::error(code, at, message);
    match fault {
        atom::Fault::Number(fault) => number(fault, at, token),
        atom::Fault::BareFraction => {
            let (sign, digits) = token.split_at(token.find('.').unwrap_or(0));
            error("E030", format!("`{text}` has no digit before the point")).help(format!(
                "write `{}0{}`",
                if sign == "-" { "-" } else { "" },
                shown(digits)
            ))
        }
        atom::Fault::ColonAlone => error("E031", "nothing follows `:`".to_owned())
            .here("expected the name of a keyword, without a blank between"),
        atom::Fault::ColonAtEnd => {
            let name = token.trim_matches(':');
            error("E032", format!("the colon of `{text}` is at its end")).help(format!("write `:{}`", shown(name)))
        }
        atom::Fault::TwoColons => {
            let name = token.trim_start_matches(':');
            error("E033", format!("`{text}` begins with two colons")).help(format!("write `:{}`", shown(name)))
        }
        atom::Fault::Slash => error("E034", format!("`{text}` has a slash in the wrong place"))
            .here("a name has at most one slash, between a namespace and the rest")
            .help(format!("for a text write `\"{text}\"`")),
        atom::Fault::Stranger('@' | '~' | '^' | '`') => error("E035", format!("`{text}` is Clojure, not EDN"))
            .here("expected a form of EDN")
            .help("text stands between `\"` and `\"`"),
        atom::Fault::Stranger(c @ ('≤' | '⩽' | '≥' | '⩾' | '≠')) => {
            let plain = text.replace(['≤', '⩽'], "<=").replace(['≥', '⩾'], ">=").replace('≠', "not=");
            error("E036", format!("unexpected `{c}` in `{text}`")).help(format!("write `{plain}`"))
        }
        atom::Fault::Stranger(c) => {
            let c = shown(c.encode_utf8(&mut [0; 4])).into_owned();
            let message = if c == text { format!("unexpected `{c}`") } else { format!("unexpected `{c}` in `{text}`") };
            error("E036", message).help("text stands between `\"` and `\"`")
        }
        atom::Fault::Character => error("E025", format!("there is no character `{text}`"))
            .here("expected one character, or `newline return space tab`, or `uXXXX`"),
    }
}

fn number(fault: number::Fault, at: Span, token: &str) -> Diagnostic {
    let text = shown(token);
    let error = |code, message: String| Diagnostic::error(code, at, message);
    match fault {
        number::Fault::LeadingZero => {
            let (sign, digits) = token.split_at(token.find(|c: char| c.is_ascii_digit()).unwrap_or(0));
            let rest = digits.trim_start_matches('0');
            let zero = if rest.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
            error("E040", format!("`{text}` begins with a zero")).help(format!(
                "write `{}{zero}{}`; a comma between digits is a blank",
                sign.trim_matches('+'),
                shown(rest)
            ))
        }
        number::Fault::Ratio => {
            let error = error("E041", format!("`{text}` is a ratio, which EDN does not have"));
            match ratio(token) {
                Some(decimal) => error.help(format!("write the decimal: `{decimal}`")),
                None => error.help("write the decimal"),
            }
        }
        number::Fault::Radix => {
            let error = error("E042", format!("`{text}` is not a decimal number"));
            match token.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
                Some(value) => error.help(format!("write `{value}`")),
                None => error.help("write it with the digits 0 to 9"),
            }
        }
        number::Fault::Percent => error("E043", format!("`{text}` is not a number"))
            .help("write a share as a decimal between 0 and 1: `0.95` for 95 %"),
        number::Fault::Underscore => error("E044", format!("`{text}` has `_` between its digits"))
            .help(format!("write `{}`", shown(&token.replace('_', "")))),
        number::Fault::EmptyFraction => {
            let whole = token.split('.').next().unwrap_or(token);
            error("E045", format!("`{text}` has no digit after the point")).help(format!("write `{}`", shown(whole)))
        }
        number::Fault::EmptyExponent => {
            error("E046", format!("`{text}` has an exponent without digits")).help("write as `1e3`")
        }
        number::Fault::TooLong => {
            error("E047", format!("`{text}` has more than {MAX_DIGITS} digits when it is written out"))
        }
        number::Fault::Tail => {
            let split = token.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
            let error = error("E048", format!("`{text}` begins as a number and does not go on as one"));
            match &token[split..] {
                "ms" | "s" | "m" | "h" | "d" | "min" | "sec" => error
                    .help(format!("a time with a unit is `#duration \"{token}\"`; text stands between `\"` and `\"`")),
                _ => error.help("put a blank after the number; text stands between `\"` and `\"`"),
            }
        }
    }
}

/// The decimal of a ratio, with at most 6 digits after the point.
fn ratio(token: &str) -> Option<String> {
    let (numerator, denominator) = token.split_once('/')?;
    let (numerator, denominator) = (numerator.parse::<f64>().ok()?, denominator.parse::<f64>().ok()?);
    if denominator == 0.0 || !(-1e15..1e15).contains(&(numerator / denominator)) {
        return None;
    }
    Some(normal(&format!("{:.6}", numerator / denominator)).into_owned())
}

// What is pasted from articles and other languages.

/// `opening` and `closing` are the quotes, `meant` what to write between them, `dash` a dash that is none of ours.
pub(super) fn foreign_quotes(
    opening: (Span, char),
    closing: Option<Span>,
    meant: &str,
    dash: Option<(Span, char)>,
) -> Diagnostic {
    let (span, c) = opening;
    let error = match c {
        '\'' | '`' => Diagnostic::error("E051", span, format!("`{c}` does not begin a string")),
        c => Diagnostic::error("E050", span, format!("`{c}` is {}, not `\"`", named(c))),
    };
    let Some(closing) = closing else {
        return error.help("a string stands between `\"` and `\"`");
    };
    let error = match dash {
        Some((at, dash)) => error.also(at, format!("{}, not `-`", named(dash))),
        None => error,
    };
    error.also(closing, "and here").help(format!("write `\"{}\"`", escaped(meant)))
}

fn escaped(content: &str) -> String {
    const LONGEST: usize = 80;
    let mut text = String::new();
    escape_string(content, &mut text);
    if text.chars().count() > LONGEST { "…".to_owned() } else { text }
}

/// `meant` is the token with its plain characters.
pub(super) fn foreign_token(at: Span, c: char, meant: &str) -> Diagnostic {
    let (text, instead) = (shown(c.encode_utf8(&mut [0; 4])).into_owned(), glyph::plain(c.encode_utf8(&mut [0; 4])).0);
    let message = if instead.is_empty() {
        format!("a name cannot contain {}", named(c))
    } else {
        format!("`{text}` is {}, not `{instead}`", named(c))
    };
    Diagnostic::error("E052", at, message).help(format!("write `{}`", shown(meant)))
}

/// Reported once a file: `count` of them, the first at `at`.
pub(super) fn foreign_blank(at: Span, c: char, count: usize) -> Diagnostic {
    let error = Diagnostic::error("E053", at, format!("{} is no blank here", named(c)));
    let error = if count > 1 { error.here(format!("the first of {count} in this file")) } else { error };
    match glyph::look(c) {
        glyph::Look::Invisible => error.help("delete it"),
        _ => error.help("type a plain space in its place"),
    }
}

pub(super) fn json_colon(at: Span, key: &str) -> Diagnostic {
    Diagnostic::error("E054", at, "there is no colon between a key and its value")
        .help(format!("leave it out: `{} …`", shown(key)))
}

pub(super) fn arrow(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E055", at, format!("there is no `{text}` between a key and its value"))
        .help("leave it out: `{:key \"value\"}`")
}

/// `number` is what digits on both sides of a comma were meant to be.
pub(super) fn comma_in_number(at: Span, text: &str, number: &str) -> Diagnostic {
    Diagnostic::error("E060", at, format!("the comma in `{}` is a blank here", shown(text)))
        .here("read as two numbers")
        .help(format!("write `{}`", shown(number)))
}

/// `meant` is the whole text with its quotes.
pub(super) fn quote_in_string(at: Span, meant: &str) -> Diagnostic {
    let is_bulky = meant.chars().count() > 80 || meant.contains(char::is_control);
    let text = if is_bulky { "\"… \\\"…\\\" …\"" } else { meant };
    Diagnostic::error("E061", at, "text goes on directly behind a closing quote")
        .here("the string ends before this")
        .help(format!("a quote inside a text is `\\\"`: write `{text}`"))
}

pub(super) fn match_operator(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E062", at, format!("there is no `{text}` before a pattern"))
        .help("write only the expression: `\"^2[0-9]{2}$\"`")
}

pub(super) fn foreign_comment(at: Span, begin: &str) -> Diagnostic {
    Diagnostic::error("E056", at, format!("`{begin}` does not begin a comment")).help("a comment begins with `;`")
}

pub(super) fn regex_literal(at: Span, content: &str) -> Diagnostic {
    let mut text = String::new();
    escape_string(content, &mut text);
    let content = if text.chars().count() > 60 { "…" } else { &text };
    Diagnostic::error("E057", at, "`#\"…\"` is a pattern of Clojure, not EDN")
        .help(format!("write `#re \"{content}\"`"))
}

pub(super) fn clojure_dispatch(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E058", at, format!("`{}` is Clojure, not EDN", shown(text)))
        .help("behind `#` stands `{` of a set, `_` to leave a form out, or the name of a tag such as `#re`")
}

pub(super) fn symbolic_number(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E059", at, format!("`{}` is not a number here", shown(text))).here("expected a finite number")
}

fn named(c: char) -> String {
    format!("{} (U+{:04X})", glyph::name(c), c as u32)
}

/// Text of the user's for a message: shortened, with nothing that a terminal would obey.
fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 40;
    if text.len() <= LONGEST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.into();
    }
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        if c.is_control() || matches!(glyph::look(c), glyph::Look::Invisible) || (c != ' ' && c.is_whitespace()) {
            shown.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            shown.push(c);
        }
    }
    shown.into()
}
