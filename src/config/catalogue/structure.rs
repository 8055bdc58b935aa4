//! Files, keys, places.

use super::{code, error, kind, lint};
use crate::config::language::Language;
use crate::edn::{Diagnostic, Form, Kind, Span};
use crate::plan::Threshold;

/// A file or a folder; `span` is at the begin of an empty text.
pub fn unreadable(span: Span, cause: String, remedy: &str) -> Diagnostic {
    error("F001", span, cause).help(remedy)
}

pub fn other_language(span: Span, language: Language) -> Diagnostic {
    error("T013", span, format!("this file is {}, and thresholds are written in EDN", language.name()))
        .here("expected a map of EDN")
        .help("write `{:percentiles {\"query-service response\" {0.99 {:<= 100 :interval 600}}}}`")
}

pub fn unknown_key(key: &Form, place: &str, meant: Option<&str>) -> Diagnostic {
    let name = match &key.kind {
        Kind::Keyword(name) => format!(":{name}"),
        _ => String::new(),
    };
    let draft = error("T001", key.span, format!("{place} has no {}", code(&name)));
    draft.here("unknown key").maybe_help(meant.map(|meant| format!("did you mean `:{meant}`?")))
}

pub fn not_yet(span: Span, name: &str) -> Diagnostic {
    error("T002", span, format!("`:{name}` is not supported yet by this version"))
        .here("not supported yet")
        .help("leave it out for now; `:percentiles` and `:histograms` work without it")
}

pub fn key_is_no_keyword(key: &Form, place: &str) -> Diagnostic {
    let draft = error("T003", key.span, format!("a key of {place} is a keyword, not {}", kind(key)));
    let help = match &key.kind {
        Kind::String(name) | Kind::Symbol(name) if is_plain(name) => Some(format!("write `:{name}`")),
        _ => None,
    };
    draft.here("expected a keyword").maybe_help(help)
}

pub fn quote_in_text(span: Span) -> Diagnostic {
    error("T014", span, "text goes on directly behind a closing quote")
        .here("the string ends before this")
        .help("a quote inside a text is `\\\"`: write `\"the \\\"slow\\\" one\"`")
}

/// Whether a text can be written as a keyword.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_alphanumeric() || "-_.=<>!?*+/".contains(c))
}

pub fn not_a_map(form: &Form) -> Diagnostic {
    error("T004", form.span, format!("a file holds one map, not {}", kind(form)))
        .here("expected a map")
        .help("write `{:percentiles {…} :histograms {…}}`")
}

pub fn second_form(span: Span, first: Span) -> Diagnostic {
    error("T005", span, "a file holds one map, and nothing behind it")
        .here("one form too many")
        .also(first, "the file's map")
        .help("move it into the map, or into a file of its own; look for a bracket that closes too early")
}

pub fn set_twice(span: Span, first: Span, name: &str) -> Diagnostic {
    error("T006", span, format!("`:{name}` is set in two files"))
        .here("set again here")
        .also(first, "set first here")
        .help("keep one of them")
}

pub fn one_id_twice(a: &Threshold, b: &Threshold) -> Diagnostic {
    error("T007", b.span, "two checks have the same id")
        .here("the second")
        .also(a.span, "the first")
        .help("give one of them a name of its own: `:name \"…\"`")
}

pub fn level_left_out(span: Span, level: &str, expected: &str) -> Diagnostic {
    error("T008", span, format!("a check stands where {level} is expected"))
        .here(format!("{level} is missing in front"))
        .help(format!("write {expected}"))
}

pub fn field_left_out(span: Span) -> Diagnostic {
    error("T011", span, "a pattern stands where a field is expected")
        .here("a field is missing in front")
        .help("write `{FIELD {PATTERN CHECK}}`, such as `{:status-code {\"^2\" {…}}}`")
}

pub fn field_is_no_keyword(key: &Form) -> Diagnostic {
    let help = match &key.kind {
        Kind::String(name) | Kind::Symbol(name) if is_plain(name) => Some(format!("write `:{name}`")),
        _ => None,
    };
    error("T012", key.span, format!("a field is a keyword, not {}", kind(key)))
        .here("expected a keyword such as `:status-code`")
        .maybe_help(help)
}

pub fn no_checks(span: Span) -> Diagnostic {
    error("T009", span, "a vector of checks is empty")
        .here("expected at least one check")
        .help("write `[{:<= 100 :interval 600}]`, or leave the path out")
}

pub fn too_many(span: Span, unseen: usize) -> Diagnostic {
    error("T010", span, format!("{unseen} more errors and lints are not shown"))
        .here("and so on")
        .help("correct the first ones, and check again")
}

pub fn empty_file(span: Span) -> Diagnostic {
    lint("W001", span, "this file holds nothing")
        .here("expected a map")
        .help("write `{:percentiles {…} :histograms {…}}`, or remove the file")
}

pub fn no_thresholds(span: Span) -> Diagnostic {
    lint("W002", span, "there is no threshold: nothing will be judged")
        .here("expected `:percentiles` or `:histograms`")
        .help("write `{:percentiles {\"query-service response\" {0.99 {:<= 100 :interval 600}}}}`")
}
