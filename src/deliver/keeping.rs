//! What the courier brings to the disk: the outbox, and dead letters.

use super::courier::{Courier, Done, Now, blocking, cut};
use super::dead_letters;
use crate::outbox::{Dead, Input};
use crate::route::Notice;

impl Courier {
    /// Brings to the disk what is to outlive the process.
    pub(super) fn keep(&mut self, now: Now) {
        self.bury(now);
        let (next, taken) = (self.outbox.next(), self.outbox.taken());
        let Some(kept) = &mut self.kept else {
            self.durable = next;
            return self.told(taken);
        };
        if !self.on.is_writing
            && kept.is_due(now.boot)
            && let Some(snapshot) = kept.begin(&self.outbox, now.boot)
        {
            self.on.is_writing = true;
            self.done.spawn_local(async move { Done::Written(blocking(move || snapshot.write()).await) });
        }
        if kept.trouble().is_some() {
            // Nothing can be waited for; whoever is to be told is told.
            self.durable = next;
            return self.told(taken);
        }
        if self.on.is_dirty && !self.on.is_syncing {
            (self.on.is_dirty, self.on.is_syncing) = (false, true);
            let (store, origin) = (kept.store(), self.origin.clone());
            self.done.spawn_local(async move {
                if let Some(origin) = origin {
                    origin.synced().await;
                }
                let result = blocking(move || store.sync().map(drop)).await;
                Done::Synced { next, taken, result }
            });
        }
    }

    /// Whoever made the transitions need not keep those before this number.
    pub(super) fn told(&mut self, taken: u64) {
        if let Some(origin) = self.origin.as_ref().filter(|_| self.on.told < taken) {
            origin.told(taken);
            self.on.told = taken;
        }
    }

    /// Writes down dead letters, or only says them if nothing is kept.
    fn bury(&mut self, now: Now) {
        let Some(last) = self.outbox.dead().last().map(|dead| dead.number) else { return };
        if self.on.is_burying || now.boot < self.bury_at {
            return;
        }
        let before = last + 1;
        let Some(letters) = &self.dead_letters else {
            for dead in self.outbox.dead() {
                let line = dead_letters::line(dead);
                tracing::error!("`:{}` is never told, and nothing is kept: {line}", dead.notifier);
            }
            return self.buried(before);
        };
        let (letters, dead) = (letters.clone(), self.outbox.dead().cloned().collect::<Vec<_>>());
        self.on.is_burying = true;
        self.done.spawn_local(async move {
            let result = blocking(move || letters.append(dead.iter())).await;
            Done::Buried { before, result }
        });
    }

    pub(super) fn buried(&mut self, before: u64) {
        for dead in self.outbox.dead().filter(|dead| dead.number < before) {
            if let Some(letters) = &self.dead_letters {
                let (notifier, what, why, path) = (&dead.notifier, subject(dead), &dead.why, letters.path());
                tracing::error!("`:{notifier}` is never told of {what}: {why}; it is in {}", path.display());
            }
            self.deliveries.of(&dead.notifier, |numbers| numbers.dead += 1);
        }
        self.step(&Input::Buried { before });
    }
}

/// What a dead letter is about, for people.
fn subject(dead: &Dead) -> String {
    let first = dead.lines.first().and_then(Notice::read);
    let said = first.map(|notice| notice.headline()).unwrap_or_default();
    let more = dead.lines.len().saturating_sub(1);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("“{}”{more}", cut(&said))
}
