//! Checks: their path, their bounds, and what options say about each other.

use super::{code, error, kind, shown};
use crate::config::bounds::{Domain, Limit};
use crate::config::time::Length;
use crate::config::values::Amount;
use crate::edn::{Diagnostic, Form, Kind, Span};
use crate::plan::{Comparator, Decimal, Interval};

pub fn quantile_is_no_number(form: &Form, meant: Option<Decimal>) -> Diagnostic {
    error("T040", form.span, format!("a quantile is a number above 0 and at most 1, not {}", kind(form)))
        .here("expected a number such as `0.99`")
        .maybe_help(meant.map(|meant| format!("write `{meant}`")))
}

pub fn quantile_out_of_range(amount: &Amount, meant: Option<Decimal>) -> Diagnostic {
    error("T041", amount.span, format!("a quantile is above 0 and at most 1, not {}", shown(amount)))
        .here("expected a number such as `0.99`")
        .maybe_help(meant.map(|meant| format!("write `{meant}` for p{}", amount.decimal)))
}

pub fn only_histograms(span: Span, name: &str) -> Diagnostic {
    error("T042", span, format!("`:{name}` is for `:histograms` only"))
        .here("not for a percentile")
        .help("leave it out: the path says that this is a percentile")
}

pub fn only_percentiles(span: Span, name: &str) -> Diagnostic {
    error("T043", span, format!("`:{name}` is for `:percentiles` only")).here("not for a histogram").help(match name {
        "metric" => "leave it out: the field stands in the path",
        _ => "leave it out: a share or a count has no rank",
    })
}

pub fn no_bound(span: Span) -> Diagnostic {
    error("T044", span, "a check has no bound")
        .here("expected a comparator and a limit")
        .help("add one of `:<=`, `:<`, `:>=`, `:>`, `:=`, `:not=` with its limit, such as `:<= 100`")
}

pub fn no_interval(span: Span) -> Diagnostic {
    error("T045", span, "a check has no `:interval`")
        .here("expected `:interval`")
        .help("add the length of the window in seconds: `:interval 600`")
}

pub fn no_type(span: Span) -> Diagnostic {
    error("T046", span, "a check under `:histograms` has no `:type`")
        .here("expected `:type`")
        .help("add `:type :percentage`, a share from 0 to 1, or `:type :count`")
}

pub fn never_holds(limit: &Limit, domain: Domain) -> Diagnostic {
    verdict("T047", limit, domain, "can never be")
}

pub fn always_holds(limit: &Limit, domain: Domain) -> Diagnostic {
    verdict("T048", limit, domain, "is always")
}

fn verdict(code: &'static str, limit: &Limit, domain: Domain, verb: &str) -> Diagnostic {
    let what = match domain {
        Domain::Any => "a percentile",
        Domain::Ratio => "a percentage",
        Domain::Count => "a count",
    };
    error(code, limit.span, format!("{what} {verb} {}", written(limit))).here(range(domain)).help(better(limit, domain))
}

/// `>= 0.95` for people.
pub(super) fn written(limit: &Limit) -> String {
    let comparator = limit.bound.comparator.symbol();
    if limit.secret { format!("`{comparator}` this value") } else { format!("`{comparator} {}`", limit.bound.limit) }
}

/// Which values there are.
pub(super) fn range(domain: Domain) -> &'static str {
    match domain {
        Domain::Any => "any number",
        Domain::Ratio => "a percentage is a ratio from 0 to 1",
        Domain::Count => "a count is 0, 1, 2 and so on",
    }
}

fn better(limit: &Limit, domain: Domain) -> String {
    let value = limit.bound.limit;
    let one = Decimal::from_i64(1);
    if domain == Domain::Ratio {
        let percent = one < value && value <= Decimal::from_i64(100) && !limit.secret;
        return match Decimal::parse(&format!("{value}e-2")) {
            Some(ratio) if percent => format!("write `{ratio}` for {value} %"),
            _ => "choose a limit between 0 and 1: `0.95` is 95 %".to_string(),
        };
    }
    let whole = value.is_integer();
    match limit.bound.comparator {
        Comparator::Equal | Comparator::NotEqual if !whole => "choose a whole number",
        Comparator::GreaterOrEqual => "to ask for at least one, write `:> 0`",
        Comparator::Less => "to allow none, write `:<= 0`",
        _ => "choose a limit of 0 or above",
    }
    .to_string()
}

pub fn contradiction(limits: &[&Limit]) -> Diagnostic {
    let [others @ .., last] = limits else { unreachable!("a contradiction has at least two bounds") };
    let written: Vec<String> = limits.iter().map(|limit| written(limit)).collect();
    let mut draft = error("T049", last.span, format!("no value is {}", written.join(" and ")))
        .here("all bounds of a check must hold at once");
    for other in others {
        draft = draft.also(other.span, "contradicts this one");
    }
    draft.help("a check says what is fine, not what is wrong: turn one of the comparators round, or make two checks")
}

pub fn every_does_not_divide(every: &Length, hop: Interval, length: &Length, interval: Interval) -> Diagnostic {
    let message = "`:every` does not divide `:interval`";
    let draft =
        error("T050", every.span, message).here("expected a divisor of the interval").also(length.span, "the interval");
    if every.secret || length.secret {
        return draft.help("choose an `:every` that fits into `:interval` a whole number of times");
    }
    // The nearest divisors below and above, in whole seconds where both are.
    let both_whole = interval.micros() % 1_000_000 == 0 && hop.micros() % 1_000_000 == 0;
    let unit = if both_whole { 1_000_000 } else { 1 };
    let (whole, part) = (interval.micros() / unit, hop.micros() / unit);
    let divides = |part: &i64| whole % part == 0;
    let below = (1..part.min(whole)).rev().take(2_000).find(divides);
    let above = (part + 1..=whole).take(2_000).find(divides);
    let fits: Vec<String> =
        below.into_iter().chain(above).map(|part| format!("`{}`", in_seconds(part * unit))).collect();
    match fits.is_empty() {
        true => draft.help("choose an `:every` that fits into `:interval` a whole number of times"),
        false => draft.help(format!("write {}", super::one_of(&fits))),
    }
}

/// Microseconds as seconds in normal form.
fn in_seconds(micros: i64) -> String {
    match Interval::from_micros(micros) {
        Some(interval) => crate::config::time::seconds(interval).to_string(),
        None => "0".to_string(),
    }
}

pub fn too_many_hops(every: Span, interval: Span) -> Diagnostic {
    error("T051", every, "`:interval` is more than 1000000 times `:every`")
        .here("too fine")
        .also(interval, "the interval")
        .help("choose a longer `:every`")
}

pub fn forgets_too_soon(forget: &Length, length: &Length, interval: Interval) -> Diagnostic {
    let draft = error("T052", forget.span, "`:forget` is shorter than two intervals")
        .here("too short")
        .also(length.span, "the interval");
    match length.secret {
        true => draft.help("let it be at least twice `:interval`"),
        false => draft.help(format!("write at least `{}`, or leave it out", in_seconds(2 * interval.micros()))),
    }
}

pub fn interval_too_long(span: Span) -> Diagnostic {
    error("T053", span, "`:interval` is longer than ten years").here("too long").help("times are in seconds")
}

pub fn by_is_no_vector(form: &Form) -> Diagnostic {
    let help = match &form.kind {
        Kind::Keyword(name) | Kind::Symbol(name) | Kind::String(name) if name.len() <= 40 => {
            Some(format!("write `:by [:{name}]`"))
        }
        Kind::Vector(_) => Some("leave it out: one state machine for all is the default".to_string()),
        _ => Some("write `:by [:host]`".to_string()),
    };
    let found = match &form.kind {
        Kind::Vector(_) => "an empty one".to_string(),
        _ => kind(form),
    };
    error("T054", form.span, format!("`:by` takes a vector of fields, not {found}"))
        .here("expected a vector of fields")
        .maybe_help(help)
}

pub fn by_twice(span: Span, first: Span, name: &str) -> Diagnostic {
    error("T055", span, format!("`:by` names {} twice", code(&format!(":{name}"))))
        .here("named again here")
        .also(first, "named first here")
        .help("keep one of them")
}

pub fn too_many_names(span: Span, subject: &str, most: usize) -> Diagnostic {
    error("T057", span, format!("{subject} has more than {most} names")).here("too many").help("keep those that matter")
}

pub fn label_twice(span: Span, first: Span) -> Diagnostic {
    error("T056", span, "`:labels` has this name twice")
        .here("named again here")
        .also(first, "named first here")
        .help("keep one of them")
}
