//! Percentiles of so few values that one decides.

use std::collections::BTreeMap;

use super::Allowed;
use crate::config::catalogue;
use crate::edn::{Diagnostic, Span};
use crate::order;
use crate::plan::{Decimal, Measure, Plan, Rank, Thin, Threshold};

/// That one of fewer values decides surprises nobody.
const SURPRISING: u64 = 10;

/// Says once for each service that a percentile may be decided by one value.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let mut services: BTreeMap<&str, Vec<(Span, Decimal, u64, i64)>> = BTreeMap::new();
    for threshold in plan.thresholds.iter().filter(|threshold| !allowed.allows("W040", threshold.span)) {
        let Measure::Percentile { quantile, .. } = threshold.measure else { continue };
        if let Some(needed) = needed(threshold) {
            let found = services.entry(threshold.service.text()).or_default();
            found.push((threshold.span, quantile.decimal(), needed, hops(threshold)));
        }
    }
    for mut found in services.into_values() {
        order::by_key(&mut found, |(span, ..)| (span.file, span.start));
        let (span, quantile, needed, hops) = found[0];
        out.push(catalogue::one_value_decides(span, quantile, (needed, hops), found.len() - 1));
    }
}

/// In how many windows one value is.
pub fn hops(threshold: &Threshold) -> i64 {
    threshold.interval.micros() / threshold.every.micros().max(1)
}

/// How many values a window needs so that one value alone cannot violate; None if one cannot, or is meant to.
pub fn needed(threshold: &Threshold) -> Option<u64> {
    let Measure::Percentile { quantile, rank, .. } = threshold.measure else { return None };
    let policy = &threshold.policy;
    if threshold.output.shadow
        || policy.few == Thin::Violation
        || i64::from(policy.violate_after) > hops(threshold)
        || !threshold.bounds.iter().any(|bound| bound.comparator.is_upper())
    {
        return None;
    }
    // With so many values the greatest is not the one that is judged; the rank never grows faster than their number.
    let is_enough = |n: &u64| match rank {
        Rank::Nearest => quantile.nearest_rank(*n) < *n,
        Rank::Riemann => quantile.riemann_rank(*n) < *n,
    };
    let most = (1..=62).map(|power| 1 << power).find(is_enough)?;
    let (mut few, mut enough) = (most / 2, most);
    while few + 1 < enough {
        let middle = few + (enough - few) / 2;
        if is_enough(&middle) { enough = middle } else { few = middle }
    }
    (policy.min_count < enough && enough >= SURPRISING).then_some(enough)
}

#[cfg(test)]
mod tests {
    use crate::config::from_text;

    #[test]
    fn one_value_decides_until_there_are_enough() {
        for (check, expected) in [
            ("0.99 {:<= 100 :interval 60}", Some(100)),
            ("0.99 {:<= 100 :interval 60 :rank :riemann}", Some(101)),
            ("0.95 {:< 100 :interval 60}", Some(20)),
            ("0.999 {:<= 100 :interval 60 :min-count 999}", Some(1000)),
            ("0.999 {:<= 100 :interval 60 :min-count 1000}", None),
            ("0.99 {:<= 100 :interval 60 :for 2}", Some(0)),
            // One value is in six windows.
            ("0.99 {:<= 100 :interval 60 :every 10 :for 6}", Some(100)),
            ("0.99 {:<= 100 :interval 60 :every 10 :for 7}", Some(0)),
            ("0.99 {:<= 100 :interval 60 :min-count 50 :few :violation}", Some(0)),
            ("0.99 {:>= 100 :interval 60}", Some(0)),
            // The greatest value is meant.
            ("1 {:<= 100 :interval 60}", None),
        ] {
            let plan = from_text(&format!("{{:percentiles {{\"q\" {{{check}}}}}}}")).plan.expect("valid");
            assert_eq!(super::needed(&plan.thresholds[0]), expected.filter(|n| *n > 0), "{check}");
        }
    }
}
