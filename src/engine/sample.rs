//! A transition as a threshold could give it: to see what would be told before there is anything to tell.

use serde_json::Value as Json;

use super::transition::{Measured, Transition, group_json};
use super::verdict::{Reason, Verdict};
use crate::plan::{Comparator, Measure, Number, Plan, Service, Threshold, Timestamp};

/// What each field of a group is.
const EXAMPLE: &str = "example";
/// Events of the window, and how many of them keep the promise.
const COUNT: u64 = 1234;
const MATCHED: u64 = 1217;

impl Transition {
    /// A violation of a threshold in the window that ended last before `now`, or the recovery from it.
    pub fn sample(plan: &Plan, at: usize, to: Verdict, now: Timestamp) -> Transition {
        let threshold = &plan.thresholds[at];
        let (interval, every) = (threshold.interval.micros(), threshold.every.micros());
        // Both have been: whoever is told of the recovery closes it.
        let violated = (now.micros().div_euclid(every) - 1) * every;
        let (since, end) = (Timestamp::clamped(violated), Timestamp::clamped(violated));
        // A recovery is of the next window.
        let end = if to == Verdict::Ok { end.plus(every) } else { end };
        let group = group(threshold);
        Transition {
            threshold: at,
            to,
            reason: Reason::Judged,
            start: end.plus(-interval),
            end,
            since,
            measured: measured(threshold, to),
            judged_by: None,
            watched: 1.0,
            late: 0,
            group_text: Json::Object(group_json(&group)).to_string(),
            group,
        }
    }
}

fn group(threshold: &Threshold) -> Vec<(String, Option<String>)> {
    let service = matches!(threshold.service, Service::Matching(_)).then_some("service");
    let names = service.into_iter().chain(threshold.group_by.iter().map(|field| field.name()));
    names.map(|name| (name.to_string(), Some(EXAMPLE.to_string()))).collect()
}

fn measured(threshold: &Threshold, to: Verdict) -> Measured {
    let limit = threshold.bounds.first().map_or(0.0, |bound| bound.limit.to_f64());
    let comparator = threshold.bounds.first().map(|bound| bound.comparator);
    let (above, below) = (limit * 1.43 + f64::from(u8::from(limit == 0.0)), limit * 0.7);
    let is_too_high = comparator.is_some_and(Comparator::is_upper);
    let value = if is_too_high == (to == Verdict::Violation) { above } else { below };
    let (value, matched) = match threshold.measure {
        Measure::Percentile { .. } if to == Verdict::Ok => (value, COUNT),
        Measure::Percentile { .. } => (value, MATCHED),
        Measure::Percentage { .. } => {
            let matched = (value.clamp(0.0, 1.0) * COUNT as f64).round();
            (matched / COUNT as f64, matched as u64)
        }
        Measure::Count { .. } => (value.max(0.0).round(), value.max(0.0).round() as u64),
    };
    Measured { value: Number::from_f64(value), count: COUNT.max(matched), matched }
}
