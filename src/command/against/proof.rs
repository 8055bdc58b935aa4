//! Lints that a history proves: bounded, whatever is in it.

use std::collections::HashMap;

use crate::config;
use crate::edn::Diagnostic;
use crate::engine::{Event, Fields};
use crate::order;
use crate::plan::{Measure, Number, Pattern, Plan, Threshold, Timestamp};

/// So many fields with patterns are looked at, and of so many values of each something is remembered.
const FIELDS: usize = 1_000;
const VALUES: usize = 1_000;
/// So many windows are counted, over all percentiles.
const WINDOWS: usize = 1_000_000;
/// So many values are named.
const NAMED: usize = 5;
const DAY: f64 = 86_400e6;

/// What a history has shown of thresholds so far.
pub struct Proof<'p> {
    percentiles: Vec<OfPercentile<'p>>,
    categories: Vec<OfCategories<'p>>,
    windows: usize,
    first: Timestamp,
    last: Timestamp,
}

/// How many values each window of a percentile has, and how many of all are beyond its bound.
struct OfPercentile<'p> {
    threshold: &'p Threshold,
    windows: HashMap<i64, u64>,
    values: u64,
    beyond: u64,
}

/// The values of a field that some pattern is to match.
struct OfCategories<'p> {
    threshold: &'p Threshold,
    patterns: Vec<&'p Pattern>,
    seen: HashMap<Box<[u8]>, u64>,
    values: u64,
}

impl<'p> Proof<'p> {
    pub fn new(plan: &'p Plan) -> Proof<'p> {
        let watched = || plan.thresholds.iter().filter(|threshold| !threshold.output.shadow);
        let percentiles = watched().filter(|threshold| is_decided_by_one(threshold)).map(|threshold| OfPercentile {
            threshold,
            windows: HashMap::new(),
            values: 0,
            beyond: 0,
        });
        let mut categories: Vec<OfCategories> = Vec::new();
        for threshold in watched().filter(|threshold| threshold.filter.is_none()) {
            let Some(pattern) = threshold.measure.pattern() else { continue };
            let is_same = |of: &&mut OfCategories| {
                of.threshold.service == threshold.service && of.threshold.measure.field() == threshold.measure.field()
            };
            if let Some(of) = categories.iter_mut().find(is_same) {
                of.patterns.push(pattern);
            } else if categories.len() < FIELDS {
                let (seen, patterns) = (HashMap::new(), vec![pattern]);
                categories.push(OfCategories { threshold, patterns, seen, values: 0 });
            }
        }
        Proof {
            percentiles: percentiles.collect(),
            categories,
            windows: 0,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
        }
    }

    pub fn see(&mut self, event: &Event<'_>) {
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
        let mut service = Vec::new();
        event.service.write_text(&mut service);
        for of in &mut self.percentiles {
            if of.threshold.service.matches(&service) && of.threshold.accepts(event) {
                of.see(event, &mut self.windows);
            }
        }
        for of in self.categories.iter_mut().filter(|of| of.threshold.service.matches(&service)) {
            of.see(event);
        }
    }

    /// Lints that a history proves.
    pub fn lints(&self) -> Vec<Diagnostic> {
        let days = (self.last.micros().saturating_sub(self.first.micros()) as f64 / DAY).max(f64::MIN_POSITIVE);
        let few = self.percentiles.iter().filter_map(|of| of.lint(days));
        few.chain(self.categories.iter().filter_map(OfCategories::lint)).collect()
    }
}

impl OfPercentile<'_> {
    fn see(&mut self, event: &Event<'_>, windows: &mut usize) {
        let value = event.field(self.threshold.measure.field());
        let Some(value) = value.number() else { return };
        self.values += 1;
        self.beyond += u64::from(self.threshold.bounds.iter().any(|bound| {
            let limit = Number::from_f64(bound.limit.to_f64());
            bound.comparator.is_upper() && limit.is_some_and(|limit| !bound.comparator.holds(value.compare(limit)))
        }));
        let at = event.time.micros().div_euclid(self.threshold.interval.micros());
        match self.windows.get_mut(&at) {
            Some(count) => *count += 1,
            None if *windows < WINDOWS => {
                *windows += 1;
                self.windows.insert(at, 1);
            }
            None => {}
        }
    }

    /// Says how many windows had so few values that one decides, and how many violations a day that makes by chance: if
    /// each value is beyond the bound with the share p of all, one of n is with 1 - (1 - p)^n.
    fn lint(&self, days: f64) -> Option<Diagnostic> {
        let needed = config::needed_values(self.threshold)?;
        let judged = |count: &&u64| **count >= self.threshold.policy.min_count.max(1);
        let few = || self.windows.values().filter(judged).filter(|count| **count < needed);
        if self.values == 0 || few().next().is_none() {
            return None;
        }
        let share = self.beyond as f64 / self.values as f64;
        let by_chance: f64 = few().map(|count| 1.0 - (1.0 - share).powf(*count as f64)).sum();
        Some(config::few_values(self.threshold, needed, few().count(), self.windows.len(), by_chance / days))
    }
}

impl OfCategories<'_> {
    fn see(&mut self, event: &Event<'_>) {
        let value = event.field(self.threshold.measure.field());
        value.each_text(&mut |text| {
            self.values += 1;
            if let Some(count) = self.seen.get_mut(text) {
                *count += 1;
            } else if self.seen.len() < VALUES {
                self.seen.insert(text.into(), 1);
            }
        });
    }

    fn lint(&self) -> Option<Diagnostic> {
        let is_matched = |text: &[u8]| self.patterns.iter().any(|pattern| pattern.matches(text));
        let mut unmatched: Vec<(&[u8], u64)> =
            self.seen.iter().map(|(text, count)| (&**text, *count)).filter(|(text, _)| !is_matched(text)).collect();
        if unmatched.is_empty() {
            return None;
        }
        order::by(&mut unmatched, |a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let events: u64 = unmatched.iter().map(|(_, count)| count).sum();
        // A ratio of one thing is no set of categories.
        if self.patterns.len() < 2 || 2 * events > self.values {
            return None;
        }
        let named = unmatched.iter().take(NAMED).map(|(text, _)| String::from_utf8_lossy(text).into_owned());
        let share = events as f64 / self.values as f64;
        Some(config::uncovered(self.threshold, &named.collect::<Vec<_>>(), unmatched.len(), share))
    }
}

/// Whether one value could decide a window: a percentile with an upper bound, of one group.
fn is_decided_by_one(threshold: &Threshold) -> bool {
    matches!(threshold.measure, Measure::Percentile { .. })
        && threshold.has_one_group()
        && config::needed_values(threshold).is_some()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::config::from_text;
    use crate::engine::Value;

    fn event<'a>(second: i64, metric: i64, code: &'a str) -> Event<'a> {
        Event {
            service: Value::text("q"),
            metric: Value::Number(Number::Int(metric)),
            attributes: vec![(Cow::Borrowed(b"code"), Value::text(code)), (Cow::Borrowed(b"path"), Value::text("/"))],
            ..Event::at(Timestamp::clamped(second * 1_000_000))
        }
    }

    #[test]
    fn a_history_says_how_often_one_value_decides_and_what_no_pattern_matches() {
        let text = r#"{:percentiles {"q" {0.9 {:<= 100 :interval 60}}}
                       :histograms {"q" {:code {"^2" {:>= 0.9 :interval 60 :type :percentage} "^3" {:<= 0.9 :interval 60 :type :percentage}}}}}"#;
        let plan = from_text(text).plan.expect("valid");
        let mut proof = Proof::new(&plan);
        // A minute of 60 values, one of 5, and a day until the last.
        (0..60).for_each(|second| proof.see(&event(second, 50, "200")));
        (60..65).for_each(|second| proof.see(&event(second, if second == 60 { 500 } else { 50 }, "503")));
        proof.see(&event(86_400, 50, "404"));
        let found: Vec<(&str, String)> = proof.lints().into_iter().map(|lint| (lint.code, lint.message)).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].0, "W040");
        assert!(found[0].1.contains("in 2 of 3 windows"), "{found:?}");
        assert_eq!(
            found[1],
            ("W047", "`503` and `404` of `:code` are matched by no pattern: 9.1 % of the values".to_string())
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let text = r#"{:histograms {"q" {:code {"^2" {:>= 0.9 :interval 60 :type :percentage}}}}}"#;
        let plan = from_text(text).plan.expect("valid");
        let mut proof = Proof::new(&plan);
        (0..3_000).for_each(|n| proof.see(&event(n, 1, &n.to_string())));
        assert!(proof.categories[0].seen.len() <= VALUES);
        assert_eq!(proof.lints().len(), 0);
    }
}
