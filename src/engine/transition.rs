//! A transition: a change of status of one group.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::verdict::{Reason, Verdict};
use crate::plan::{Bound, Number, Plan, Service, Threshold, Timestamp};

/// What a window came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// None if there is none, or no memory for it.
    pub value: Option<Number>,
    pub count: u64,
    pub matched: u64,
}

/// A change of status of one group, before the group has a name.
#[derive(Clone, Debug)]
pub struct Change {
    pub to: Verdict,
    pub reason: Reason,
    pub start: i64,
    pub end: i64,
    pub since: i64,
    pub unwatched: i64,
    pub measured: Measured,
    /// The threshold before an edit, if it was judged by that.
    pub judged_by: Option<Arc<Threshold>>,
}

/// One change of status.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Index into [`Plan::thresholds`].
    pub threshold: usize,
    pub to: Verdict,
    pub reason: Reason,
    /// Of the window that caused it. The transition is dated with its end.
    pub start: Timestamp,
    pub end: Timestamp,
    /// When the violation began: that of this transition, or the one it ends.
    pub since: Timestamp,
    pub measured: Measured,
    /// The threshold before its bounds were edited, if the window began then.
    pub judged_by: Option<Arc<Threshold>>,
    /// How much of the window was watched, 0 to 1.
    pub watched: f64,
    /// Events of the threshold that have come too late so far.
    pub late: u64,
    /// Name and text of each field that makes the group; None where it is absent.
    pub group: Vec<(String, Option<String>)>,
    /// `group` as compact JSON: the last key of the order.
    pub group_text: String,
}

impl Transition {
    pub(super) fn new(plan: &Plan, threshold: usize, key: &[u8], change: &Change, late: u64) -> Transition {
        let checked = &plan.thresholds[threshold];
        let interval = checked.interval.micros();
        let group = name_group(checked, key);
        Transition {
            threshold,
            to: change.to,
            reason: change.reason,
            start: Timestamp::clamped(change.start),
            end: Timestamp::clamped(change.end),
            since: Timestamp::clamped(change.since),
            measured: change.measured,
            judged_by: change.judged_by.clone(),
            watched: (interval - change.unwatched) as f64 / interval as f64,
            late,
            group_text: Json::Object(group_json(&group)).to_string(),
            group,
        }
    }

    /// The bounds of the verdict.
    pub fn bounds<'t>(&'t self, plan: &'t Plan) -> &'t [Bound] {
        let present = &plan.thresholds[self.threshold];
        &self.judged_by.as_deref().unwrap_or(present).bounds
    }

    /// What transitions are ordered by: end, id, group text. Thresholds are in order of id.
    pub fn order(&self) -> (Timestamp, usize, &str) {
        (self.end, self.threshold, &self.group_text)
    }

    /// Sorts by [`Transition::order`].
    pub fn sort(transitions: &mut [Transition]) {
        transitions.sort_by(|a, b| a.order().cmp(&b.order()));
    }

    /// The service: that of the threshold, or the one that matched its pattern.
    pub fn service<'t>(&'t self, plan: &'t Plan) -> &'t str {
        match &plan.thresholds[self.threshold].service {
            Service::Exactly(name) => name,
            Service::Matching(_) => self.group.first().and_then(|(_, text)| text.as_deref()).unwrap_or_default(),
        }
    }
}

pub(super) fn name_group(threshold: &Threshold, key: &[u8]) -> Vec<(String, Option<String>)> {
    let service = matches!(threshold.service, Service::Matching(_)).then_some("service");
    let names = service.into_iter().chain(threshold.group_by.iter().map(|field| field.name()));
    let texts = super::lane::decode_key(key);
    let readable = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
    names.zip(texts).map(|(name, text)| (name.to_string(), text.map(readable))).collect()
}

pub(super) fn group_json(group: &[(String, Option<String>)]) -> Map<String, Json> {
    group.iter().map(|(name, text)| (name.clone(), text.as_deref().into())).collect()
}
