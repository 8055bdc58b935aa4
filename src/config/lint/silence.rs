//! Services that may die unnoticed.

use std::collections::BTreeMap;

use super::Allowed;
use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::{Comparator, Decimal, Measure, Plan, Service, Thin, Threshold};

/// Says once for each service that nothing notices when its events stay away; and of each check that takes that for
/// well.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let mut services: BTreeMap<&str, Vec<&Threshold>> = BTreeMap::new();
    for threshold in plan.thresholds.iter().filter(|threshold| !threshold.output.shadow) {
        let is_count = matches!(threshold.measure, Measure::Count { .. });
        if threshold.policy.no_data == Thin::Ok && !(is_count && threshold.policy.min_count == 0) {
            out.push(catalogue::silence_is_well(threshold.span));
        }
        if is_count
            && threshold.policy.min_count > 0
            && threshold.policy.no_data != Thin::Violation
            && fails_at_none(threshold)
        {
            out.push(catalogue::silence_waits_for_events(threshold.span));
        }
        if let Service::Exactly(name) = &threshold.service {
            services.entry(name).or_default().push(threshold);
        }
    }
    let notices_any = plan.thresholds.iter().filter(|one| matches!(one.service, Service::Matching(_)) && notices(one));
    let notices_any: Vec<&Threshold> = notices_any.collect();
    for (name, mut thresholds) in services {
        let is_of_it = |one: &&Threshold| one.service.matches(name.as_bytes());
        let is_noticed = thresholds.iter().any(|one| notices(one));
        thresholds.retain(|one| !allowed.allows("W041", one.span));
        let needs_events = |one: &&&Threshold| !matches!(one.measure, Measure::Count { .. });
        let Some(first) = thresholds.iter().filter(needs_events).min_by_key(|one| (one.span.file, one.span.start))
        else {
            continue;
        };
        if !is_noticed && !notices_any.iter().any(is_of_it) {
            out.push(catalogue::silence_unnoticed(first.span, name));
        }
    }
}

/// Whether a window without events is a violation.
fn notices(threshold: &Threshold) -> bool {
    if threshold.output.shadow {
        return false;
    }
    if threshold.policy.no_data == Thin::Violation {
        return true;
    }
    matches!(threshold.measure, Measure::Count { .. }) && threshold.policy.min_count == 0 && fails_at_none(threshold)
}

/// Whether a count of nothing is beyond a bound.
fn fails_at_none(threshold: &Threshold) -> bool {
    threshold.bounds.iter().any(|bound| match bound.comparator {
        Comparator::Greater => bound.limit >= Decimal::ZERO,
        Comparator::GreaterOrEqual | Comparator::Equal => bound.limit > Decimal::ZERO,
        Comparator::Less | Comparator::LessOrEqual | Comparator::NotEqual => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::from_text;

    fn codes(text: &str) -> Vec<&'static str> {
        let plan = from_text(text).plan.expect("valid");
        let mut found = Vec::new();
        super::check(&plan, &super::Allowed::default(), &mut found);
        found.iter().map(|one| one.code).collect()
    }

    #[test]
    fn a_service_that_may_die_unnoticed_is_said_once() {
        let slow = r#":percentiles {"q" {0.99 [{:<= 100 :interval 60} {:<= 10 :interval 30}]}}"#;
        let with = |rest: &str| codes(&format!("{{{slow} {rest}}}"));
        let count = |check: &str| format!(r#":histograms {{"q" {{:host {{"." {{{check} :interval 60}}}}}}}}"#);
        assert_eq!(with(""), ["W041"]);
        assert_eq!(with(&count(":> 0 :type :count")), [""; 0]);
        assert_eq!(with(&count(":>= 1 :type :count")), [""; 0]);
        assert_eq!(with(&count(":>= 0 :< 5 :type :count")), ["W041"]);
        assert_eq!(with(&count(":< 5 :type :count")), ["W041"]);
        assert_eq!(with(&count(":> 0 :type :count :shadow true")), ["W041"]);
        assert_eq!(with(&count(":> 0 :type :count :min-count 1")), ["W041", "W041"]);
        assert_eq!(with(&count(":> 0.5 :type :percentage :no-data :violation")), [""; 0]);
        assert_eq!(with(&count(":> 0.5 :type :percentage :no-data :ok")), ["W042", "W041"]);
        assert_eq!(with(&count(":> 0 :type :count").replace("\"q\"", "#re \"^q\"")), [""; 0]);
        assert_eq!(with(&count(":> 0 :type :count").replace("\"q\"", "#re \"^r\"")), ["W041"]);
        // A count needs no events, and a pattern names no service that must be there.
        assert_eq!(codes(&format!("{{{}}}", count(":< 5 :type :count"))), [""; 0]);
        assert_eq!(codes(&format!("{{{}}}", slow.replace("\"q\"", "#re \"^q\""))), [""; 0]);
    }
}
