//! Days are those of UTC.

use super::Allowed;
use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::Plan;

const DAY: i64 = 86_400_000_000;

/// Says once that windows of days begin at midnight UTC.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let is_of_days = |length: i64| length % DAY == 0;
    let said = plan.thresholds.iter().filter(|threshold| !allowed.allows("W045", threshold.span));
    let mut days = said.filter(|threshold| is_of_days(threshold.every.micros()));
    if let Some(first) = days.next() {
        out.push(catalogue::days_are_utc(first.span, days.count()));
    }
}
