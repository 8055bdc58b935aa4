//! The shown value and the verdict say the same.

use super::tally::Tally;
use super::verdict;
use crate::plan::{Comparator, Number, Threshold};

/// A shown value that does not contradict the bounds' verdicts: moved to the nearest value that agrees with them.
pub fn agree(threshold: &Threshold, tally: &Tally, exact: Number) -> Number {
    /// So far from a limit that it cannot be: a hundredth of what a shown value may be off.
    const STEP: f64 = 1e-4;
    let contradicts = |(i, bound): (usize, &crate::plan::Bound)| {
        let holds = bound.comparator.holds(exact.compare(Number::Float(bound.limit.to_f64())));
        holds != verdict::bound_holds(threshold, tally, i, bound)
    };
    if !threshold.bounds.iter().enumerate().any(contradicts) {
        return exact;
    }
    let value = exact.to_f64();
    let (mut least, mut greatest) = (f64::NEG_INFINITY, f64::INFINITY);
    for (i, bound) in threshold.bounds.iter().enumerate() {
        let limit = bound.limit.to_f64();
        let above = limit + (limit.abs() * STEP).max(f64::MIN_POSITIVE);
        let below = limit - (limit.abs() * STEP).max(f64::MIN_POSITIVE);
        match (bound.comparator, verdict::bound_holds(threshold, tally, i, bound)) {
            (Comparator::LessOrEqual, true) | (Comparator::Greater, false) => greatest = greatest.min(limit),
            (Comparator::Less, true) | (Comparator::GreaterOrEqual, false) if value >= limit => {
                greatest = greatest.min(below);
            }
            (Comparator::GreaterOrEqual, true) | (Comparator::Less, false) => least = least.max(limit),
            (Comparator::Greater, true) | (Comparator::LessOrEqual, false) if value <= limit => {
                least = least.max(above);
            }
            (Comparator::Equal, true) | (Comparator::NotEqual, false) => (least, greatest) = (limit, limit),
            (Comparator::Equal, false) | (Comparator::NotEqual, true) if value == limit => {
                let split = tally.splits[i];
                let is_below = split.below >= verdict::rank(threshold, tally.total);
                if is_below { greatest = greatest.min(below) } else { least = least.max(above) }
            }
            _ => {}
        }
    }
    Number::Float(if least > greatest { (least + greatest) / 2.0 } else { value.clamp(least, greatest) })
}
