//! Counters over all doubles: a bucket for each 128th of a power of two, in tiers that exist where values are.

use serde::{Deserialize, Serialize};

use super::budget::Budget;

/// Closer to 0 than this is 0.
const TINY: f64 = 1e-290;
/// Below the exponent and the highest seven bits of the fraction: a bucket is at most 0.8 % wide.
const UNREAD_BITS: u32 = 52 - 7;
/// The buckets of a tier: two powers of two.
const BUCKETS: usize = 1 << 8;
/// Tiers that there can be: as many as exponents, by twos.
const TIERS: u32 = 1 << 10;

type Buckets = [u32; BUCKETS];

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
    first: u32,
    tiers: Vec<Option<Box<Buckets>>>,
}

/// Where a value is counted: its sign, exponent and the highest bits of its fraction; 0 for what is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place(u32);

impl Place {
    const NEGATIVE: u32 = 1 << (63 - UNREAD_BITS);

    #[inline]
    pub fn of(value: f64) -> Place {
        // Doubles of one sign are in the order of their bits.
        if value.abs() < TINY { Place(0) } else { Place((value.to_bits() >> UNREAD_BITS) as u32) }
    }
}

impl Tiers {
    /// Adds one value; false if there is no memory for it.
    pub fn record(&mut self, value: f64, budget: &mut Budget) -> bool {
        self.add(Place::of(value), budget)
    }

    /// Adds one value by its place; false if there is no memory for it.
    #[inline]
    pub fn add(&mut self, Place(place): Place, budget: &mut Budget) -> bool {
        if place == 0 {
            self.zeros += 1;
            return true;
        }
        let side = if place & Place::NEGATIVE == 0 { &mut self.positive } else { &mut self.negative };
        let bucket = place as usize % BUCKETS;
        let Some(buckets) = side.tier((place & !Place::NEGATIVE) / BUCKETS as u32, budget) else { return false };
        buckets[bucket] = buckets[bucket].saturating_add(1);
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
        let negative = self.negative.len();
        if rank <= negative {
            // The smallest of the negative has the largest magnitude.
            return self.negative.at_rank(negative + 1 - rank).map(|magnitude| -magnitude);
        }
        let rank = rank - negative;
        if rank <= self.zeros {
            return Some(0.0);
        }
        self.positive.at_rank(rank - self.zeros)
    }

    /// Bytes taken from a budget.
    pub fn bytes(&self) -> usize {
        self.negative.bytes() + self.positive.bytes()
    }
}

impl Side {
    #[inline]
    fn tier(&mut self, tier: u32, budget: &mut Budget) -> Option<&mut Buckets> {
        // A tier below the first is far above the last by this.
        let at = tier.wrapping_sub(self.first) as usize;
        if !self.tiers.get(at).is_some_and(Option::is_some) {
            return self.new_tier(tier, budget);
        }
        self.tiers[at].as_deref_mut()
    }

    #[cold]
    fn new_tier(&mut self, tier: u32, budget: &mut Budget) -> Option<&mut Buckets> {
        let (first, end) = match self.tiers.len() as u32 {
            0 => (tier, tier + 1),
            length => (tier.min(self.first), (tier + 1).max(self.first + length)),
        };
        let more = (end - first) as usize - self.tiers.len();
        if !budget.take(more * size_of::<Option<Box<Buckets>>>() + size_of::<Buckets>()) {
            return None;
        }
        let before = if self.tiers.is_empty() { 0 } else { (self.first - first) as usize };
        self.tiers.reserve_exact(more);
        self.tiers.splice(0..0, std::iter::repeat_n(None, before));
        self.tiers.resize((end - first) as usize, None);
        self.first = first;
        Some(self.tiers[(tier - first) as usize].insert(Box::new([0; BUCKETS])))
    }

    fn merge(&mut self, other: &Side, budget: &mut Budget) -> bool {
        other.known().all(|(tier, buckets)| match self.tier(tier, budget) {
            Some(own) => {
                own.iter_mut().zip(buckets).for_each(|(own, count)| *own = own.saturating_add(*count));
                true
            }
            None => false,
        })
    }

    fn subtract(&mut self, other: &Side) -> bool {
        other.known().all(|(tier, buckets)| {
            let at = tier.wrapping_sub(self.first) as usize;
            let Some(own) = self.tiers.get_mut(at).and_then(Option::as_mut) else { return false };
            let were_added = own.iter().zip(buckets).all(|(own, count)| own >= count);
            own.iter_mut().zip(buckets).for_each(|(own, count)| *own = own.saturating_sub(*count));
            were_added
        })
    }

    fn known(&self) -> impl Iterator<Item = (u32, &Buckets)> {
        (self.first..).zip(&self.tiers).filter_map(|(tier, buckets)| Some((tier, buckets.as_deref()?)))
    }

    fn len(&self) -> u64 {
        self.known().map(|(_, buckets)| sum(buckets)).sum()
    }

    fn bytes(&self) -> usize {
        self.tiers.len() * size_of::<Option<Box<Buckets>>>() + self.known().count() * size_of::<Buckets>()
    }

    /// The least value, by magnitude, of the bucket that holds the value of that rank: no value that never was is
    /// shown above the greatest.
    fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut left = rank;
        for (tier, buckets) in self.known() {
            let all = sum(buckets);
            if all < left {
                left -= all;
                continue;
            }
            for (bucket, count) in (0..).zip(buckets) {
                if left <= u64::from(*count) {
                    return Some(least(tier, bucket));
                }
                left -= u64::from(*count);
            }
        }
        None
    }
}

/// The least magnitude of a bucket.
fn least(tier: u32, bucket: u64) -> f64 {
    f64::from_bits((u64::from(tier) * BUCKETS as u64 + bucket) << UNREAD_BITS)
}

fn sum(buckets: &Buckets) -> u64 {
    buckets.iter().map(|count| u64::from(*count)).sum()
}

/// As written into a snapshot: for each tier its buckets that are not empty.
type Written = Vec<(u32, Vec<(u8, u32)>)>;

impl Serialize for Tiers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = |buckets: &Buckets| (0..=u8::MAX).zip(*buckets).filter(|(_, count)| *count > 0).collect();
        let side = |side: &Side| -> Written { side.known().map(|(tier, buckets)| (tier, counted(buckets))).collect() };
        (self.zeros, side(&self.negative), side(&self.positive)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tiers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Tiers, D::Error> {
        let (zeros, negative, positive) = <(u64, Written, Written)>::deserialize(deserializer)?;
        let mut unlimited = Budget { limit: usize::MAX, used: 0 };
        let mut side = |written: Written| {
            let mut side = Side::default();
            // What is beyond was not written by us.
            for (tier, buckets) in written.into_iter().filter(|(tier, _)| *tier < TIERS) {
                let Some(own) = side.tier(tier, &mut unlimited) else { continue };
                for (bucket, count) in buckets {
                    let own = &mut own[usize::from(bucket)];
                    *own = own.saturating_add(count);
                }
            }
            side
        };
        Ok(Tiers { zeros, negative: side(negative), positive: side(positive) })
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn tiers_of(values: impl IntoIterator<Item = f64>) -> Tiers {
        let mut budget = Budget { limit: usize::MAX, used: 0 };
        let mut tiers = Tiers::default();
        assert!(values.into_iter().all(|value| tiers.record(value, &mut budget)));
        assert_eq!(budget.used, tiers.bytes());
        tiers
    }

    #[test]
    fn whole_numbers_are_shown_as_a_histogram_of_two_digits_shows_them() {
        let values: Vec<u64> = (0..20_000u64).map(|i| i * i * 7 % 90_001 + 128).collect();
        let mut oracle = Histogram::<u32>::new_with_bounds(1, 1 << 20, 2).unwrap();
        values.iter().for_each(|value| oracle.record(*value).unwrap());
        let tiers = tiers_of(values.iter().map(|value| *value as f64));
        let mut rank = 0;
        for bucket in oracle.iter_recorded() {
            let least = oracle.lowest_equivalent(bucket.value_iterated_to()) as f64;
            for rank in [rank + 1, rank + u64::from(bucket.count_at_value())] {
                assert_eq!(tiers.at_rank(rank), Some(least), "rank {rank}");
            }
            rank += u64::from(bucket.count_at_value());
        }
        assert_eq!(tiers.at_rank(rank + 1), None);
    }

    #[test]
    fn edges_of_tiers_and_buckets_are_values_of_their_own() {
        for exponent in [-960, -300, -2, -1, 0, 1, 2, 300, 1023] {
            let edge = 2f64.powi(exponent);
            for value in [edge, edge * (1.0 + 1.0 / 128.0), edge * (2.0 - 1.0 / 128.0)] {
                assert_eq!(tiers_of([value]).at_rank(1), Some(value));
                assert_eq!(tiers_of([-value]).at_rank(1), Some(-value));
                let below = tiers_of([value.next_down()]).at_rank(1).unwrap();
                assert!(below < value && value - below < value * 0.008, "{below} for just below {value}");
            }
        }
        for zero in [0.0, -0.0, f64::MIN_POSITIVE, -f64::MIN_POSITIVE / 2.0, 1e-300] {
            assert_eq!(tiers_of([zero]).at_rank(1), Some(0.0));
        }
        assert!(tiers_of([f64::MAX]).at_rank(1).unwrap() > f64::MAX * 0.992);
    }

    #[test]
    fn what_was_added_can_be_taken_away_again_and_nothing_else() {
        let mut budget = Budget { limit: usize::MAX, used: 0 };
        let (left, right) = (tiers_of((0..500).map(f64::from)), tiers_of((0..300).map(|i| f64::from(i) * -1e3)));
        let mut both = left.clone();
        assert!(both.merge(&right, &mut budget));
        assert_eq!(both.at_rank(300 - 1 + 1), Some(0.0), "299 are below 0");
        assert!(both.subtract(&right));
        for rank in 1..=501 {
            assert_eq!(both.at_rank(rank), left.at_rank(rank));
        }
        assert!(!both.subtract(&right), "they are not in it any more");
    }

    #[test]
    fn latencies_of_one_to_a_thousand_take_a_few_kibibytes() {
        let tiers = tiers_of((1..1000).map(f64::from));
        assert!(tiers.bytes() < 7 << 10, "{} bytes", tiers.bytes());
    }

    #[test]
    fn what_was_written_is_read_again() {
        let tiers = tiers_of((-400..400).map(|i| f64::from(i) * 1.5f64.powi(i / 4)));
        let read: Tiers = postcard::from_bytes(&postcard::to_stdvec(&tiers).unwrap()).unwrap();
        assert_eq!(read.bytes(), tiers.bytes());
        for rank in 1..=801 {
            assert_eq!(read.at_rank(rank), tiers.at_rank(rank));
        }
    }
}
