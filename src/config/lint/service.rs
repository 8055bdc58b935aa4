//! Services that are written like patterns.

use std::collections::BTreeSet;

use super::Allowed;
use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::{Plan, Service};

/// Says of each service that is a name, and looks as if it was to match several.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let mut said = BTreeSet::new();
    for threshold in plan.thresholds.iter().filter(|threshold| !allowed.allows("W050", threshold.span)) {
        let Service::Exactly(name) = &threshold.service else { continue };
        let is_pattern = name.contains('*') || name.starts_with('^') || name.ends_with('$') || name.trim() != &**name;
        if is_pattern && said.insert(name) {
            out.push(catalogue::service_like_a_pattern(threshold.span, name));
        }
    }
}
