//! Every option of a check, one small function each.

use super::context::Context;
use super::time::{self, Length};
use super::values::{self, Text};
use super::{catalogue, expression, lint};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Comparator, Expression, Field, Interval, Rank, Thin};

/// What the options of one check say. What is None was not given, or not readable and reported.
#[derive(Default)]
pub(super) struct Options {
    pub by: Vec<Field>,
    pub description: Option<String>,
    pub every: Option<(Interval, Length)>,
    pub few: Option<(Thin, Span)>,
    pub violate_after: Option<u32>,
    pub forget: Option<(Interval, Length)>,
    /// In microseconds, not below zero.
    pub grace: Option<i64>,
    pub interval: Option<(Interval, Length)>,
    pub labels: Vec<(String, String)>,
    /// Lints that are not said of this check.
    pub allowed: Vec<&'static str>,
    pub max_gap: Option<Length>,
    pub metric: Option<Field>,
    pub min_count: Option<u64>,
    pub name: Option<Text>,
    pub no_data: Option<(Thin, Span)>,
    pub rank: Option<Rank>,
    pub recover_after: Option<u32>,
    pub runbook: Option<String>,
    pub severity: Option<String>,
    pub shadow: bool,
    pub kind: Option<Kinds>,
    pub filter: Option<Expression>,
}

/// What a pattern gives: `:type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinds {
    Percentage,
    Count,
}

/// Which checks take an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    All,
    Percentiles,
    Histograms,
}

pub(super) struct Entry {
    pub name: &'static str,
    pub of: Of,
    pub read: fn(&mut Options, &Form, &mut Context),
}

/// Alphabetical.
pub(super) const OPTIONS: [Entry; 22] = [
    Entry { name: "by", of: Of::All, read: by },
    Entry { name: "description", of: Of::All, read: description },
    Entry { name: "every", of: Of::All, read: every },
    Entry { name: "few", of: Of::All, read: few },
    Entry { name: "for", of: Of::All, read: for_windows },
    Entry { name: "forget", of: Of::All, read: forget },
    Entry { name: "grace", of: Of::All, read: grace },
    Entry { name: "interval", of: Of::All, read: interval },
    Entry { name: "labels", of: Of::All, read: labels },
    Entry { name: "lint", of: Of::All, read: allow },
    Entry { name: "max-gap", of: Of::All, read: max_gap },
    Entry { name: "metric", of: Of::Percentiles, read: metric },
    Entry { name: "min-count", of: Of::All, read: min_count },
    Entry { name: "name", of: Of::All, read: name },
    Entry { name: "no-data", of: Of::All, read: no_data },
    Entry { name: "rank", of: Of::Percentiles, read: rank },
    Entry { name: "recover", of: Of::All, read: recover },
    Entry { name: "runbook", of: Of::All, read: runbook },
    Entry { name: "severity", of: Of::All, read: severity },
    Entry { name: "shadow", of: Of::All, read: shadow },
    Entry { name: "type", of: Of::Histograms, read: kind },
    Entry { name: "where", of: Of::All, read: filter },
];

/// What other systems, and people in a hurry, call these keys.
pub(super) const OTHER_WORDS: [(&str, &str); 56] = [
    ("=<", "<="),
    ("≤", "<="),
    ("⩽", "<="),
    ("lte", "<="),
    ("le", "<="),
    ("at-most", "<="),
    ("max", "<="),
    ("maximum", "<="),
    ("lt", "<"),
    ("below", "<"),
    ("under", "<"),
    ("less-than", "<"),
    ("=>", ">="),
    ("≥", ">="),
    ("⩾", ">="),
    ("gte", ">="),
    ("ge", ">="),
    ("at-least", ">="),
    ("min", ">="),
    ("minimum", ">="),
    ("gt", ">"),
    ("above", ">"),
    ("over", ">"),
    ("greater-than", ">"),
    ("==", "="),
    ("eq", "="),
    ("equals", "="),
    ("!=", "not="),
    ("=!", "not="),
    ("/=", "not="),
    ("<>", "not="),
    ("≠", "not="),
    ("ne", "not="),
    ("neq", "not="),
    ("not-equal", "not="),
    ("window", "interval"),
    ("period", "interval"),
    ("duration", "interval"),
    ("length", "interval"),
    ("step", "every"),
    ("slide", "every"),
    ("hop", "every"),
    ("group-by", "by"),
    ("groupby", "by"),
    ("group", "by"),
    ("filter", "where"),
    ("when", "where"),
    ("id", "name"),
    ("field", "metric"),
    ("tags", "labels"),
    ("summary", "description"),
    ("missing", "no-data"),
    ("nodata", "no-data"),
    ("ttl", "forget"),
    ("lateness", "grace"),
    ("allowed-lateness", "grace"),
];

/// Keys that other systems have and that have no counterpart of one word: the key that they stand for, if any, and
/// what to write.
pub(super) const OTHER_HELP: [(&str, Option<&str>, &str); 8] = [
    ("annotations", None, "write `:description \"…\"`, or `:labels {:name \"…\"}`"),
    ("annotation", None, "write `:description \"…\"`, or `:labels {:name \"…\"}`"),
    ("threshold", Some("<="), A_COMPARATOR),
    ("thresholds", Some("<="), A_COMPARATOR),
    ("limit", Some("<="), A_COMPARATOR),
    ("value", Some("<="), A_COMPARATOR),
    ("target", Some("<="), A_COMPARATOR),
    ("bound", Some("<="), A_COMPARATOR),
];

const A_COMPARATOR: &str = "write a comparator with its limit, such as `:<= 100`";

/// How many fields `:by`, and how many names `:labels` may have.
const MAX_NAMES: usize = 64;

/// The longest row that `:for` and `:recover` take.
const MAX_ROW: u64 = 1_000_000;

/// Ten years, in seconds: it leaves room for the two intervals that a group is remembered.
const MAX_INTERVAL: i64 = 10 * 365 * 86_400;

/// From so many windows on, `:for` was probably meant in seconds.
const SUSPICIOUS_ROW: u32 = 20;

/// From so many seconds on, a time that is a multiple of a thousand looks like milliseconds.
const SUSPICIOUS_SECONDS: i64 = 172_800;

const THIN: [(&str, Thin); 3] = [("keep", Thin::Keep), ("ok", Thin::Ok), ("violation", Thin::Violation)];

const THIN_WORDS: [(&str, &str); 10] = [
    ("ignore", "keep"),
    ("none", "keep"),
    ("hold", "keep"),
    ("keep-last-state", "keep"),
    ("pass", "ok"),
    ("not-breaching", "ok"),
    ("violated", "violation"),
    ("alert", "violation"),
    ("critical", "violation"),
    ("breaching", "violation"),
];

/// The comparator that a key names.
pub(super) fn comparator(name: &str) -> Option<Comparator> {
    Comparator::ALL.into_iter().find(|comparator| comparator.symbol() == name)
}

/// All keys that a check knows.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Comparator::ALL.into_iter().map(Comparator::symbol).chain(OPTIONS.iter().map(|entry| entry.name))
}

fn by(options: &mut Options, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if items.len() > MAX_NAMES => {
            return context.report(catalogue::too_many_names(form.span, "`:by`", MAX_NAMES));
        }
        Kind::Vector(items) if !items.is_empty() => items,
        Kind::Broken => return,
        _ => return context.report(catalogue::by_is_no_vector(form)),
    };
    let mut places: Vec<(Field, Span)> = Vec::new();
    for item in items {
        let Some(field) = values::field(item, "`:by`", context) else { continue };
        match places.iter().find(|(known, _)| *known == field) {
            Some((_, first)) => context.report(catalogue::by_twice(item.span, *first, field.name())),
            None => places.push((field, item.span)),
        }
    }
    options.by = places.into_iter().map(|(field, _)| field).collect();
}

fn description(options: &mut Options, form: &Form, context: &mut Context) {
    options.description = values::words(form, "`:description`", context).map(|text| text.text);
}

fn every(options: &mut Options, form: &Form, context: &mut Context) {
    options.every = time::positive(form, "`:every`", SUSPICIOUS_SECONDS, context);
}

fn few(options: &mut Options, form: &Form, context: &mut Context) {
    options.few = values::choice(form, "`:few`", &THIN, &THIN_WORDS, context).map(|thin| (thin, form.span));
}

fn for_windows(options: &mut Options, form: &Form, context: &mut Context) {
    options.violate_after = row(form, "`:for`", context);
}

fn forget(options: &mut Options, form: &Form, context: &mut Context) {
    options.forget = time::positive(form, "`:forget`", SUSPICIOUS_SECONDS, context);
}

fn grace(options: &mut Options, form: &Form, context: &mut Context) {
    let grace = time::length(form, "`:grace`", time::SUSPICIOUS_GRACE, context);
    options.grace = grace.map(|length| length.micros);
}

fn interval(options: &mut Options, form: &Form, context: &mut Context) {
    let interval = time::positive(form, "`:interval`", SUSPICIOUS_SECONDS, context);
    options.interval = interval.filter(|(interval, length)| {
        let fits = interval.micros() / 1_000_000 <= MAX_INTERVAL;
        if !fits {
            context.report(catalogue::interval_too_long(length.span));
        }
        fits
    });
}

fn labels(options: &mut Options, form: &Form, context: &mut Context) {
    let expected = "a map of names to texts, such as `{:team \"search\"}`";
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut keys: Vec<&Form> = Vec::new();
    let entries = values::entries(form, "`:labels`", expected, context).unwrap_or_default();
    if entries.len() > MAX_NAMES {
        return context.report(catalogue::too_many_names(form.span, "`:labels`", MAX_NAMES));
    }
    for (key, value) in entries {
        let name = match &key.kind {
            Kind::Keyword(name) => Some(name.to_string()),
            _ => values::words(key, "the name of a label", context).map(|text| text.text),
        };
        let text = match &value.kind {
            Kind::Keyword(text) => Some(text.to_string()),
            Kind::Integer(digits) | Kind::Decimal(digits) => Some(number_text(digits)),
            Kind::Bool(truth) => Some(truth.to_string()),
            _ => values::text(value, "a label", values::Appears::InOutput, context).map(|text| text.text),
        };
        let (Some(name), Some(text)) = (name, text) else { continue };
        match labels.iter().position(|(known, _)| *known == name) {
            // The same key twice was reported when it was read; `:team` and `"team"` are one name, too.
            Some(at) if keys[at].kind == key.kind => {}
            Some(at) => context.report(catalogue::label_twice(key.span, keys[at].span)),
            None => {
                labels.push((name, text));
                keys.push(key);
            }
        }
    }
    options.labels = labels;
}

fn allow(options: &mut Options, form: &Form, context: &mut Context) {
    options.allowed = lint::read(form, context);
}

fn max_gap(options: &mut Options, form: &Form, context: &mut Context) {
    options.max_gap = time::length(form, "`:max-gap`", SUSPICIOUS_SECONDS, context);
}

fn metric(options: &mut Options, form: &Form, context: &mut Context) {
    options.metric = values::field(form, "`:metric`", context);
}

fn min_count(options: &mut Options, form: &Form, context: &mut Context) {
    if is_time(form, "`:min-count`", "events", "`:min-count 10`", context) {
        return;
    }
    options.min_count = values::whole(form, "`:min-count`", 0, 1_000_000_000_000, context);
}

fn name(options: &mut Options, form: &Form, context: &mut Context) {
    options.name = values::words(form, "`:name`", context);
}

fn no_data(options: &mut Options, form: &Form, context: &mut Context) {
    options.no_data = values::choice(form, "`:no-data`", &THIN, &THIN_WORDS, context).map(|thin| (thin, form.span));
}

fn rank(options: &mut Options, form: &Form, context: &mut Context) {
    let choices = [("nearest", Rank::Nearest), ("riemann", Rank::Riemann)];
    options.rank = values::choice(form, "`:rank`", &choices, &[("nearest-rank", "nearest")], context);
}

fn recover(options: &mut Options, form: &Form, context: &mut Context) {
    options.recover_after = row(form, "`:recover`", context);
}

fn runbook(options: &mut Options, form: &Form, context: &mut Context) {
    options.runbook = values::words(form, "`:runbook`", context).map(|text| text.text);
}

fn severity(options: &mut Options, form: &Form, context: &mut Context) {
    options.severity = match &form.kind {
        Kind::Keyword(name) => Some(name.to_string()),
        _ => values::words(form, "`:severity`", context).map(|text| text.text),
    };
}

fn shadow(options: &mut Options, form: &Form, context: &mut Context) {
    options.shadow = values::truth(form, "`:shadow`", context).unwrap_or(false);
}

fn kind(options: &mut Options, form: &Form, context: &mut Context) {
    let choices = [("percentage", Kinds::Percentage), ("count", Kinds::Count)];
    let other_words = [
        ("percent", "percentage"),
        ("%", "percentage"),
        ("ratio", "percentage"),
        ("rate", "percentage"),
        ("share", "percentage"),
        ("fraction", "percentage"),
        ("proportion", "percentage"),
        ("number", "count"),
        ("total", "count"),
        ("sum", "count"),
        ("absolute", "count"),
    ];
    options.kind = values::choice(form, "`:type`", &choices, &other_words, context);
}

fn filter(options: &mut Options, form: &Form, context: &mut Context) {
    options.filter = expression::read(form, context);
}

/// How many windows in a row a change takes.
fn row(form: &Form, subject: &str, context: &mut Context) -> Option<u32> {
    if is_time(form, subject, "windows in a row", "`:for 3`", context) {
        return None;
    }
    let row = u32::try_from(values::whole(form, subject, 1, MAX_ROW, context)?).ok()?;
    if row > SUSPICIOUS_ROW {
        context.report(catalogue::long_row(form.span, subject));
    }
    Some(row)
}

/// Whether a time stands where a number of windows or events is expected; if so, it is reported.
fn is_time(form: &Form, subject: &str, what: &str, example: &str, context: &mut Context) -> bool {
    match &form.kind {
        // `10m` without quotes was reported when it was read.
        Kind::Broken => {
            let help = || format!("{subject} counts {what} and takes no time: write a number, such as {example}");
            context.explain("E048", form.span, help);
            false
        }
        Kind::Tagged(tag, _) if tag.as_ref() == "duration" => {
            context.report(catalogue::count_is_a_time(form, subject, what, example));
            true
        }
        Kind::String(text) if text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(char::is_alphabetic) => {
            context.report(catalogue::count_is_a_time(form, subject, what, example));
            true
        }
        _ => false,
    }
}

/// A number's text: integers without a point, else the shortest decimal.
fn number_text(digits: &str) -> String {
    crate::plan::Decimal::parse(digits).map_or_else(|| digits.to_string(), |decimal| decimal.to_string())
}
