//! Counters of a window: all that a verdict needs, exact, mergeable, subtractable.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::splits::Splits;
use crate::plan::Number;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Percentile: values. Percentage and count: events that have the field.
    pub total: u64,
    /// Percentage and count: events that match the pattern.
    pub matched: u64,
    /// Percentile: for each bound, how the values lie to its limit.
    pub splits: Splits,
}

/// How values lie to a limit; the others are above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub below: u64,
    pub equal: u64,
}

impl Tally {
    /// Nothing counted yet, against so many limits.
    pub fn new(limits: usize) -> Tally {
        Tally { total: 0, matched: 0, splits: Splits::new(limits) }
    }

    /// Counts one value against the limits that the tally was made for.
    #[inline]
    pub fn count_value(&mut self, value: Number, limits: &[f64]) {
        self.total += 1;
        if let Some(value) = value.exact_f64() {
            for (split, limit) in self.splits.iter_mut().zip(limits) {
                split.below += u64::from(value < *limit);
                split.equal += u64::from(value == *limit);
            }
            return;
        }
        self.count_large(value, limits);
    }

    #[cold]
    fn count_large(&mut self, value: Number, limits: &[f64]) {
        for (split, limit) in self.splits.iter_mut().zip(limits) {
            match value.compare(Number::Float(*limit)) {
                Ordering::Less => split.below += 1,
                Ordering::Equal => split.equal += 1,
                Ordering::Greater => {}
            }
        }
    }

    /// Counts one event that has the field.
    #[inline]
    pub fn count_event(&mut self, matches: bool) {
        self.total += 1;
        self.matched += u64::from(matches);
    }

    /// With the splits for some of the limits only.
    pub fn part(&self, splits: Range<usize>) -> Cow<'_, Tally> {
        if splits == (0..self.splits.len()) {
            return Cow::Borrowed(self);
        }
        let splits = self.splits.get(splits).unwrap_or_default().into();
        Cow::Owned(Tally { splits, ..*self })
    }

    /// Forgets the splits for the first limits, and has splits for so many in all from now on.
    pub fn edit(&mut self, forgotten: usize, limits: usize) {
        let mut splits: Vec<Split> = self.splits.iter().skip(forgotten).copied().collect();
        splits.resize(limits, Split::default());
        self.splits = splits.as_slice().into();
    }

    /// Commutes and associates. Limits that only one of them knows are left out.
    pub fn merge(&mut self, other: &Tally) {
        self.total += other.total;
        self.matched += other.matched;
        for (split, other) in self.splits.iter_mut().zip(other.splits.iter()) {
            split.below += other.below;
            split.equal += other.equal;
        }
    }

    /// Takes away what was merged before.
    pub fn subtract(&mut self, other: &Tally) {
        self.total -= other.total;
        self.matched -= other.matched;
        for (split, other) in self.splits.iter_mut().zip(other.splits.iter()) {
            split.below -= other.below;
            split.equal -= other.equal;
        }
    }
}
