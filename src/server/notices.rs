//! What is said in the log of events that were late, ahead of the clock, or refused: at once, then once a minute.

use std::sync::atomic::Ordering::Relaxed;

use super::counters::Counters;
use crate::engine::Evaluator;
use crate::order;
use crate::plan::Plan;

/// Between two notices of one kind, in microseconds.
const PAUSE: i64 = 60_000_000;
/// So many hosts are named.
const NAMED: usize = 3;

/// What has been said so far.
#[derive(Debug, Default)]
pub struct Notices {
    late: Said,
    ahead: Said,
    refused: Said,
    turned_away: Said,
    cut_drains: Said,
    limits: Said,
}

#[derive(Debug, Default)]
struct Said {
    count: u64,
    /// When it may be said again, by the boot clock.
    again: i64,
}

impl Said {
    /// How many are new, if it is time to say so.
    fn take_new(&mut self, count: u64, now: i64) -> Option<u64> {
        if count == self.count || now < self.again {
            return None;
        }
        let new = count - self.count;
        (self.count, self.again) = (count, now + PAUSE);
        Some(new)
    }
}

impl Notices {
    /// Says what is new; `now` is the boot clock, in microseconds. Called at each tick.
    pub fn look(&mut self, counters: &Counters, now: i64) {
        if let Some(new) = self.late.take_new(counters.late.load(Relaxed), now) {
            let hosts = worst(counters, |host| host.late);
            tracing::warn!(
                new,
                hosts,
                "events came when their windows were closed, or are of a time before the start; `:grace` waits longer"
            );
        }
        if let Some(new) = self.ahead.take_new(counters.ahead.load(Relaxed), now) {
            let hosts = worst(counters, |host| host.ahead);
            tracing::warn!(
                new,
                hosts,
                "events were ahead of this machine's clock by more than `:max-skew` and are left out; `:time :arrival` \
                 is for a source without a good clock"
            );
        }
        let refused = counters.refused();
        if let Some(new) = self.refused.take_new(refused.values().sum(), now) {
            tracing::warn!(new, causes = listed(&refused), "events were refused");
        }
        let turned_away = counters.turned_away();
        if let Some(new) = self.turned_away.take_new(turned_away.values().sum(), now) {
            let mut causes = listed(&turned_away);
            let handshake = counters.handshake();
            if !handshake.is_empty() {
                causes = format!("{causes}; the last TLS handshake: {handshake}");
            }
            tracing::warn!(new, causes, "connections or messages were turned away");
        }
        if let Some(new) = self.cut_drains.take_new(counters.cut_drains.load(Relaxed), now) {
            tracing::warn!(
                new,
                "windows were closed though sockets still held events: more arrives than can be counted"
            );
        }
    }
}

impl Notices {
    /// Says that events were left out of thresholds, since they were above a limit.
    pub fn look_at_limits(&mut self, plan: &Plan, evaluator: &Evaluator, now: i64) {
        let above = |at: usize| {
            let intake = evaluator.report(at).0;
            intake.groups + intake.group_bytes + intake.windows
        };
        let total = (0..plan.thresholds.len()).map(above).sum();
        if let Some(new) = self.limits.take_new(total, now) {
            let mut worst: Vec<usize> = (0..plan.thresholds.len()).filter(|at| above(*at) > 0).collect();
            order::by_key(&mut worst, |at| std::cmp::Reverse(above(*at)));
            let named = worst.iter().take(NAMED).map(|at| format!("{} ({})", plan.thresholds[*at].id, above(*at)));
            let thresholds = named.collect::<Vec<_>>().join(", ");
            tracing::warn!(
                new,
                thresholds,
                "events were left out of thresholds: above `:groups`, `:group-bytes` or `:open-windows` of `:limits`"
            );
        }
    }
}

fn listed(causes: &std::collections::BTreeMap<&'static str, u64>) -> String {
    let causes: Vec<String> = causes.iter().map(|(cause, n)| format!("{cause}: {n}")).collect();
    causes.join(", ")
}

/// The hosts with most of them.
fn worst(counters: &Counters, count: fn(&super::counters::Untimely) -> u64) -> String {
    let (mut hosts, _) = counters.hosts();
    hosts.retain(|(_, host)| count(host) > 0);
    order::by_key(&mut hosts, |(_, host)| std::cmp::Reverse(count(host)));
    let named: Vec<String> = hosts
        .iter()
        .take(NAMED)
        .map(|(name, host)| format!("{} ({})", if name.is_empty() { "no host" } else { name }, count(host)))
        .collect();
    let more = if hosts.len() > NAMED { format!(" and {} more", hosts.len() - NAMED) } else { String::new() };
    format!("{}{more}", named.join(", "))
}
