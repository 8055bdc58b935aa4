//! Limits, and what can be said of them before any event: bounds that never or always hold, or contradict.

use super::context::Context;
use super::{catalogue, values};
use crate::edn::{Form, Span};
use crate::plan::{Bound, Comparator, Decimal};

/// A bound and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub bound: Bound,
    /// From the comparator to the limit.
    pub span: Span,
    /// Whether the limit may not be repeated in a message.
    pub secret: bool,
}

/// The values that a measure can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// Of a percentile: any number.
    Any,
    /// Of a percentage: 0 to 1.
    Ratio,
    /// Of a count: 0, 1, 2, …
    Count,
}

/// The values that a bound accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Accepted {
    Range(Range),
    AllBut(Decimal),
}

/// From `low` to `high`, where there are such. An edge (x, 1) is just above x, (x, -1) just below: so that an open
/// end is only another place in the order, and the range is empty if `low > high`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: Option<(Decimal, i8)>,
    high: Option<(Decimal, i8)>,
}

pub(super) fn read(comparator: Comparator, key: &Form, value: &Form, context: &mut Context) -> Option<Limit> {
    let subject = format!("`:{}`", comparator.symbol());
    let amount = values::amount(value, &subject, "a number", context)?;
    let span = Span { end: value.span.end, ..key.span };
    Some(Limit { bound: Bound { comparator, limit: amount.decimal }, span, secret: amount.secret })
}

/// Reports bounds that never or always hold, that contradict each other, or that another implies.
pub(super) fn check(limits: &[Limit], domain: Domain, context: &mut Context) {
    let whole = domain.range();
    let accepted: Vec<Accepted> = limits.iter().map(|limit| accepted(&limit.bound, domain).within(whole)).collect();
    let never: Vec<bool> = accepted.iter().map(|a| !meet(*a, Accepted::Range(whole))).collect();
    let always: Vec<bool> = accepted.iter().map(|a| implies(Accepted::Range(whole), *a)).collect();
    for (at, limit) in limits.iter().enumerate() {
        if never[at] {
            context.report(catalogue::never_holds(limit, domain));
        } else if always[at] && always.iter().all(|always| *always) {
            context.report(catalogue::always_holds(limit, domain));
        } else if always[at] {
            context.report(catalogue::says_nothing(limit, domain));
        } else if domain == Domain::Count && is_a_share(limit.bound.limit) {
            context.report(catalogue::count_is_a_share(limit));
        }
    }
    let useful: Vec<usize> = (0..limits.len()).filter(|at| !never[*at] && !always[*at]).collect();
    if contradictions(limits, &accepted, &useful, context) {
        return;
    }
    for (position, b) in useful.iter().enumerate() {
        for a in &useful[..position] {
            // The later of two that mean the same is the one too many.
            if implies(accepted[*a], accepted[*b]) {
                context.report(catalogue::implied(&limits[*b], &limits[*a]));
            } else if implies(accepted[*b], accepted[*a]) {
                context.report(catalogue::implied(&limits[*a], &limits[*b]));
            }
        }
    }
}

/// Whether a limit lies strictly between 0 and 1.
fn is_a_share(limit: Decimal) -> bool {
    Decimal::ZERO < limit && limit < Decimal::from_i64(1)
}

/// Reports bounds that nothing can satisfy together; true if there are any.
fn contradictions(limits: &[Limit], accepted: &[Accepted], useful: &[usize], context: &mut Context) -> bool {
    let mut found = false;
    for (position, b) in useful.iter().enumerate() {
        for a in &useful[..position] {
            if !meet(accepted[*a], accepted[*b]) {
                found = true;
                context.report(catalogue::contradiction(&[&limits[*a], &limits[*b]]));
            }
        }
    }
    if found {
        return true;
    }
    // Ranges that meet in pairs meet in all: only a `:not=` can still take the last value away.
    let mut common = Range { low: None, high: None };
    for at in useful {
        if let Accepted::Range(range) = accepted[*at] {
            common = common.and(range);
        }
    }
    let excluded = useful.iter().any(|at| !meet(Accepted::Range(common), accepted[*at]));
    if excluded {
        let all: Vec<&Limit> = useful.iter().map(|at| &limits[*at]).collect();
        context.report(catalogue::contradiction(&all));
    }
    excluded
}

fn accepted(bound: &Bound, domain: Domain) -> Accepted {
    let limit = bound.limit;
    let from = |edge| Accepted::Range(Range { low: Some(edge), high: None });
    let to = |edge| Accepted::Range(Range { low: None, high: Some(edge) });
    if domain == Domain::Count
        && let Some(floor) = limit.floor_scaled(0)
    {
        // Between two whole numbers there is no count: `> 1.5` is `>= 2`.
        let whole = |n: i64| (Decimal::from_i64(n), 0);
        let ceil = floor + i64::from(!limit.is_integer());
        return match bound.comparator {
            Comparator::LessOrEqual => to(whole(floor)),
            Comparator::Less => to(whole(ceil - 1)),
            Comparator::GreaterOrEqual => from(whole(ceil)),
            Comparator::Greater => from(whole(floor + 1)),
            Comparator::Equal => Accepted::Range(Range { low: Some(whole(ceil)), high: Some(whole(floor)) }),
            Comparator::NotEqual if limit.is_integer() => Accepted::AllBut(limit),
            Comparator::NotEqual => Accepted::Range(Range { low: None, high: None }),
        };
    }
    match bound.comparator {
        Comparator::LessOrEqual => to((limit, 0)),
        Comparator::Less => to((limit, -1)),
        Comparator::GreaterOrEqual => from((limit, 0)),
        Comparator::Greater => from((limit, 1)),
        Comparator::Equal => Accepted::Range(Range { low: Some((limit, 0)), high: Some((limit, 0)) }),
        Comparator::NotEqual => Accepted::AllBut(limit),
    }
}

/// Whether some value is in both.
fn meet(a: Accepted, b: Accepted) -> bool {
    match (a, b) {
        (Accepted::Range(a), Accepted::Range(b)) => !a.and(b).is_empty(),
        (Accepted::Range(range), Accepted::AllBut(point)) | (Accepted::AllBut(point), Accepted::Range(range)) => {
            !range.is_empty() && !range.is_only(point)
        }
        (Accepted::AllBut(_), Accepted::AllBut(_)) => true,
    }
}

/// Whether each value of `a` is one of `b`. May miss that all but one value are a range.
fn implies(a: Accepted, b: Accepted) -> bool {
    match (a, b) {
        (Accepted::Range(a), Accepted::Range(b)) => a.and(b) == a,
        (Accepted::Range(a), Accepted::AllBut(point)) => !a.contains(point),
        (Accepted::AllBut(_), Accepted::Range(_)) => false,
        (Accepted::AllBut(a), Accepted::AllBut(b)) => a == b,
    }
}

impl Accepted {
    fn within(self, whole: Range) -> Accepted {
        match self {
            Accepted::Range(range) => Accepted::Range(range.and(whole)),
            Accepted::AllBut(point) => Accepted::AllBut(point),
        }
    }
}

impl Domain {
    fn range(self) -> Range {
        let edge = |n| Some((Decimal::from_i64(n), 0));
        match self {
            Domain::Any => Range { low: None, high: None },
            Domain::Ratio => Range { low: edge(0), high: edge(1) },
            Domain::Count => Range { low: edge(0), high: None },
        }
    }
}

impl Range {
    fn and(self, other: Range) -> Range {
        let low = self.low.max(other.low);
        let high = match (self.high, other.high) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Range { low, high }
    }

    fn is_empty(self) -> bool {
        matches!((self.low, self.high), (Some(low), Some(high)) if low > high)
    }

    fn is_only(self, point: Decimal) -> bool {
        self.low == Some((point, 0)) && self.high == Some((point, 0))
    }

    fn contains(self, point: Decimal) -> bool {
        self.low.is_none_or(|low| low <= (point, 0)) && self.high.is_none_or(|high| (point, 0) <= high)
    }
}
