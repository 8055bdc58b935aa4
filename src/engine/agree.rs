//! The shown value and the verdict say the same.

use super::tally::Tally;
use super::verdict;
use crate::plan::{Bound, Comparator, Number, Threshold};

/// A shown value that does not contradict the bounds' verdicts: moved to the nearest value that agrees with them.
pub fn agree(threshold: &Threshold, tally: &Tally, exact: Number) -> Number {
    let contradicts = |(i, bound): (usize, &Bound)| {
        let holds = bound.comparator.holds(exact.compare(Number::Float(bound.limit.to_f64())));
        holds != verdict::bound_holds(threshold, tally, i, bound)
    };
    if !threshold.bounds.iter().enumerate().any(contradicts) {
        return exact;
    }
    let value = exact.to_f64();
    // So far from a limit that it can be read, a hundredth of what a shown value may be off; or else just beside it.
    let coarse = |limit: f64| (limit.abs() * 1e-4).max(f64::MIN_POSITIVE);
    let (least, greatest) = range(threshold, tally, value, &|limit| (limit - coarse(limit), limit + coarse(limit)));
    if least <= greatest {
        return Number::Float(value.clamp(least, greatest));
    }
    let (least, greatest) = range(threshold, tally, value, &|limit| (limit.next_down(), limit.next_up()));
    if least <= greatest {
        return Number::Float(value.clamp(least, greatest));
    }
    // Between two doubles next to each other, beyond 2^53, lie whole numbers only.
    let between = (greatest as i128 + least as i128) / 2;
    i64::try_from(between).map_or(Number::Float(least), Number::Int)
}

/// The least and the greatest value that agree with what is known of each bound; `beside` gives what is shown for a
/// value just below and just above a limit.
fn range(threshold: &Threshold, tally: &Tally, value: f64, beside: &dyn Fn(f64) -> (f64, f64)) -> (f64, f64) {
    let (mut least, mut greatest) = (f64::NEG_INFINITY, f64::INFINITY);
    for (i, bound) in threshold.bounds.iter().enumerate() {
        let limit = bound.limit.to_f64();
        let (below, above) = beside(limit);
        match (bound.comparator, verdict::bound_holds(threshold, tally, i, bound)) {
            (Comparator::LessOrEqual, true) | (Comparator::Greater, false) => greatest = greatest.min(limit),
            (Comparator::Less, true) | (Comparator::GreaterOrEqual, false) if value >= limit => {
                greatest = greatest.min(below);
            }
            (Comparator::Less, true) | (Comparator::GreaterOrEqual, false) => {
                greatest = greatest.min(limit.next_down())
            }
            (Comparator::GreaterOrEqual, true) | (Comparator::Less, false) => least = least.max(limit),
            (Comparator::Greater, true) | (Comparator::LessOrEqual, false) if value <= limit => {
                least = least.max(above)
            }
            (Comparator::Greater, true) | (Comparator::LessOrEqual, false) => least = least.max(limit.next_up()),
            (Comparator::Equal, true) | (Comparator::NotEqual, false) => (least, greatest) = (limit, limit),
            (Comparator::Equal, false) | (Comparator::NotEqual, true) => {
                let is_below = tally.splits[i].below >= verdict::rank(threshold, tally.total);
                match (is_below, value == limit) {
                    (true, true) => greatest = greatest.min(below),
                    (true, false) => greatest = greatest.min(limit.next_down()),
                    (false, true) => least = least.max(above),
                    (false, false) => least = least.max(limit.next_up()),
                }
            }
        }
    }
    (least, greatest)
}
