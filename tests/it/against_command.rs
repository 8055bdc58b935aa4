//! `check --against`: what a configuration would change.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use super::daemon::{Daemon, Home, PATIENCE};
use super::run_command::{Connection, event};

fn check(home: &Arc<Home>, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .arg("check")
        .args(args)
        .current_dir(&home.0)
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn thresholds(checks: &str) -> String {
    format!("{{:lint {{:allow [W041]}} :percentiles {{\"q\" {{0.5 [{checks}]}}}}}}")
}

/// Each minute three events of one value.
fn events(minutes: &[i64]) -> String {
    let midnight = 1_700_000_000 - 1_700_000_000 % 86_400;
    let of = |(minute, value): (usize, &i64)| {
        let at = |second: i64| midnight + 60 * i64::try_from(minute).expect("few") + second;
        (0..3)
            .map(|second| format!("{{\"service\":\"q\",\"metric\":{value},\"time\":{}}}\n", at(second)))
            .collect::<String>()
    };
    minutes.iter().enumerate().map(of).collect()
}

#[test]
fn a_history_says_what_other_bounds_would_have_changed() {
    let home = Home::new(&thresholds("{:<= 100 :interval 60 :name \"slow\"} {:<= 500 :interval 60 :name \"new\"}"));
    fs::write(
        home.0.join("before.edn"),
        thresholds("{:<= 200 :interval 60 :name \"slow\"} {:<= 9 :interval 60 :name \"gone\"}"),
    )
    .expect("writable");
    fs::write(home.0.join("events.jsonl"), events(&[1, 150, 300, 1, 150, 1, 1])).expect("writable");
    let args = ["thresholds.edn", "--before", "before.edn", "--against", "events.jsonl", "--whole"];
    let (code, out, err) = check(&home, &args);
    let expected = "\
against before.edn: 0 thresholds kept
  changed from the next window: slow
  new: new
  closed as removed: gone
over the history, against before.edn: 2 transitions added, 4 removed, 1 moved, 1 with other numbers
  - 2023-11-14T00:02:00Z  violation  gone  p50 of q is 150, over 9 (1 min, 3 of 3 events above)
  > 2023-11-14T00:03:00Z  violation  slow  p50 of q is 300, over 200 (1 min, 3 of 3 events above); now at 2023-11-14T00:02:00Z
  - 2023-11-14T00:04:00Z  ok         gone  p50 of q is 1, again <= 9 (1 min, 0 of 3 events above)
  ~ 2023-11-14T00:04:00Z  ok         slow  p50 of q is 1, again <= 200 (1 min, 0 of 3 events above); now p50 of q is 1, again <= 100 (1 min, 0 of 3 events above)
  - 2023-11-14T00:05:00Z  violation  gone  p50 of q is 150, over 9 (1 min, 3 of 3 events above)
  + 2023-11-14T00:05:00Z  violation  slow  p50 of q is 150, over 100 (1 min, 3 of 3 events above)
  - 2023-11-14T00:06:00Z  ok         gone  p50 of q is 1, again <= 9 (1 min, 0 of 3 events above)
  + 2023-11-14T00:06:00Z  ok         slow  p50 of q is 1, again <= 100 (1 min, 0 of 3 events above)
  violations 3 → 2, in violation 4 min → 3 min
  :log  messages 6 → 4, at night 6 → 4, nights 1 → 1
";
    assert_eq!((code, out.as_str()), (Some(0), expected), "{err}");
    assert!(err.starts_with("compared over 21 events\n"), "{err}");
    assert_eq!(check(&home, &[&args[..], &["--fail-on-change"]].concat()).0, Some(1));
    // The same configuration changes nothing.
    let same = ["before.edn", "--before", "before.edn", "--against", "events.jsonl", "--whole", "--fail-on-change"];
    let (code, out, err) = check(&home, &same);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains(": 0 transitions added, 0 removed, 0 moved, 0 with other numbers\n"), "{out}");
    let (_, out, _) = check(&home, &[&args[..], &["--format", "json"]].concat());
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let edits: Vec<_> = lines.iter().filter_map(|line| line["edit"].as_str()).collect();
    assert_eq!(edits, ["new", "changed", "removed"]);
    assert_eq!(lines.iter().filter(|line| line["change"] == "removed").count(), 4);
    assert_eq!(lines.last().expect("a last line")["violations"], serde_json::json!({"before": 3, "after": 2}));
}

#[test]
fn a_history_alone_is_compared_with_nothing_and_proves_lints() {
    let home = Home::new(&thresholds("{:<= 100 :interval 60}"));
    fs::write(home.0.join("events.jsonl"), events(&[1, 150])).expect("writable");
    let (code, _, err) = check(&home, &["--against", "events.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.ends_with(": no errors\n"), "{err}");
    let (code, _, err) = check(&home, &["--against", "events.jsonl", "--fail-on-change"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("`--before PATH`"), "{err}");
    let (code, _, err) = check(&home, &["--fail-on-change"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("name it with `--against FILE`"), "{err}");
    let (code, _, err) = check(&home, &["--against", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("127.0.0.1:1: cannot connect"), "{err}");
    let (code, _, err) = check(&home, &["--against", "."]);
    assert_eq!(code, Some(2));
    assert!(err.contains("no state folder"), "{err}");
}

#[test]
fn a_daemon_and_its_folder_say_beforehand_what_the_reload_then_does() {
    let before = thresholds(
        "{:<= 100 :interval 1 :max-gap 1 :name \"a\"} {:<= 9 :interval 86400 :name \"b\"} {:<= 8 :interval 86400 :name \"c\" :where (= :host \"x\")}",
    );
    let home = Home::new(&before.replacen('{', "{:grace 0.1 ", 1));
    let daemon = Daemon::start_in(&home, &["--state", "state"]);
    let mut connection = Connection::to(daemon.tcp.expect("it listens"));
    let deadline = std::time::Instant::now() + PATIENCE;
    while daemon.line(std::time::Duration::from_millis(50)).is_none() {
        assert!(std::time::Instant::now() < deadline, "no violation:\n{}", daemon.log());
        connection.send(vec![event(143)]);
    }
    let after = thresholds(
        "{:<= 7 :interval 86400 :name \"b\"} {:<= 8 :interval 86400 :name \"c\" :where (= :host \"x\")} {:<= 1 :interval 60}",
    );
    fs::write(home.0.join("after.edn"), after.replacen('{', "{:grace 0.1 ", 1)).expect("writable");
    let url = format!("http://{}", daemon.http.expect("it listens"));
    let expected = "\
: 1 threshold kept
  changed from the next window: b
  new: [:percentiles \"q\" 0.5 60]
  closed as removed: a; 1 group in violation is told as ok
";
    for against in [url.as_str(), "state"] {
        let (code, out, err) = check(&home, &["after.edn", "--against", against]);
        assert_eq!(code, Some(0), "{err}");
        let said = out.split("against ").last().expect("something");
        assert!(said.ends_with(expected), "{out}{err}");
    }
    fs::rename(home.0.join("after.edn"), home.0.join("thresholds.edn")).expect("in one folder");
    let (status, said) = daemon.http("POST", "/reload", &[], b"");
    assert_eq!(status, 200);
    for line in
        ["reloaded: 1 threshold kept\n", "changed from the next window: b\n", "removed: a\n", "new: [:percentiles"]
    {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_folder_that_is_looked_into_stays_as_it_is() {
    let home = Home::new("{}");
    let folder = home.0.join("state");
    fs::create_dir(&folder).expect("new");
    for entry in fs::read_dir("fixtures/state/v0.1.0/state").expect("there") {
        let path = entry.expect("readable").path();
        if path.is_file() {
            fs::copy(&path, folder.join(path.file_name().expect("a file"))).expect("writable");
        }
    }
    let bytes = || {
        let files = fs::read_dir(&folder).expect("there").map(|entry| entry.expect("readable").path());
        let mut all: Vec<_> = files.map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect();
        all.sort();
        all
    };
    let before = bytes();
    fs::copy("fixtures/state/v0.1.0/thresholds.edn", home.0.join("thresholds.edn")).expect("writable");
    let (code, out, err) = check(&home, &["--against", "state"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.ends_with("against the state in state: 5 thresholds kept\n"), "{out}");
    assert!(before == bytes());
    // One that is damaged is said, and set aside by nobody.
    let largest = before.iter().max_by_key(|(_, bytes)| bytes.len()).expect("files");
    let mut damaged = largest.1.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&largest.0, damaged).expect("writable");
    let damaged = bytes();
    let (code, _, err) = check(&home, &["--against", "state"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(damaged == bytes());
}

#[test]
fn a_history_proves_lints_in_the_place_of_guesses() {
    let checks = "{:histograms {\"q\" {:code {\"^2\" {:>= 0.9 :interval 60 :type :percentage :no-data :violation} \"^4\" {:<= 0.9 :interval 60 :type :percentage}}}} :percentiles {\"q\" {0.99 {:<= 100 :interval 60}}}}";
    let home = Home::new(checks);
    let line = |second: usize, metric: u32, code: u32| {
        format!(
            "{{\"service\":\"q\",\"metric\":{metric},\"code\":\"{code}\",\"path\":\"/\",\"time\":{}}}\n",
            1_700_000_040 + second
        )
    };
    // Twice a second, and one minute with few; three of 242 are slow.
    let many: String = (0..120)
        .flat_map(|second| [line(second, 5, 200), line(second, if second < 2 { 500 } else { 5 }, 503)])
        .collect();
    let few = line(150, 500, 200) + &line(151, 5, 200);
    fs::write(home.0.join("events.jsonl"), many.clone() + &few).expect("writable");
    fs::write(home.0.join("many.jsonl"), many).expect("writable");
    let (code, out, err) = check(&home, &["--against", "events.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("W040") && out.contains("in 1 of 3 windows of the history one slow request decided"), "{out}");
    assert!(
        out.contains("W047") && out.contains("`503` of `:code` is matched by no pattern: 49.6 % of the values"),
        "{out}"
    );
    let (_, out, _) = check(&home, &["--against", "many.jsonl"]);
    assert!(!out.contains("W040"), "{out}");
    let (_, out, _) = check(&home, &[]);
    assert!(out.contains("W040") && !out.contains("W047"), "{out}");
}

#[test]
fn test_says_what_of_a_history_no_threshold_watches() {
    let home = Home::new("{:percentiles {\"q\" {0.5 {:<= 100 :interval 60}}}}");
    let scenario = "{:scenarios [{:name \"a\" :end 60 :events [{:service \"q\" :every 1 :metric 1}] :expect []}]}";
    fs::write(home.0.join("a.test.edn"), scenario).expect("writable");
    let events = "{\"service\":\"q\",\"metric\":1,\"path\":\"/\",\"time\":1700000000}\n{\"service\":\"r\",\"time\":1700000000}\n";
    fs::write(home.0.join("events.jsonl"), events).expect("writable");
    let output = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(["test", "--against", "events.jsonl"])
        .current_dir(&home.0)
        .output()
        .expect("it runs");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{err}");
    let expected = "of the history:\n  of the service q no threshold reads :path\n  no threshold watches the service r (1 event)\n";
    assert!(err.ends_with(expected), "{err}");
}
