//! Law 4: a verdict is that of sorting the values and picking one, on exact numbers; what is shown never contradicts it.

use std::cmp::Ordering;
use std::sync::Arc;

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Value, Watching};
use highwater::plan::{Comparator, Number, Timestamp};
use proptest::prelude::*;

/// 2023-11-14T22:10:00Z, an edge of windows of ten minutes.
const START: i64 = 1_699_999_800_000_000;

/// The digits of a number, all of them: compared as text, by no arithmetic that the engine could share.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exact {
    negative: bool,
    /// 20 digits, a point, 90 digits.
    digits: String,
}

impl Exact {
    fn of(number: Number) -> Exact {
        let text = match number {
            Number::Int(n) => format!("{n}.{}", "0".repeat(90)),
            Number::Float(x) => format!("{x:.90}"),
        };
        let unsigned = text.strip_prefix('-').unwrap_or(&text);
        let digits = format!("{unsigned:0>111}");
        assert_eq!(digits.find('.'), Some(20), "{number:?} is larger than the tests have digits for");
        Exact { negative: text.starts_with('-') && digits.contains(|c: char| ('1'..='9').contains(&c)), digits }
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.digits.cmp(&other.digits),
            (true, true) => other.digits.cmp(&self.digits),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whole numbers around and beyond 2^53, where doubles have gaps, and doubles over twelve decades.
fn value() -> impl Strategy<Value = Number> {
    const GAPS: i64 = 1 << 53;
    let decades = (-4.0..8.0f64, any::<bool>()).prop_map(|(decade, negative)| {
        let magnitude = 10f64.powf(decade);
        Number::Float(if negative { -magnitude } else { magnitude })
    });
    prop_oneof![
        3 => (-5..6i64).prop_map(Number::Int),
        2 => (-5..6i64).prop_map(|n| Number::Float(n as f64 / 2.0)),
        3 => (GAPS - 4..GAPS + 5).prop_map(Number::Int),
        1 => (GAPS - 4..GAPS + 5).prop_map(|n| Number::Float(n as f64)),
        1 => (-GAPS - 4..-GAPS + 5).prop_map(Number::Int),
        1 => (-999_999_999_999_999_999..=999_999_999_999_999_999i64).prop_map(Number::Int),
        4 => decades,
    ]
}

/// As a limit is written; None if it has more digits than a limit may have.
fn written(number: Number) -> Option<String> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (whole.trim_start_matches('-').len() <= 18 && fraction.len() <= 18).then_some(text)
}

fn quantile() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["0.5", "0.9", "0.95", "0.99", "0.999", "0.07", "0.29", "1", "0.000001"])
            .prop_map(str::to_owned),
        (1..=1000u32).prop_map(|n| format!("{}", f64::from(n) / 1000.0)),
    ]
}

/// `max(1, ceil(q*n))`, digit by digit.
fn nearest_rank(quantile: &str, n: usize) -> usize {
    let fraction = quantile.split_once('.').map_or("", |(_, fraction)| fraction);
    let unit = 10usize.pow(u32::try_from(fraction.len()).expect("few digits"));
    let digits: usize = quantile.replace('.', "").parse().expect("digits");
    (digits * n).div_ceil(unit).max(1)
}

fn riemann_rank(quantile: &str, n: usize) -> usize {
    let quantile: f64 = quantile.parse().expect("a number");
    ((n as f64 * quantile).floor() as usize).min(n - 1) + 1
}

fn holds(comparator: Comparator, value: &Exact, limit: &Exact) -> bool {
    match comparator {
        Comparator::LessOrEqual => value <= limit,
        Comparator::Less => value < limit,
        Comparator::GreaterOrEqual => value >= limit,
        Comparator::Greater => value > limit,
        Comparator::Equal => value == limit,
        Comparator::NotEqual => value != limit,
    }
}

/// The evaluator after one window of these events.
fn judged(text: &str, events: impl Iterator<Item = Event<'static>>) -> (Arc<Compiled>, Evaluator) {
    let loaded = config::from_text(text);
    let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    let compiled = Compiled::new(Arc::new(plan));
    let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
    let mut lanes = [evaluator.lane()];
    for event in events {
        lanes[0].observe(&event);
    }
    let end = Timestamp::from_micros(START + 599_000_000).expect("in range");
    evaluator.finish(end, end, &mut lanes, &mut Vec::new());
    (compiled, evaluator)
}

fn event(i: usize) -> Event<'static> {
    let at = START + i64::try_from(i).expect("few events") * 1000;
    let mut event = Event::at(Timestamp::from_micros(at).expect("in range"));
    event.service = Value::text("q");
    event
}

fn metric(i: usize, value: Number) -> Event<'static> {
    let mut event = event(i);
    event.metric = Value::Number(value);
    event
}

/// Compares each threshold of a plan of percentiles with sorting and picking.
fn compare(text: &str, quantile: &str, values: &[Number]) -> Result<(), TestCaseError> {
    let mut sorted: Vec<(Exact, Number)> = values.iter().map(|value| (Exact::of(*value), *value)).collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (compiled, evaluator) = judged(text, values.iter().enumerate().map(|(i, value)| metric(i, *value)));
    for (i, threshold) in compiled.plan().thresholds.iter().enumerate() {
        let rank = match threshold.id.starts_with("riemann") {
            true => riemann_rank(quantile, values.len()),
            false => nearest_rank(quantile, values.len()),
        };
        let (picked, number) = &sorted[rank - 1];
        let all_hold = |value: &Exact| {
            // A limit against a metric is the nearest double.
            let limit = |text: String| Exact::of(Number::Float(text.parse().expect("a number")));
            threshold.bounds.iter().all(|bound| holds(bound.comparator, value, &limit(bound.limit.to_string())))
        };
        let is_violated = evaluator.groups(i).1 == 1;
        prop_assert_eq!(is_violated, !all_hold(picked), "{} picks {:?}\n{}", threshold.id, number, text);
        let worst = evaluator.report(i).1.worst.as_ref().expect("one window was judged");
        let shown = worst.measured.value.expect("there is memory for it");
        prop_assert_eq!(
            all_hold(&Exact::of(shown)),
            !is_violated,
            "{} shows {:?} for {:?}, against its verdict\n{}",
            threshold.id,
            shown,
            number,
            text
        );
        let (exact, shown) = (number.to_f64(), shown.to_f64());
        prop_assert!((shown - exact).abs() <= exact.abs() * 0.01, "{exact} is shown as {shown}\n{text}");
        if values.len() <= 128 {
            prop_assert_eq!(exact, shown, "few values are shown as they are");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_percentile_is_judged_as_if_sorted_and_picked(
        quantile in quantile(),
        few in prop::collection::vec(value(), 1..40),
        many in prop::option::of(prop::collection::vec(value(), 129..300)),
        other in value(),
        at in any::<prop::sample::Index>(),
        nearest in any::<bool>(),
    ) {
        let values = many.as_ref().unwrap_or(&few);
        // Half of the limits are the very value that is picked, or close to it.
        let mut sorted: Vec<Number> = values.clone();
        sorted.sort_by_key(|value| Exact::of(*value));
        let picked = sorted[nearest_rank(&quantile, values.len()) - 1];
        let near = if nearest { picked } else { *at.get(values) };
        let Some(limit) = written(near).or(written(other)) else { return Ok(()) };
        let mut checks = String::new();
        for comparator in Comparator::ALL {
            let symbol = comparator.symbol();
            for rank in ["nearest", "riemann"] {
                checks.push_str(&format!("{{:{symbol} {limit} :interval 600 :rank :{rank} :name \"{rank} {symbol}\"}}\n"));
            }
        }
        compare(&format!("{{:percentiles {{\"q\" {{{quantile} [{checks}]}}}}}}"), &quantile, values)?;
    }

    #[test]
    fn all_bounds_of_a_percentile_must_hold(
        quantile in quantile(),
        values in prop::collection::vec(value(), 1..300),
        limits in (value(), value(), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        inside in any::<bool>(),
    ) {
        let (a, b) = if inside { (*limits.2.get(&values), *limits.3.get(&values)) } else { (limits.0, limits.1) };
        let (Some(a), Some(b)) = (written(a), written(b)) else { return Ok(()) };
        let double = |text: &str| text.parse::<f64>().expect("a number");
        let (low, high) = if double(&a) < double(&b) { (a, b) } else { (b, a) };
        prop_assume!(double(&low) < double(&high));
        let text = format!(
            "{{:percentiles {{\"q\" {{{quantile} [
                {{:>= {low} :<= {high} :interval 600 :name \"closed\"}}
                {{:> {low} :< {high} :interval 600 :name \"open\"}}
                {{:>= {low} :not= {high} :interval 600 :name \"not high\"}}
                {{:not= {low} :<= {high} :interval 600 :name \"not low\"}}]}}}}}}"
        );
        compare(&text, &quantile, &values)?;
    }

    #[test]
    fn a_share_is_compared_as_a_fraction(
        matching in 0..200u64,
        others in 0..200u64,
        limit in prop_oneof![
            (1..=999u64).prop_map(|n| format!("0.{n:03}")),
            (1..=999_999_999_999_999_999u64).prop_map(|n| format!("0.{n:018}")),
        ],
        own in any::<bool>(),
    ) {
        let total = matching + others;
        prop_assume!(total > 0);
        // Half of the limits are the share itself, cut off after 18 digits.
        let cut = u128::from(matching) * 10u128.pow(18) / u128::from(total);
        prop_assume!(!own || (0 < cut && cut < 10u128.pow(18)));
        let limit = if own { format!("0.{cut:018}") } else { limit };
        let mut checks = String::new();
        for comparator in Comparator::ALL {
            let symbol = comparator.symbol();
            checks.push_str(&format!("{{:{symbol} {limit} :interval 600 :type :percentage :name \"{symbol}\"}}\n"));
        }
        let text = format!("{{:histograms {{\"q\" {{:code {{\"^2\" [{checks}]}}}}}}}}");
        let events = (0..total).map(|i| {
            let mut event = event(i as usize);
            let code = if i < matching { 200 } else { 503 };
            event.attributes.push((b"code".as_slice().into(), Value::Number(Number::Int(code))));
            event
        });
        let (compiled, evaluator) = judged(&text, events);
        let (_, fraction) = limit.split_once('.').expect("a fraction");
        let unit = 10u128.pow(u32::try_from(fraction.len()).expect("few digits"));
        let share = u128::from(matching) * unit;
        let limit_of_total = fraction.parse::<u128>().expect("digits") * u128::from(total);
        for (i, threshold) in compiled.plan().thresholds.iter().enumerate() {
            let holds = threshold.bounds[0].comparator.holds(share.cmp(&limit_of_total));
            prop_assert_eq!(evaluator.groups(i).1 == 0, holds, "{} of {} {} {}", matching, total, threshold.id, limit);
            let shown = evaluator.report(i).1.worst.as_ref().and_then(|worst| worst.measured.value).expect("a share").to_f64();
            prop_assert!((shown - matching as f64 / total as f64).abs() < 1e-12);
        }
    }
}

#[test]
fn nineteen_of_twenty_are_at_least_95_percent_and_seven_of_a_hundred_the_seventh() {
    let hundred: Vec<Number> = (1..=100).map(Number::Int).collect();
    for (quantile, picked, riemann) in
        [("0.07", 7, 8), ("0.99", 99, 100), ("0.5", 50, 51), ("1", 100, 100), ("0.29", 29, 29)]
    {
        let text = format!(
            "{{:percentiles {{\"q\" {{{quantile} [{{:= {picked} :interval 600 :name \"n\"}}
                {{:= {riemann} :interval 600 :rank :riemann :name \"r\"}}]}}}}}}"
        );
        let (_, evaluator) = judged(&text, hundred.iter().enumerate().map(|(i, value)| metric(i, *value)));
        assert_eq!((evaluator.groups(0), evaluator.groups(1)), ((1, 0), (1, 0)), "p{quantile} of 1 to 100");
    }
    let text = r#"{:histograms {"q" {:code {"^2" {:>= 0.95 :interval 600 :type :percentage}}}}}"#;
    for (bad, violated) in [(1, 0), (2, 1)] {
        let events = (0..20).map(|i| {
            let mut event = event(i);
            let code = if i < bad { 503 } else { 200 };
            event.attributes.push((b"code".as_slice().into(), Value::Number(Number::Int(code))));
            event
        });
        assert_eq!(judged(text, events).1.groups(0), (1, violated));
    }
}

#[test]
fn a_value_between_two_doubles_is_shown_as_the_whole_number_that_it_is() {
    let text = "{:percentiles {\"q\" {0.9 {:> 9007199254740994 :< 9007199254740995 :interval 600 :name \"open\"}}}}";
    for n in [1, 200] {
        compare(text, "0.9", &vec![Number::Int(9_007_199_254_740_995); n]).expect("the verdict and the value agree");
    }
}
