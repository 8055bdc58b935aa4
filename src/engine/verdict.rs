//! The verdict of a window, from its counters alone.

use serde::{Deserialize, Serialize};

use super::tally::{Split, Tally};
use crate::plan::{Bound, Comparator, Measure, Rank, Thin, Threshold};

/// What a window says, and what a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    Ok,
    Violation,
}

/// Why a status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    Judged,
    NoData,
    Few,
    Removed,
    Forgotten,
}

impl Reason {
    /// As in the contract: `judged no-data few removed forgotten`.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Judged => "judged",
            Reason::NoData => "no-data",
            Reason::Few => "few",
            Reason::Removed => "removed",
            Reason::Forgotten => "forgotten",
        }
    }
}

impl Verdict {
    /// `ok` or `violation`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Violation => "violation",
        }
    }

    pub fn other(self) -> Verdict {
        match self {
            Verdict::Ok => Verdict::Violation,
            Verdict::Violation => Verdict::Ok,
        }
    }
}

/// What judging a window gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The window says so.
    Verdict(Verdict, Reason),
    /// Too few events, and the policy is to keep the status.
    Thin,
    /// Too much of the window was unwatched to tell.
    Cut,
}

/// Judges a window by its counters.
///
/// `whole` says that no more of it was unwatched than the threshold allows.
pub fn judge(threshold: &Threshold, tally: &Tally, whole: bool) -> Judgement {
    let policy = &threshold.policy;
    if !whole {
        return match threshold.measure {
            Measure::Count { .. } if tally.total >= policy.min_count => judge_cut_count(threshold, tally.matched),
            _ => Judgement::Cut,
        };
    }
    let lacks_values = tally.total == 0 && !matches!(threshold.measure, Measure::Count { .. });
    if tally.total >= policy.min_count && !lacks_values {
        let holds = threshold.bounds.iter().enumerate().all(|(i, bound)| bound_holds(threshold, tally, i, bound));
        return Judgement::Verdict(if holds { Verdict::Ok } else { Verdict::Violation }, Reason::Judged);
    }
    let (thin, reason) = if tally.total == 0 { (policy.no_data, Reason::NoData) } else { (policy.few, Reason::Few) };
    match thin {
        Thin::Keep => Judgement::Thin,
        Thin::Ok => Judgement::Verdict(Verdict::Ok, reason),
        Thin::Violation => Judgement::Verdict(Verdict::Violation, reason),
    }
}

/// Whether the `i`th bound holds. There is a value: a percentile or percentage has counted something.
pub fn bound_holds(threshold: &Threshold, tally: &Tally, i: usize, bound: &Bound) -> bool {
    match &threshold.measure {
        Measure::Percentile { .. } => split_holds(bound.comparator, tally.splits[i], rank(threshold, tally.total)),
        Measure::Percentage { .. } => bound.comparator.holds(bound.limit.compare_ratio(tally.matched, tally.total)),
        Measure::Count { .. } => bound.comparator.holds(bound.limit.compare_ratio(tally.matched, 1)),
    }
}

/// The rank, from 1, of the value that a percentile is: `total` is above 0. 1 for what is no percentile.
pub fn rank(threshold: &Threshold, total: u64) -> u64 {
    match threshold.measure {
        Measure::Percentile { quantile, rank: Rank::Nearest, .. } => quantile.nearest_rank(total),
        Measure::Percentile { quantile, rank: Rank::Riemann, .. } => quantile.riemann_rank(total),
        Measure::Percentage { .. } | Measure::Count { .. } => 1,
    }
}

/// With values sorted, the one of rank r is at most L exactly if r of them are.
fn split_holds(comparator: Comparator, split: Split, rank: u64) -> bool {
    let reached_at_limit = split.below + split.equal >= rank;
    let reached_below = split.below >= rank;
    match comparator {
        Comparator::LessOrEqual => reached_at_limit,
        Comparator::Less => reached_below,
        Comparator::GreaterOrEqual => !reached_below,
        Comparator::Greater => !reached_at_limit,
        Comparator::Equal => reached_at_limit && !reached_below,
        Comparator::NotEqual => !reached_at_limit || reached_below,
    }
}

/// A count over a part of its window: what more events could not change is a verdict.
fn judge_cut_count(threshold: &Threshold, count: u64) -> Judgement {
    if threshold.bounds.iter().any(|bound| fails_for_good(bound, count)) {
        return Judgement::Verdict(Verdict::Violation, Reason::Judged);
    }
    if threshold.bounds.iter().all(|bound| holds_for_good(bound, count)) {
        return Judgement::Verdict(Verdict::Ok, Reason::Judged);
    }
    Judgement::Cut
}

/// Fails now and can hold at no greater count.
fn fails_for_good(bound: &Bound, count: u64) -> bool {
    let ordering = bound.limit.compare_ratio(count, 1);
    match bound.comparator {
        Comparator::LessOrEqual => ordering.is_gt(),
        Comparator::Less => ordering.is_ge(),
        Comparator::Equal => ordering.is_gt() || !bound.limit.is_integer(),
        Comparator::GreaterOrEqual | Comparator::Greater | Comparator::NotEqual => false,
    }
}

/// Holds now and at every greater count.
fn holds_for_good(bound: &Bound, count: u64) -> bool {
    let ordering = bound.limit.compare_ratio(count, 1);
    match bound.comparator {
        Comparator::GreaterOrEqual => ordering.is_ge(),
        Comparator::Greater => ordering.is_gt(),
        Comparator::NotEqual => ordering.is_gt() || !bound.limit.is_integer(),
        Comparator::LessOrEqual | Comparator::Less | Comparator::Equal => false,
    }
}

/// Whether a violation of a percentile or percentage hangs on one event: with that one good, each bound would hold.
pub fn hangs_on_one(threshold: &Threshold, tally: &Tally) -> bool {
    if tally.total < threshold.policy.min_count {
        return false;
    }
    if matches!(threshold.measure, Measure::Count { .. }) || tally.total == 0 {
        return false;
    }
    let nearly = |(i, bound): (usize, &Bound)| {
        if bound_holds(threshold, tally, i, bound) {
            return true;
        }
        let mut other = tally.clone();
        let falling = matches!(bound.comparator, Comparator::LessOrEqual | Comparator::Less);
        match threshold.measure {
            Measure::Percentile { .. } => {
                let split = &mut other.splits[i];
                if falling {
                    split.below += 1;
                } else if split.below > 0 {
                    split.below -= 1;
                } else {
                    split.equal = split.equal.saturating_sub(1);
                }
            }
            _ if falling => other.matched = other.matched.saturating_sub(1),
            _ => other.matched = (other.matched + 1).min(other.total),
        }
        bound_holds(threshold, &other, i, bound)
    };
    threshold.bounds.iter().enumerate().all(nearly)
}

/// How many values of a percentile satisfy its first bound.
pub fn good_values(threshold: &Threshold, tally: &Tally) -> u64 {
    let (Some(bound), Some(split)) = (threshold.bounds.first(), tally.splits.first()) else { return 0 };
    match bound.comparator {
        Comparator::LessOrEqual => split.below + split.equal,
        Comparator::Less => split.below,
        Comparator::GreaterOrEqual => tally.total - split.below,
        Comparator::Greater => tally.total - split.below - split.equal,
        Comparator::Equal => split.equal,
        Comparator::NotEqual => tally.total - split.equal,
    }
}
