//! Bounds that read like the condition of an alert: a check says what is fine.

use super::bounds::Limit;
use super::context::Context;
use super::options::{Kinds, Options};
use super::paths::{Path, Subject};
use super::{catalogue, habits};
use crate::plan::{Comparator, Decimal, Field};

/// Lints a check with a lower bound alone where a high value is what breaks a promise.
pub(super) fn check(limits: &[Limit], path: &Path, options: &Options, context: &mut Context) {
    let [limit] = limits else { return };
    if matches!(limit.bound.comparator, Comparator::Less | Comparator::LessOrEqual) {
        return check_success(limit, path, options, context);
    }
    if !matches!(limit.bound.comparator, Comparator::Greater | Comparator::GreaterOrEqual) {
        return;
    }
    match &path.subject {
        Subject::Percentile(Some(quantile)) => {
            // Of a low percentile, and of what is no time, more may well be better.
            let is_high = quantile.decimal() >= Decimal::parse("0.5").expect("a number");
            if is_high && options.metric.as_ref().is_none_or(is_a_time) {
                context.report(catalogue::percentile_from_below(limit, quantile.decimal()));
            }
        }
        Subject::Histogram { field: Some(field), pattern: Some((pattern, _)) } => {
            // Beyond 1 the limit itself was reported.
            let is_share = limit.bound.limit <= Decimal::from_i64(1) && options.kind == Some(Kinds::Percentage);
            let is_number = options.kind == Some(Kinds::Count);
            if (is_share || is_number) && is_about_errors(&pattern.text, field) {
                let what = if is_number { "the number of errors" } else { "the share of errors" };
                context.report(catalogue::errors_from_below(limit, what));
            }
        }
        _ => {}
    }
}

/// Lints an upper bound alone, where a high share is what was promised.
fn check_success(limit: &Limit, path: &Path, options: &Options, context: &mut Context) {
    let Subject::Histogram { field: Some(field), pattern: Some((pattern, _)) } = &path.subject else { return };
    let is_high =
        limit.bound.limit > Decimal::parse("0.5").expect("a number") && limit.bound.limit < Decimal::from_i64(1);
    let begins = pattern.text.trim_start_matches(['^', '(']).starts_with('2');
    if is_high && begins && options.kind == Some(Kinds::Percentage) && habits::names_a_status(field) {
        context.report(catalogue::success_from_above(limit));
    }
}

fn is_a_time(field: &Field) -> bool {
    let name = field.name().to_lowercase();
    *field == Field::Metric || ["time", "latency", "duration", "delay", "wait"].iter().any(|word| name.contains(word))
}

/// `^5`, `5..`, `(4|5)..` of a status; `error`, `fail` of anything.
fn is_about_errors(pattern: &str, field: &Field) -> bool {
    let text = pattern.to_lowercase();
    let digits = text.trim_start_matches(['^', '(', '[', '?', ':']);
    let is_status = habits::names_a_status(field) && digits.starts_with(['4', '5']) && !text.contains("[^");
    is_status || ["error", "fail"].iter().any(|word| text.contains(word))
}
