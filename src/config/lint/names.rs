//! Ids that an edit changes.

use crate::config::catalogue;
use crate::edn::Diagnostic;
use crate::plan::{Plan, Via};

/// Where incidents are kept under an id, says once which thresholds have one that an edit of them changes.
pub(super) fn check(plan: &Plan, out: &mut Vec<Diagnostic>) {
    let keeps = plan.routing.notifiers.iter().find(|one| matches!(one.via, Via::PagerDuty(_) | Via::Alertmanager(_)));
    let (Some(keeps), Some(_)) = (keeps, &plan.routing.routes) else { return };
    // An id that is made of path and interval is a vector.
    let mut unnamed = plan.thresholds.iter().filter(|one| one.id.starts_with("[:") && !one.output.shadow);
    if let Some(first) = unnamed.next() {
        out.push(catalogue::ids_change(first.span, unnamed.count(), &keeps.name));
    }
}
