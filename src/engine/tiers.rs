//! Histograms over all doubles: one for each order of magnitude, since each reads whole numbers of a bounded range.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::budget::Budget;

/// A tier spans so many powers of two.
const OCTAVES: i32 = 8;
/// A value of a tier is scaled so that the smallest is `2^7`: two digits are exact from there on.
const SMALLEST: i32 = 7;
/// Closer to 0 than this is 0.
const TINY: f64 = 1e-290;

/// Values within 1 %.
#[derive(Clone, Debug, Default)]
pub struct Tiers {
    zeros: u64,
    /// By magnitude.
    negative: Side,
    positive: Side,
}

/// The values of one sign: the tier `first` and those above it.
#[derive(Clone, Debug, Default)]
struct Side {
    first: i32,
    tiers: Vec<Option<Histogram<u32>>>,
}

impl Tiers {
    /// Adds one value; false if there is no memory for it.
    pub fn record(&mut self, value: f64, budget: &mut Budget) -> bool {
        let magnitude = value.abs();
        if magnitude < TINY {
            self.zeros += 1;
            return true;
        }
        let bits = magnitude.to_bits();
        let exponent = i32::try_from(bits >> 52).expect("the sign bit is clear: 11 bits") - 1023;
        let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
        let side = if value < 0.0 { &mut self.negative } else { &mut self.positive };
        let Some(histogram) = side.tier(exponent.div_euclid(OCTAVES), budget) else { return false };
        histogram.saturating_record(mantissa >> (52 - SMALLEST - exponent.rem_euclid(OCTAVES)));
        true
    }

    /// Adds all values of the other; false if there is no memory for them.
    pub fn merge(&mut self, other: &Tiers, budget: &mut Budget) -> bool {
        self.zeros += other.zeros;
        self.negative.merge(&other.negative, budget) && self.positive.merge(&other.positive, budget)
    }

    /// Takes away values that were added; false if they were not.
    pub fn subtract(&mut self, other: &Tiers) -> bool {
        let zeros = self.zeros.checked_sub(other.zeros);
        self.zeros = zeros.unwrap_or(0);
        self.negative.subtract(&other.negative) && self.positive.subtract(&other.positive) && zeros.is_some()
    }

    /// The value of rank `rank`, from 1.
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        let (negative, positive) = (self.negative.len(), self.positive.len());
        if rank <= negative {
            // The smallest of the negative has the largest magnitude.
            return self.negative.at_rank(negative + 1 - rank).map(|magnitude| -magnitude);
        }
        let rank = rank - negative;
        if rank <= self.zeros {
            return Some(0.0);
        }
        let rank = rank - self.zeros;
        if rank <= positive { self.positive.at_rank(rank) } else { None }
    }

    /// Bytes taken from a budget.
    pub fn bytes(&self) -> usize {
        self.negative.bytes() + self.positive.bytes()
    }
}

impl Side {
    fn tier(&mut self, tier: i32, budget: &mut Budget) -> Option<&mut Histogram<u32>> {
        let at = usize::try_from(tier - self.first).unwrap_or(usize::MAX);
        if !self.tiers.get(at).is_some_and(Option::is_some) {
            return self.new_tier(tier, budget);
        }
        self.tiers[at].as_mut()
    }

    #[cold]
    fn new_tier(&mut self, tier: i32, budget: &mut Budget) -> Option<&mut Histogram<u32>> {
        let last = self.first + i32::try_from(self.tiers.len()).expect("fewer tiers than exponents") - 1;
        let (first, last) = if self.tiers.is_empty() { (tier, tier) } else { (tier.min(self.first), tier.max(last)) };
        let length = usize::try_from(last - first + 1).expect("the last is not before the first");
        let more = (length - self.tiers.len()) * size_of::<Option<Histogram<u32>>>();
        if !budget.take(more + counters()) {
            return None;
        }
        let before = if self.tiers.is_empty() { 0 } else { usize::try_from(self.first - first).unwrap_or(0) };
        self.tiers.splice(0..0, std::iter::repeat_n(None, before));
        self.tiers.resize_with(length, || None);
        self.first = first;
        let at = usize::try_from(tier - first).expect("the tier is not before the first");
        Some(self.tiers[at].insert(empty()))
    }

    fn merge(&mut self, other: &Side, budget: &mut Budget) -> bool {
        other.known().all(|(tier, histogram)| match self.tier(tier, budget) {
            Some(own) => own.add(histogram).is_ok(),
            None => false,
        })
    }

    fn subtract(&mut self, other: &Side) -> bool {
        other.known().all(|(tier, histogram)| {
            let at = usize::try_from(tier - self.first).unwrap_or(usize::MAX);
            let own = self.tiers.get_mut(at).and_then(Option::as_mut);
            own.is_some_and(|own| own.subtract(histogram).is_ok())
        })
    }

    fn known(&self) -> impl Iterator<Item = (i32, &Histogram<u32>)> {
        (self.first..).zip(&self.tiers).filter_map(|(tier, histogram)| Some((tier, histogram.as_ref()?)))
    }

    fn len(&self) -> u64 {
        self.known().map(|(_, histogram)| histogram.len()).sum()
    }

    fn bytes(&self) -> usize {
        self.tiers.len() * size_of::<Option<Histogram<u32>>>() + self.known().count() * counters()
    }

    /// The least value, by magnitude, of the bucket that holds the value of that rank: no value that never was is
    /// shown above the greatest.
    fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut seen = 0;
        for (tier, histogram) in self.known() {
            if seen + histogram.len() < rank {
                seen += histogram.len();
                continue;
            }
            for bucket in histogram.iter_recorded() {
                seen += u64::from(bucket.count_at_value());
                if seen >= rank {
                    let value = bucket.value_iterated_to();
                    let least = histogram.lowest_equivalent(value) as f64;
                    return Some(least * power_of_two(tier * OCTAVES - SMALLEST));
                }
            }
        }
        None
    }
}

fn empty() -> Histogram<u32> {
    let highest = 1u64 << (SMALLEST + OCTAVES);
    Histogram::new_with_bounds(1, highest, 2).expect("1 and 2^15 with two digits are bounds of a histogram")
}

/// The memory for the counters of one tier, in bytes.
fn counters() -> usize {
    (OCTAVES as usize + 1) * 128 * size_of::<u32>()
}

/// `2^exponent`; the exponent is that of a double that is not close to 0.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(u64::try_from(1023 + exponent).unwrap_or(0) << 52)
}

/// As written into a snapshot: for each tier its buckets that are not empty.
type Buckets = Vec<(i32, Vec<(u64, u32)>)>;

impl Serialize for Tiers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let buckets = |histogram: &Histogram<u32>| {
            histogram.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect()
        };
        let side =
            |side: &Side| -> Buckets { side.known().map(|(tier, histogram)| (tier, buckets(histogram))).collect() };
        (self.zeros, side(&self.negative), side(&self.positive)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tiers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Tiers, D::Error> {
        let (zeros, negative, positive) = <(u64, Buckets, Buckets)>::deserialize(deserializer)?;
        let mut unlimited = Budget { limit: usize::MAX, used: 0 };
        let mut side = |buckets: Buckets| {
            let mut side = Side::default();
            // An exponent has 11 bits: what is beyond was not written by us.
            for (tier, buckets) in buckets.into_iter().filter(|(tier, _)| (-128..=127).contains(tier)) {
                let histogram = side.tier(tier, &mut unlimited);
                let Some(histogram) = histogram else { continue };
                buckets.iter().for_each(|(value, count)| histogram.saturating_record_n(*value, *count));
            }
            side
        };
        Ok(Tiers { zeros, negative: side(negative), positive: side(positive) })
    }
}
