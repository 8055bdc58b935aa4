//! `test`: scenarios as those see it who write them.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::daemon::Home;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Exit code, standard output and standard error.
fn run_in(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_highwater")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_scenarios_beside_the_example_pass() {
    for (folder, args) in [
        ("", &["test"][..]),
        ("", &["test", "thresholds"]),
        ("thresholds", &["test"]),
        ("fixtures", &["test", "../thresholds/http.test.edn"]),
    ] {
        let (code, out, err) = run_in(&Path::new(ROOT).join(folder), args);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{folder} {args:?}: {err}");
        assert!(err.starts_with("4 scenarios: 4 passed, 0 failed"), "{err}");
    }
}

#[test]
fn what_is_written_about_scenarios_is_as_agreed() {
    let folder = Path::new(ROOT).join("fixtures/scenarios");
    for (name, args, code) in [
        ("failing.test.edn", &["--coverage"][..], 1),
        ("failing.test.edn", &["--format", "json"], 1),
        ("mistakes.test.edn", &[], 2),
    ] {
        let (ended, out, err) = run_in(&folder, &[&["test", name][..], args].concat());
        assert_eq!(ended, Some(code), "{err}");
        let shown = format!("{out}---\n{err}");
        let golden = folder.join(format!("{name}{}.expected", args.join("")));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&golden, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
    }
}

#[test]
fn junit_names_what_failed() {
    let folder = Path::new(ROOT).join("fixtures/scenarios");
    let (code, out, _) = run_in(&folder, &["test", "failing.test.edn", "--format", "junit"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("<testsuite name=\"highwater\" tests=\"4\" failures=\"2\">"), "{out}");
    assert!(out.contains("<testcase name=\"wrong\" classname=\"failing.test.edn\""), "{out}");
    assert_eq!(out.matches("<failure ").count(), 2);
    assert!(!out.contains("p99 of q is 143, over 100 (10 min, 5 of 5 events above)\n<"), "{out}");
}

#[test]
fn what_is_recorded_passes_and_keeps_all_else() {
    let home = Home::new("{}");
    let text = fs::read_to_string(Path::new(ROOT).join("fixtures/scenarios/failing.test.edn")).unwrap();
    let file = home.0.join("a.test.edn");
    fs::write(&file, &text).unwrap();
    let (code, _, err) = run_in(&home.0, &["test", "--record", "a.test.edn"]);
    assert_eq!((code, err.as_str()), (Some(0), "recorded 4 scenarios in 1 changed of 1 file\n"));
    let recorded = fs::read_to_string(&file).unwrap();
    for kept in [
        "; comment kept",
        ";; The article's thresholds.",
        ":threshold [:histograms \"q\" :status-code \"^5\" :count 300] :count 300}",
    ] {
        assert!(recorded.contains(kept), "{kept}\n{recorded}");
    }
    assert_eq!(run_in(&home.0, &["test", "a.test.edn"]).0, Some(0));
    let (_, _, err) = run_in(&home.0, &["test", "--record", "a.test.edn"]);
    assert_eq!(err, "recorded 4 scenarios in 0 changed of 1 file\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), recorded);
}

#[test]
fn what_is_recorded_into_a_file_in_the_style_of_fmt_is_in_it() {
    let home = Home::new("{}");
    let file = home.0.join("a.test.edn");
    let series = "{:service \"q\" :metric 85 :status-code \"200x299 500 200x600\"}";
    let scenario = format!("{{:name \"errors\" :end 900 :events [{series}]}} ; kept");
    let check = "{:<= 0 :interval 300 :type :count}";
    let text = format!("{{:histograms {{\"q\" {{:status-code {{\"^5\" {check}}}}}}} :scenarios [{scenario}\n]}}");
    fs::write(&file, format!("\u{FEFF}{text}")).unwrap();
    assert_eq!(run_in(&home.0, &["fmt", "a.test.edn"]).0, Some(0));
    assert_eq!(run_in(&home.0, &["test", "--record", "a.test.edn"]).0, Some(0));
    let (code, out, err) = run_in(&home.0, &["fmt", "--check", "a.test.edn"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", "would change 0 of 1 file\n"));
    let recorded = fs::read_to_string(&file).unwrap();
    assert!(recorded.starts_with("\u{FEFF}{:histograms") && recorded.contains("; kept"), "{recorded}");
    assert!(recorded.contains("   :expect\n   [{:at \"00:05:00\" :status :violation "), "{recorded}");
    assert_eq!(run_in(&home.0, &["test", "a.test.edn"]).0, Some(0));
}

#[test]
fn one_is_chosen_by_its_name() {
    let folder = Path::new(ROOT).join("fixtures/scenarios");
    let (code, _, err) = run_in(&folder, &["test", "failing.test.edn", "--name", "erro"]);
    assert_eq!(code, Some(0));
    assert!(err.starts_with("1 scenario: 1 passed, 0 failed"), "{err}");
}

#[test]
fn scenarios_need_thresholds() {
    let home = Home::new("{}");
    fs::remove_file(home.0.join("thresholds.edn")).unwrap();
    fs::write(home.0.join("a.test.edn"), "{:scenarios [{:name \"a\" :end 60 :events [{:service \"q\"}]}]}").unwrap();
    let (code, _, err) = run_in(&home.0, &["test", "a.test.edn"]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("error[T151]: there are no thresholds to test\n"), "{err}");
    assert_eq!(run_in(&home.0, &["test", "b.test.edn"]).0, Some(2));
}

/// The same events to `replay --whole`: the same transitions.
fn compare_with_replay(metrics: &[(u32, u32)], codes: &[(u32, u32)], every: u32) {
    let home = Home::new(
        r#"{:percentiles {"q" {0.9 [{:<= 100 :interval 20} {:<= 100 :interval 20 :every 5 :for 2 :by [:host] :name "hop"}]}}
            :histograms {"q" {:status-code {"^5" [{:<= 1 :interval 30 :type :count}] ".*" {:> 0 :interval 10 :type :count :name "any"}}}}}"#,
    );
    let sequence = |parts: &[(u32, u32)]| {
        let part = |(value, times): &(u32, u32)| match value {
            0 => format!("_x{times}"),
            value => format!("{value}x{times}"),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(" ")
    };
    let steps = |parts: &[(u32, u32)]| -> Vec<u32> {
        parts.iter().flat_map(|(value, times)| std::iter::repeat_n(*value, *times as usize)).collect()
    };
    let (metric, code) = (steps(metrics), steps(codes));
    let length = metric.len().max(code.len()) as u32 * every;
    let end = length.div_ceil(60) * 60;
    let scenario = format!(
        "{{:scenarios [{{:name \"a\" :end {end} :events [{{:service \"q\" :every {every} :host \"a\" :metric \"{}\"}}
          {{:service \"q\" :every {every} :host \"b\" :status-code \"{}\"}}]}}]}}",
        sequence(metrics),
        sequence(codes),
    );
    fs::write(home.0.join("a.test.edn"), scenario).unwrap();
    let start = 1_704_067_200u64;
    let mut events = Vec::new();
    for (host, field, values) in [("a", "metric", &metric), ("b", "status-code", &code)] {
        for (at, value) in (0u64..).zip(values).filter(|(_, value)| **value != 0) {
            let time = start + at * u64::from(every);
            events.push((time, serde_json::json!({"service": "q", "host": host, field: value, "time": time})));
        }
    }
    if events.is_empty() {
        return;
    }
    events.sort_by_key(|(time, _)| *time);
    let lines: String = events.iter().map(|(_, event)| format!("{event}\n")).collect();
    fs::write(home.0.join("events.jsonl"), lines).unwrap();
    let to = (start + u64::from(end)).to_string();
    let replay = ["replay", "--whole", "--from", "1704067200", "--to", &to, "--format", "json", "events.jsonl"];
    let (ended, out, err) = run_in(&home.0, &replay);
    assert_eq!(ended, Some(0), "{err}");
    let key = |json: &Json, at: String| {
        let text = |key: &str| json[key].as_str().unwrap().to_string();
        (at, text("status"), text("threshold"), json["group"].to_string())
    };
    let replayed: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .map(|json| {
            let time = highwater::plan::Timestamp::from_rfc3339(json["time"].as_str().unwrap().as_bytes()).unwrap();
            let after = time.micros() / 1_000_000 - start as i64;
            key(&json, format!("{:02}:{:02}:{:02}", after / 3600, after / 60 % 60, after % 60))
        })
        .collect();
    let (_, out, err) = run_in(&home.0, &["test", "a.test.edn", "--format", "json"]);
    let json: Json = serde_json::from_str(out.trim()).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let played: Vec<_> = json["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| key(line, line["at"].as_str().unwrap().to_string()))
        .collect();
    assert_eq!(played, replayed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_scenario_says_what_a_replay_of_its_events_says(
        metrics in proptest::collection::vec((prop_oneof![Just(0u32), Just(50), Just(143)], 1u32..40), 1..8),
        codes in proptest::collection::vec((prop_oneof![Just(0u32), Just(200), Just(500)], 1u32..40), 1..8),
        every in 1u32..4,
    ) {
        compare_with_replay(&metrics, &codes, every);
    }
}

#[test]
fn a_change_is_tested_at_once() {
    use std::io::{BufRead, BufReader};
    let home = Home::new("{}");
    let file = home.0.join("a.test.edn");
    let text = "{:percentiles {\"q\" {0.5 {:<= 100 :interval 60}}} :scenarios [{:name \"a\" :end 60 :events [{:service \"q\" :metric 1}]}]}";
    fs::write(&file, text).unwrap();
    let mut watching = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(["test", "a.test.edn", "--watch"])
        .current_dir(&home.0)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stderr.take().unwrap()).lines();
    let mut next = || lines.next().expect("it watches").unwrap();
    assert!(next().starts_with("1 scenario: 1 passed, 0 failed"));
    assert_eq!(next(), "watching; Ctrl-C ends");
    // As editors do it: another file takes the name.
    fs::write(home.0.join("new"), text.replace(":metric 1}", ":metric 143}")).unwrap();
    fs::rename(home.0.join("new"), &file).unwrap();
    assert!(next().starts_with("1 scenario: 0 passed, 1 failed"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn recording_keeps_comments_what_else_was_expected_and_how_lines_end() {
    let home = super::daemon::Home::new("{:percentiles {\"q\" {0.5 {:<= 100 :interval 60}}}}");
    let path = home.0.join("a.test.edn");
    let id = "[:percentiles \"q\" 0.5 60]";
    let text = format!(
        "{{:scenarios [{{:name \"a\" :end 300\r\n  :events [{{:service \"q\" :every 1 :metric \"5x60 500x60 5x180\"}}]\r\n  \
         :expect [; first\r\n           {{:at \"00:02:00\" :status :violation :threshold {id} :count 599}} ; behind\r\n           \
         #_ {{:at \"x\"}}\r\n           {{:at \"00:03:00\" :status :ok :threshold {id}}}]}}]}}\r\n"
    );
    std::fs::write(&path, &text).expect("writable");
    let record = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        let output = command.args(["test", "--record", "a.test.edn"]).current_dir(&home.0).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        std::fs::read_to_string(&path).expect("readable")
    };
    let new = record();
    assert!(new.contains(":count 60}\r\n") && !new.replace("\r\n", "").contains('\n'), "{new}");
    for kept in ["; first", "; behind", "#_ {:at \"x\"}"] {
        assert!(new.contains(kept), "{new}");
    }
    assert_eq!(record(), new);
}
