//! Lints: what is allowed, and probably not meant.

use super::checks::{range, written};
use super::{code, lint};
use crate::config::bounds::{Domain, Limit};
use crate::edn::{Diagnostic, Span};
use crate::plan::{Comparator, Decimal};

pub fn long_row(span: Span, subject: &str) -> Diagnostic {
    lint("W007", span, format!("{subject} counts windows, not seconds"))
        .here("this many windows in a row")
        .help("1 is the default; `:for 3` waits for three windows in a row")
}

pub fn says_nothing(limit: &Limit, domain: Domain) -> Diagnostic {
    lint("W008", limit.span, format!("the bound {} always holds", written(limit)))
        .here(range(domain))
        .help("leave it out")
}

pub fn implied(limit: &Limit, by: &Limit) -> Diagnostic {
    lint("W009", limit.span, format!("the bound {} says nothing that {} does not say", written(limit), written(by)))
        .here("one bound too many")
        .also(by.span, "this one is stricter, or the same")
        .help("leave it out")
}

pub fn gap_of_a_whole_window(span: Span, interval: Span) -> Diagnostic {
    lint("W010", span, "`:max-gap` is as long as the window: one that nobody watched would count as whole")
        .here("not less than the interval")
        .also(interval, "the interval")
        .help("leave it out for the larger of the grace and 5 % of the interval")
}

pub fn few_says_nothing(span: Span, min_count: u64) -> Diagnostic {
    lint("W011", span, format!("`:few` says nothing: no number is above 0 and below a `:min-count` of {min_count}"))
        .here("never asked for")
        .help("add `:min-count`, such as `:min-count 10`")
}

pub fn no_data_says_nothing(span: Span) -> Diagnostic {
    lint("W012", span, "`:no-data` says nothing: a count of nothing is 0, and is judged")
        .here("never asked for")
        .help("leave it out, or add `:min-count 1`")
}

pub fn constant_condition(span: Span) -> Diagnostic {
    lint("W013", span, "this condition is the same for every event")
        .here("reads no field")
        .help("compare a field, as in `(= :status-code \"200\")`; or leave `:where` out")
}

pub fn condition_is_a_value(span: Span) -> Diagnostic {
    lint("W014", span, "this condition is a value, and every value but nil and false is true")
        .here("not a comparison")
        .help("compare it: `(> (+ …) 100)`")
}

pub fn keyword_is_a_field(span: Span, name: &str) -> Diagnostic {
    let shown = code(&format!(":{name}"));
    lint("W015", span, format!("{shown} is a field here, not a text")).here("the event's own field").help(
        match name.len() <= 40 {
            true => format!("write `\"{name}\"` for the text; or `(:{name} event)` for the field"),
            false => "write a string for a text".to_string(),
        },
    )
}

pub fn clause_after_else(span: Span) -> Diagnostic {
    lint("W016", span, "a clause behind `:else` is never reached").here("never reached").help("put `:else` last")
}

pub fn count_is_a_share(limit: &Limit) -> Diagnostic {
    lint("W021", limit.span, format!("a count is 0, 1, 2 and so on, and {} looks like a share", written(limit)))
        .here("between 0 and 1")
        .help("write `:type :percentage` for a share; or choose a whole number")
}

pub fn percentile_from_below(limit: &Limit, quantile: Decimal) -> Diagnostic {
    let percent = Decimal::parse(&format!("{quantile}e2")).unwrap_or(quantile);
    from_below("W022", limit, &format!("p{percent}"))
}

pub fn errors_from_below(limit: &Limit, what: &str) -> Diagnostic {
    from_below("W023", limit, what)
}

pub fn success_from_above(limit: &Limit) -> Diagnostic {
    let value = if limit.secret { "this value".to_string() } else { limit.bound.limit.to_string() };
    let help = match limit.secret {
        true => "to promise at least so much use `:>=`".to_string(),
        false => format!("to promise at least so much write `:>= {value}`"),
    };
    lint(
        "W049",
        limit.span,
        format!("a check says what is fine; this one is violated when the share of success is above {value}"),
    )
    .here("an upper bound, and none below")
    .help(help)
}

/// A lower bound reads like an alert: what it says is fine is what was probably meant to be wrong.
fn from_below(code: &'static str, limit: &Limit, what: &str) -> Diagnostic {
    let value = if limit.secret { "this value".to_string() } else { limit.bound.limit.to_string() };
    let (violated, alert, instead) = match limit.bound.comparator {
        Comparator::Greater => ("at most", format!("above {value}"), "<="),
        _ => ("below", format!("at {value} and above"), "<"),
    };
    let help = match limit.secret {
        true => format!("for an alert {alert} use `:{instead}`"),
        false => format!("for an alert {alert} write `:{instead} {value}`"),
    };
    let message = format!("a check says what is fine; this one is violated when {what} is {violated} {value}");
    lint(code, limit.span, message).here("a lower bound, and none above").help(help)
}
