//! Two timelines of one history, side by side: pure.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::command::notify_plan::Counts;
use crate::command::{Format, number, terminal};
use crate::engine::{Transition, Verdict};
use crate::order;
use crate::plan::{Plan, Timestamp};

/// For people so many differences are listed; the rest is counted.
const SHOWN: usize = 100;

/// One transition, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub end: Timestamp,
    pub threshold: String,
    pub group: String,
    pub is_violation: bool,
    /// For people: what was measured, against which bounds.
    pub said: String,
}

/// What one configuration says of a history.
pub struct Side {
    /// In the order in which they came.
    pub lines: Vec<Line>,
    /// By notifier.
    pub told: BTreeMap<String, Counts>,
}

/// A transition that both do not say alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Added(Line),
    Removed(Line),
    /// At another time within an interval.
    Moved(Line, Line),
    /// Of the same window, with other numbers or bounds.
    Changed(Line, Line),
}

/// What is different between two configurations over a history, the later one second.
pub struct Difference {
    pub changes: Vec<Change>,
    /// Violations and microseconds in violation, before and after.
    pub violations: [usize; 2],
    pub violated: [i64; 2],
    told: [BTreeMap<String, Counts>; 2],
}

impl Line {
    pub fn of(transition: &Transition, plan: &Plan) -> Line {
        let json = transition.to_json(plan);
        Line {
            end: transition.end,
            threshold: plan.thresholds[transition.threshold].id.clone(),
            group: transition.group_text.clone(),
            is_violation: transition.to == Verdict::Violation,
            said: json["summary"].as_str().unwrap_or_default().to_string(),
        }
    }

    fn status(&self) -> &'static str {
        if self.is_violation { "violation" } else { "ok" }
    }

    fn shown(&self) -> String {
        let group = if self.group == "{}" { String::new() } else { format!(" {}", self.group) };
        format!("{}  {:<9}  {}{group}  {}", self.end, self.status(), self.threshold, self.said)
    }

    fn json(&self) -> Json {
        let group: Json = serde_json::from_str(&self.group).unwrap_or_default();
        json!({
            "time": self.end.to_string(), "status": self.status(), "threshold": self.threshold, "group": group,
            "summary": self.said,
        })
    }
}

/// Compares what two configurations say, the later one second. `interval` of a threshold by its id, in microseconds;
/// `end` is where the history ends.
pub fn compare(sides: [Side; 2], interval: &dyn Fn(&str) -> i64, end: Timestamp) -> Difference {
    let [before, after] = sides;
    let violations = [&before, &after].map(|side| side.lines.iter().filter(|line| line.is_violation).count());
    let violated = [&before, &after].map(|side| time_in_violation(&side.lines, end));
    let mut changes = Vec::new();
    let mut kinds: BTreeMap<(String, String, bool), [Vec<Line>; 2]> = BTreeMap::new();
    for (side, lines) in [before.lines, after.lines].into_iter().enumerate() {
        for line in lines {
            let key = (line.threshold.clone(), line.group.clone(), line.is_violation);
            kinds.entry(key).or_default()[side].push(line);
        }
    }
    for ((threshold, ..), [before, after]) in kinds {
        let most = interval(&threshold);
        pair(before, after, most, &mut changes);
    }
    order::by(&mut changes, |a, b| a.place().cmp(&b.place()));
    Difference { changes, violations, violated, told: [before.told, after.told] }
}

/// Pairs transitions of one threshold, group and status: those of one window, then the nearest within an interval.
fn pair(before: Vec<Line>, after: Vec<Line>, interval: i64, out: &mut Vec<Change>) {
    let same = order::map(after.iter().map(|line| (line.end, line)));
    let mut left = Vec::new();
    let mut paired = std::collections::BTreeSet::new();
    for line in before {
        match same.get(&line.end) {
            Some(other) => {
                paired.insert(line.end);
                if other.said != line.said {
                    out.push(Change::Changed(line, (*other).clone()));
                }
            }
            None => left.push(line),
        }
    }
    let mut came = after.iter().filter(|line| !paired.contains(&line.end)).peekable();
    for line in left {
        // What comes too early for this one comes too early for all that follow.
        while let Some(other) = came.next_if(|other| other.end.plus(interval) < line.end) {
            out.push(Change::Added(other.clone()));
        }
        match came.next_if(|other| other.end <= line.end.plus(interval)) {
            Some(other) => out.push(Change::Moved(line, other.clone())),
            None => out.push(Change::Removed(line)),
        }
    }
    out.extend(came.map(|line| Change::Added(line.clone())));
}

/// How long groups were in violation, in microseconds, all together.
fn time_in_violation(lines: &[Line], end: Timestamp) -> i64 {
    let mut open: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    let mut sum: i64 = 0;
    for line in lines {
        let key = (line.threshold.as_str(), line.group.as_str());
        if line.is_violation {
            open.entry(key).or_insert(line.end);
        } else if let Some(since) = open.remove(&key) {
            sum = sum.saturating_add(line.end.micros().saturating_sub(since.micros()));
        }
    }
    let rest = open.values().map(|since| end.micros().saturating_sub(since.micros()).max(0));
    rest.fold(sum, i64::saturating_add)
}

impl Change {
    fn place(&self) -> (Timestamp, &str, &str, bool) {
        let (Change::Added(line) | Change::Removed(line) | Change::Moved(line, _) | Change::Changed(line, _)) = self;
        (line.end, &line.threshold, &line.group, line.is_violation)
    }

    fn shown(&self) -> String {
        match self {
            Change::Added(line) => format!("+ {}", line.shown()),
            Change::Removed(line) => format!("- {}", line.shown()),
            Change::Moved(line, to) => format!("> {}; now at {}", line.shown(), to.end),
            Change::Changed(line, to) => format!("~ {}; now {}", line.shown(), to.said),
        }
    }

    fn json(&self) -> Json {
        match self {
            Change::Added(line) => json!({"change": "added", "after": line.json()}),
            Change::Removed(line) => json!({"change": "removed", "before": line.json()}),
            Change::Moved(line, to) => json!({"change": "moved", "before": line.json(), "after": to.json()}),
            Change::Changed(line, to) => json!({"change": "changed", "before": line.json(), "after": to.json()}),
        }
    }
}

impl Difference {
    /// Whether both say the same at the same times: other numbers beside it are no difference.
    pub fn is_none(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Changed(..)))
    }

    pub fn write(&self, before: &str, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Human => self.write_human(before, out),
            Format::Json => self.write_json(before, out),
        }
    }

    fn count(&self, is_it: fn(&Change) -> bool) -> usize {
        self.changes.iter().filter(|change| is_it(change)).count()
    }

    fn counts(&self) -> [usize; 4] {
        [
            self.count(|change| matches!(change, Change::Added(_))),
            self.count(|change| matches!(change, Change::Removed(_))),
            self.count(|change| matches!(change, Change::Moved(..))),
            self.count(|change| matches!(change, Change::Changed(..))),
        ]
    }

    fn write_human(&self, before: &str, out: &mut dyn Write) -> io::Result<()> {
        let [added, removed, moved, changed] = self.counts();
        let head = format!(
            "over the history, against {before}: {} added, {removed} removed, {moved} moved, {changed} with other numbers",
            number(added, "transition")
        );
        writeln!(out, "{}", terminal::printable(&head))?;
        for change in self.changes.iter().take(SHOWN) {
            writeln!(out, "  {}", terminal::printable(&change.shown()))?;
        }
        if self.changes.len() > SHOWN {
            writeln!(out, "  and {} more (--format json has all)", self.changes.len() - SHOWN)?;
        }
        let [old, new] = self.violations;
        let [for_old, for_new] = self.violated.map(length);
        writeln!(out, "  violations {old} → {new}, in violation {for_old} → {for_new}")?;
        for (name, [old, new]) in self.told() {
            let line = format!(
                "  :{name}  messages {} → {}, at night {} → {}, nights {} → {}",
                old.messages, new.messages, old.at_night, new.at_night, old.nights, new.nights
            );
            writeln!(out, "{}", terminal::printable(&line))?;
        }
        Ok(())
    }

    fn write_json(&self, before: &str, out: &mut dyn Write) -> io::Result<()> {
        for change in &self.changes {
            writeln!(out, "{}", change.json())?;
        }
        let [added, removed, moved, changed] = self.counts();
        let seconds = self.violated.map(|micros| micros as f64 / 1e6);
        let side =
            |counts: Counts| json!({"messages": counts.messages, "at_night": counts.at_night, "nights": counts.nights});
        let told = self.told().map(|(name, [old, new])| (name, json!({"before": side(old), "after": side(new)})));
        let line = json!({
            "against": before, "added": added, "removed": removed, "moved": moved, "changed": changed,
            "violations": {"before": self.violations[0], "after": self.violations[1]},
            "seconds_in_violation": {"before": seconds[0], "after": seconds[1]},
            "notifiers": told.collect::<serde_json::Map<_, _>>(),
        });
        writeln!(out, "{line}")
    }

    /// Messages of each notifier, before and after.
    fn told(&self) -> impl Iterator<Item = (String, [Counts; 2])> {
        let [before, after] = &self.told;
        let names = order::set(before.keys().chain(after.keys()));
        names.into_iter().map(|name| {
            let of = |side: &BTreeMap<String, Counts>| side.get(name).copied().unwrap_or_default();
            (name.clone(), [of(before), of(after)])
        })
    }
}

/// `2 h 5 min`, `45 s`.
fn length(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    match (seconds / 3_600, seconds % 3_600 / 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(minute: i64, is_violation: bool, said: &str) -> Line {
        let end = Timestamp::clamped(minute * 60_000_000);
        Line { end, threshold: "t".to_string(), group: "{}".to_string(), is_violation, said: said.to_string() }
    }

    fn side(lines: &[Line]) -> Side {
        Side { lines: lines.to_vec(), told: BTreeMap::new() }
    }

    fn changes(before: &[Line], after: &[Line]) -> Vec<Change> {
        let end = Timestamp::clamped(600_000_000);
        compare([side(before), side(after)], &|_| 60_000_000, end).changes
    }

    #[test]
    fn what_is_said_at_another_time_within_an_interval_is_moved() {
        let at = |minute| line(minute, true, "");
        assert_eq!(changes(&[at(1)], &[at(1)]), []);
        assert_eq!(changes(&[at(1)], &[at(2)]), [Change::Moved(at(1), at(2))]);
        assert_eq!(changes(&[at(2)], &[at(1)]), [Change::Moved(at(2), at(1))]);
        assert_eq!(changes(&[at(1)], &[at(3)]), [Change::Removed(at(1)), Change::Added(at(3))]);
        assert_eq!(changes(&[at(1)], &[line(1, false, "")]).len(), 2);
        assert_eq!(changes(&[at(1)], &[line(1, true, "other")]), [Change::Changed(at(1), line(1, true, "other"))]);
        // The one of the same window is its own, though another is as near.
        assert_eq!(changes(&[at(2), at(3)], &[at(1), at(2)]), [Change::Added(at(1)), Change::Removed(at(3))]);
    }

    #[test]
    fn time_in_violation_is_that_of_all_groups_up_to_the_end() {
        let lines = [line(1, true, ""), line(3, false, ""), line(9, true, "")];
        assert_eq!(time_in_violation(&lines, Timestamp::clamped(600_000_000)), 180_000_000);
    }

    proptest! {
        #[test]
        fn the_same_is_no_difference_and_swapping_swaps(
            before in prop::collection::btree_set((0..60i64, any::<bool>()), 0..20),
            after in prop::collection::btree_set((0..60i64, any::<bool>()), 0..20),
        ) {
            let lines = |of: &std::collections::BTreeSet<(i64, bool)>| {
                of.iter().map(|(minute, is_violation)| line(*minute, *is_violation, "")).collect::<Vec<_>>()
            };
            let (before, after) = (lines(&before), lines(&after));
            prop_assert_eq!(changes(&before, &before), []);
            let count = |changes: &[Change]| {
                let added = changes.iter().filter(|change| matches!(change, Change::Added(_))).count();
                let removed = changes.iter().filter(|change| matches!(change, Change::Removed(_))).count();
                (added, removed)
            };
            let (there, back) = (count(&changes(&before, &after)), count(&changes(&after, &before)));
            prop_assert_eq!(there, (back.1, back.0));
        }
    }
}
