//! Which violations are open, and who was told of them: their recoveries go there.

use std::collections::HashMap;
use std::sync::Arc;

use super::queue::Kept;
use crate::order;
use crate::plan::Address;

/// Open violations that somebody was told of, by `violation_id`.
#[derive(Debug, Default)]
pub struct Ledger {
    open: HashMap<Arc<str>, Vec<Told>>,
    /// Of each dedup key, its violation that is open.
    by_key: HashMap<Arc<str>, Arc<str>>,
}

/// One notifier that a violation went to.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub notifier: Arc<str>,
    pub address: Arc<Address>,
    /// As it was told.
    pub notice: Kept,
    /// Whether it will never have heard of it.
    pub is_rejected: bool,
}

impl Ledger {
    pub fn has_told(&self, violation: &str, notifier: &str) -> bool {
        self.open.get(violation).is_some_and(|told| told.iter().any(|one| one.notifier.as_ref() == notifier))
    }

    pub fn tell(&mut self, told: Told) {
        self.by_key.insert(Arc::clone(&told.notice.dedup_key), Arc::clone(&told.notice.violation));
        self.open.entry(Arc::clone(&told.notice.violation)).or_default().push(told);
    }

    /// The violation of a subject that is open.
    pub fn of_key(&self, dedup_key: &str) -> Option<&Arc<str>> {
        self.by_key.get(dedup_key)
    }

    /// What somebody was told of a violation.
    pub fn first(&self, violation: &str) -> Option<&Told> {
        self.open.get(violation)?.first()
    }

    /// The violation is over: who is to hear of it, in order of name.
    pub fn close(&mut self, violation: &str) -> Vec<Told> {
        let mut told = self.open.remove(violation).unwrap_or_default();
        if let Some(one) = told.first() {
            self.by_key.remove(&one.notice.dedup_key);
        }
        order::by(&mut told, |a, b| a.notifier.cmp(&b.notifier));
        told
    }

    /// A notifier will never have heard of a violation at this address.
    pub fn reject(&mut self, violation: &str, notifier: &str, address: &Address) {
        self.at(violation, notifier, address).for_each(|one| one.is_rejected = true);
    }

    /// A notifier is told of a violation at another address, and also there where it was told `in_doubt`. Whether it was
    /// told at that other address before.
    pub fn relocate(
        &mut self,
        violation: &str,
        notifier: &str,
        from: &Address,
        to: &Arc<Address>,
        in_doubt: bool,
    ) -> bool {
        let Some(told) = self.at(violation, notifier, from).next().cloned() else { return false };
        let is_there = self.at(violation, notifier, to).next().is_some();
        if let Some(open) = self.open.get_mut(violation).filter(|_| !in_doubt) {
            open.retain(|one| *one != told);
        }
        if !is_there {
            self.tell(Told { address: Arc::clone(to), ..told });
        }
        is_there
    }

    fn at(&mut self, violation: &str, notifier: &str, address: &Address) -> impl Iterator<Item = &mut Told> {
        let told = self.open.get_mut(violation).into_iter().flatten();
        told.filter(move |told| told.notifier.as_ref() == notifier && *told.address == *address)
    }

    /// What is open, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Told> {
        self.open.values().flatten()
    }

    pub fn len(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }
}
