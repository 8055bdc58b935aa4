//! A transition: a change of status, and what people and programs are told of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::tally::Tally;
use super::verdict::{self, Verdict};
use crate::plan::{Comparator, Measure, Number, Plan, Service, Threshold, Timestamp, json_number};

/// Why a status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    Judged,
    NoData,
    Few,
    Removed,
    Forgotten,
}

/// What a window came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// None if there is none, or no memory for it.
    pub value: Option<Number>,
    pub count: u64,
    pub matched: u64,
}

/// A change of status of one group, before the group has a name.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub to: Verdict,
    pub reason: Reason,
    pub start: i64,
    pub end: i64,
    pub since: i64,
    pub unwatched: i64,
    pub measured: Measured,
}

/// One change of status.
#[derive(Clone, Debug, PartialEq)]
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
    /// How much of the window was watched, 0 to 1.
    pub watched: f64,
    /// Events of the threshold that have come too late so far.
    pub late: u64,
    /// Name and text of each field that makes the group; None where it is absent.
    pub group: Vec<(String, Option<String>)>,
    /// `group` as compact JSON: the last key of the order.
    pub group_text: String,
}

impl Reason {
    /// As in the contract: `judged no-data few removed forgotten`.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Judged => "judged",
            Reason::NoData => "no-data",
            Reason::Few => "few",
            Reason::Removed => "removed",
            Reason::Forgotten => "forgotten",
        }
    }
}

impl Verdict {
    /// `ok` or `violation`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Violation => "violation",
        }
    }

    fn other(self) -> Verdict {
        match self {
            Verdict::Ok => Verdict::Violation,
            Verdict::Violation => Verdict::Ok,
        }
    }
}

impl Transition {
    pub(super) fn new(plan: &Plan, threshold: usize, key: &[u8], change: &Change, late: u64) -> Transition {
        let time = |micros: i64| Timestamp::MIN.plus(micros.saturating_sub(Timestamp::MIN.micros()));
        let checked = &plan.thresholds[threshold];
        let interval = checked.interval.micros();
        let group = name_group(checked, key);
        Transition {
            threshold,
            to: change.to,
            reason: change.reason,
            start: time(change.start),
            end: time(change.end),
            since: time(change.since),
            measured: change.measured,
            watched: (interval - change.unwatched) as f64 / interval as f64,
            late,
            group_text: Json::Object(group_json(&group)).to_string(),
            group,
        }
    }

    /// What transitions are ordered by: end, id, group text. Thresholds are in order of id.
    pub fn order(&self) -> (Timestamp, usize, &str) {
        (self.end, self.threshold, &self.group_text)
    }

    /// The service: that of the threshold, or the one that matched its pattern.
    pub fn service<'t>(&'t self, plan: &'t Plan) -> &'t str {
        match &plan.thresholds[self.threshold].service {
            Service::Exactly(name) => name,
            Service::Matching(_) => self.group.first().and_then(|(_, text)| text.as_deref()).unwrap_or_default(),
        }
    }

    /// The same for each violation of one subject, in whichever process: 32 hexadecimal digits.
    pub fn dedup_key(&self, plan: &Plan) -> String {
        let mut hash = Sha256::new();
        for part in [&plan.instance, &plan.thresholds[self.threshold].id, &self.group_text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// One JSON object, section 4 of the contract.
    pub fn to_json(&self, plan: &Plan) -> Json {
        let threshold = &plan.thresholds[self.threshold];
        let (quantile, pattern) = match &threshold.measure {
            Measure::Percentile { quantile, .. } => (json_number(quantile.decimal()), Json::Null),
            Measure::Percentage { pattern, .. } | Measure::Count { pattern, .. } => {
                (Json::Null, pattern.as_str().into())
            }
        };
        let bounds: Vec<Json> = threshold
            .bounds
            .iter()
            .map(|bound| json!({"comparator": bound.comparator.symbol(), "limit": json_number(bound.limit)}))
            .collect();
        let dedup_key = self.dedup_key(plan);
        let violation_id = format!("{dedup_key}-{}", self.since.micros());
        let output = &threshold.output;
        let labels: Map<String, Json> = output.labels.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        json!({
            "v": 1,
            "status": self.to.name(),
            "previous": self.to.other().name(),
            "reason": self.reason.name(),
            "threshold": threshold.id,
            "path": threshold.path,
            "service": self.service(plan),
            "group": group_json(&self.group),
            "kind": threshold.measure.kind(),
            "quantile": quantile,
            "field": threshold.measure.field().name(),
            "pattern": pattern,
            "value": self.measured.value.map(value_json),
            "count": self.measured.count,
            "matched": self.measured.matched,
            "bounds": bounds,
            "interval": json_number(micros(threshold.interval.micros())),
            "watched": self.watched,
            "late": self.late,
            "window": {"start": self.start.to_string(), "end": self.end.to_string()},
            "time": self.end.to_string(),
            "since": self.since.to_string(),
            "instance": plan.instance,
            "severity": output.severity,
            "labels": labels,
            "description": output.description,
            "runbook": output.runbook,
            "shadow": output.shadow,
            "summary": super::wording::summary(self, plan),
            "dedup_key": dedup_key,
            "violation_id": violation_id,
        })
    }
}

/// A shown value that does not contradict the bounds' verdicts: moved to the nearest value that agrees with them.
pub fn agree(threshold: &Threshold, tally: &Tally, exact: Number) -> Number {
    /// So far from a limit that it cannot be: a hundredth of what a shown value may be off.
    const STEP: f64 = 1e-4;
    let contradicts = |(i, bound): (usize, &crate::plan::Bound)| {
        let holds = bound.comparator.holds(exact.compare(Number::Float(bound.limit.to_f64())));
        holds != verdict::bound_holds(threshold, tally, i, bound)
    };
    if !threshold.bounds.iter().enumerate().any(contradicts) {
        return exact;
    }
    let value = exact.to_f64();
    let (mut least, mut greatest) = (f64::NEG_INFINITY, f64::INFINITY);
    for (i, bound) in threshold.bounds.iter().enumerate() {
        let limit = bound.limit.to_f64();
        let above = limit + (limit.abs() * STEP).max(f64::MIN_POSITIVE);
        let below = limit - (limit.abs() * STEP).max(f64::MIN_POSITIVE);
        match (bound.comparator, verdict::bound_holds(threshold, tally, i, bound)) {
            (Comparator::LessOrEqual, true) | (Comparator::Greater, false) => greatest = greatest.min(limit),
            (Comparator::Less, true) | (Comparator::GreaterOrEqual, false) if value >= limit => {
                greatest = greatest.min(below);
            }
            (Comparator::GreaterOrEqual, true) | (Comparator::Less, false) => least = least.max(limit),
            (Comparator::Greater, true) | (Comparator::LessOrEqual, false) if value <= limit => {
                least = least.max(above);
            }
            (Comparator::Equal, true) | (Comparator::NotEqual, false) => (least, greatest) = (limit, limit),
            (Comparator::Equal, false) | (Comparator::NotEqual, true) if value == limit => {
                let split = tally.splits[i];
                let is_below = split.below >= verdict::rank(threshold, tally.total);
                if is_below { greatest = greatest.min(below) } else { least = least.max(above) }
            }
            _ => {}
        }
    }
    Number::Float(if least > greatest { (least + greatest) / 2.0 } else { value.clamp(least, greatest) })
}

/// With a point, but for whole numbers so large that not every reader of doubles gets them right.
fn value_json(value: Number) -> Json {
    match value {
        Number::Int(n) if n.unsigned_abs() >= 1_000_000_000_000_000 => n.into(),
        other => other.to_f64().into(),
    }
}

fn micros(micros: i64) -> crate::plan::Decimal {
    crate::plan::Decimal::parse(&format!("{micros}e-6")).expect("whole microseconds are a decimal")
}

fn name_group(threshold: &Threshold, key: &[u8]) -> Vec<(String, Option<String>)> {
    let service = matches!(threshold.service, Service::Matching(_)).then_some("service");
    let names = service.into_iter().chain(threshold.group_by.iter().map(|field| field.name()));
    let texts = super::lane::decode_key(key);
    let readable = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
    names.zip(texts).map(|(name, text)| (name.to_string(), text.map(readable))).collect()
}

fn group_json(group: &[(String, Option<String>)]) -> Map<String, Json> {
    group.iter().map(|(name, text)| (name.clone(), text.as_deref().into())).collect()
}
