//! What is bounded: the work of silence, the memory of groups and windows, and what bytes from a disk may do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Reason, Transition, Value, Watching};
use highwater::plan::{Number, Timestamp};
use proptest::prelude::*;

/// 2023-11-14T22:10:00Z, an edge of windows of ten minutes.
const START: i64 = 1_699_999_800;
const YEAR: i64 = 365 * 86_400;

fn plan_of(text: &str) -> Arc<Compiled> {
    let loaded = config::from_text(text);
    let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    Compiled::new(Arc::new(plan))
}

/// `at` seconds after [`START`].
fn time(at: i64) -> Timestamp {
    Timestamp::from_micros((START + at) * 1_000_000).expect("in range")
}

fn event(at: i64, host: &'static str) -> Event<'static> {
    let mut event = Event::at(time(at));
    event.service = Value::text("q");
    event.host = Value::text(host);
    event.metric = Value::Number(Number::Int(143));
    event.attributes.push((b"code".as_slice().into(), Value::Number(Number::Int(200))));
    event
}

/// What a history says, advanced after each event: the evaluator and the transitions.
fn replay(compiled: &Arc<Compiled>, events: &[(i64, &'static str)]) -> (Evaluator, Vec<Transition>) {
    let mut evaluator = Evaluator::new(compiled, Watching::Whole);
    let mut lanes = [evaluator.lane()];
    let mut out = Vec::new();
    let mut greatest = Timestamp::MIN;
    for (at, host) in events {
        lanes[0].observe(&event(*at, host));
        greatest = greatest.max(time(*at));
        evaluator.advance(greatest, &mut lanes, &mut out);
    }
    evaluator.finish(greatest, greatest, &mut lanes, &mut out);
    (evaluator, out)
}

/// `seconds status reason` of each transition.
fn told(out: &[Transition]) -> Vec<String> {
    let seconds = |transition: &Transition| transition.end.micros() / 1_000_000 - START;
    out.iter().map(|t| format!("{} {} {}", seconds(t), t.to.name(), t.reason.name())).collect()
}

#[test]
fn a_year_of_silence_is_judged_at_once_window_by_window() {
    // Each with the windows that a year between two events has.
    for (check, windows) in [
        (":> 0 :interval 1", YEAR + 1),
        (":> 0 :interval 1 :for 1000", YEAR + 1),
        (":> 0 :interval 0.001", YEAR * 1000 + 1),
        (":> 0 :interval 1000000 :every 1", YEAR + 1_000_000),
        (":> 0 :interval 1000 :every 0.001", YEAR * 1000 + 1_000_000),
        (":> 0 :interval 1 :by [:host] :forget 40000000", YEAR + 1),
    ] {
        let compiled = plan_of(&format!(r#"{{:histograms {{"q" {{:code {{"2" {{{check} :type :count}}}}}}}}}}"#));
        let begin = Instant::now();
        let (evaluator, out) = replay(&compiled, &[(0, "a"), (YEAR, "a")]);
        assert!(begin.elapsed() < Duration::from_secs(2), "{check} took {:?}", begin.elapsed());
        let (_, account) = evaluator.report(0);
        assert_eq!((account.judged, account.cut, account.empty + account.few), (windows as u64, 0, 0), "{check}");
        assert_eq!(out.iter().filter(|transition| transition.to.name() == "violation").count(), 1, "{check}");
    }
}

#[test]
fn a_year_with_events_here_and_there_costs_what_the_events_cost() {
    let check = ":<= 100 :interval 1000000 :every 1 :no-data :ok";
    let compiled = plan_of(&format!(r#"{{:percentiles {{"q" {{0.99 {{{check}}}}}}}}}"#));
    let events: Vec<_> = (0..300).map(|i| (i * 105_000, "a")).collect();
    let begin = Instant::now();
    let (evaluator, out) = replay(&compiled, &events);
    assert!(begin.elapsed() < Duration::from_secs(2), "took {:?}", begin.elapsed());
    assert_eq!(evaluator.report(0).1.judged, (299 * 105_000 + 1_000_000) as u64);
    assert_eq!(told(&out), ["1 violation judged"], "there is always an event within so long");
}

#[test]
fn a_day_in_hops_of_a_second_that_gets_worse_and_worse_is_judged_in_seconds() {
    let compiled = plan_of(r#"{:percentiles {"q" {0.5 {:<= 100 :interval 86400 :every 1}}}}"#);
    let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
    let mut lanes = [evaluator.lane()];
    let begin = Instant::now();
    for at in 0..30_000 {
        let mut event = event(at, "a");
        event.metric = Value::Number(Number::Int(if at < 10_000 { 85 } else { 143 + at }));
        lanes[0].observe(&event);
        evaluator.advance(event.time, &mut lanes, &mut Vec::new());
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "took {:?}", begin.elapsed());
}

#[test]
fn groups_above_the_limit_are_counted_in_the_lane_and_in_the_evaluator() {
    let compiled = plan_of(r#"{:limits {:groups 2} :percentiles {"q" {0.99 {:<= 100 :interval 10 :by [:host]}}}}"#);
    let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
    // The lane's own limit: three events of hosts above it.
    let mut lanes = [evaluator.lane(), evaluator.lane()];
    let mut out = Vec::new();
    for host in ["a", "b", "c", "d", "a", "c"] {
        lanes[0].observe(&event(1, host));
    }
    // Each lane keeps its limit, together they are above it: two events that the evaluator refuses.
    for host in ["e", "f"] {
        lanes[1].observe(&event(2, host));
    }
    evaluator.advance(time(20), &mut lanes, &mut out);
    assert_eq!((evaluator.report(0).0.groups, evaluator.groups(0)), (3 + 2, (2, 2)));
    assert_eq!(out.len(), 2, "a and b");
    assert_eq!(out.iter().map(|transition| transition.measured.count).sum::<u64>(), 3);
}

#[test]
fn windows_above_the_limit_are_counted_in_the_lane_and_in_the_evaluator() {
    let hopping = r#"{:limits {:open-windows 3} :percentiles {"q" {0.99 {:<= 100 :interval 30 :every 10}}}}"#;
    let compiled = plan_of(hopping);
    let mut evaluator = Evaluator::new(&compiled, Watching::Whole);
    let mut lanes = [evaluator.lane(), evaluator.lane()];
    let mut out = Vec::new();
    for at in [1, 11, 41, 51, 61, 2] {
        lanes[0].observe(&event(at, "a"));
    }
    for at in [3, 21, 31] {
        lanes[1].observe(&event(at, "a"));
    }
    // 51 and 61 are above the limit of the lane; 21 and 31 above that of the evaluator, which holds 0, 10 and 40.
    evaluator.advance(time(35), &mut lanes, &mut out);
    assert_eq!(evaluator.report(0).0.windows, 2 + 2);
    assert_eq!(out[0].measured.count, 3, "1, 2, 3");
    evaluator.advance(time(55), &mut lanes, &mut out);
    evaluator.finish(time(61), time(61), &mut lanes, &mut out);
    assert_eq!(evaluator.report(0).0.windows, 2 + 2);
}

#[test]
fn a_silent_group_is_forgotten_in_the_open_and_begins_anew() {
    let compiled =
        plan_of(r#"{:histograms {"q" {:code {"2" {:> 0 :interval 10 :type :count :by [:host] :forget 60 :for 2}}}}}"#);
    let silence: Vec<(i64, &str)> = [(0, "a"), (5, "a"), (12, "a")].into();
    let steady: Vec<(i64, &str)> = (0..60).map(|i| (i * 5, "b")).collect();
    // a is silent from 12 on and forgotten at 72, comes back at 200, and is silent again.
    let mut events = [silence, steady, vec![(200, "a"), (203, "a")]].concat();
    events.sort();
    let (evaluator, out) = replay(&compiled, &events);
    let of_a: Vec<Transition> = out.iter().filter(|t| t.group[0].1.as_deref() == Some("a")).cloned().collect();
    assert_eq!(of_a.len(), out.len(), "b was never silent");
    assert_eq!(told(&out), ["40 violation judged", "80 ok forgotten", "230 violation judged", "270 ok forgotten"]);
    assert_eq!(of_a[1].since, of_a[0].end, "it ends the violation");
    assert_eq!(of_a[1].measured.count, 0);
    assert_eq!(evaluator.groups(0), (1, 0), "only b is left");
    assert!(out.iter().all(|transition| transition.reason != Reason::Removed));
}

#[test]
fn a_group_that_was_forgotten_makes_room_for_another() {
    let compiled =
        plan_of(r#"{:limits {:groups 1} :percentiles {"q" {0.5 {:<= 100 :interval 10 :by [:host] :forget 60}}}}"#);
    let (evaluator, out) = replay(&compiled, &[(0, "a"), (20, "b"), (90, "b"), (120, "b")]);
    assert_eq!(evaluator.report(0).0.groups, 1, "b at 20; at 90 there is room when its window closes");
    assert_eq!(told(&out), ["10 violation judged", "60 ok forgotten", "100 violation judged"]);
}

/// A snapshot with rows, groups, exact values, histograms of both signs, zeros, and windows that are half over.
fn snapshot() -> Vec<u8> {
    let compiled = plan_of(
        r#"{:percentiles {"q" {0.99 [{:<= 100 :interval 60 :every 10} {:<= 100 :interval 30 :by [:host] :for 3}]}}
            :histograms {"q" {:code {"2" {:> 0 :interval 10 :type :count :by [:host]}
                                     "5" {:<= 0.1 :interval 60 :type :percentage}}}}}"#,
    );
    let mut evaluator = Evaluator::new(&compiled, Watching::FromFirstEvent);
    let mut lanes = [evaluator.lane()];
    for i in 0..260i64 {
        let mut event = event(i / 4, if i % 3 == 0 { "a" } else { "b" });
        let magnitude = 10f64.powf((i % 40) as f64 / 4.0 - 4.0);
        let number = if i % 5 == 0 {
            0.0
        } else if i % 2 == 0 {
            magnitude
        } else {
            -magnitude
        };
        event.metric = Value::Number(Number::Float(number));
        lanes[0].observe(&event);
        evaluator.advance(event.time, &mut lanes, &mut Vec::new());
    }
    evaluator.snapshot(&mut lanes)
}

#[test]
fn a_damaged_snapshot_is_an_error_or_a_state_but_no_panic() {
    let bytes = snapshot();
    assert!(Evaluator::restore(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(Evaluator::restore(&bytes[..length]).is_err(), "cut off after {length} bytes");
    }
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for byte in [0, 0xff, bytes[at] ^ 1] {
            damaged[at] = byte;
            let _ = Evaluator::restore(&damaged);
        }
        damaged[at] = bytes[at];
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_snapshot_with_foreign_bytes_is_no_panic(
        at in any::<prop::sample::Index>(),
        until in any::<prop::sample::Index>(),
        foreign in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        static SNAPSHOT: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(snapshot);
        let bytes = &*SNAPSHOT;
        let (a, b) = (at.index(bytes.len()), until.index(bytes.len()));
        let mut damaged = bytes.clone();
        damaged.splice(a.min(b)..a.max(b), foreign.iter().copied());
        let _ = Evaluator::restore(&damaged);
        let _ = Evaluator::restore(&[&1u16.to_le_bytes(), &foreign[..]].concat());
    }
}
