//! Who is told what, in which order: pure, and the same again from the same inputs.
//!
//! ```text
//! let mut outbox = Outbox::new(directory);
//! outbox.step(&Input::Took { .. });            // transitions: routed, or sent where their violation went
//! outbox.step(&Input::Time { now });           // ends what a rollup holds back
//! outbox.step(&Input::Accepted { .. });        // a dispatch has arrived
//! for (notifier, queue) in outbox.queues() {}  // what is to be sent
//! ```
//!
//! The inputs are the journal. [`Outbox::to_bytes`] is a snapshot of what they came to.

mod directory;
mod input;
mod ledger;
mod queue;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

pub use directory::{Directory, Entry};
pub use input::Input;
pub use ledger::Told;
pub use queue::{Dispatch, Kept, Queue};

use crate::plan::{Address, Notifier, Timestamp};
use crate::route::{Notice, Router, Sending};
use ledger::Ledger;

/// So long a recovery is sent to Alertmanager again, in microseconds: longer than it may have been away.
const RESOLVED: i64 = 900_000_000;
/// So many recoveries at most are sent again.
const MOST_RESOLVED: usize = 10_000;
/// A batch becomes messages of at most so many notices.
const MOST_IN_BATCH: usize = 1_000;

/// Everything that is still to be told, and what that depends on.
#[derive(Debug, Default)]
pub struct Outbox {
    directory: Directory,
    router: Router<Notice>,
    ledger: Ledger,
    queues: BTreeMap<Arc<str>, Queue>,
    resolved: VecDeque<Resolved>,
    dead: VecDeque<Dead>,
    /// The number of the next dispatch, of the next dead letter, and of the next transition to be taken.
    next: u64,
    next_dead: u64,
    taken: u64,
    /// How many notices have given way to later ones.
    collapsed: u64,
}

/// A recovery that Alertmanager is told again, lest it has forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    pub at: Timestamp,
    pub notifier: Arc<str>,
    pub address: Arc<Address>,
    pub line: Arc<str>,
}

/// What nobody will be told any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Dead {
    pub number: u64,
    pub notifier: Arc<str>,
    pub why: Arc<str>,
    pub at: Timestamp,
    pub lines: Vec<Arc<str>>,
}

impl Outbox {
    pub fn new(directory: Directory) -> Outbox {
        let router = Router::new(directory.routes.clone().unwrap_or_default());
        Outbox { directory, router, ..Outbox::default() }
    }

    /// Does what an input says. The same inputs give the same dispatches, with the same numbers.
    pub fn step(&mut self, input: &Input) {
        match input {
            Input::Took { now, first, lines } => {
                let known = usize::try_from(self.taken.saturating_sub(*first)).unwrap_or(usize::MAX).min(lines.len());
                self.taken = self.taken.max(first + lines.len() as u64);
                self.take(&lines[known..], *now);
            }
            Input::Time { now } => {
                let mut out = Vec::new();
                self.router.advance(*now, &mut out);
                self.send(out, *now);
                while self.resolved.front().is_some_and(|one| one.at.plus(RESOLVED) <= *now) {
                    self.resolved.pop_front();
                }
            }
            Input::Edited { now, directory } => self.edit(directory.clone(), *now),
            Input::Accepted { notifier, number } => {
                if let Some(queue) = self.queues.get_mut(notifier) {
                    queue.remove(*number);
                }
            }
            Input::Rejected { now, notifier, number, why } => {
                let removed = self.queues.get_mut(notifier).and_then(|queue| queue.remove(*number));
                if let Some(dispatch) = removed {
                    self.bury(notifier, dispatch, why, *now);
                }
            }
            Input::Forgotten { now, violation } => self.forget(violation, *now),
            Input::Moved { now, notifier, number } => self.relocate(notifier, *number, *now),
            Input::Sent { notifier, number, in_doubt } => {
                if let Some(queue) = self.queues.get_mut(notifier) {
                    queue.doubt(*number, *in_doubt);
                }
            }
            Input::Buried { before } => {
                while self.dead.front().is_some_and(|dead| dead.number < *before) {
                    self.dead.pop_front();
                }
            }
        }
    }

    /// Transitions. What cannot be read as one is nothing that was ever produced, and is left out.
    fn take(&mut self, lines: &[Arc<str>], now: Timestamp) {
        let notices = lines.iter().filter_map(Notice::read);
        if self.directory.routes.is_some() {
            return notices.for_each(|notice| self.route(notice, now));
        }
        let notices: Vec<Kept> = notices.map(|notice| Kept::of(&notice)).collect();
        if !notices.is_empty() {
            self.dispatch(&Arc::from(Notifier::STANDARD_OUTPUT), None, notices, now);
        }
    }

    fn route(&mut self, notice: Notice, now: Timestamp) {
        let mut out = Vec::new();
        if !notice.is_recovery() {
            // It is judged and shown, and nobody is told.
            if notice.json().get("shadow").is_some_and(|shadow| shadow == true) {
                return;
            }
            // One at a time is going on; of another, the end was lost.
            let other = self.ledger.of_key(notice.dedup_key()).filter(|id| id.as_ref() != notice.violation_id());
            if let Some(other) = other.cloned() {
                self.forget(&other, now);
            }
            self.router.pass(notice, now, &mut out);
            return self.send(out, now);
        }
        // What still waits leaves with its recovery.
        self.router.release(notice.violation_id(), now, &mut out);
        self.router.note(&notice, now);
        let violation: Arc<str> = notice.violation_id().into();
        let mut batches = self.tell(out);
        let mut last: Option<(Arc<str>, Kept)> = None;
        for told in self.ledger.close(&violation) {
            // Most were told the same, so they share what they hear now.
            let recovery = match last.take().filter(|(line, _)| *line == told.notice.line) {
                Some((_, recovery)) => recovery,
                None => {
                    let Some(before) = Notice::read(&told.notice.line) else { continue };
                    Kept::of(&notice.identified_as(&before))
                }
            };
            last = Some((Arc::clone(&told.notice.line), recovery.clone()));
            if matches!(*told.address, Address::Alertmanager(_)) {
                self.resolve(&told, &recovery, now);
            }
            if told.is_rejected {
                self.die(&told.notifier, &"its violation was rejected".into(), vec![recovery.line], now);
                continue;
            }
            let is_its = |batch: &&mut Batch| {
                batch.notifier == told.notifier
                    && batch.address == told.address
                    && batch.notices.iter().any(|kept| kept.violation == violation)
            };
            match batches.iter_mut().find(is_its) {
                Some(batch) => batch.notices.push(recovery),
                None => batches.push(Batch { notifier: told.notifier, address: told.address, notices: vec![recovery] }),
            }
        }
        for Batch { notifier, address, notices } in batches {
            self.dispatch(&notifier, Some(&address), notices, now);
        }
    }

    /// Ends a violation of which nobody knows any more.
    fn forget(&mut self, violation: &str, now: Timestamp) {
        let told = self.ledger.first(violation).and_then(|told| Notice::read(&told.notice.line));
        if let Some(notice) = told {
            self.route(notice.forgotten(now), now);
        }
    }

    /// Puts into the queues what leaves the routes.
    fn send(&mut self, out: Vec<Sending<Notice>>, now: Timestamp) {
        for Batch { notifier, address, notices } in self.tell(out) {
            self.dispatch(&notifier, Some(&address), notices, now);
        }
    }

    /// Writes violations into the ledger: of each, a notifier is told once.
    fn tell(&mut self, out: Vec<Sending<Notice>>) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut last: Option<Kept> = None;
        for Sending { notifier, batch } in out {
            let Some((name, entry)) = self.directory.notifiers.get_key_value(notifier.as_str()) else { continue };
            let mut notices = Vec::new();
            for notice in batch {
                if self.ledger.has_told(notice.violation_id(), name) {
                    continue;
                }
                let same = last.take().filter(|last| last.line == notice.line());
                let kept = same.unwrap_or_else(|| Kept::of(&notice));
                last = Some(kept.clone());
                self.ledger.tell(Told {
                    notifier: Arc::clone(name),
                    address: Arc::clone(&entry.address),
                    notice: kept.clone(),
                    is_rejected: false,
                });
                notices.push(kept);
            }
            if !notices.is_empty() {
                batches.push(Batch { notifier: Arc::clone(name), address: Arc::clone(&entry.address), notices });
            }
        }
        batches
    }

    /// Makes messages of a batch: one, where the notifier takes it so.
    fn dispatch(&mut self, notifier: &Arc<str>, address: Option<&Arc<Address>>, notices: Vec<Kept>, now: Timestamp) {
        let entry = self.directory.notifiers.get(notifier);
        let Some(address) = address.or(entry.map(|entry| &entry.address)).cloned() else { return };
        let most = if entry.is_none_or(|entry| entry.takes_batches) { MOST_IN_BATCH } else { 1 };
        for notices in notices.chunks(most) {
            let number = self.next;
            self.next += 1;
            let dispatch = Dispatch { number, address: Arc::clone(&address), made: now, notices: notices.to_vec() };
            let queue = self.queues.entry(Arc::clone(notifier)).or_default();
            let (collapsed, unsent) = queue.push(dispatch, self.directory.queue);
            self.collapsed += collapsed;
            for dispatch in unsent {
                self.bury(notifier, dispatch, &"too many were waiting".into(), now);
            }
        }
    }

    /// What was not delivered and will not be. The recoveries of its violations go with it.
    fn bury(&mut self, notifier: &Arc<str>, dispatch: Dispatch, why: &Arc<str>, now: Timestamp) {
        let violations: Vec<Kept> = dispatch.notices.iter().filter(|kept| !kept.is_recovery).cloned().collect();
        let recovered: HashSet<Arc<str>> =
            dispatch.notices.iter().filter(|kept| kept.is_recovery).map(|kept| Arc::clone(&kept.violation)).collect();
        self.die(notifier, why, dispatch.notices.iter().map(|kept| Arc::clone(&kept.line)).collect(), now);
        for kept in violations.iter().filter(|kept| !recovered.contains(&kept.violation)) {
            self.ledger.reject(&kept.violation, notifier, &dispatch.address);
            let queue = self.queues.get_mut(notifier);
            let recoveries =
                queue.map(|queue| queue.take_recoveries(&kept.violation, &kept.dedup_key, &dispatch.address));
            for recovery in recoveries.into_iter().flatten() {
                let lines = recovery.notices.into_iter().map(|kept| kept.line).collect();
                self.die(notifier, &"its violation was rejected".into(), lines, now);
            }
        }
    }

    /// Whether a dispatch may go to where its notifier is now. What only says that something is over stays with those who
    /// heard that it began.
    pub fn may_move(&self, notifier: &str, dispatch: &Dispatch) -> bool {
        self.directory.notifiers.get(notifier).is_some_and(|entry| {
            entry.address != dispatch.address
                && (entry.takes_batches || dispatch.notices.len() == 1)
                && dispatch.notices.iter().any(|kept| !kept.is_recovery)
        })
    }

    /// Sends violations that nobody has accepted to where their notifier is now, and their recoveries with them.
    fn relocate(&mut self, notifier: &Arc<str>, number: u64, now: Timestamp) {
        let Some(queue) = self.queues.get(notifier) else { return };
        let (in_doubt, mut was_there) = (queue.is_in_doubt(number), false);
        let Some(dispatch) = queue.get(number).cloned() else { return };
        let Some(to) = self.directory.notifiers.get(notifier).map(|entry| Arc::clone(&entry.address)) else { return };
        if !self.may_move(notifier, &dispatch) {
            return;
        }
        for kept in dispatch.notices.iter().filter(|kept| !kept.is_recovery) {
            was_there |= self.ledger.relocate(&kept.violation, notifier, &dispatch.address, &to, in_doubt);
            was_there |= self.relocate_recovery(notifier, kept, (&dispatch.address, &to), in_doubt, now);
        }
        if let Some(queue) = self.queues.get_mut(notifier) {
            queue.relocate(number, &to);
            // It may have been received there, too, when it went there before.
            queue.doubt(number, was_there);
        }
    }

    /// The recovery of a violation that goes elsewhere, if it waits already. In doubt both hear of the end. Whether one
    /// waits there already: it may leave before the violation, so that another follows.
    fn relocate_recovery(
        &mut self,
        notifier: &Arc<str>,
        violation: &Kept,
        (from, to): (&Arc<Address>, &Arc<Address>),
        in_doubt: bool,
        now: Timestamp,
    ) -> bool {
        let Some(queue) = self.queues.get_mut(notifier) else { return false };
        let waiting = |at: &Address| queue.recoveries(&violation.violation, &violation.dedup_key, at).first().copied();
        let is_there = waiting(to).is_some();
        let Some(number) = waiting(from) else { return is_there };
        let Some(notices) = queue.get(number).map(|dispatch| dispatch.notices.clone()) else { return is_there };
        let is_its = |one: &&mut Resolved| {
            one.notifier == *notifier && one.address == *from && notices.iter().any(|kept| kept.line == one.line)
        };
        if in_doubt {
            self.dispatch(notifier, Some(to), notices, now);
        } else {
            queue.relocate(number, to);
            self.resolved.iter_mut().filter(is_its).for_each(|one| one.address = Arc::clone(to));
        }
        is_there
    }

    fn die(&mut self, notifier: &Arc<str>, why: &Arc<str>, lines: Vec<Arc<str>>, at: Timestamp) {
        let number = self.next_dead;
        self.next_dead += 1;
        self.dead.push_back(Dead { number, notifier: Arc::clone(notifier), why: Arc::clone(why), at, lines });
    }

    fn resolve(&mut self, told: &Told, recovery: &Kept, at: Timestamp) {
        self.resolved.push_back(Resolved {
            at,
            notifier: Arc::clone(&told.notifier),
            address: Arc::clone(&told.address),
            line: Arc::clone(&recovery.line),
        });
        if self.resolved.len() > MOST_RESOLVED {
            self.resolved.pop_front();
        }
    }

    /// Goes on with other routes and notifiers. What a route that is no more held back is sent as it would have been.
    fn edit(&mut self, directory: Directory, now: Timestamp) {
        let routes = directory.routes.clone().unwrap_or_default();
        let mut out = Vec::new();
        self.router = std::mem::take(&mut self.router).edited(routes, now, &mut out);
        self.send(out, now);
        self.directory = directory;
    }

    /// What waits, by the name of the notifier.
    pub fn queues(&self) -> impl Iterator<Item = (&Arc<str>, &Queue)> {
        self.queues.iter()
    }

    pub fn queue(&self, notifier: &str) -> Option<&Queue> {
        self.queues.get(notifier)
    }

    /// Every dispatch has a smaller number.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Every transition before this number has been taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// When time will do something: then an [`Input::Time`] is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.router.next_deadline()
    }

    /// What is to be written down as a dead letter, in order, until [`Input::Buried`].
    pub fn dead(&self) -> impl Iterator<Item = &Dead> {
        self.dead.iter()
    }

    /// Violations that a notifier was told of and that are not over, in no order.
    pub fn open(&self) -> impl Iterator<Item = &Told> {
        self.ledger.iter()
    }

    /// How many times somebody was told of a violation that is not over.
    pub fn told(&self) -> usize {
        self.ledger.len()
    }

    /// Recoveries of the last minutes, as Alertmanager was told them.
    pub fn resolved(&self) -> impl Iterator<Item = &Resolved> {
        self.resolved.iter()
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many notices have given way to later ones.
    pub fn collapsed(&self) -> u64 {
        self.collapsed
    }

    /// How many notices routes hold back.
    pub fn pending(&self) -> usize {
        self.router.pending()
    }

    /// Whether nothing waits anywhere.
    pub fn is_idle(&self) -> bool {
        self.queues.values().all(Queue::is_empty) && self.dead.is_empty()
    }
}

/// What one notifier is told at once.
struct Batch {
    notifier: Arc<str>,
    address: Arc<Address>,
    notices: Vec<Kept>,
}
