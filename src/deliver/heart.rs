//! Who watches the watcher: a heartbeat, sent only while all is well.

use std::rc::Rc;

use super::courier::{Courier, Done, Now, cut};
use crate::notify::Outcome;

/// No heartbeat is sent when something has waited so long, in microseconds, or for two heartbeats.
const PATIENCE: i64 = 60_000_000;

impl Courier {
    /// Sends a heartbeat if one is due and all is well.
    pub(super) fn beat(&mut self, now: Now) {
        let Some(heartbeat) = self.heartbeat.clone() else { return };
        if self.on.is_beating || now.boot < self.beat_at {
            return;
        }
        self.beat_at = now.boot + heartbeat.every;
        let oldest = self.outbox.queues().filter_map(|(name, queue)| Some((queue.since()?, name))).min();
        let patience = heartbeat.every.saturating_mul(2).max(PATIENCE);
        let waits = oldest.filter(|(since, _)| since.plus(patience) <= now.wall);
        let waits = waits.map(|(since, name)| format!("notices to `:{name}` have waited since {since}"));
        if let Some(why) = (self.trouble)().or(waits) {
            return self.beaten(Outcome::Rejected { why });
        }
        let transports = Rc::clone(&self.transports);
        self.on.is_beating = true;
        self.done.spawn_local(async move { Done::Beaten(transports.beat(&heartbeat).await) });
    }

    pub(super) fn beaten(&self, outcome: Outcome) {
        let mut numbers = self.deliveries.lock();
        match outcome {
            Outcome::Accepted => {
                numbers.heartbeats += 1;
                if numbers.heart.take().is_some() {
                    tracing::info!("heartbeats are sent again");
                }
            }
            Outcome::Retry { why, .. } | Outcome::Rejected { why } => {
                let why = cut(&why);
                if numbers.heart.is_none() {
                    tracing::warn!("no heartbeat: {why}");
                }
                numbers.heart = Some(why);
            }
        }
    }
}
