//! The sharp points of the contract, by hand: what the model says, and that `replay` says the same.

use super::event::{Event, Number, Stamp, Value};
use super::generate::Case;
use super::{Bound, Config, Decimal, Measure, Service, Thin, Threshold, transitions, write};
use crate::replay_model::{Input, compare};

/// 2023-11-14T22:20:00Z, a multiple of 600 s; the seconds of these tables count from here.
const BASE: i64 = 1_700_000_400;

const WHOLE: bool = true;
const CUT: bool = false;

fn bounded(measure: Measure, comparator: &'static str, limit: &str, interval: &str) -> Threshold {
    Threshold {
        service: Service::Exactly("q"),
        measure,
        bounds: vec![Bound { comparator, limit: Decimal::new(limit) }],
        interval: Decimal::new(interval),
        name: None,
        by: vec![],
        filter: None,
        every: None,
        violate_after: None,
        recover_after: None,
        min_count: None,
        few: None,
        no_data: None,
        forget: None,
        max_gap: None,
        grace: None,
    }
}

fn percentile(quantile: &str, comparator: &'static str, limit: &str, interval: &str) -> Threshold {
    let measure = Measure::Percentile { quantile: Decimal::new(quantile), field: "metric", riemann: false };
    bounded(measure, comparator, limit, interval)
}

/// Of the events with a status code that begins with 2.
fn percentage(comparator: &'static str, limit: &str, interval: &str) -> Threshold {
    bounded(Measure::Percentage { field: "status-code", pattern: "^2" }, comparator, limit, interval)
}

/// Of the events with a status code.
fn count(comparator: &'static str, limit: &str, interval: &str) -> Threshold {
    bounded(Measure::Count { field: "status-code", pattern: ".*" }, comparator, limit, interval)
}

/// An event of the service `q` with a metric and a status code.
fn at(seconds: f64, metric: &str, status: &str) -> Event {
    let fields = vec![
        ("service", Value::text_of("q")),
        ("metric", Value::number_of(metric)),
        ("status-code", Value::text_of(status)),
    ];
    Event { time: BASE * 1_000_000 + (seconds * 1e6).round() as i64, stamp: Stamp::Seconds, fields }
}

/// With one more field, or another value of one.
fn with(mut event: Event, field: &'static str, value: &str) -> Event {
    event.fields.retain(|(name, _)| *name != field);
    event.fields.push((field, Value::text_of(value)));
    event
}

/// An event that only moves the time.
fn other(seconds: f64) -> Event {
    with(at(seconds, "0", "200"), "service", "nobody reads this")
}

/// Lines are `+END STATUS REASON VALUE MATCHED/COUNT`, then the group if there is more than one, then the threshold.
fn check(thresholds: &[Threshold], events: &[Event], whole: bool, expected: &[&str]) {
    let config = Config { grace: None, thresholds: thresholds.to_vec() };
    check_config(config, events, whole, expected);
}

fn check_config(config: Config, events: &[Event], whole: bool, expected: &[&str]) {
    let found: Vec<String> = transitions(&config, events, whole)
        .iter()
        .map(|transition| {
            let value = match transition.tally.value {
                None => "null".to_owned(),
                Some(Number::Int(int)) => int.to_string(),
                Some(Number::Float(double)) => double.to_string(),
            };
            let mut line = format!(
                "+{} {:?} {:?} {value} {}/{}",
                (transition.window.end - BASE * 1_000_000) as f64 / 1e6,
                transition.status,
                transition.reason,
                transition.tally.matched,
                transition.tally.count,
            );
            if !transition.group.is_empty() {
                line += &format!(" {}", write::group(&transition.group));
            }
            if config.thresholds.len() > 1 {
                line += &format!(" {}", write::id(transition.threshold));
            }
            line
        })
        .collect();
    assert_eq!(found, expected, "the model on\n{}", write::config(&config));
    let case = Case { config, events: events.to_vec() };
    if let Err(why) = compare(&case, whole, Input::Plain) {
        panic!("{why}");
    }
}

#[test]
fn a_window_is_judged_when_the_watermark_reaches_its_end() {
    // At +65 the watermark is +60: the event at +59.999999, 5.000001 s late, finds its window closed.
    let late = [at(10.0, "1", "200"), other(65.0), at(59.999999, "1", "200"), other(130.0)];
    check(&[count(">", "1", "60")], &late, WHOLE, &["+60 Violation Judged 1 1/1"]);
    // At +64.999999 it is not there yet.
    let early = [at(10.0, "1", "200"), other(64.999999), at(59.999998, "1", "200"), other(119.0)];
    check(&[count(">", "1", "60")], &early, WHOLE, &["+120 Violation Judged 0 0/0"]);
}

#[test]
fn an_event_exactly_the_grace_late_is_not_late() {
    let events = [at(10.0, "1", "200"), other(65.0), at(60.0, "1", "200"), other(119.0)];
    check(&[count(">", "0", "60")], &events, WHOLE, &[]);
    let events = [at(10.0, "1", "200"), other(64.0), at(59.0, "1", "200"), other(65.0)];
    check(&[count("<", "2", "60")], &events, WHOLE, &["+60 Violation Judged 2 2/2", "+120 Ok Judged 0 0/0"]);
}

#[test]
fn an_event_that_is_late_for_one_hop_counts_in_the_next() {
    // 60 s every 20 s. At +65 the window that ends at +60 is closed; the event at +50 is still in those that end at
    // +80 and +100.
    let hopping = Threshold { every: Some(Decimal::new("20")), ..count("<", "2", "60") };
    let events = [at(49.0, "1", "200"), other(65.0), at(50.0, "1", "200"), other(119.0)];
    let expected = ["+80 Violation Judged 2 2/2", "+120 Ok Judged 0 0/0"];
    check(&[hopping], &events, WHOLE, &expected);
}

#[test]
fn a_check_with_a_grace_of_its_own_waits_that_long() {
    let own = |name: &str, grace: &str| Threshold {
        name: Some(name.to_owned()),
        grace: Some(Decimal::new(grace)),
        ..count("<", "2", "60")
    };
    let usual = Threshold { name: Some("usual".to_owned()), ..count("<", "2", "60") };
    // The second comes when others are at +70: 10 s behind the end of its window.
    let events = [at(10.0, "1", "200"), other(70.0), at(20.0, "1", "200"), other(200.0)];
    let patient = ["+60 Violation Judged 2 2/2 patient", "+120 Ok Judged 0 0/0 patient"];
    check(&[own("hasty", "0"), own("patient", "11"), usual], &events, WHOLE, &patient);
}

#[test]
fn a_count_of_nothing_is_judged() {
    let events = [other(10.0), other(70.0), at(80.0, "1", "200"), other(130.0)];
    let expected = ["+60 Violation Judged 0 0/0", "+120 Ok Judged 1 1/1", "+180 Violation Judged 0 0/0"];
    check(&[count(">", "0", "60")], &events, WHOLE, &expected);
    // A first `ok` is silent; `<= 0` is kept by silence.
    check(&[count("<=", "0", "60")], &events, WHOLE, &["+120 Violation Judged 1 1/1", "+180 Ok Judged 0 0/0"]);
}

#[test]
fn nineteen_of_twenty_is_at_least_0_95() {
    let twenty = |bad: usize| -> Vec<Event> {
        (0..20).map(|i| at(f64::from(i), "1", if (i as usize) < bad { "500" } else { "200" })).collect()
    };
    check(&[percentage(">=", "0.95", "60")], &twenty(1), WHOLE, &[]);
    check(&[percentage(">", "0.95", "60")], &twenty(1), WHOLE, &["+60 Violation Judged 0.95 19/20"]);
    check(&[percentage(">=", "0.95", "60")], &twenty(2), WHOLE, &["+60 Violation Judged 0.9 18/20"]);
    check(&[percentage("=", "0.95", "60")], &twenty(1), WHOLE, &[]);
}

#[test]
fn events_without_the_field_are_not_in_the_denominator() {
    let mut without = at(1.0, "1", "200");
    without.fields.retain(|(name, _)| *name != "status-code");
    let events = [without, at(2.0, "1", "200"), at(3.0, "1", "500")];
    check(&[percentage(">=", "0.6", "60")], &events, WHOLE, &["+60 Violation Judged 0.5 1/2"]);
}

#[test]
fn the_rank_of_a_percentile_is_exact() {
    // (quantile, n, nearest rank, Riemann's rank), both from 1.
    let rows = [
        ("0.99", 1, 1, 1),
        ("0.99", 99, 99, 99),
        ("0.99", 100, 99, 100),
        ("0.99", 101, 100, 100),
        ("0.99", 1000, 990, 991),
        ("0.07", 100, 7, 8),
        ("0.29", 100, 29, 29),
        ("0.5", 2, 1, 2),
        ("0.5", 3, 2, 2),
        ("1", 5, 5, 5),
        ("0.001", 5, 1, 1),
        ("0.14", 50, 7, 8),
    ];
    for (quantile, n, nearest, riemann) in rows {
        let quantile = Decimal::new(quantile);
        assert_eq!(super::rank(&quantile, n, false), nearest, "{quantile:?} of {n}");
        assert_eq!(super::rank(&quantile, n, true), riemann, "{quantile:?} of {n}, as Riemann");
    }
}

#[test]
fn one_slow_event_of_a_hundred_keeps_p99_and_two_break_it() {
    let hundred = |slow: usize| -> Vec<Event> {
        (0..100).map(|i| at(i as f64 / 2.0, if i < slow { "143" } else { "85" }, "200")).collect()
    };
    check(&[percentile("0.99", "<=", "100", "60")], &hundred(1), WHOLE, &[]);
    check(&[percentile("0.99", "<=", "100", "60")], &hundred(2), WHOLE, &["+60 Violation Judged 143 98/100"]);
    let riemann = Measure::Percentile { quantile: Decimal::new("0.99"), field: "metric", riemann: true };
    let riemann = bounded(riemann, "<=", "100", "60");
    check(&[riemann], &hundred(1), WHOLE, &["+60 Violation Judged 143 99/100"]);
    // 0.07 * 100 is 7 exactly: the seventh smallest.
    let rising: Vec<Event> = (0..100).map(|i| at(i as f64 / 2.0, &(i + 1).to_string(), "200")).collect();
    check(&[percentile("0.07", "<=", "7", "60")], &rising, WHOLE, &[]);
    check(&[percentile("0.07", "<", "7", "60")], &rising, WHOLE, &["+60 Violation Judged 7 6/100"]);
}

#[test]
fn integers_beyond_doubles_compare_exactly() {
    // The limit is the nearest double, 2^53.
    let events = [at(1.0, "9007199254740993", "200")];
    let expected = ["+60 Violation Judged 9007199254740993 0/1"];
    check(&[percentile("1", "<=", "9007199254740993", "60")], &events, WHOLE, &expected);
    let events = [at(1.0, "9007199254740992", "200")];
    check(&[percentile("1", "=", "9007199254740993", "60")], &events, WHOLE, &[]);
}

#[test]
fn a_metric_that_is_no_number_is_dropped_and_the_event_stays() {
    let p = || Threshold { by: vec!["host"], no_data: Some(Thin::Violation), ..percentile("0.5", "<=", "100", "60") };
    let events = [
        with(with(at(1.0, "1", "200"), "metric", "NaN"), "host", "a"),
        with(with(at(1.0, "1", "200"), "metric", "85"), "host", "b"),
        with(with(at(2.0, "1", "200"), "metric", "1e400"), "host", "b"),
    ];
    // It brings its group into being, without a value.
    check(&[p()], &events, WHOLE, &["+60 Violation NoData null 0/0 {\"host\":\"a\"}"]);
}

#[test]
fn few_and_no_data_count_in_rows() {
    let threshold = || Threshold {
        min_count: Some(3),
        violate_after: Some(3),
        few: Some(Thin::Violation),
        no_data: Some(Thin::Violation),
        ..percentage(">=", "0.5", "60")
    };
    // Bad, few, nothing: three in a row.
    let bad = |from: f64| (0..3).map(move |i| at(from + f64::from(i), "1", "500"));
    let events: Vec<Event> = bad(0.0).chain([at(70.0, "1", "200"), other(130.0)]).collect();
    check(&[threshold()], &events, WHOLE, &["+180 Violation NoData null 0/0"]);
    // Bad, nothing, few.
    let events: Vec<Event> = bad(0.0).chain([at(130.0, "1", "200")]).collect();
    check(&[threshold()], &events, WHOLE, &["+180 Violation Few 1 1/1"]);
    // Kept, the window neither counts nor breaks the row: bad, few, bad, nothing, bad.
    let keep = Threshold { few: None, no_data: Some(Thin::Keep), ..threshold() };
    let events: Vec<Event> = bad(0.0).chain([at(70.0, "1", "200")]).chain(bad(120.0)).chain(bad(240.0)).collect();
    check(&[keep], &events, WHOLE, &["+300 Violation Judged 0 0/3"]);
    // `:ok` breaks it.
    let ok = Threshold { few: Some(Thin::Ok), no_data: None, ..threshold() };
    check(&[ok], &events, WHOLE, &[]);
}

#[test]
fn min_count_of_a_count_makes_silence_no_data() {
    let threshold = |no_data| Threshold { min_count: Some(1), no_data, ..count(">", "0", "60") };
    let events = [at(10.0, "1", "200"), other(130.0)];
    check(&[threshold(None)], &events, WHOLE, &[]);
    check(&[threshold(Some(Thin::Violation))], &events, WHOLE, &["+120 Violation NoData 0 0/0"]);
}

#[test]
fn rows_are_needed_both_ways() {
    let threshold = Threshold { violate_after: Some(2), recover_after: Some(2), ..count(">", "0", "60") };
    let events = [at(10.0, "1", "200"), at(130.0, "1", "200"), at(310.0, "1", "200"), at(370.0, "1", "200")];
    // Empty at +120, +240, +300; full at +60, +180, +360, +420.
    let expected = ["+300 Violation Judged 0 0/0", "+420 Ok Judged 1 1/1"];
    check(&[threshold], &events, WHOLE, &expected);
}

#[test]
fn a_cut_window_gives_a_count_only_what_no_event_can_change() {
    // From +30 to +90: the windows that end at +60 and +120 are half unwatched.
    let events = [other(30.0), at(31.0, "1", "200"), at(32.0, "1", "200"), other(90.0)];
    check(&[count(">", "2", "60")], &events, CUT, &[]);
    check(&[count("<=", "1", "60")], &events, CUT, &["+60 Violation Judged 2 2/2"]);
    check(&[count("=", "1", "60")], &events, CUT, &["+60 Violation Judged 2 2/2"]);
    check(&[count("not=", "2", "60")], &events, CUT, &[]);
    // `ok` where each bound holds at every greater count: a violation before ends.
    let events = [other(-70.0), other(0.0), at(1.0, "1", "200"), other(20.0)];
    let expected = ["+0 Violation Judged 0 0/0", "+60 Ok Judged 1 1/1"];
    check(&[count(">=", "1", "60")], &events, CUT, &expected);
    let expected = ["+0 Violation Judged 0 0/0"];
    let both = Threshold {
        bounds: vec![
            Bound { comparator: ">=", limit: Decimal::new("1") },
            Bound { comparator: "<=", limit: Decimal::new("5") },
        ],
        ..count(">=", "1", "60")
    };
    check(&[both], &events, CUT, &expected);
    check(&[Threshold { min_count: Some(2), ..count(">=", "1", "60") }], &events, CUT, &[]);
    // A ratio and a percentile say nothing, whatever the policies.
    let events = [at(30.0, "500", "500"), at(90.0, "500", "500")];
    let loud = |t: Threshold| Threshold {
        no_data: Some(Thin::Violation),
        few: Some(Thin::Violation),
        min_count: Some(3),
        ..t
    };
    check(&[percentage(">=", "0.5", "60")], &events, CUT, &[]);
    check(&[percentile("0.5", "<=", "100", "60")], &events, CUT, &[]);
    check(&[loud(percentage(">=", "0.5", "60"))], &events, CUT, &[]);
}

#[test]
fn a_gap_of_at_most_max_gap_counts_as_whole() {
    // The larger of the grace, 5 s, and 5 % of 60 s.
    let p = || percentage(">=", "0.5", "60");
    check(&[p()], &[at(5.0, "1", "500"), other(70.0)], CUT, &["+60 Violation Judged 0 0/1"]);
    check(&[p()], &[at(5.000001, "1", "500"), other(70.0)], CUT, &[]);
    // After the last, too.
    check(&[p()], &[other(-70.0), at(55.0, "1", "500")], CUT, &["+60 Violation Judged 0 0/1"]);
    check(&[p()], &[other(-70.0), at(54.999999, "1", "500")], CUT, &[]);
    // 5 % of 600 s is 30 s.
    let long = || percentage(">=", "0.5", "600");
    check(&[long()], &[at(30.0, "1", "500"), other(605.0)], CUT, &["+600 Violation Judged 0 0/1"]);
    check(&[long()], &[at(30.5, "1", "500"), other(605.0)], CUT, &[]);
    let none = Threshold { max_gap: Some(Decimal::new("0")), ..p() };
    check(&[none], &[at(1.0, "1", "500"), other(70.0)], CUT, &[]);
}

#[test]
fn the_first_event_is_the_least_time_read_whatever_the_order() {
    // The second event is 3 s before the first, which leaves 4 s unwatched.
    let events = [at(7.0, "1", "500"), at(4.0, "1", "500"), other(70.0)];
    check(&[percentage(">=", "0.5", "60")], &events, CUT, &["+60 Violation Judged 0 0/2"]);
    // The second event is late for the windows of 10 s. It is read, though, so that the window of 60 s is whole.
    let events = [at(16.0, "1", "500"), other(4.0), other(70.0)];
    let thresholds = [percentage(">=", "0.5", "60"), percentage(">=", "0.9", "10")];
    let expected = [
        "+20 Violation Judged 0 0/1 [:histograms \"q\" :status-code \"^2\" :percentage 10]",
        "+60 Violation Judged 0 0/1 [:histograms \"q\" :status-code \"^2\" :percentage 60]",
    ];
    check(&thresholds, &events, CUT, &expected);
}

#[test]
fn whole_takes_every_window_from_the_first_open_one_as_watched() {
    let events = [at(59.0, "1", "500"), at(61.0, "1", "200")];
    check(&[percentage(">=", "0.5", "60")], &events, CUT, &[]);
    check(&[percentage(">=", "0.5", "60")], &events, WHOLE, &["+60 Violation Judged 0 0/1", "+120 Ok Judged 1 1/1"]);
    // Nothing before the first: one window of silence, no more.
    let events = [other(1.0), other(50.0)];
    check(&[count(">", "0", "60")], &events, WHOLE, &["+60 Violation Judged 0 0/0"]);
}

#[test]
fn a_late_event_moves_no_first_window() {
    let by_host = Threshold { by: vec!["host"], ..count("<=", "1", "60") };
    let events = [
        other(70.0),
        with(at(10.0, "1", "200"), "host", "late"),
        with(at(71.0, "1", "200"), "host", "a"),
        with(at(72.0, "1", "200"), "host", "a"),
    ];
    check(&[by_host], &events, WHOLE, &["+120 Violation Judged 2 2/2 {\"host\":\"a\"}"]);
    // Nor of the one group: the window that ends at +60 is not judged.
    check(&[count(">", "0", "60")], &[other(70.0), at(10.0, "1", "200"), at(71.0, "1", "200")], WHOLE, &[]);
}

#[test]
fn a_group_starts_with_its_earliest_open_window() {
    let by_host = || Threshold { by: vec!["host"], ..count(">", "2", "60") };
    // Group b is judged from the window that ends at +180, not before.
    let events = [with(at(10.0, "1", "200"), "host", "a"), with(at(130.0, "1", "200"), "host", "b")];
    let expected = ["+60 Violation Judged 1 1/1 {\"host\":\"a\"}", "+180 Violation Judged 1 1/1 {\"host\":\"b\"}"];
    check(&[by_host()], &events, WHOLE, &expected);
    // Within the grace a group may start in a window before that of its first arrival.
    let events = [with(at(61.0, "1", "200"), "host", "a"), with(at(59.0, "1", "200"), "host", "a")];
    check(&[by_host()], &events, WHOLE, &["+60 Violation Judged 1 1/1 {\"host\":\"a\"}"]);
    // A hopping window starts with the earliest hop that the event is in.
    let hopping = Threshold { every: Some(Decimal::new("20")), ..by_host() };
    let events = [other(-100.0), with(at(50.0, "1", "200"), "host", "a")];
    check(&[hopping], &events, WHOLE, &["+60 Violation Judged 1 1/1 {\"host\":\"a\"}"]);
}

#[test]
fn equal_texts_and_absent_fields_are_groups() {
    let by_status = Threshold { by: vec!["status-code"], ..percentile("0.5", "<=", "100", "60") };
    let status = |seconds, value: Option<Value>| {
        let mut event = at(seconds, "143", "");
        event.fields.retain(|(name, _)| *name != "status-code");
        event.fields.extend(value.map(|value| ("status-code", value)));
        event
    };
    let events = [
        status(1.0, Some(Value::number_of("204"))),
        status(2.0, Some(Value::text_of("204"))),
        status(3.0, Some(Value::number_of("204.0"))),
        status(4.0, None),
        status(5.0, Some(Value::Nil)),
    ];
    let expected = [
        "+60 Violation Judged 143 0/3 {\"status-code\":\"204\"}",
        "+60 Violation Judged 143 0/2 {\"status-code\":null}",
    ];
    check(&[by_status], &events, WHOLE, &expected);
}

#[test]
fn a_service_pattern_makes_groups() {
    let each = Threshold { service: Service::Matching("^api"), ..percentile("0.5", "<=", "100", "60") };
    let service = |event, name| with(event, "service", name);
    let events = [
        service(at(1.0, "143", "200"), "api b"),
        service(at(2.0, "143", "200"), "api a"),
        service(at(3.0, "143", "200"), "the api"),
    ];
    let expected = [
        "+60 Violation Judged 143 0/1 {\"service\":\"api a\"}",
        "+60 Violation Judged 143 0/1 {\"service\":\"api b\"}",
    ];
    check(&[each], &events, WHOLE, &expected);
}

#[test]
fn a_group_that_is_silent_too_long_is_forgotten() {
    let by_host =
        || Threshold { by: vec!["host"], forget: Some(Decimal::new("120")), ..percentile("1", "<=", "100", "60") };
    let a = |seconds, metric| with(at(seconds, metric, "200"), "host", "a");
    let violated = "+60 Violation Judged 143 0/1 {\"host\":\"a\"}";
    let ended = "+180 Ok Forgotten null 0/0 {\"host\":\"a\"}";
    // +180 - +59.5 >= 120.
    check(&[by_host()], &[a(59.5, "143"), other(400.0)], WHOLE, &[violated, ended]);
    // Exactly 120 at +180.
    check(
        &[by_host()],
        &[a(0.0, "85"), a(59.0, "143"), a(60.0, "143"), other(400.0)],
        WHOLE,
        &["+60 Violation Judged 143 1/2 {\"host\":\"a\"}", ended],
    );
    // An event that is already there, but of the window after, starts the group anew.
    let events = [a(50.0, "143"), other(180.0), a(181.0, "143"), other(400.0)];
    let again = "+240 Violation Judged 143 0/1 {\"host\":\"a\"}";
    check(&[by_host()], &events, WHOLE, &[violated, ended, again, "+360 Ok Forgotten null 0/0 {\"host\":\"a\"}"]);
    // At +120 it is 70 s; an event at +179 keeps it.
    check(&[by_host()], &[a(50.0, "143"), a(179.0, "143")], WHOLE, &[violated]);
    // The one group that always exists is never forgotten.
    let one = Threshold { by: vec![], ..by_host() };
    check(&[one], &[a(59.5, "143"), other(400.0)], WHOLE, &["+60 Violation Judged 143 0/1"]);
}

#[test]
fn a_late_event_does_not_keep_a_group() {
    let by_host =
        Threshold { by: vec!["host"], forget: Some(Decimal::new("120")), ..percentile("1", "<=", "100", "60") };
    let a = |seconds, metric| with(at(seconds, metric, "200"), "host", "a");
    let events = [a(10.0, "143"), other(130.0), a(70.0, "143"), other(300.0)];
    let expected = ["+60 Violation Judged 143 0/1 {\"host\":\"a\"}", "+180 Ok Forgotten null 0/0 {\"host\":\"a\"}"];
    check(&[by_host], &events, WHOLE, &expected);
}

#[test]
fn the_end_of_the_input_closes_what_started() {
    // A window that starts exactly at the greatest time is closed, the next is not.
    let events = [at(10.0, "1", "200"), at(60.0, "1", "200")];
    check(&[count("<", "1", "60")], &events, WHOLE, &["+60 Violation Judged 1 1/1"]);
    check(&[count(">", "1", "60")], &events, WHOLE, &["+60 Violation Judged 1 1/1"]);
    let events = [at(10.0, "1", "200"), other(60.0)];
    check(&[count("<", "1", "60")], &events, WHOLE, &["+60 Violation Judged 1 1/1", "+120 Ok Judged 0 0/0"]);
    // Hops: 60 s every 20 s; at +50 those that start by +40 are closed, the last ends at +100.
    let hopping = Threshold { every: Some(Decimal::new("20")), ..count("<=", "0", "60") };
    let expected = ["+20 Violation Judged 1 1/1", "+80 Ok Judged 0 0/0"];
    check(&[hopping], &[at(10.0, "1", "200"), other(50.0)], WHOLE, &expected);
    check(&[count(">", "0", "60")], &[], WHOLE, &[]);
}

#[test]
fn transitions_are_in_order_of_end_then_threshold_then_group() {
    let named = |name: &str, t: Threshold| Threshold { name: Some(name.to_owned()), by: vec!["host"], ..t };
    let thresholds = [
        named("b", percentile("0.5", "<=", "100", "60")),
        named("a", percentile("0.5", "<=", "100", "120")),
        Threshold { by: vec!["host"], ..percentile("0.5", "<=", "100", "60") },
    ];
    let host = |seconds, host| with(at(seconds, "143", "200"), "host", host);
    let mut nobody = at(3.0, "143", "200");
    nobody.fields.retain(|(name, _)| *name != "host");
    // All close at once, at the end.
    let events = [host(1.0, "y"), host(2.0, "x"), nobody];
    let expected = [
        "+60 Violation Judged 143 0/1 {\"host\":\"x\"} [:percentiles \"q\" 0.5 60]",
        "+60 Violation Judged 143 0/1 {\"host\":\"y\"} [:percentiles \"q\" 0.5 60]",
        "+60 Violation Judged 143 0/1 {\"host\":null} [:percentiles \"q\" 0.5 60]",
        "+60 Violation Judged 143 0/1 {\"host\":\"x\"} b",
        "+60 Violation Judged 143 0/1 {\"host\":\"y\"} b",
        "+60 Violation Judged 143 0/1 {\"host\":null} b",
        "+120 Violation Judged 143 0/1 {\"host\":\"x\"} a",
        "+120 Violation Judged 143 0/1 {\"host\":\"y\"} a",
        "+120 Violation Judged 143 0/1 {\"host\":null} a",
    ];
    check(&thresholds, &events, WHOLE, &expected);
}

#[test]
fn a_recovery_carries_the_start_of_its_violation() {
    let config = Config { grace: None, thresholds: vec![count(">", "0", "60")] };
    let events = [at(10.0, "1", "200"), at(190.0, "1", "200"), at(310.0, "1", "200")];
    let since: Vec<i64> = transitions(&config, &events, WHOLE).iter().map(|t| t.since / 1_000_000 - BASE).collect();
    // Silent at +120 and +180, again at +300.
    assert_eq!(since, [120, 120, 300, 300]);
    check_config(
        config,
        &events,
        WHOLE,
        &["+120 Violation Judged 0 0/0", "+240 Ok Judged 1 1/1", "+300 Violation Judged 0 0/0", "+360 Ok Judged 1 1/1"],
    );
}

#[test]
fn several_bounds_must_all_hold() {
    let between = || Threshold {
        bounds: vec![
            Bound { comparator: ">", limit: Decimal::new("50") },
            Bound { comparator: "<=", limit: Decimal::new("100") },
        ],
        ..percentile("0.5", ">", "50", "60")
    };
    let events = [at(1.0, "50", "200"), at(61.0, "75", "200"), at(121.0, "100.5", "200")];
    // `matched` is that of the first bound.
    let expected = ["+60 Violation Judged 50 0/1", "+120 Ok Judged 75 1/1", "+180 Violation Judged 100.5 1/1"];
    check(&[between()], &events, WHOLE, &expected);
}

#[test]
fn fractions_of_a_second_are_exact() {
    let config = |grace: &str, t: Threshold| Config { grace: Some(Decimal::new(grace)), thresholds: vec![t] };
    let events = [at(0.0, "1", "200"), at(0.25, "1", "200"), at(0.749999, "1", "200"), at(1.0, "1", "200")];
    let expected = ["+0.25 Violation Judged 1 1/1"];
    check_config(config("0.5", count(">", "1", "0.25")), &events, WHOLE, &expected);
    // What is finer than a microsecond is cut off towards the past: the event stays in the window that ends at +0.5.
    let mut finer = at(0.499999, "1", "200");
    finer.stamp = Stamp::Finer;
    check_config(
        config("0", count("<=", "0", "0.5")),
        &[finer, other(0.9)],
        WHOLE,
        &["+0.5 Violation Judged 1 1/1", "+1 Ok Judged 0 0/0"],
    );
}
