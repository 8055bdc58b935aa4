//! One check to one threshold.

use super::bounds::{self, Domain, Limit};
use super::context::Context;
use super::options::{self, Kinds, Of, Options};
use super::paths::{Path, Subject};
use super::{catalogue, direction, time, values};
use crate::edn::{self, Form, Kind, Span};
use crate::plan::{Comparator, Decimal, Field, Interval, Measure, Output, Policy, Rank, Thin, Threshold, json_number};

/// How many hops an interval may be.
const MAX_HOPS: i64 = 1_000_000;

/// A group without an event for this long is forgotten, if nothing else is said: a day, in microseconds.
const FORGET: i64 = 86_400_000_000;

/// Which keys a check has, whether or not their values could be read.
#[derive(Default)]
struct Keys {
    /// Also those that a misspelled key was probably meant to be.
    names: Vec<&'static str>,
    /// A key that could not be read may have been any.
    broken: bool,
}

/// Reads a check. None if it has an error, or if a variable that it needs is not set.
pub(super) fn read(form: &Form, path: &Path, grace: i64, context: &mut Context) -> Option<Threshold> {
    let mark = context.mark();
    let threshold = read_check(form, path, grace, context);
    context.say_of_unset(
        mark,
        match threshold {
            Some(_) => "; this option is left out",
            None => "; this threshold is left out",
        },
    );
    threshold
}

fn read_check(form: &Form, path: &Path, grace: i64, context: &mut Context) -> Option<Threshold> {
    let expected = "a check, such as `{:<= 100 :interval 600}`, or a vector of checks";
    let entries = values::entries(form, "the end of a path", expected, context)?;
    let mut options = Options::default();
    let mut limits = Vec::new();
    let mut keys = Keys::default();
    for (key, value) in entries {
        entry(key, value, path, &mut options, &mut limits, &mut keys, context);
    }
    report_missing(form.span, path, &keys, context);
    context.allowed.add(std::mem::take(&mut options.allowed), Some(form.span));
    if let Some(domain) = domain(path, &options) {
        bounds::check(&limits, domain, context);
        direction::check(&limits, path, &options, context);
    }
    let grace = options.grace.unwrap_or(grace);
    let policy = policy(&options, path, grace, context);
    let bounds = Comparator::ALL.iter().filter(|comparator| keys.names.contains(&comparator.symbol())).count();
    if limits.is_empty() || limits.len() < bounds || (keys.names.contains(&"where") && options.filter.is_none()) {
        return None;
    }
    threshold(form.span, path, options, limits, policy?, grace)
}

fn entry(
    key: &Form,
    value: &Form,
    path: &Path,
    options: &mut Options,
    limits: &mut Vec<Limit>,
    keys: &mut Keys,
    context: &mut Context,
) {
    let name = match &key.kind {
        Kind::Keyword(name) => name.as_ref(),
        Kind::Broken => {
            keys.broken = true;
            return;
        }
        // A text with several quotes inside is reported once.
        Kind::Symbol(_) if stands_behind(key, '"', context) => {
            return match std::mem::replace(&mut keys.broken, true) {
                true => {}
                false => context.report(catalogue::quote_in_text(key.span)),
            };
        }
        Kind::Integer(_) if stands_behind(key, ',', context) => {
            let help = "a comma between digits is a blank: write `1000`, or `0.95`";
            return context.report(catalogue::key_is_no_keyword(key, "a check").help(help));
        }
        // The name is what was meant, as in `{"interval" 600}`.
        Kind::String(name) | Kind::Symbol(name) if options::names().any(|known| known == name.as_ref()) => {
            keys.names.extend(options::names().find(|known| *known == name.as_ref()));
            return context.report(catalogue::key_is_no_keyword(key, "a check"));
        }
        _ => return context.report(catalogue::key_is_no_keyword(key, "a check")),
    };
    if let Some(comparator) = options::comparator(name) {
        keys.names.push(comparator.symbol());
        // Twice the same key was reported when it was read.
        if limits.iter().all(|limit| limit.bound.comparator != comparator) {
            limits.extend(bounds::read(comparator, key, value, context));
        }
        return;
    }
    let Some(option) = options::OPTIONS.iter().find(|option| option.name == name) else {
        if let Some((_, stands_for, help)) = options::OTHER_HELP.iter().find(|(word, ..)| *word == name) {
            keys.names.extend(*stands_for);
            return context.report(catalogue::unknown_key(key, "a check", None).help(*help));
        }
        let meant = context.nearest(name, options::names(), &options::OTHER_WORDS);
        keys.names.extend(meant);
        return context.report(catalogue::unknown_key(key, "a check", meant));
    };
    keys.names.push(option.name);
    match (&path.subject, option.of) {
        (Subject::Percentile(_), Of::Histograms) => context.report(catalogue::only_histograms(key.span, name)),
        (Subject::Histogram { .. }, Of::Percentiles) => context.report(catalogue::only_percentiles(key.span, name)),
        _ => (option.read)(options, value, context),
    }
}

/// Whether nothing is between a key and this character, as in `"It's "slow""` and `1,234,567`.
fn stands_behind(key: &Form, c: char, context: &Context) -> bool {
    context.sources.text(Span { start: 0, end: key.span.start, ..key.span }).ends_with(c)
}

fn report_missing(span: Span, path: &Path, keys: &Keys, context: &mut Context) {
    let has = |name: &str| keys.names.contains(&name);
    if keys.broken {
        return;
    }
    if !Comparator::ALL.iter().any(|comparator| has(comparator.symbol())) {
        context.report(catalogue::no_bound(span));
    }
    if !has("interval") {
        context.report(catalogue::no_interval(span));
    }
    if matches!(path.subject, Subject::Histogram { .. }) && !has("type") {
        context.report(catalogue::no_type(span));
    }
}

/// The values that are possible; None if the type of the check is not known.
fn domain(path: &Path, options: &Options) -> Option<Domain> {
    match (&path.subject, options.kind) {
        (Subject::Percentile(_), _) => Some(Domain::Any),
        (Subject::Histogram { .. }, kind) => kind.map(|kind| match kind {
            Kinds::Percentage => Domain::Ratio,
            Kinds::Count => Domain::Count,
        }),
    }
}

/// How verdicts become changes of status, with what the options say about each other. None with an error or without
/// an interval.
fn policy(options: &Options, path: &Path, grace: i64, context: &mut Context) -> Option<Policy> {
    let (interval, length) = options.interval?;
    if let Some((every, every_length)) = options.every {
        if interval.micros() % every.micros() != 0 {
            return context.refuse(catalogue::every_does_not_divide(&every_length, every, &length, interval));
        }
        if interval.micros() / every.micros() > MAX_HOPS {
            return context.refuse(catalogue::too_many_hops(every_length.span, length.span));
        }
    }
    let two_intervals = 2 * interval.micros();
    if let Some((forget, forget_length)) = options.forget
        && forget.micros() < two_intervals
    {
        return context.refuse(catalogue::forgets_too_soon(&forget_length, &length, interval));
    }
    let forget = options.forget.map_or(two_intervals.max(FORGET), |(forget, _)| forget.micros());
    if let Some(gap) = options.max_gap
        && gap.micros >= interval.micros()
    {
        context.report(catalogue::gap_of_a_whole_window(gap.span, length.span));
    }
    let counts = matches!(path.subject, Subject::Histogram { .. }) && options.kind == Some(Kinds::Count);
    let min_count = options.min_count.unwrap_or(if counts { 0 } else { 1 });
    report_idle(options, counts, min_count, context);
    Some(Policy {
        violate_after: options.violate_after.unwrap_or(1),
        recover_after: options.recover_after.unwrap_or(1),
        min_count,
        few: options.few.map_or(Thin::Keep, |(few, _)| few),
        no_data: options.no_data.map_or(Thin::Keep, |(no_data, _)| no_data),
        forget: Interval::from_micros(forget).expect("an interval is at most ten years, so that two of them are one"),
        max_gap: options.max_gap.map_or_else(|| grace.max(interval.micros() / 20), |gap| gap.micros),
    })
}

/// Lints options that no window can ever ask for.
fn report_idle(options: &Options, counts: bool, min_count: u64, context: &mut Context) {
    if let Some((_, span)) = options.few
        && min_count <= 1
    {
        context.report(catalogue::few_says_nothing(span, min_count));
    }
    if let Some((_, span)) = options.no_data
        && counts
        && min_count == 0
    {
        context.report(catalogue::no_data_says_nothing(span));
    }
}

/// All in one; None if a part of the path is missing.
fn threshold(
    span: Span,
    path: &Path,
    options: Options,
    limits: Vec<Limit>,
    policy: Policy,
    grace: i64,
) -> Option<Threshold> {
    let (interval, _) = options.interval?;
    let service = path.service?;
    let forms = path_forms(span, path, &options, interval)?;
    Some(Threshold {
        path: forms.iter().map(json).collect(),
        id: match options.name {
            Some(name) => name.text,
            None => edn::write(&Form { kind: Kind::Vector(forms), span }),
        },
        service: service.1.clone(),
        measure: measure(path, options.kind, options.metric, options.rank)?,
        bounds: limits.into_iter().map(|limit| limit.bound).collect(),
        interval,
        every: options.every.map_or(interval, |(every, _)| every),
        grace,
        grace_is_own: options.grace.is_some(),
        group_by: options.by,
        filter: options.filter,
        policy,
        output: Output {
            shadow: options.shadow,
            severity: options.severity,
            description: options.description,
            runbook: options.runbook,
            labels: options.labels,
        },
        span,
    })
}

/// The path and the interval, as forms: what an id is made of.
fn path_forms(span: Span, path: &Path, options: &Options, interval: Interval) -> Option<Vec<Form>> {
    let at = |kind: Kind| Form { kind, span };
    let keyword = |name: &str| at(Kind::Keyword(name.into()));
    let number = |decimal: Decimal| {
        let digits = decimal.to_string().into();
        at(if decimal.is_integer() { Kind::Integer(digits) } else { Kind::Decimal(digits) })
    };
    let service = path.service?.0.form(span);
    let interval = number(time::seconds(interval));
    Some(match &path.subject {
        Subject::Percentile(quantile) => {
            vec![keyword("percentiles"), service, number((*quantile)?.decimal()), interval]
        }
        Subject::Histogram { field, pattern } => {
            let kind = match options.kind? {
                Kinds::Percentage => "percentage",
                Kinds::Count => "count",
            };
            let (field, pattern) = ((*field)?.name(), (*pattern)?.0.form(span));
            vec![keyword("histograms"), service, keyword(field), pattern, keyword(kind), interval]
        }
    })
}

/// A part of the path as JSON: keywords and patterns are plain strings.
fn json(form: &Form) -> serde_json::Value {
    match &form.kind {
        Kind::Integer(digits) | Kind::Decimal(digits) => Decimal::parse(digits).map(json_number).into(),
        Kind::Keyword(text) | Kind::String(text) => text.as_ref().into(),
        Kind::Tagged(_, inner) => json(inner),
        _ => serde_json::Value::Null,
    }
}

fn measure(path: &Path, kind: Option<Kinds>, metric: Option<Field>, rank: Option<Rank>) -> Option<Measure> {
    Some(match &path.subject {
        Subject::Percentile(quantile) => Measure::Percentile {
            quantile: (*quantile)?,
            field: metric.unwrap_or(Field::Metric),
            rank: rank.unwrap_or(Rank::Nearest),
        },
        Subject::Histogram { field, pattern } => {
            let (field, pattern) = ((*field)?.clone(), (*pattern)?.1.clone());
            match kind? {
                Kinds::Percentage => Measure::Percentage { field, pattern },
                Kinds::Count => Measure::Count { field, pattern },
            }
        }
    })
}
