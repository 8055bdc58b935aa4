//! `highwater replay` against the model: the same transitions, in the same order, on histories nobody has thought of.
//!
//! `HIGHWATER_CASES` sets how many random cases are tried, `HIGHWATER_SEED` which.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{env, fs};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value as Json;

use crate::model::event::{Event, Number, Value};
use crate::model::generate::{Case, case};
use crate::model::{self, Config, Decimal, Measure, Reason, Service, Status, Thin, Transition, Window, write};

/// How the events are handed over.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    Plain,
    Gzip,
    Stdin,
    /// Sorted, and every other event in a second file.
    TwoFiles,
}

#[test]
fn replay_says_what_the_model_says() {
    let inputs = prop_oneof![
        3 => Just(Input::Plain),
        1 => Just(Input::Gzip),
        1 => Just(Input::Stdin),
        1 => Just(Input::TwoFiles),
    ];
    let result = runner(150).run(&(case(), any::<bool>(), inputs), |(case, whole, input)| {
        compare(&case, whole, input).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(why) => panic!("{why}"),
    }
}

/// One change that is written as the grammar has it, whether or not it makes sense.
#[derive(Clone, Copy, Debug)]
struct Mutation {
    /// Which threshold, what of it, and which of the values to choose from.
    at: usize,
    what: usize,
    choice: usize,
}

impl Mutation {
    fn apply(self, config: &mut Config) {
        let Mutation { at, what, choice } = self;
        let decimal = |texts: &[&str]| Decimal(texts[choice % texts.len()].to_string());
        let number = |numbers: &[usize]| numbers[choice % numbers.len()];
        let thin = [Thin::Keep, Thin::Ok, Thin::Violation][choice % 3];
        let times = ["0.1", "1", "10", "60", "7", "0", "2", "30", "0.5", "120", "600", "0.3"];
        let len = config.thresholds.len();
        let other = config.thresholds[(at + 1) % len].clone();
        let threshold = &mut config.thresholds[at % len];
        match what {
            0 => threshold.interval = decimal(&times),
            1 => threshold.every = Some(decimal(&times)),
            2 => threshold.every = None,
            3 => threshold.bounds[0].limit = decimal(&["0", "1", "1.0", "100", "0.5", "-1", "-0.5", "0.05", "0.95"]),
            4 => threshold.bounds[0].comparator = ["<=", "<", ">=", ">", "=", "not="][choice % 6],
            5 => threshold.bounds.extend(other.bounds),
            6 => threshold.violate_after = Some(number(&[0, 1, 2, 3, 30])),
            7 => threshold.recover_after = Some(number(&[0, 1, 2, 3, 30])),
            8 => threshold.min_count = Some(number(&[0, 1, 2, 5])),
            9 => threshold.few = Some(thin),
            10 => threshold.no_data = Some(thin),
            11 => threshold.forget = Some(decimal(&times)),
            12 => threshold.max_gap = Some(decimal(&times)),
            13 => threshold.grace = Some(decimal(&times)),
            14 => config.grace = Some(decimal(&times)),
            15 => threshold.by = other.by,
            16 => threshold.filter = other.filter,
            17 => threshold.service = other.service,
            18 => threshold.measure = other.measure,
            19 => threshold.name = Some(["slow", "", "[odd", "\u{e9}"][choice % 4].to_string()),
            20 => config.thresholds.push(other),
            _ => {
                threshold.measure = match threshold.measure.clone() {
                    Measure::Percentile { field, riemann, .. } => {
                        let quantile = decimal(&["0.5", "0.99", "1", "0.000001", "0.50", "0", "1.5"]);
                        Measure::Percentile { quantile, field, riemann: !riemann }
                    }
                    Measure::Percentage { field, pattern } => Measure::Count { field, pattern },
                    Measure::Count { field, pattern } => Measure::Percentage { field, pattern },
                };
            }
        }
    }
}

/// A valid configuration that is changed is refused, or means what the model reads in it.
#[test]
fn what_is_changed_and_accepted_is_judged_as_the_model_does() {
    let mutation = (0..4usize, 0..22usize, 0..12usize).prop_map(|(at, what, choice)| Mutation { at, what, choice });
    let mutations = proptest::collection::vec(mutation, 1..4);
    let (accepted, refused) = (RefCell::new(0), RefCell::new(0));
    let result = runner(250).run(&(case(), mutations, any::<bool>()), |(mut case, mutations, whole)| {
        mutations.into_iter().for_each(|mutation| mutation.apply(&mut case.config));
        if highwater::config::from_text(&write::config(&case.config)).plan.is_none() {
            *refused.borrow_mut() += 1;
            return Ok(());
        }
        *accepted.borrow_mut() += 1;
        compare(&case, whole, Input::Plain).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(why) => panic!("{why}"),
    }
    let (accepted, refused) = (accepted.into_inner(), refused.into_inner());
    assert!(accepted > refused / 4 && refused > accepted / 20, "{accepted} accepted, {refused} refused");
}

#[test]
fn random_histories_reach_every_rule() {
    let reached = RefCell::new(BTreeMap::<String, usize>::new());
    let count = |what: String| *reached.borrow_mut().entry(what).or_default() += 1;
    let result = runner(400).run(&(case(), any::<bool>()), |(case, whole)| {
        for transition in model::transitions(&case.config, &case.events, whole) {
            let kind = match transition.threshold.measure {
                Measure::Percentile { .. } => "percentile",
                Measure::Percentage { .. } => "percentage",
                Measure::Count { .. } => "count",
            };
            let part = if transition.watched < transition.window.length() { " of a part" } else { "" };
            count(format!("{kind} {:?} {:?}{part}", transition.status, transition.reason));
        }
        Ok(())
    });
    result.expect("the model takes every case");
    let reached = reached.into_inner();
    for kind in ["percentile", "percentage", "count"] {
        for what in ["Violation Judged", "Violation NoData", "Violation Few", "Ok Judged", "Ok Forgotten"] {
            assert!(reached.contains_key(&format!("{kind} {what}")), "no {kind} {what} in {reached:#?}");
        }
    }
    for what in ["Violation Judged", "Ok Judged"] {
        assert!(reached.contains_key(&format!("count {what} of a part")), "no {what} of a part in {reached:#?}");
    }
}

/// "whatever the arrival order inside the grace": what the model reads into the contract has to keep its own law.
#[test]
fn arrival_order_inside_the_grace_changes_nothing_in_the_model() {
    let result = runner(40).run(&(case(), any::<bool>()), |(case, whole)| {
        let graces = case.config.thresholds.iter().map(|threshold| case.config.grace_of(threshold));
        let grace = graces.min().expect("a case has a threshold");
        let mut events: Vec<Event> = Vec::new();
        for event in case.events {
            if events.iter().all(|earlier| earlier.time - grace <= event.time) {
                events.push(event);
            }
        }
        let said =
            |events: &[Event]| model::transitions(&case.config, events, whole).iter().map(brief).collect::<Vec<_>>();
        let as_they_came = said(&events);
        events.sort_by_key(|event| event.time);
        prop_assert_eq!(said(&events), as_they_came);
        Ok(())
    });
    result.expect("the order changes nothing");
}

fn runner(default_cases: u64) -> TestRunner {
    let number = |name: &str, default: u64| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let cases = u32::try_from(number("HIGHWATER_CASES", default_cases)).expect("fewer cases");
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("HIGHWATER_SEED", 1).to_le_bytes());
    let settings = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(settings, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Err tells how replay and model differ, with all that it takes to run the case by hand.
pub fn compare(case: &Case, whole: bool, input: Input) -> Result<(), String> {
    let mut events = case.events.clone();
    if let Input::TwoFiles = input {
        events.sort_by_key(|event| event.time);
    }
    let expected = model::transitions(&case.config, &events, whole);
    let folder = Folder::new();
    let command = command(&folder.0, &case.config, &events, whole, input);
    let output = run(&command, &folder.0, input);
    let told = |why: String, found: &str, errors: &str| {
        let lines = |events: &[Event]| events.iter().map(write::event).collect::<Vec<_>>().join("\n");
        let expected: Vec<String> = expected.iter().map(brief).collect();
        format!(
            "{why}\n--- highwater {}\n--- t.edn\n{}--- events in order of arrival\n{}\n--- the model says\n{}\n--- highwater says\n{found}\n{errors}",
            command.join(" "),
            write::config(&case.config),
            lines(&events),
            expected.join("\n"),
        )
    };
    let (stdout, stderr) = match output {
        Ok(output) => output,
        Err(why) => return Err(told(why, "", "")),
    };
    match difference(&expected, &stdout) {
        None => Ok(()),
        Some(why) => Err(told(why, &stdout, &stderr)),
    }
}

/// Writes the files of a case and names the arguments.
fn command(folder: &Path, config: &Config, events: &[Event], whole: bool, input: Input) -> Vec<String> {
    let lines = |events: &mut dyn Iterator<Item = &Event>| {
        events.fold(String::new(), |mut out, event| {
            writeln!(out, "{}", write::event(event)).expect("a string takes all");
            out
        })
    };
    let put = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).expect("the folder takes files");
        name.to_owned()
    };
    let mut command = vec!["replay".to_owned(), "--format".to_owned(), "json".to_owned(), "-c".to_owned()];
    command.push(put("t.edn", write::config(config).as_bytes()));
    if whole {
        command.push("--whole".to_owned());
    }
    let all = lines(&mut events.iter());
    match input {
        Input::Plain => command.push(put("events.jsonl", all.as_bytes())),
        Input::Gzip => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(all.as_bytes()).expect("memory takes all");
            command.push(put("events.jsonl.gz", &packed.finish().expect("memory takes all")));
        }
        Input::Stdin => {
            put("events.jsonl", all.as_bytes());
            command.push("-".to_owned());
        }
        Input::TwoFiles => {
            command.push(put("a.jsonl", lines(&mut events.iter().step_by(2)).as_bytes()));
            command.push(put("b.jsonl", lines(&mut events.iter().skip(1).step_by(2)).as_bytes()));
        }
    }
    command
}

fn run(arguments: &[String], folder: &Path, input: Input) -> Result<(String, String), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(arguments).current_dir(folder);
    if let Input::Stdin = input {
        command.stdin(fs::File::open(folder.join("events.jsonl")).expect("was just written"));
    }
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    match output.status.success() {
        true => Ok((stdout, stderr)),
        false => Err(format!("it ended with {}:\n{stderr}", output.status)),
    }
}

/// The first difference between the transitions of the model and the lines of replay.
fn difference(expected: &[Transition<'_>], stdout: &str) -> Option<String> {
    let mut found = Vec::new();
    for line in stdout.lines() {
        match serde_json::from_str::<Json>(line) {
            // What else there is on standard output (a summary) is no transition.
            Ok(json) if json.get("threshold").is_some() && json.get("previous").is_some() => found.push((line, json)),
            Ok(_) => {}
            Err(why) => return Some(format!("a line is no JSON: {why}")),
        }
    }
    for (i, (expected, (line, found))) in expected.iter().zip(&found).enumerate() {
        // In the text, because the order of its keys counts.
        let group = format!("\"group\":{}", write::group(&expected.group));
        let same_group = line.contains(&group).then_some(()).ok_or(format!("no {group}"));
        if let Some(why) = same_group.err().or_else(|| difference_of(expected, found)) {
            return Some(format!("transition {i} differs: {why}\n  {}", brief(expected)));
        }
    }
    if expected.len() != found.len() {
        return Some(format!("{} transitions expected, {} found", expected.len(), found.len()));
    }
    keys(&found.into_iter().map(|(_, json)| json).collect::<Vec<_>>())
}

fn difference_of(expected: &Transition<'_>, found: &Json) -> Option<String> {
    difference_of_plain(expected, found)
        .or_else(|| difference_of_times(expected, found))
        .or_else(|| difference_of_numbers(expected, found))
        .or_else(|| difference_of_value(expected, &found["value"]))
}

/// Texts and whole numbers.
fn difference_of_plain(expected: &Transition<'_>, found: &Json) -> Option<String> {
    let threshold = expected.threshold;
    let (status, previous) = match expected.status {
        Status::Ok => ("ok", "violation"),
        Status::Violation => ("violation", "ok"),
    };
    let reason = match expected.reason {
        Reason::Judged => "judged",
        Reason::NoData => "no-data",
        Reason::Few => "few",
        Reason::Forgotten => "forgotten",
    };
    let service = match &threshold.service {
        Service::Exactly(service) => (*service).to_owned(),
        Service::Matching(_) => expected.group[0].1.clone().expect("a service of its own"),
    };
    let (kind, field, pattern) = match &threshold.measure {
        Measure::Percentile { field, .. } => ("percentile", *field, Json::Null),
        Measure::Percentage { field, pattern } => ("percentage", *field, (*pattern).into()),
        Measure::Count { field, pattern } => ("count", *field, (*pattern).into()),
    };
    let texts = [
        ("status", status.into()),
        ("previous", previous.into()),
        ("reason", reason.into()),
        ("threshold", write::id(threshold).into()),
        ("service", service.into()),
        ("kind", kind.into()),
        ("field", field.into()),
        ("pattern", pattern),
        ("count", expected.tally.count.into()),
        ("matched", expected.tally.matched.into()),
        ("instance", "default".into()),
        ("v", 1.into()),
    ];
    for (key, expected) in texts {
        if found[key] != expected {
            return Some(format!("{key} is {}, not {expected}", found[key]));
        }
    }
    None
}

fn difference_of_times(expected: &Transition<'_>, found: &Json) -> Option<String> {
    let Window { start, end } = expected.window;
    let times = [
        ("time", &found["time"], end),
        ("window.start", &found["window"]["start"], start),
        ("window.end", &found["window"]["end"], end),
        ("since", &found["since"], expected.since),
    ];
    for (key, found, expected) in times {
        let found = found.as_str().and_then(|text| highwater::plan::Timestamp::from_rfc3339(text.as_bytes()));
        if found.is_none_or(|found| found.micros() != expected) {
            return Some(format!("{key} is not {}", time(expected)));
        }
    }
    None
}

fn difference_of_numbers(expected: &Transition<'_>, found: &Json) -> Option<String> {
    let threshold = expected.threshold;
    let quantile = match &threshold.measure {
        Measure::Percentile { quantile, .. } => Some(quantile.nearest_double()),
        _ => None,
    };
    if found["quantile"].as_f64() != quantile || found["interval"].as_f64() != Some(threshold.interval.nearest_double())
    {
        return Some("quantile or interval differs".to_owned());
    }
    let bounds: Vec<(&str, Option<f64>)> =
        threshold.bounds.iter().map(|bound| (bound.comparator, Some(bound.limit.nearest_double()))).collect();
    let found_bounds: Vec<(&str, Option<f64>)> = found["bounds"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|bound| (bound["comparator"].as_str().unwrap_or(""), bound["limit"].as_f64()))
        .collect();
    if found_bounds != bounds {
        return Some(format!("bounds are {}", found["bounds"]));
    }
    let watched = expected.watched as f64 / expected.window.length() as f64;
    if found["watched"].as_f64().is_none_or(|found| (found - watched).abs() > 1e-6) {
        return Some(format!("watched is {}, not {watched}", found["watched"]));
    }
    None
}

/// "within 1 % (exact while few), null when there is none; it never contradicts the verdict".
fn difference_of_value(expected: &Transition<'_>, found: &Json) -> Option<String> {
    let number = Value::number_of(&found.to_string()).number();
    let (Some(want), Some(number)) = (expected.tally.value, number) else {
        let both_none = expected.tally.value.is_none() && found.is_null();
        return (!both_none).then(|| format!("value is {found}, not {:?}", expected.tally.value));
    };
    let Measure::Percentile { .. } = expected.threshold.measure else {
        let near = (want.to_double() - number.to_double()).abs() <= 1e-9;
        return (!near).then(|| format!("value is {found}, not {want:?}"));
    };
    let near = match expected.tally.count {
        ..=64 => want.compare(number).is_eq(),
        _ => (want.to_double() - number.to_double()).abs() <= 0.01 * want.to_double().abs(),
    };
    if !near {
        return Some(format!("value is {found}, not {want:?}"));
    }
    let all_hold = expected.threshold.bounds.iter().all(|bound| bound.holds_for_metric(number));
    if expected.reason == Reason::Judged && all_hold != (expected.status == Status::Ok) {
        return Some(format!("value {found} contradicts the verdict"));
    }
    None
}

/// `dedup_key` is one for each subject; `violation_id` one for each violation, and that of its recovery.
fn keys(found: &[Json]) -> Option<String> {
    let subject = |json: &Json| (json["threshold"].to_string(), json["group"].to_string());
    for a in found {
        if !a["dedup_key"].is_string() || !a["violation_id"].is_string() {
            return Some("a transition without dedup_key or violation_id".to_owned());
        }
        for b in found {
            let same_subject = subject(a) == subject(b);
            if same_subject != (a["dedup_key"] == b["dedup_key"]) {
                return Some(format!("dedup_key of {:?} and {:?}", subject(a), subject(b)));
            }
            if (same_subject && a["since"] == b["since"]) != (a["violation_id"] == b["violation_id"]) {
                return Some(format!("violation_id of {:?} and {:?}", subject(a), subject(b)));
            }
        }
    }
    None
}

/// One line for people.
pub fn brief(transition: &Transition<'_>) -> String {
    let value = match transition.tally.value {
        None => "null".to_owned(),
        Some(Number::Int(int)) => int.to_string(),
        Some(Number::Float(double)) => double.to_string(),
    };
    format!(
        "{} {:?} {:?} {} {} value={value} count={} matched={} since={} watched={}",
        time(transition.window.end),
        transition.status,
        transition.reason,
        write::id(transition.threshold),
        write::group(&transition.group),
        transition.tally.count,
        transition.tally.matched,
        time(transition.since),
        transition.watched as f64 / transition.window.length() as f64,
    )
}

fn time(micros: model::Micros) -> String {
    highwater::plan::Timestamp::from_micros(micros).expect("a time of our days").to_string()
}

/// A folder that is there until it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("replay-model-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("the target folder takes folders");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the target folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
