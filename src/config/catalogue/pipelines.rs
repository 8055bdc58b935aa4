//! Messages on pipelines and sources of logs.

use super::{code, error, lint, shown};
use crate::config::values::Amount;
use crate::edn::{Diagnostic, Span};

pub fn no_name(span: Span, name: &str, subject: &str, most: usize) -> Diagnostic {
    error("T200", span, format!("{} is no name for {subject}", code(&format!(":{name}"))))
        .here("expected letters, digits, `-`, `_` and `.`")
        .help(format!("write at most {most} letters, digits, `-`, `_` and `.`"))
}

pub fn set_twice_named(span: Span, first: Span, name: &str) -> Diagnostic {
    error("T201", span, format!("{} is defined twice", code(&format!(":{name}"))))
        .here("here again")
        .also(first, "first here")
        .help("keep one, or give one of them another name")
}

pub fn one_series_twice(span: Span, other: Span, measurement: &str) -> Diagnostic {
    error("T202", span, format!("two pipelines can write one series of {}", code(measurement)))
        .here("a point of this one could overwrite one")
        .also(other, "of this one")
        .help("give one of them another `:measurement`, or both a tag that differs, such as `:tags {:source \"api\"}`")
}

pub fn no_format(span: Span, fault: &str) -> Diagnostic {
    error("T203", span, "the log format cannot be read")
        .here(fault.to_string())
        .help("write a name, paste what the server's configuration says, or `#re \"…\"` with named groups; `highwater format FILE` shows which fits")
}

pub fn ambiguous_format(span: Span, warning: &str) -> Diagnostic {
    lint("W060", span, "the log format is ambiguous")
        .here(warning.to_string())
        .help("`highwater format FILE` shows how its lines are split")
}

pub fn no_files(span: Span) -> Diagnostic {
    error("T204", span, "no files are named")
        .here("empty")
        .help("write `[\"/var/log/nginx/access.log\"]`; rotated and packed siblings belong to it")
}

pub fn no_pattern_of_files(span: Span, fault: &str) -> Diagnostic {
    error("T205", span, format!("no path or pattern of paths: {fault}"))
        .here("expected a path, where `*`, `?`, `[…]` and `**` stand for others")
        .help("write `\"/var/log/nginx/*.log\"`")
}

pub fn no_zone(span: Span, fault: &str) -> Diagnostic {
    error("T206", span, format!("no time zone: {fault}"))
        .here("expected a name or an offset")
        .help("write `\"Europe/Berlin\"`, `\"UTC\"` or `\"+02:00\"`")
}

pub fn no_share(amount: &Amount) -> Diagnostic {
    error("T207", amount.span, format!("a share of the lines cannot be {}", shown(amount)))
        .here("expected 0 to 1")
        .help("write 0.05 for 5 %")
}

pub fn no_tag(span: Span, name: &str) -> Diagnostic {
    error("T208", span, format!("{} cannot be a tag", code(&format!(":{name}"))))
        .here("a point has a time, and names are at most 64 characters long")
        .help("give it another name")
}

pub fn nothing_kept(span: Span, name: &str) -> Diagnostic {
    error("T209", span, format!("nothing is kept of the stat {}", code(&format!(":{name}"))))
        .here("expected `:percentiles`, `:sum`, `:min`, `:max` or `:count`")
        .help("write `{:field :request-time :percentiles [0.5 0.99]}`")
}

pub fn no_such_field(span: Span, name: &str, meant: Option<&str>) -> Diagnostic {
    lint("W061", span, format!("lines of this format have no {}", code(&format!(":{name}"))))
        .here("always nil")
        .maybe_help(meant.map(|meant| format!("did you mean `:{meant}`?")))
}
