//! The laws of ARCHITECTURE.md that hold of the engine, over random thresholds and histories.

use std::sync::Arc;

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Lane, Transition, Value, Watching};
use highwater::plan::{Number, Plan, Timestamp};
use proptest::prelude::*;

const START: i64 = 1_700_000_000_000_000;
const GRACE: i64 = 5_000_000;

#[derive(Clone, Debug)]
struct Happened {
    /// Microseconds after `START`.
    at: i64,
    service: u8,
    host: u8,
    metric: Option<i32>,
    status: Option<u16>,
}

fn history(length: usize) -> impl Strategy<Value = Vec<Happened>> {
    let one =
        (0..400_000i64, 0..3u8, 0..4u8, prop::option::weighted(0.9, -5..200i32), prop::option::weighted(0.8, 0..5u16))
            .prop_map(|(at, service, host, metric, status)| Happened {
                // Silences between bursts, on a grid of half seconds so that edges are hit.
                at: (at / 1000 % 100) * 500_000 + (at / 100_000) * 400_000_000,
                service,
                host,
                metric,
                status: status.map(|class| class * 100 + 100),
            });
    prop::collection::vec(one, 0..length).prop_map(|mut events| {
        events.sort_by_key(|event| event.at);
        events
    })
}

fn checks() -> impl Strategy<Value = String> {
    let option = |text: &'static str| prop::option::weighted(0.3, Just(text)).prop_map(Option::unwrap_or_default);
    let window = prop::sample::select(vec![
        ":interval 10",
        ":interval 10 :every 2",
        ":interval 60 :every 20",
        ":interval 0.5",
        ":interval 30",
        ":interval 7",
    ]);
    let common = (
        window,
        option(":by [:host]"),
        prop::sample::select(vec!["", ":for 2", ":recover 3", ":for 3 :recover 2"]),
        prop::sample::select(vec!["", ":min-count 2", ":min-count 3 :few :violation", ":min-count 2 :few :ok"]),
        prop::sample::select(vec!["", ":no-data :violation", ":no-data :ok", ":max-gap 3", ":grace 12"]),
        option(":forget 120"),
        option(":where (not= host \"h1\")"),
    );
    let percentile = (
        prop::sample::select(vec!["0.5", "0.99", "1", "0.07"]),
        prop::sample::select(vec![":<= 100", ":< 50", ":> 10", ":>= 10 :<= 150", ":not= 100", ":= 100"]),
        option(":rank :riemann"),
    );
    let histogram = prop::sample::select(vec![
        ("^2", ":>= 0.5 :type :percentage"),
        ("^5", ":<= 0.1 :type :percentage"),
        (".*", ":> 0 :type :count"),
        ("^[45]", ":<= 1 :type :count"),
        ("3", ":= 2 :type :count"),
        ("^1", ":not= 1 :type :count"),
    ]);
    let service = prop::sample::select(vec!["\"s0\"", "\"s1\"", "#re \"^s\""]);
    (prop::collection::vec((common, percentile, histogram, service, any::<bool>()), 1..5)).prop_map(|checks| {
        let mut percentiles = String::new();
        let mut histograms = String::new();
        for (i, ((window, by, row, few, none, forget, filter), (q, bound, rank), (pattern, count), service, kind)) in
            checks.into_iter().enumerate()
        {
            // `#re` services of their own, so that no key is written twice.
            let service = service.replace("^s", &format!("^s|x{i}"));
            let options = format!("{window} {by} {row} {few} {none} {forget} {filter} :name \"t{i}\"");
            let (section, entry) = if kind {
                (&mut percentiles, format!("{{{q} {{{bound} {rank} {options}}}}}"))
            } else {
                (&mut histograms, format!("{{:status-code {{\"{pattern}\" {{{count} {options}}}}}}}"))
            };
            if !section.contains(&service) {
                section.push_str(&format!("{service} {entry}\n"));
            }
        }
        format!("{{:percentiles {{{percentiles}}}\n :histograms {{{histograms}}}}}")
    })
}

fn plan_of(text: &str) -> Arc<Compiled> {
    let loaded = config::from_text(text);
    let plan: Plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    Compiled::new(Arc::new(plan))
}

fn event(happened: &Happened) -> Event<'static> {
    let mut event = Event::at(Timestamp::from_micros(START + happened.at).unwrap());
    event.service = Value::text(["s0", "s1", "s2"][usize::from(happened.service)]);
    event.host = match happened.host {
        0 => Value::Nil,
        host => Value::text(["h1", "h2", "h3"][usize::from(host) - 1]),
    };
    event.metric = happened.metric.map_or(Value::Nil, |metric| Value::Number(Number::Int(i64::from(metric))));
    if let Some(status) = happened.status {
        let value = Value::Number(Number::Int(i64::from(status)));
        event.attributes.push(("status-code".as_bytes().into(), value));
    }
    event
}

/// Runs a history with a tick after each event that `ticks` asks for, and whenever one is due.
fn run(
    compiled: &Arc<Compiled>,
    events: &[Happened],
    watching: Watching,
    lanes: usize,
    ticks: &dyn Fn(usize) -> bool,
    cut: Option<usize>,
) -> Vec<String> {
    let mut evaluator = Evaluator::new(compiled, watching);
    let mut counting: Vec<Lane> = evaluator.lanes(lanes);
    let mut out: Vec<Transition> = Vec::new();
    let mut greatest = Timestamp::MIN;
    for (i, happened) in events.iter().enumerate() {
        if cut == Some(i) {
            let bytes = evaluator.snapshot(&mut counting);
            evaluator = Evaluator::restore(&bytes).unwrap();
            counting = evaluator.lanes(lanes);
        }
        let event = event(happened);
        greatest = greatest.max(event.time);
        counting[(i * 7 + usize::from(happened.host)) % lanes].observe(&event);
        if greatest >= evaluator.next_deadline() || ticks(i) {
            evaluator.advance(greatest, &mut counting, &mut out);
        }
    }
    if !events.is_empty() {
        evaluator.finish(greatest, greatest, &mut counting, &mut out);
    }
    // Of checks that differ in grace, one that waits long comes after one that does not, whatever their windows' ends.
    out.sort_by(|a, b| a.order().cmp(&b.order()));
    out.iter().map(|transition| transition.to_json(compiled.plan()).to_string()).collect()
}

const NEVER: &dyn Fn(usize) -> bool = &|_| false;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn extra_ticks_change_nothing(text in checks(), events in history(80), whole: bool, mask: u64) {
        let compiled = plan_of(&text);
        let watching = if whole { Watching::Whole } else { Watching::FromFirstEvent };
        let plain = run(&compiled, &events, watching, 1, NEVER, None);
        let ticked = run(&compiled, &events, watching, 1, &|i| mask >> (i % 64) & 1 == 1, None);
        prop_assert_eq!(plain, ticked);
    }

    #[test]
    fn order_inside_the_grace_changes_nothing(text in checks(), events in history(80), whole: bool, seed: u64) {
        let compiled = plan_of(&text);
        let watching = if whole { Watching::Whole } else { Watching::FromFirstEvent };
        let mut shuffled: Vec<(i64, Happened)> = events.iter().enumerate().map(|(i, event)| {
            let noise = (seed.wrapping_mul(i as u64 * 2 + 1) >> 17) % (GRACE as u64 + 1);
            (event.at + noise as i64, event.clone())
        }).collect();
        shuffled.sort_by_key(|(arrival, _)| *arrival);
        let shuffled: Vec<Happened> = shuffled.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(
            run(&compiled, &events, watching, 1, NEVER, None),
            run(&compiled, &shuffled, watching, 1, NEVER, None)
        );
    }

    #[test]
    fn a_cut_and_a_resume_change_nothing(text in checks(), mut events in history(80), cut in 0..80usize, seed: u64) {
        let compiled = plan_of(&text);
        disorder(&mut events, seed);
        let whole = run(&compiled, &events, Watching::Whole, 2, NEVER, None);
        prop_assert_eq!(whole, run(&compiled, &events, Watching::Whole, 2, NEVER, Some(cut)));
        let partly = run(&compiled, &events, Watching::FromFirstEvent, 1, NEVER, None);
        prop_assert_eq!(partly, run(&compiled, &events, Watching::FromFirstEvent, 1, NEVER, Some(cut)));
    }

    #[test]
    fn any_split_over_lanes_gives_the_same(text in checks(), mut events in history(80), lanes in 2..6usize, seed: u64) {
        let compiled = plan_of(&text);
        disorder(&mut events, seed);
        prop_assert_eq!(
            run(&compiled, &events, Watching::Whole, 1, NEVER, None),
            run(&compiled, &events, Watching::Whole, lanes, NEVER, None)
        );
    }
}

/// Makes some events late, by far more than the grace.
fn disorder(events: &mut [Happened], seed: u64) {
    let length = events.len();
    for i in 0..length {
        let other = seed.wrapping_mul(i as u64 + 3) as usize;
        if other.is_multiple_of(5) {
            events.swap(i, other / 5 % length);
        }
    }
}
