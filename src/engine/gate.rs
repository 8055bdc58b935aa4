//! Which jobs of an agenda an event's `:where` lets through, by the value of one field.
//!
//! A filter is split where `and` joins it. Parts that read nothing but the field of the gate are asked once for each
//! distinct value, so that an event visits only the jobs that it passes to.

use hashbrown::HashMap;

use super::budget::Budget;
use super::compiled::{Compiled, Job};
use super::event::{Event, Value};
use super::memo::{Key, Memo};
use crate::plan::{Expression, Field};

/// A part of a filter.
#[derive(Debug)]
pub struct Conjunct {
    pub expression: Expression,
    /// The one field that it reads, if that is one and a gate may ask for it.
    pub field: Option<Field>,
}

/// The jobs of one agenda by the value of one field.
#[derive(Debug)]
pub struct Gate {
    pub field: Field,
    /// Events since they were last settled.
    pub offered: u64,
    memo: Memo<Span>,
    /// One after the other: the jobs to be visited, in order; those that no part stops are always among them.
    lists: Vec<u32>,
    /// What comes after is not remembered.
    kept: usize,
    /// The list that was asked for last.
    last: Span,
    /// What was taken from the room for all gates.
    bytes: usize,
}

/// A list of [`Gate::lists`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

impl Conjunct {
    /// The parts of a filter; all must be true.
    pub fn split(filter: &Expression, out: &mut Vec<Conjunct>) {
        if let Expression::And(items) = filter {
            return items.iter().for_each(|item| Conjunct::split(item, out));
        }
        let mut fields = Vec::new();
        filter.fields(&mut fields);
        fields.sort_unstable();
        fields.dedup();
        let field = match fields[..] {
            // Of these hardly a value comes again, or it is none that can be remembered.
            [Field::Time | Field::Metric | Field::Ttl | Field::Tags] => None,
            [field] => Some(field.clone()),
            _ => None,
        };
        out.push(Conjunct { expression: filter.clone(), field });
    }

    /// The field that parts of most of these filters read alone.
    pub fn common_field<'c>(filters: impl Iterator<Item = &'c [Conjunct]>) -> Option<Field> {
        let mut asked: Vec<(&Field, usize)> = Vec::new();
        let mut places: HashMap<&Field, usize> = HashMap::new();
        for filter in filters {
            for (i, conjunct) in filter.iter().enumerate() {
                let Some(field) = &conjunct.field else { continue };
                if filter[..i].iter().any(|before| before.field.as_ref() == Some(field)) {
                    continue;
                }
                let place = *places.entry(field).or_insert(asked.len());
                if place == asked.len() {
                    asked.push((field, 0));
                }
                asked[place].1 += 1;
            }
        }
        // Of equally many the first.
        asked.into_iter().rev().max_by_key(|(_, count)| *count).map(|(field, _)| field.clone())
    }
}

impl Gate {
    pub fn new(field: Field) -> Gate {
        Gate { field, offered: 0, memo: Memo::new(), lists: Vec::new(), kept: 0, last: Span::default(), bytes: 0 }
    }

    /// The jobs of a list.
    #[inline]
    pub fn list(&self, span: Span) -> &[u32] {
        &self.lists[span.start as usize..][..span.length as usize]
    }

    /// The list of a value, if it is known.
    #[inline]
    pub fn known(&mut self, value: &Value<'_>) -> Option<Span> {
        self.memo.get(Key::of(value)?)
    }

    /// Asks every job.
    pub fn ask(&mut self, compiled: &Compiled, jobs: &[Job], event: &Event<'_>) {
        self.lists.truncate(self.kept);
        for (i, job) in (0..).zip(jobs) {
            let mut parts = compiled.filters[job.threshold].iter();
            let stops = |part: &Conjunct| part.field.as_ref() == Some(&self.field) && !part.expression.accepts(event);
            if !job.gated || !parts.any(stops) {
                self.lists.push(i);
            }
        }
        self.last = Span { start: self.kept as u32, length: (self.lists.len() - self.kept) as u32 };
    }

    /// Remembers the list that was last asked for as that of this value, if it is worth it; false without memory for it.
    pub fn remember(&mut self, value: &Value<'_>, room: &mut Budget) -> bool {
        let Some(key) = Key::of(value) else { return true };
        if self.memo.rests() {
            return true;
        }
        if self.memo.is_full() {
            self.forget(room);
        }
        let bytes = self.memo.cost(key) + self.last.length as usize * size_of::<u32>();
        if !room.take(bytes) {
            return false;
        }
        self.bytes += bytes;
        self.memo.put(key, self.last);
        self.kept = self.lists.len();
        true
    }

    /// The list that was last asked for, until another is.
    pub fn last(&self) -> Span {
        self.last
    }

    /// Forgets all values, but not the list that was last asked for.
    pub fn forget(&mut self, room: &mut Budget) {
        room.give_back(std::mem::take(&mut self.bytes));
        self.memo.clear();
        self.lists = self.lists.split_off(self.kept);
        (self.kept, self.last.start) = (0, 0);
    }
}
