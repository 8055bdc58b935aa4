//! Texts, numbers, times, choices.

use std::io;

use super::{code, error, for_people, kind, one_of, shown};
use crate::config::Unset;
use crate::config::time::{Fault, Length};
use crate::config::values::{Amount, Text};
use crate::edn::{Diagnostic, Form, Kind, Severity, Span};
use crate::plan::Decimal;

/// What other readers call these tags.
const TAGS_ELSEWHERE: [(&str, &str); 14] = [
    ("regex", "re"),
    ("regexp", "re"),
    ("pattern", "re"),
    ("rx", "re"),
    ("env-var", "env"),
    ("envvar", "env"),
    ("environment", "env"),
    ("var", "env"),
    ("secret", "file"),
    ("include", "file"),
    ("time", "duration"),
    ("period", "duration"),
    ("interval", "duration"),
    ("seconds", "duration"),
];

const TAGS: [&str; 4] = ["duration", "env", "file", "re"];

pub fn wrong_kind(form: &Form, subject: &str, expected: &str) -> Diagnostic {
    if let Kind::Tagged(tag, _) = &form.kind
        && !TAGS.contains(&tag.as_ref())
    {
        return error("T020", form.span, format!("there is no tag {}", code(&format!("#{tag}"))))
            .here(format!("expected {expected}"))
            .help(match TAGS_ELSEWHERE.iter().find(|(word, _)| *word == tag.as_ref()) {
                Some((_, meant)) => format!("did you mean `#{meant}`?"),
                None => "the tags are `#env`, `#file`, `#re` and `#duration`".to_string(),
            });
    }
    let draft = error("T021", form.span, format!("{subject} takes {expected}, not {}", kind(form)));
    draft.here(format!("expected {}", expected.split(',').next().unwrap_or(expected))).maybe_help(meant(form, expected))
}

/// What was probably meant, where the fault is only in how it is written.
fn meant(form: &Form, expected: &str) -> Option<String> {
    meant_value(form, expected)
        .or_else(|| expected.contains("seconds").then(|| "write `600`, or `#duration \"10m\"`".to_string()))
}

fn meant_value(form: &Form, expected: &str) -> Option<String> {
    let text = match &form.kind {
        Kind::Keyword(name) | Kind::Symbol(name) if expected.starts_with("a string") && name.len() <= 40 => {
            return Some(format!("write `\"{name}\"`"));
        }
        Kind::String(text) | Kind::Symbol(text) => text.trim(),
        Kind::Keyword(name) if expected.starts_with("true") => name,
        Kind::Integer(digits) | Kind::Decimal(digits) if expected.starts_with("a string") => {
            return Some(format!("write `\"{digits}\"`"));
        }
        _ => return None,
    };
    if text.is_empty() || text.len() > 40 {
        return None;
    }
    if expected.starts_with("true") {
        return matches!(text, "true" | "false").then(|| format!("write `{text}`"));
    }
    if expected.starts_with("a field") {
        let plain = text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        return plain.then(|| format!("write `:{text}`"));
    }
    if !expected.contains("number") && !expected.contains("seconds") {
        return None;
    }
    if let Some(decimal) = Decimal::parse(text) {
        return Some(format!("write `{decimal}`, without quotes"));
    }
    if let Some(percent) = text.strip_suffix('%').and_then(|digits| Decimal::parse(digits.trim())) {
        let ratio = Decimal::parse(&format!("{percent}e-2"))?;
        return Some(format!("write `{ratio}` for {percent} %"));
    }
    if expected == "a number" {
        let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        return Decimal::parse(&text[..digits]).map(|decimal| format!("write `{decimal}`: a limit has no unit"));
    }
    let length = expected.contains("seconds") && text.starts_with(|c: char| c.is_ascii_digit());
    length.then(|| format!("write `#duration \"{}\"`", text.replace(' ', "")))
}

pub fn count_is_a_time(form: &Form, subject: &str, what: &str, example: &str) -> Diagnostic {
    error("T015", form.span, format!("{subject} counts {what}, and this is a time"))
        .here("expected a whole number")
        .help(format!("write a number, such as {example}"))
}

pub fn empty(span: Span, subject: &str) -> Diagnostic {
    error("T022", span, format!("{subject} is empty")).here("expected some text")
}

pub fn unknown_choice(form: &Form, subject: &str, names: &[&str], meant: Option<&str>) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| format!("`:{name}`")).collect();
    let expected = one_of(&names);
    error("T023", form.span, format!("{subject} is {expected}, not {}", kind(form)))
        .here(format!("expected {expected}"))
        .maybe_help(meant.map(|meant| match &form.kind {
            Kind::Keyword(_) => format!("did you mean `:{meant}`?"),
            _ => format!("write `:{meant}`"),
        }))
}

pub fn too_many_digits(span: Span, subject: &str) -> Diagnostic {
    error("T024", span, format!("{subject} has more than 18 digits before or after the point"))
        .here("too many digits")
        .help("numbers are exact here, and 18 digits are the most on either side of the point")
}

pub fn out_of_range(amount: &Amount, subject: &str, low: u64, high: u64) -> Diagnostic {
    error("T025", amount.span, format!("{subject} is a whole number from {low} to {high}, not {}", shown(amount)))
        .here(format!("expected {low} to {high}"))
}

pub fn malformed_tag(inner: &Form, tag: &str) -> Diagnostic {
    let (expected, help) = match tag {
        "env" => ("the name of a variable", "write `#env \"NAME\"`, or `#env [\"NAME\" \"default\"]`"),
        _ => ("the path of a file", "write `#file \"/run/secrets/name\"`"),
    };
    error("T026", inner.span, format!("`#{tag}` takes {expected}, not {}", kind(inner)))
        .here(format!("expected {expected}"))
        .help(help)
}

pub fn unset_variable(span: Span, name: &str, unset: Unset) -> Diagnostic {
    let message = format!("the variable {} is not set", code(name));
    let shown = name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
    not_set(
        error("T027", span, message)
            .here("not set, and without a default")
            .help(format!("set it, or give it a default if it is no secret: `#env [\"{shown}\" \"…\"]`")),
        unset,
    )
}

pub fn unset_file(span: Span, path: &str, cause: &io::Error, unset: Unset) -> Diagnostic {
    let message = format!("the file {} cannot be read: {}", code(path), words(cause));
    let diagnostic = error("T028", span, message).here("not readable").help("create it, or correct the path");
    not_set(diagnostic, unset)
}

/// The cause without the number of the error, in lower case.
fn words(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_string(),
        io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        io::ErrorKind::InvalidData => "it is not UTF-8".to_string(),
        io::ErrorKind::IsADirectory => "it is a folder".to_string(),
        _ => cause.to_string(),
    }
}

/// The same code as a warning where only `run` and `load` need the value.
fn not_set(mut diagnostic: Diagnostic, unset: Unset) -> Diagnostic {
    if unset == Unset::Warning {
        diagnostic.severity = Severity::Warning;
        diagnostic.code = match diagnostic.code {
            "T027" => "W003",
            _ => "W004",
        };
    }
    diagnostic
}

pub fn text_is_no_number(span: Span, subject: &str, expected: &str) -> Diagnostic {
    error("T029", span, format!("{subject} takes {expected}, and this value is no number"))
        .here("its text is no number")
        .help(match expected.contains("#duration") {
            true => "let the value be seconds; or write `#duration #env \"…\"` for a value such as `10m`",
            false => "let the value be a number such as `100` or `0.95`",
        })
}

pub fn secret_in_output(span: Span, subject: &str) -> Diagnostic {
    error("T030", span, format!("{subject} is shown in output, so it cannot come from `#file`"))
        .here("a secret would be shown")
        .help("write the text itself, or use `#env`")
}

pub fn not_above_zero(length: &Length, subject: &str) -> Diagnostic {
    error("T031", length.span, format!("{subject} is a time above 0, not 0")).here("expected more than 0")
}

pub fn negative_time(amount: &Amount, subject: &str) -> Diagnostic {
    error("T032", amount.span, format!("{subject} cannot be below 0, and is {}", shown(amount)))
        .here("expected seconds")
}

pub fn too_fine(span: Span, subject: &str) -> Diagnostic {
    error("T033", span, format!("{subject} is finer than a microsecond"))
        .here("more than 6 digits after the point")
        .help("times are whole microseconds: at most six digits after the point")
}

pub fn too_long(span: Span, subject: &str) -> Diagnostic {
    error("T034", span, format!("{subject} is longer than a hundred years"))
        .here("too long")
        .help("times are in seconds")
}

pub fn duration_without_unit(inner: &Form) -> Diagnostic {
    error("T035", inner.span, format!("`#duration` takes a string with units, not {}", kind(inner)))
        .here("expected a string")
        .help("write `#duration \"10m\"`; seconds need no tag: `600`")
}

pub fn unreadable_duration(text: &Text, fault: Fault) -> Diagnostic {
    let what = if text.secret { "this value".to_string() } else { code(&text.text) };
    let why = match fault {
        Fault::NoNumber => "a whole number is expected in front of each unit",
        Fault::NoUnit => "a unit is expected behind each number",
        Fault::UnknownUnit => "the units are `d`, `h`, `m`, `s`, `ms` and `us`",
        Fault::Order => "units go from large to small, each at most once",
        Fault::TooLong => "it is longer than a hundred years",
    };
    error("T036", text.span, format!("{what} is no duration: {why}"))
        .here("not a duration")
        .help("write whole numbers with `d`, `h`, `m`, `s`, `ms` or `us`: `#duration \"1h30m\"`")
}

pub fn looks_like_milliseconds(amount: &Amount, subject: &str) -> Diagnostic {
    let seconds = amount.decimal.to_f64();
    let (message, help) = match amount.secret {
        true => (format!("{subject} looks like milliseconds"), "let the value be seconds".to_string()),
        false => (
            format!("{subject} of {} s is {}", amount.decimal, for_people(seconds)),
            format!("did you mean `{}`? if not, write `#duration \"{}s\"`", seconds / 1000.0, amount.decimal),
        ),
    };
    super::lint("W005", amount.span, message).here("times are in seconds").help(help)
}
