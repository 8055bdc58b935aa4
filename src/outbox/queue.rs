//! What waits for one notifier, in order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::order;
use crate::plan::{Address, Timestamp};
use crate::route::Notice;

/// One message: whom it is for is the name of its queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// In the order in which dispatches were made, over all queues.
    pub number: u64,
    pub address: Arc<Address>,
    /// When it was made: it grows old.
    pub made: Timestamp,
    /// At least one.
    pub notices: Vec<Kept>,
}

/// What is kept of a notice: its line, and what is asked of it while it waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub line: Arc<str>,
    pub dedup_key: Arc<str>,
    pub violation: Arc<str>,
    pub is_recovery: bool,
}

/// What waits for one notifier, the oldest first.
#[derive(Debug, Default)]
pub struct Queue {
    /// By number.
    waiting: BTreeMap<u64, Dispatch>,
    /// Of each dedup key, the numbers of the dispatches that speak of it, in order.
    keys: HashMap<Arc<str>, Vec<u64>>,
    /// Dispatches all of whose keys have later ones, to the same address.
    superseded: BTreeSet<u64>,
    /// Dispatches that somebody at their address may have received: few of those that wait.
    doubted: BTreeSet<u64>,
    notices: usize,
}

impl Kept {
    pub fn of(notice: &Notice) -> Kept {
        Kept {
            line: notice.line(),
            dedup_key: notice.dedup_key().into(),
            violation: notice.violation_id().into(),
            is_recovery: notice.is_recovery(),
        }
    }
}

impl Queue {
    /// Adds a dispatch; its number is greater than all before. When more than `most` notices wait, those give way of
    /// whose keys all have later ones: how many did. If that is not enough, the oldest leave unsent.
    pub fn push(&mut self, dispatch: Dispatch, most: usize) -> (u64, Vec<Dispatch>) {
        let mut before = Vec::new();
        for key in keys(&dispatch) {
            let numbers = self.keys.entry(key).or_default();
            before.extend(last_at(&self.waiting, numbers, &dispatch.address));
            numbers.push(dispatch.number);
        }
        self.notices += dispatch.notices.len();
        self.waiting.insert(dispatch.number, dispatch);
        before.into_iter().for_each(|number| self.look(number));
        let (mut collapsed, mut unsent) = (0, Vec::new());
        if self.notices > most {
            for number in std::mem::take(&mut self.superseded) {
                collapsed += self.remove(number).map_or(0, |dispatch| dispatch.notices.len() as u64);
            }
        }
        // The one that was just added stays, however large it is.
        while self.notices > most && self.waiting.len() > 1 {
            let Some(oldest) = self.waiting.keys().next().copied() else { break };
            unsent.extend(self.remove(oldest));
        }
        (collapsed, unsent)
    }

    /// Notes whether a dispatch has been superseded.
    fn look(&mut self, number: u64) {
        let Some(dispatch) = self.waiting.get(&number) else { return };
        let has_later = |key: &Arc<str>| {
            let last = self.keys.get(key).and_then(|numbers| last_at(&self.waiting, numbers, &dispatch.address));
            last.is_some_and(|last| last > number)
        };
        if keys(dispatch).iter().all(has_later) {
            self.superseded.insert(number);
        } else {
            self.superseded.remove(&number);
        }
    }

    /// Notes whether somebody may have received a dispatch.
    pub fn doubt(&mut self, number: u64, in_doubt: bool) {
        if in_doubt && self.waiting.contains_key(&number) {
            self.doubted.insert(number);
        } else {
            self.doubted.remove(&number);
        }
    }

    /// Whether somebody may have received a dispatch.
    pub fn is_in_doubt(&self, number: u64) -> bool {
        self.doubted.contains(&number)
    }

    /// Sends a dispatch elsewhere.
    pub fn relocate(&mut self, number: u64, address: &Arc<Address>) {
        let Some(dispatch) = self.waiting.get_mut(&number) else { return };
        dispatch.address = Arc::clone(address);
        let keys = keys(dispatch);
        let touched = order::set(keys.iter().filter_map(|key| self.keys.get(key)).flatten().copied());
        touched.into_iter().for_each(|number| self.look(number));
    }

    /// Takes out the recoveries of a violation that was rejected. One in a batch with others stays: that is one message.
    pub fn take_recoveries(&mut self, violation: &str, dedup_key: &str, address: &Address) -> Vec<Dispatch> {
        let numbers = self.recoveries(violation, dedup_key, address);
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// The dispatches that hold nothing but the recovery of a violation, and go to this address.
    pub fn recoveries(&self, violation: &str, dedup_key: &str, address: &Address) -> Vec<u64> {
        let is_it = |number: &u64| {
            self.waiting.get(number).is_some_and(|dispatch| {
                let is_recovery = |kept: &Kept| kept.is_recovery && kept.violation.as_ref() == violation;
                *dispatch.address == *address && dispatch.notices.iter().all(is_recovery)
            })
        };
        self.keys.get(dedup_key).into_iter().flatten().copied().filter(is_it).collect()
    }

    /// Takes out a dispatch. None if it has left already, or has given way.
    pub fn remove(&mut self, number: u64) -> Option<Dispatch> {
        let dispatch = self.waiting.remove(&number)?;
        self.superseded.remove(&number);
        self.doubted.remove(&number);
        self.notices -= dispatch.notices.len();
        for key in keys(&dispatch) {
            let Some(numbers) = self.keys.get_mut(&key) else { continue };
            numbers.retain(|one| *one != number);
            match last_at(&self.waiting, numbers, &dispatch.address) {
                Some(last) => self.look(last),
                None if numbers.is_empty() => drop(self.keys.remove(&key)),
                None => {}
            }
        }
        Some(dispatch)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Dispatch> {
        self.waiting.values()
    }

    pub fn get(&self, number: u64) -> Option<&Dispatch> {
        self.waiting.get(&number)
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the oldest was made.
    pub fn since(&self) -> Option<Timestamp> {
        self.waiting.values().next().map(|dispatch| dispatch.made)
    }
}

/// The last of these dispatches that goes to an address.
fn last_at(waiting: &BTreeMap<u64, Dispatch>, numbers: &[u64], address: &Address) -> Option<u64> {
    let is_there = |number: &&u64| waiting.get(number).is_some_and(|dispatch| *dispatch.address == *address);
    numbers.iter().rev().find(is_there).copied()
}

/// The keys of a dispatch, each once.
fn keys(dispatch: &Dispatch) -> BTreeSet<Arc<str>> {
    order::set(dispatch.notices.iter().map(|kept| Arc::clone(&kept.dedup_key)))
}
