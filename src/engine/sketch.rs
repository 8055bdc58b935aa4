//! The number that people read: exact while few, within 1 % beyond. It decides nothing.

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::tiers::{Place, Tiers};
use crate::plan::Number;

/// So many values are kept as they are.
pub const FEW: usize = 128;

/// There is room for so many from the first on. Smaller pieces of memory are dear to give back, see `splits.rs`.
const FIRST: usize = 8;

/// So many values wait to be counted together.
const WAITING: usize = 32;

/// The values of a window, good enough to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Sketch {
    /// As they came.
    Few(Vec<Number>),
    Many(Box<Many>),
    /// There was no memory for them.
    Lost,
}

/// Values that are counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Many {
    pub tiers: Tiers,
    #[serde(skip)]
    waiting: Waiting,
}

/// Values that are not counted yet.
///
/// Counters lie far apart, each in memory that was not used for long: when many values are counted at once, they are
/// fetched at once.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    length: usize,
    places: [Place; WAITING],
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::Few(Vec::new())
    }
}

impl Sketch {
    /// Adds one value, perhaps later: what is not [settled](Sketch::settle) takes part in nothing else.
    #[inline]
    pub fn record_later(&mut self, value: Number, budget: &mut Budget) {
        let Sketch::Many(many) = self else { return self.record(value, budget) };
        let Waiting { length, places } = &mut many.waiting;
        if let Some(place) = places.get_mut(*length) {
            *place = Place::of(value.to_f64());
            *length += 1;
        }
        if *length >= WAITING {
            self.settle(budget);
        }
    }

    /// Counts what waits.
    #[inline(never)]
    pub fn settle(&mut self, budget: &mut Budget) {
        let Sketch::Many(many) = self else { return };
        let Many { tiers, waiting } = &mut **many;
        let fits = waiting.places.iter().take(waiting.length).all(|place| tiers.add(*place, budget));
        waiting.length = 0;
        if !fits {
            self.lose(budget);
        }
    }

    /// Adds one value.
    pub fn record(&mut self, value: Number, budget: &mut Budget) {
        match self {
            Sketch::Many(many) => {
                if !many.tiers.record(value.to_f64(), budget) {
                    self.lose(budget);
                }
            }
            Sketch::Few(values) if values.len() < FEW => {
                if values.len() == values.capacity() {
                    let more = values.capacity().max(FIRST);
                    if !budget.take(more * size_of::<Number>()) {
                        return self.lose(budget);
                    }
                    values.reserve_exact(more);
                }
                values.push(value);
            }
            Sketch::Few(_) => {
                self.spread(budget);
                self.record(value, budget);
            }
            Sketch::Lost => {}
        }
    }

    /// Adds all values of the other. Commutes and associates while memory lasts.
    pub fn merge(&mut self, other: &Sketch, budget: &mut Budget) {
        match other {
            Sketch::Few(values) => values.iter().for_each(|value| self.record(*value, budget)),
            Sketch::Many(others) => {
                if matches!(self, Sketch::Few(_)) {
                    self.spread(budget);
                }
                if let Sketch::Many(many) = self
                    && !many.tiers.merge(&others.tiers, budget)
                {
                    self.lose(budget);
                }
            }
            Sketch::Lost => self.lose(budget),
        }
    }

    /// The value of rank `rank`, from 1; None if there is none or there was no memory.
    pub fn at_rank(&self, rank: u64) -> Option<Number> {
        match self {
            Sketch::Few(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable_by(|a, b| a.compare(*b));
                sorted.get(usize::try_from(rank.checked_sub(1)?).ok()?).copied()
            }
            Sketch::Many(many) => many.tiers.at_rank(rank).and_then(Number::from_f64),
            Sketch::Lost => None,
        }
    }

    /// Bytes taken from a budget.
    pub fn bytes(&self) -> usize {
        match self {
            Sketch::Few(values) => values.capacity() * size_of::<Number>(),
            Sketch::Many(many) => size_of::<Many>() + many.tiers.bytes(),
            Sketch::Lost => 0,
        }
    }

    /// Takes its memory from a budget that it was not taken from so far, or is lost.
    pub fn take_budget(&mut self, budget: &mut Budget) {
        if !budget.take(self.bytes()) {
            *self = Sketch::Lost;
        }
    }

    /// Drops all values.
    pub fn release(&mut self, budget: &mut Budget) {
        budget.give_back(self.bytes());
        *self = Sketch::default();
    }

    #[cold]
    fn lose(&mut self, budget: &mut Budget) {
        budget.give_back(self.bytes());
        *self = Sketch::Lost;
    }

    #[cold]
    fn spread(&mut self, budget: &mut Budget) {
        let Sketch::Few(values) = std::mem::take(self) else { return };
        budget.give_back(values.capacity() * size_of::<Number>());
        if !budget.take(size_of::<Many>()) {
            *self = Sketch::Lost;
            return;
        }
        let mut many = Box::<Many>::default();
        let fits = values.iter().all(|value| many.tiers.record(value.to_f64(), budget));
        *self = Sketch::Many(many);
        if !fits {
            self.lose(budget);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch_of(values: &[f64]) -> Sketch {
        let mut budget = Budget { limit: 1 << 20, used: 0 };
        let mut sketch = Sketch::default();
        values.iter().for_each(|value| sketch.record(Number::Float(*value), &mut budget));
        assert_eq!(budget.used, sketch.bytes());
        sketch
    }

    #[test]
    fn a_shown_value_is_within_one_percent_over_twelve_decades_and_both_signs() {
        let mut values: Vec<f64> = (0..5000).map(|i| 10f64.powf(f64::from(i) / 400.0 - 6.0)).collect();
        values.extend((0..3000).map(|i| -(10f64.powf(f64::from(i) / 300.0 - 5.0))));
        values.extend([0.0, -0.0, 1e300, -1e300, 1e-300]);
        let sketch = sketch_of(&values);
        values.sort_by(f64::total_cmp);
        for (i, exact) in values.iter().enumerate() {
            let shown = sketch.at_rank(i as u64 + 1).unwrap().to_f64();
            assert!((shown - exact).abs() <= exact.abs() * 0.01 + 1e-290, "{exact} is shown as {shown}");
        }
        assert_eq!(sketch.at_rank(values.len() as u64 + 1), None);
    }

    #[test]
    fn few_values_are_shown_as_they_are() {
        assert_eq!(sketch_of(&[143.7, -2.0, 85.25]).at_rank(3), Some(Number::Float(143.7)));
        assert_eq!(sketch_of(&[]).at_rank(1), None);
    }

    #[test]
    fn merged_sketches_show_what_one_sketch_of_all_shows() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * i)).collect();
        let whole = sketch_of(&values);
        for cut in [0, 1, 100, 127, 128, 129, 500, 1000] {
            let mut budget = Budget { limit: 1 << 20, used: 0 };
            let mut left = sketch_of(&values[..cut]);
            left.merge(&sketch_of(&values[cut..]), &mut budget);
            for rank in [1, 2, 500, 990, 1000] {
                assert_eq!(left.at_rank(rank), whole.at_rank(rank), "cut at {cut}, rank {rank}");
            }
        }
    }

    #[test]
    fn what_waits_is_counted_when_it_is_settled() {
        for count in [0, 1, 127, 128, 129, 159, 160, 161, 1000] {
            let values: Vec<f64> = (0..count).map(|i| f64::from(i * i) - 300.0).collect();
            let mut budget = Budget { limit: 1 << 20, used: 0 };
            let mut later = Sketch::default();
            values.iter().for_each(|value| later.record_later(Number::Float(*value), &mut budget));
            later.settle(&mut budget);
            assert_eq!(budget.used, later.bytes());
            let at_once = sketch_of(&values);
            assert_eq!(later.bytes(), at_once.bytes());
            for rank in 0..=values.len() as u64 + 1 {
                assert_eq!(later.at_rank(rank), at_once.at_rank(rank), "rank {rank} of {count}");
            }
        }
    }

    #[test]
    fn without_memory_there_is_no_shown_value() {
        let mut budget = Budget { limit: 1000, used: 0 };
        let mut sketch = Sketch::default();
        (0..200).for_each(|i| sketch.record(Number::Int(i), &mut budget));
        assert!(matches!(sketch, Sketch::Lost));
        assert_eq!((sketch.at_rank(1), budget.used), (None, 0));
        // Enough to count small values, and not for others.
        let mut budget = Budget { limit: 12 << 10, used: 0 };
        let mut sketch = Sketch::default();
        (0..4000).for_each(|i| sketch.record_later(Number::Int(i % 100), &mut budget));
        sketch.settle(&mut budget);
        assert_eq!(sketch.at_rank(4000), Some(Number::Float(99.0)));
        (0..60).for_each(|i| sketch.record_later(Number::Int(1 << i), &mut budget));
        sketch.settle(&mut budget);
        assert_eq!((sketch.at_rank(1), budget.used), (None, 0));
    }
}
