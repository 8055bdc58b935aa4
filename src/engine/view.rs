//! Where a threshold stands now, for people who ask.

use serde_json::{Value as Json, json};

use super::evaluator::Evaluator;
use super::group::{Group, Judged};
use super::intake::Intake;
use super::record::{bounds_json, dedup_key, labels_json, seconds_json, value_json, violation_id};
use super::transition::{group_json, name_group};
use super::verdict::Verdict;
use crate::plan::{Plan, Service, Timestamp};

/// One threshold and some of its groups.
#[derive(Clone, Debug)]
pub struct View {
    /// Index into [`Plan::thresholds`].
    threshold: usize,
    groups: usize,
    violated: usize,
    intake: Intake,
    shown: Vec<Shown>,
}

/// One group.
#[derive(Clone, Debug)]
struct Shown {
    group: Vec<(String, Option<String>)>,
    status: Verdict,
    since: Option<Timestamp>,
    /// The last window that gave a verdict, its start and end.
    last: Option<(Judged, Timestamp, Timestamp)>,
    /// The window that closes next: start, end, events, and those that match or are good.
    open: Option<(Timestamp, Timestamp, u64, u64)>,
}

impl Evaluator {
    /// Where a threshold stands; of its groups at most so many, those in violation first, then in order of key.
    ///
    /// What lanes hold is not in it: see [`Evaluator::take_all`]. `threshold` is an index into the plan.
    pub fn view(&self, threshold: usize, most: usize) -> View {
        let subjects = &self.subjects[threshold];
        let mut order: Vec<_> = subjects.groups.iter().collect();
        let rank = |group: &Group| group.standing.status == Verdict::Ok;
        let before = |(a, x): &(_, &Group), (b, y): &(_, &Group)| (rank(x), a).cmp(&(rank(y), b));
        if most < order.len() {
            order.select_nth_unstable_by(most, before);
            order.truncate(most);
        }
        order.sort_unstable_by(before);
        let (groups, violated) = self.groups(threshold);
        let mut shown: Vec<Shown> = order.iter().map(|(key, group)| self.show(threshold, key, Some(group))).collect();
        if groups == 0 && most > 0 && self.compiled.plan.thresholds[threshold].has_one_group() {
            shown.push(self.show(threshold, &[], None));
        }
        View { threshold, groups: groups.max(shown.len()), violated, intake: subjects.intake, shown }
    }

    /// The `violation_id` of each violation that is going on, in no order.
    pub fn violations(&self) -> Vec<String> {
        let plan = &self.compiled.plan;
        let mut ids = Vec::new();
        for (threshold, subjects) in plan.thresholds.iter().zip(&self.subjects) {
            for (key, group) in &subjects.groups {
                if let Some(since) = group.standing.since.filter(|_| group.standing.status == Verdict::Violation) {
                    let group_text = Json::Object(group_json(&name_group(threshold, key))).to_string();
                    ids.push(violation_id(&dedup_key(&plan.instance, &threshold.id, &group_text), since));
                }
            }
        }
        ids
    }

    fn show(&self, threshold: usize, key: &[u8], group: Option<&Group>) -> Shown {
        let checked = &self.compiled.plan.thresholds[threshold];
        let shape = self.compiled.shapes[self.compiled.shape_of[threshold]];
        let position = &self.positions[self.compiled.shape_of[threshold]];
        let next = group.map_or(position.open, |group| group.next);
        let is_known = next != i64::MIN;
        let edges = |window: i64| (Timestamp::clamped(shape.start(window)), Timestamp::clamped(shape.end(window)));
        Shown {
            group: name_group(checked, key),
            status: group.map_or(Verdict::Ok, |group| group.standing.status),
            since: group.and_then(|group| group.standing.since).map(Timestamp::clamped),
            last: group.and_then(|group| group.judged).map(|judged| {
                let (start, end) = edges(judged.window);
                (judged, start, end)
            }),
            open: is_known.then(|| {
                let (start, end) = edges(next);
                let (count, matched) = group
                    .map_or((0, 0), |group| group.counted(checked, &self.compiled.formers[threshold], shape, next));
                (start, end, count, matched)
            }),
        }
    }
}

impl View {
    /// How many groups are shown.
    pub fn shown(&self) -> usize {
        self.shown.len()
    }

    /// One JSON object: `threshold path service kind bounds interval severity description runbook labels shadow`, how many `groups` there are and how many in `violation`, what
    /// became of the events (`counted late left_out`), and `shown`: for each group `group status since last open`.
    pub fn to_json(&self, plan: &Plan) -> Json {
        let threshold = &plan.thresholds[self.threshold];
        let (service, pattern) = match &threshold.service {
            Service::Exactly(name) => (json!(name), Json::Null),
            Service::Matching(pattern) => (Json::Null, json!(pattern.as_str())),
        };
        let shown: Vec<Json> = self.shown.iter().map(Shown::to_json).collect();
        let intake = &self.intake;
        json!({
            "threshold": threshold.id,
            "path": threshold.path,
            "service": service,
            "service_pattern": pattern,
            "kind": threshold.measure.kind(),
            "bounds": bounds_json(&threshold.bounds),
            "interval": seconds_json(threshold.interval.micros()),
            "severity": threshold.output.severity,
            "description": threshold.output.description,
            "runbook": threshold.output.runbook,
            "labels": labels_json(threshold),
            "shadow": threshold.output.shadow,
            "groups": self.groups,
            "violated": self.violated,
            "counted": intake.counted,
            "late": intake.late,
            "left_out": {
                "where": intake.filtered,
                "no-field": intake.absent,
                "no-number": intake.no_number,
                "groups": intake.groups,
                "group-bytes": intake.group_bytes,
                "open-windows": intake.windows,
            },
            "shown": shown,
        })
    }
}

impl Shown {
    fn to_json(&self) -> Json {
        let last = self.last.map(|(Judged { verdict, reason, measured, .. }, start, end)| {
            json!({
                "verdict": verdict.name(),
                "reason": reason.name(),
                "value": measured.value.map(value_json),
                "count": measured.count,
                "matched": measured.matched,
                "window": {"start": start.to_string(), "end": end.to_string()},
            })
        });
        let open = self.open.map(|(start, end, count, matched)| {
            json!({
                "window": {"start": start.to_string(), "end": end.to_string()},
                "count": count,
                "matched": matched,
            })
        });
        json!({
            "group": group_json(&self.group),
            "status": self.status.name(),
            "since": self.since.map(|since| since.to_string()),
            "last": last,
            "open": open,
        })
    }
}
