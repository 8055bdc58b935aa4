//! The one line that people read of a transition.

use super::transition::Transition;
use super::verdict::{Reason, Verdict};
use crate::plan::{Bound, Comparator, Decimal, Field, Measure, Number, Plan, Threshold};

/// `p99 of query-service response is 143, over 100 (10 min, 17 of 1234 events above)`.
pub fn summary(transition: &Transition, plan: &Plan) -> String {
    let threshold = &plan.thresholds[transition.threshold];
    let mut subject = subject(threshold, transition.service(plan));
    let of_group = transition.group.iter().filter(|(name, _)| name != "service");
    for (name, text) in of_group {
        subject = format!("{subject}, {name} {}", text.as_deref().unwrap_or("(none)"));
    }
    let within = length(threshold.interval.micros());
    match transition.reason {
        Reason::NoData => format!("{subject}: no events ({within})"),
        Reason::Few => format!("{subject}: only {} events ({within})", transition.measured.count),
        Reason::Removed => format!("{subject}: the threshold was removed"),
        Reason::Forgotten => {
            format!("{subject}: no event for {}, forgotten", length(threshold.policy.forget.micros()))
        }
        Reason::Judged => {
            let value =
                transition.measured.value.map_or("not known".to_string(), |value| shown(threshold, value.to_f64()));
            let judged_by = transition.judged_by.as_deref().unwrap_or(threshold);
            let verdict = relation(transition, judged_by);
            format!("{subject} is {value}, {verdict} ({within}, {})", evidence(transition, judged_by))
        }
    }
}

/// What is measured: `p99 of query-service response`, `share of status-code ^5 of http`.
pub fn subject(threshold: &Threshold, service: &str) -> String {
    match &threshold.measure {
        Measure::Percentile { quantile, field, .. } => {
            let percent = Decimal::parse(&format!("{}e2", quantile.decimal())).unwrap_or(quantile.decimal());
            match field {
                Field::Metric => format!("p{percent} of {service}"),
                other => format!("p{percent} of {} of {service}", other.name()),
            }
        }
        Measure::Percentage { field, pattern } => {
            format!("share of {} {} of {service}", field.name(), pattern.as_str())
        }
        Measure::Count { field, pattern } => format!("count of {} {} of {service}", field.name(), pattern.as_str()),
    }
}

/// All bounds: `>= 1 and <= 9`.
pub fn bounds(threshold: &Threshold) -> String {
    let all = threshold.bounds.iter().map(|bound| match bound.comparator {
        Comparator::NotEqual => format!("not {}", shown_limit(threshold, bound)),
        comparator => format!("{} {}", comparator.symbol(), shown_limit(threshold, bound)),
    });
    all.collect::<Vec<_>>().join(" and ")
}

/// In two units at most: 600000000 microseconds are `10 min`, 210000000 `3 min 30 s`.
pub fn length(micros: i64) -> String {
    const UNITS: [(i64, &str); 6] =
        [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"), (1, "µs")];
    let Some(at) = UNITS.iter().position(|(unit, _)| micros >= *unit) else { return "0 s".to_string() };
    let (unit, name) = UNITS[at];
    match UNITS.get(at + 1) {
        Some((smaller, part)) if micros % unit >= *smaller => {
            format!("{} {name} {} {part}", micros / unit, micros % unit / smaller)
        }
        _ => format!("{} {name}", micros / unit),
    }
}

fn relation(transition: &Transition, threshold: &Threshold) -> String {
    if transition.to == Verdict::Ok {
        return format!("again {}", bounds(threshold));
    }
    let value = transition.measured.value.map(Number::to_f64);
    let broken = threshold.bounds.iter().find(|bound| value.is_some_and(|value| fails(bound, value)));
    let Some(bound) = broken.or(threshold.bounds.first()) else { return String::new() };
    let limit = shown_limit(threshold, bound);
    match bound.comparator {
        Comparator::LessOrEqual => format!("over {limit}"),
        Comparator::Less => format!("not below {limit}"),
        Comparator::GreaterOrEqual => format!("under {limit}"),
        Comparator::Greater => format!("not above {limit}"),
        Comparator::Equal => format!("not {limit}"),
        Comparator::NotEqual => "which it must not be".to_string(),
    }
}

fn fails(bound: &Bound, value: f64) -> bool {
    value.partial_cmp(&bound.limit.to_f64()).is_some_and(|ordering| !bound.comparator.holds(ordering))
}

fn evidence(transition: &Transition, threshold: &Threshold) -> String {
    let (count, matched) = (transition.measured.count, transition.measured.matched);
    match threshold.measure {
        Measure::Percentile { .. } => {
            let bad = count - matched;
            let side = match threshold.bounds.first().map(|bound| bound.comparator) {
                Some(Comparator::LessOrEqual | Comparator::Less) => "above",
                Some(Comparator::GreaterOrEqual | Comparator::Greater) => "below",
                _ => "outside",
            };
            format!("{bad} of {count} events {side}")
        }
        Measure::Percentage { .. } => format!("{matched} of {count} events match"),
        Measure::Count { .. } => format!("of {count} events"),
    }
}

/// A share in percent, other values as they are, to four digits.
pub fn shown(threshold: &Threshold, value: f64) -> String {
    match threshold.measure {
        Measure::Percentage { .. } => format!("{} %", trim(value * 100.0)),
        _ => trim(value),
    }
}

/// The limit in the unit of [`shown`].
pub fn shown_limit(threshold: &Threshold, bound: &Bound) -> String {
    match threshold.measure {
        Measure::Percentage { .. } => {
            format!("{} %", Decimal::parse(&format!("{}e2", bound.limit)).unwrap_or(bound.limit))
        }
        _ => bound.limit.to_string(),
    }
}

/// Four significant digits, whole numbers in full.
pub fn trim(value: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let places = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// How far a value is from the limit of the first bound, on its bad side: more is worse.
pub fn badness(threshold: &Threshold, value: f64) -> f64 {
    let Some(bound) = threshold.bounds.first() else { return 0.0 };
    let above = value - bound.limit.to_f64();
    match bound.comparator {
        Comparator::LessOrEqual | Comparator::Less => above,
        Comparator::GreaterOrEqual | Comparator::Greater => -above,
        Comparator::Equal => above.abs(),
        Comparator::NotEqual => -above.abs(),
    }
}
