//! A transition as one JSON object: a line of output, and the body of every notification.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::transition::{Transition, group_json};
use super::wording;
use crate::plan::{Bound, Decimal, Measure, Number, Plan, Threshold, json_number};

impl Transition {
    /// One JSON object, section 4 of the contract.
    pub fn to_json(&self, plan: &Plan) -> Json {
        let threshold = &plan.thresholds[self.threshold];
        let (quantile, pattern) = match &threshold.measure {
            Measure::Percentile { quantile, .. } => (json_number(quantile.decimal()), Json::Null),
            Measure::Percentage { pattern, .. } | Measure::Count { pattern, .. } => {
                (Json::Null, pattern.as_str().into())
            }
        };
        let dedup_key = self.dedup_key(plan);
        let violation_id = violation_id(&dedup_key, self.since.micros());
        let output = &threshold.output;
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
            "bounds": bounds_json(self.bounds(plan)),
            "interval": seconds_json(threshold.interval.micros()),
            "watched": self.watched,
            "late": self.late,
            "window": {"start": self.start.to_string(), "end": self.end.to_string()},
            "time": self.end.to_string(),
            "since": self.since.to_string(),
            "instance": plan.instance,
            "severity": output.severity,
            "labels": labels_json(threshold),
            "description": output.description,
            "runbook": output.runbook,
            "shadow": output.shadow,
            "summary": wording::summary(self, plan),
            "dedup_key": dedup_key,
            "violation_id": violation_id,
        })
    }

    /// The same for each violation of one subject, in whichever process: 32 hexadecimal digits.
    pub fn dedup_key(&self, plan: &Plan) -> String {
        dedup_key(&plan.instance, &plan.thresholds[self.threshold].id, &self.group_text)
    }
}

pub(super) fn dedup_key(instance: &str, threshold: &str, group_text: &str) -> String {
    digest([instance, threshold, group_text])
}

/// The same for the same texts only, one after the other: 32 hexadecimal digits.
pub fn digest<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn violation_id(dedup_key: &str, since: i64) -> String {
    format!("{dedup_key}-{since}")
}

/// With a point, but for whole numbers so large that not every reader of doubles gets them right.
pub(super) fn value_json(value: Number) -> Json {
    match value {
        Number::Int(n) if n.unsigned_abs() >= 1_000_000_000_000_000 => n.into(),
        other => other.to_f64().into(),
    }
}

pub(super) fn seconds_json(micros: i64) -> Json {
    json_number(Decimal::parse(&format!("{micros}e-6")).expect("whole microseconds are a decimal"))
}

pub(super) fn bounds_json(bounds: &[Bound]) -> Vec<Json> {
    let json = |bound: &Bound| json!({"comparator": bound.comparator.symbol(), "limit": json_number(bound.limit)});
    bounds.iter().map(json).collect()
}

pub(super) fn labels_json(threshold: &Threshold) -> Map<String, Json> {
    threshold.output.labels.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect()
}
