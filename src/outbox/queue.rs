//! What waits for one notifier, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

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
    waiting: VecDeque<Dispatch>,
    /// How many notices wait for each dedup key.
    keys: HashMap<Arc<str>, usize>,
    notices: usize,
    /// Whether something may give way to a later notice of its key.
    may_collapse: bool,
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
        for kept in &dispatch.notices {
            let count = self.keys.entry(Arc::clone(&kept.dedup_key)).or_default();
            *count += 1;
            self.may_collapse |= *count > 1;
        }
        self.notices += dispatch.notices.len();
        self.waiting.push_back(dispatch);
        let collapsed = if self.notices > most && self.may_collapse { self.collapse() } else { 0 };
        let mut unsent = Vec::new();
        // The one that was just added stays, however large it is.
        while self.notices > most && self.waiting.len() > 1 {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.forget(&oldest);
            unsent.push(oldest);
        }
        (collapsed, unsent)
    }

    fn collapse(&mut self) -> u64 {
        let mut seen: HashSet<Arc<str>> = HashSet::with_capacity(self.keys.len());
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        let before = self.notices;
        for dispatch in std::mem::take(&mut self.waiting).into_iter().rev() {
            if dispatch.notices.iter().all(|notice| seen.contains(&notice.dedup_key)) {
                self.forget(&dispatch);
                continue;
            }
            seen.extend(dispatch.notices.iter().map(|notice| Arc::clone(&notice.dedup_key)));
            kept.push_front(dispatch);
        }
        self.waiting = kept;
        self.may_collapse = false;
        (before - self.notices) as u64
    }

    /// Takes out a dispatch. None if it has left already, or has given way.
    pub fn remove(&mut self, number: u64) -> Option<Dispatch> {
        let at = self.waiting.binary_search_by_key(&number, |dispatch| dispatch.number).ok()?;
        let dispatch = self.waiting.remove(at)?;
        self.forget(&dispatch);
        Some(dispatch)
    }

    /// Takes out the recoveries of a violation that was rejected. One in a batch with others stays: that is one message.
    pub fn remove_recoveries(&mut self, violation: &str, dedup_key: &str) -> Vec<Dispatch> {
        if !self.keys.contains_key(dedup_key) {
            return Vec::new();
        }
        let is_it = |dispatch: &&Dispatch| {
            dispatch.notices.iter().all(|kept| kept.is_recovery && kept.violation.as_ref() == violation)
        };
        let numbers: Vec<u64> = self.waiting.iter().filter(is_it).map(|dispatch| dispatch.number).collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    fn forget(&mut self, dispatch: &Dispatch) {
        self.notices -= dispatch.notices.len();
        for kept in &dispatch.notices {
            if let Some(count) = self.keys.get_mut(&kept.dedup_key) {
                *count -= 1;
                if *count == 0 {
                    self.keys.remove(&kept.dedup_key);
                }
            }
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Dispatch> {
        self.waiting.iter()
    }

    pub fn get(&self, number: u64) -> Option<&Dispatch> {
        let at = self.waiting.binary_search_by_key(&number, |dispatch| dispatch.number).ok()?;
        self.waiting.get(at)
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
        self.waiting.front().map(|dispatch| dispatch.made)
    }
}
