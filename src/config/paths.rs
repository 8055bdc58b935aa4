//! From `:percentiles` and `:histograms` down to the checks.

use super::context::Context;
use super::pattern::{self, Written};
use super::values::{self, Amount};
use super::{catalogue, options, threshold};
use crate::edn::{Form, Kind, Span};
use crate::plan::{Decimal, Field, Pattern, Quantile, Service, Threshold};

/// What a check is of. A part that could not be read is None; the check is read all the same.
pub(super) struct Path<'p> {
    pub service: Option<&'p (Written, Service)>,
    pub subject: Subject<'p>,
}

pub(super) enum Subject<'p> {
    Percentile(Option<Quantile>),
    Histogram { field: Option<&'p Field>, pattern: Option<&'p (Written, Pattern)> },
}

/// Reads `{SERVICE {QUANTILE CHECK}}`.
pub(super) fn percentiles(form: &Form, grace: i64, context: &mut Context, out: &mut Vec<Threshold>) {
    let expected = "a map `{SERVICE {QUANTILE CHECK}}`";
    for (key, value) in values::entries(form, "`:percentiles`", expected, context).unwrap_or_default() {
        let service = key_of(context, |context| service(key, context));
        let Some(quantiles) =
            level(value, "a quantile", "`{QUANTILE CHECK}`, such as `{0.99 {:<= 100 :interval 600}}`", context)
        else {
            continue;
        };
        for (key, value) in quantiles {
            let path = Path {
                service: service.as_ref(),
                subject: Subject::Percentile(key_of(context, |context| quantile(key, context))),
            };
            explain_duplicate(key, value, context);
            checks(value, &path, grace, context, out);
        }
    }
}

/// Reads `{SERVICE {FIELD {PATTERN CHECK}}}`.
pub(super) fn histograms(form: &Form, grace: i64, context: &mut Context, out: &mut Vec<Threshold>) {
    let expected = "a map `{SERVICE {FIELD {PATTERN CHECK}}}`";
    for (key, value) in values::entries(form, "`:histograms`", expected, context).unwrap_or_default() {
        let service = key_of(context, |context| service(key, context));
        let Some(fields) = level(value, "a field", "`{FIELD {PATTERN CHECK}}`, such as `{:status-code {…}}`", context)
        else {
            continue;
        };
        for (key, value) in fields {
            let field = match (&key.kind, &value.kind) {
                (Kind::String(_) | Kind::Tagged(..), Kind::Map(entries)) if gives_a_check_away(entries) => {
                    context.report(catalogue::field_left_out(key.span));
                    continue;
                }
                (Kind::Keyword(_) | Kind::Broken, _) => values::field(key, "a histogram", context),
                _ => context.refuse(catalogue::field_is_no_keyword(key)),
            };
            let Some(patterns) = level(value, "a pattern", "`{PATTERN CHECK}`, such as `{\"^2\" {…}}`", context)
            else {
                continue;
            };
            for (key, value) in patterns {
                let pattern = key_of(context, |context| pattern::read(key, "a pattern", field.as_ref(), context));
                explain_duplicate(key, value, context);
                let subject = Subject::Histogram { field: field.as_ref(), pattern: pattern.as_ref() };
                checks(value, &Path { service: service.as_ref(), subject }, grace, context, out);
            }
        }
    }
}

/// Reads one key of a path. Of a variable in it that is not set it says what comes of that.
fn key_of<T>(context: &mut Context, read: impl FnOnce(&mut Context) -> T) -> T {
    let mark = context.mark();
    let key = read(context);
    context.say_of_unset(mark, "; each threshold under it is left out");
    key
}

/// Says of a key that stands twice how several checks of one subject are written.
fn explain_duplicate(key: &Form, value: &Form, context: &mut Context) {
    if matches!(&value.kind, Kind::Map(entries) if gives_a_check_away(entries)) {
        context.explain("E014", key.span, || {
            "merge the two maps, or remove one; several checks of one subject stand in a vector: `[{…} {…}]`"
                .to_string()
        });
    }
}

/// The entries of one level of the path. Options of a check, found here, say that the level was left out.
fn level<'f>(form: &'f Form, level: &str, expected: &str, context: &mut Context) -> Option<&'f [(Form, Form)]> {
    let entries = values::entries(form, "this level of the path", expected, context)?;
    // A field may well be called `:type` or `:state`: only a comparator or an interval gives a check away.
    if gives_a_check_away(entries) {
        return context.refuse(catalogue::level_left_out(form.span, level, expected));
    }
    Some(entries)
}

fn gives_a_check_away(entries: &[(Form, Form)]) -> bool {
    entries.iter().any(|(key, value)| {
        let is_plain = !matches!(value.kind, Kind::Map(_) | Kind::Vector(_));
        matches!(&key.kind, Kind::Keyword(name) if is_plain && (name.as_ref() == "interval" || options::comparator(name).is_some()))
    })
}

fn service(form: &Form, context: &mut Context) -> Option<(Written, Service)> {
    let (written, pattern) = match &form.kind {
        Kind::Tagged(tag, _) if tag.as_ref() == "re" => {
            let (written, pattern) = pattern::read(form, "a service", None, context)?;
            (written, Some(pattern))
        }
        _ => (Written::string(values::words(form, "a service", context)?), None),
    };
    let service = match pattern {
        Some(pattern) => Service::Matching(pattern),
        None => Service::Exactly(written.text.as_str().into()),
    };
    Some((written, service))
}

pub(super) fn quantile(form: &Form, context: &mut Context) -> Option<Quantile> {
    let amount = match &form.kind {
        Kind::Keyword(text) | Kind::String(text) | Kind::Symbol(text) => {
            let meant = meant_quantile(text);
            return context.refuse(catalogue::quantile_is_no_number(form, meant));
        }
        _ => values::amount(form, "a quantile", "a number above 0 and at most 1, such as `0.99`", context)?,
    };
    match Quantile::new(amount.decimal) {
        Some(quantile) => Some(quantile),
        None => context.refuse(catalogue::quantile_out_of_range(&amount, percent_of_one(&amount))),
    }
}

/// `99` of a hundred as `0.99`; None for what is no number of percent.
pub(super) fn percent_of_one(amount: &Amount) -> Option<Decimal> {
    let one = Decimal::from_i64(1);
    let hundred = Decimal::from_i64(100);
    if amount.secret || amount.decimal <= one || amount.decimal > hundred {
        return None;
    }
    Decimal::parse(&format!("{}e-2", amount.decimal))
}

/// The number meant by `"0.99"`, `:p99`, `"p99.9"`, `"99%"`.
fn meant_quantile(text: &str) -> Option<Decimal> {
    let digits = text.trim_start_matches(['p', 'P']).trim_end_matches('%');
    let decimal = Decimal::parse(digits)?;
    let amount = Amount { decimal, span: Span { file: 0, start: 0, end: 0 }, secret: false };
    percent_of_one(&amount).or_else(|| Quantile::new(decimal).map(Quantile::decimal))
}

/// Reads a check, or a vector of checks.
fn checks(form: &Form, path: &Path, grace: i64, context: &mut Context, out: &mut Vec<Threshold>) {
    match &form.kind {
        Kind::Vector(items) if items.is_empty() => context.report(catalogue::no_checks(form.span)),
        Kind::Vector(items) => {
            for item in items {
                out.extend(threshold::read(item, path, grace, context));
            }
        }
        _ => out.extend(threshold::read(form, path, grace, context)),
    }
}
