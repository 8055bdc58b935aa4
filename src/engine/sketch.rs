//! The number that people read: exact while few, within 1 % beyond. It decides nothing.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::plan::Number;

/// So many values are kept as they are.
const FEW: usize = 128;
/// A tier spans so many powers of two.
const OCTAVES: i32 = 8;
/// A value of a tier is scaled so that the smallest is this: two digits are exact from here on.
const SMALLEST: i32 = 7;
/// Closer to 0 than this is 0.
const TINY: f64 = 1e-290;

/// How much memory sketches may take and have taken, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub limit: usize,
    pub used: usize,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.used.saturating_add(bytes) <= self.limit;
        if fits {
            self.used += bytes;
        }
        fits
    }

    fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}

/// The values of a window, good enough to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Sketch {
    /// As they came.
    Few(Vec<Number>),
    Many(Box<Tiers>),
    /// There was no memory for them.
    Lost,
}

/// Histograms by order of magnitude: each reads whole numbers of a bounded range only.
#[derive(Clone, Debug)]
pub struct Tiers {
    zeros: u64,
    /// Sorted by (negative first, then by value): the key is the sign and the tier.
    tiers: Vec<(Key, Histogram<u32>)>,
    /// Where the tier of the last value is: neighbours are often alike.
    last: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    /// Of a negative value: the tier of its magnitude, negated, so that keys sort as values do.
    Negative(i16),
    Positive(i16),
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::Few(Vec::new())
    }
}

impl Sketch {
    /// Adds one value.
    pub fn record(&mut self, value: Number, budget: &mut Budget) {
        match self {
            Sketch::Few(values) if values.len() < FEW => {
                if values.len() == values.capacity() {
                    let more = values.capacity().max(4);
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
            Sketch::Many(tiers) => {
                if !tiers.record(value.to_f64(), budget) {
                    self.lose(budget);
                }
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
                if let Sketch::Many(tiers) = self
                    && !tiers.merge(others, budget)
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
            Sketch::Many(tiers) => tiers.at_rank(rank).and_then(Number::from_f64),
            Sketch::Lost => None,
        }
    }

    /// Bytes taken from a budget.
    pub fn bytes(&self) -> usize {
        match self {
            Sketch::Few(values) => values.capacity() * size_of::<Number>(),
            Sketch::Many(tiers) => tiers.tiers.len() * tier_bytes(),
            Sketch::Lost => 0,
        }
    }

    /// Gives its memory back to `from` and takes it from `to`, or is lost.
    pub fn move_budget(&mut self, from: &mut Budget, to: &mut Budget) {
        from.give_back(self.bytes());
        if !to.take(self.bytes()) {
            *self = Sketch::Lost;
        }
    }

    /// Drops all values.
    pub fn release(&mut self, budget: &mut Budget) {
        budget.give_back(self.bytes());
        *self = Sketch::default();
    }

    fn lose(&mut self, budget: &mut Budget) {
        budget.give_back(self.bytes());
        *self = Sketch::Lost;
    }

    fn spread(&mut self, budget: &mut Budget) {
        let Sketch::Few(values) = std::mem::take(self) else { return };
        budget.give_back(values.capacity() * size_of::<Number>());
        let mut tiers = Box::new(Tiers { zeros: 0, tiers: Vec::new(), last: 0 });
        let fits = values.iter().all(|value| tiers.record(value.to_f64(), budget));
        *self = Sketch::Many(tiers);
        if !fits {
            self.lose(budget);
        }
    }
}

impl Tiers {
    /// False if there is no memory for the value's tier.
    fn record(&mut self, value: f64, budget: &mut Budget) -> bool {
        let magnitude = value.abs();
        if magnitude < TINY {
            self.zeros += 1;
            return true;
        }
        let exponent = i32::try_from(magnitude.to_bits() >> 52).expect("the sign bit is clear: 11 bits") - 1023;
        let tier = i16::try_from(exponent.div_euclid(OCTAVES)).expect("an exponent has 11 bits");
        let key = if value < 0.0 { Key::Negative(-tier) } else { Key::Positive(tier) };
        let Some(histogram) = self.tier(key, budget) else { return false };
        let scaled = magnitude * power_of_two(SMALLEST - i32::from(tier) * OCTAVES);
        histogram.saturating_record(scaled as u64);
        true
    }

    fn merge(&mut self, other: &Tiers, budget: &mut Budget) -> bool {
        self.zeros += other.zeros;
        other.tiers.iter().all(|(key, histogram)| match self.tier(*key, budget) {
            Some(own) => own.add(histogram).is_ok(),
            None => false,
        })
    }

    fn tier(&mut self, key: Key, budget: &mut Budget) -> Option<&mut Histogram<u32>> {
        if self.tiers.get(self.last).is_some_and(|(last, _)| *last == key) {
            return Some(&mut self.tiers[self.last].1);
        }
        let at = match self.tiers.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => at,
            Err(at) => {
                if !budget.take(tier_bytes()) {
                    return None;
                }
                self.tiers.insert(at, (key, new_tier()));
                at
            }
        };
        self.last = at;
        Some(&mut self.tiers[at].1)
    }

    fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut left = rank;
        let positive = self.tiers.partition_point(|(key, _)| matches!(key, Key::Negative(_)));
        for (key, histogram) in &self.tiers[..positive] {
            if left <= histogram.len() {
                // The smallest of the negative has the largest magnitude.
                return in_tier(*key, histogram, histogram.len() + 1 - left);
            }
            left -= histogram.len();
        }
        if left <= self.zeros {
            return Some(0.0);
        }
        left -= self.zeros;
        for (key, histogram) in &self.tiers[positive..] {
            if left <= histogram.len() {
                return in_tier(*key, histogram, left);
            }
            left -= histogram.len();
        }
        None
    }
}

/// The middle of the bucket that holds the value of that rank by magnitude.
fn in_tier(key: Key, histogram: &Histogram<u32>, rank: u64) -> Option<f64> {
    let mut seen = 0;
    let bucket = histogram.iter_recorded().find(|bucket| {
        seen += u64::from(bucket.count_at_value());
        seen >= rank
    })?;
    let value = bucket.value_iterated_to();
    let (low, next) = (histogram.lowest_equivalent(value), histogram.next_non_equivalent(value));
    let (sign, tier) = match key {
        Key::Negative(tier) => (-1.0, -tier),
        Key::Positive(tier) => (1.0, tier),
    };
    let middle = (low as f64 + next as f64) / 2.0;
    Some(sign * middle * power_of_two(i32::from(tier) * OCTAVES - SMALLEST))
}

fn new_tier() -> Histogram<u32> {
    let highest = 1u64 << (SMALLEST + OCTAVES);
    Histogram::new_with_bounds(1, highest, 2).expect("1 and 2^15 with two digits are bounds of a histogram")
}

/// What a tier takes: 16 buckets and a half of 128 counters.
fn tier_bytes() -> usize {
    const HEAD: usize = 128;
    HEAD + (OCTAVES as usize + 1) * 128 * size_of::<u32>()
}

/// `2^exponent`; the exponent is that of a double that is not close to 0.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(u64::try_from(1023 + exponent).unwrap_or(0) << 52)
}

/// As written into a snapshot: for each tier its buckets that are not empty.
type Buckets = (u64, Vec<(Key, Vec<(u64, u32)>)>);

impl Serialize for Tiers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let buckets = |histogram: &Histogram<u32>| {
            histogram.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect()
        };
        let all: Buckets = (self.zeros, self.tiers.iter().map(|(key, tier)| (*key, buckets(tier))).collect());
        all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tiers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Tiers, D::Error> {
        let (zeros, all) = Buckets::deserialize(deserializer)?;
        let mut tiers = Vec::new();
        for (key, buckets) in all {
            let mut tier = new_tier();
            for (value, count) in buckets {
                tier.saturating_record_n(value, count);
            }
            tiers.push((key, tier));
        }
        tiers.sort_by_key(|(key, _)| *key);
        Ok(Tiers { zeros, tiers, last: 0 })
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
    fn without_memory_there_is_no_shown_value() {
        let mut budget = Budget { limit: 1000, used: 0 };
        let mut sketch = Sketch::default();
        (0..200).for_each(|i| sketch.record(Number::Int(i), &mut budget));
        assert!(matches!(sketch, Sketch::Lost));
        assert_eq!((sketch.at_rank(1), budget.used), (None, 0));
    }
}
