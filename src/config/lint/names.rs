//! Ids that an edit changes.

use super::Allowed;
use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::{Plan, Via};

/// Where incidents are kept under an id, says once which thresholds have one that an edit of them changes.
pub(super) fn check(plan: &Plan, allowed: &Allowed, out: &mut Vec<Diagnostic>) {
    let keeps = plan.routing.notifiers.iter().find(|one| matches!(one.via, Via::PagerDuty(_) | Via::Alertmanager(_)));
    let (Some(keeps), Some(_)) = (keeps, &plan.routing.routes) else { return };
    // An id that is made of path and interval is a vector.
    let is_unnamed = |id: &str| id.starts_with("[:percentiles ") || id.starts_with("[:histograms ");
    let said = plan.thresholds.iter().filter(|one| !one.output.shadow && !allowed.allows("W046", one.span));
    let mut unnamed = said.filter(|one| is_unnamed(&one.id));
    if let Some(first) = unnamed.next() {
        out.push(catalogue::ids_change(first.span, unnamed.count(), &keeps.name));
    }
}
