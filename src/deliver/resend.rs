//! Alertmanager forgets what it does not hear of: what fires is told again, and for a while what has ended.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::courier::{Courier, Done, Now};
use crate::outbox::Queue;
use crate::plan::{Address, Via};
use crate::route::Notice;

/// What one address is told again.
struct Again {
    address: Arc<Address>,
    firing: Vec<Arc<str>>,
    resolved: Vec<Arc<str>>,
}

impl Courier {
    /// Tells Alertmanagers again what is due.
    pub(super) fn resend(&mut self, now: Now) {
        if self.on.is_resending {
            return;
        }
        let mut again = Vec::new();
        for name in self.due(now) {
            for Again { address, firing, resolved } in self.again(&name) {
                again.push((self.notifier(&name, &address), firing, resolved));
            }
        }
        if again.is_empty() {
            return;
        }
        self.on.is_resending = true;
        let (transports, clock) = (Rc::clone(&self.transports), self.now);
        self.done.spawn_local(async move {
            for (notifier, firing, resolved) in again {
                let parse = |lines: Vec<Arc<str>>| lines.iter().filter_map(Notice::read).collect::<Vec<_>>();
                transports.resend(&notifier, &parse(firing), &parse(resolved), clock().wall).await;
            }
            Done::Resent
        });
    }

    /// Which notifiers are to be told again now.
    fn due(&mut self, now: Now) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        for (name, notifier) in &self.notifiers {
            let Via::Alertmanager(alertmanager) = &notifier.via else { continue };
            let next = self.resend_at.entry(Arc::clone(name)).or_insert(now.boot + alertmanager.resend);
            if now.boot >= *next {
                *next = now.boot + alertmanager.resend;
                due.push(Arc::clone(name));
            }
        }
        due
    }

    fn again(&self, name: &Arc<str>) -> Vec<Again> {
        // What still waits in the queue is told by that.
        let waiting = self.outbox.queue(name).into_iter().flat_map(Queue::iter);
        let waiting: BTreeSet<&str> =
            waiting.flat_map(|dispatch| &dispatch.notices).map(|kept| kept.dedup_key.as_ref()).collect();
        let firing = self.outbox.open().filter(|told| {
            told.notifier == *name && !told.is_rejected && !waiting.contains(told.notice.dedup_key.as_ref())
        });
        let firing = firing.map(|told| (&told.address, &told.notice.line, true));
        let resolved = self.outbox.resolved().filter(|one| one.notifier == *name);
        let resolved = resolved.map(|one| (&one.address, &one.line, false));
        let mut again: Vec<Again> = Vec::new();
        for (address, line, is_firing) in firing.chain(resolved) {
            let at = again.iter().position(|one| one.address == *address).unwrap_or_else(|| {
                again.push(Again { address: Arc::clone(address), firing: Vec::new(), resolved: Vec::new() });
                again.len() - 1
            });
            let lines = if is_firing { &mut again[at].firing } else { &mut again[at].resolved };
            lines.push(Arc::clone(line));
        }
        again
    }
}
