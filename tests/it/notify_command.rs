//! `notify` and `routes`: seen before it matters.

use std::fs;
use std::process::Command;

use super::daemon::Home;
use super::strict::{Strict, pagerduty};

const SLOW: &str = r#":percentiles {"q" {0.5 [{:<= 100 :interval 60 :severity "page"} {:<= 9 :interval 60 :name "fast"}
                                          {:<= 9 :interval 60 :name "dark" :shadow true}]}}"#;

/// Exit code, standard output and standard error.
fn run(home: &Home, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_highwater")).args(args).current_dir(&home.0).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_test_is_marked_and_ends_nothing_that_is_real() {
    let receiver = Strict::start(pagerduty::answer);
    let url = receiver.url("/v2/enqueue");
    let key = "k".repeat(32);
    let home = Home::new(&format!(
        r#"{{:notifiers {{:pager {{:type :pagerduty :url "{url}" :routing-key #file "key"}}}}
            :routes [(where (= :severity "page") (notify :pager))] {SLOW}}}"#
    ));
    fs::write(home.0.join("key"), &key).unwrap();
    let (code, out, err) = run(&home, &["notify", "--send", ":pager"]);
    assert_eq!((code, out.as_str()), (Some(0), ":pager  violation  accepted\n:pager  ok  accepted\n"), "{err}");
    let (violation, recovery) = (receiver.seen().json(), receiver.seen().json());
    assert_eq!((&violation["event_action"], &recovery["event_action"]), (&"trigger".into(), &"resolve".into()));
    assert!(violation["payload"]["summary"].as_str().unwrap().starts_with("TEST: "), "{violation}");
    assert_eq!(violation["dedup_key"], recovery["dedup_key"]);
    // What is really sent has another key.
    let (code, out, _) = run(&home, &["notify", "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(out.contains(r#""routing_key":"REDACTED""#) && !out.contains(&key), "{out}");
    assert!(!out.contains(violation["dedup_key"].as_str().unwrap()), "{out}");
    assert!(receiver.all_seen().is_empty(), "a dry run sends nothing");
    let (code, out, err) = run(&home, &["notify", "--send", "pagre"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.ends_with("there is no notifier `:pagre`; there are :log, :pager\n") || err.contains("there are :pager"),
        "{err}"
    );
}

#[test]
fn a_test_of_standard_output_and_of_a_violation_alone_ends() {
    let home = Home::new(&format!("{{:routes [(notify :log)] {SLOW}}}"));
    let (code, out, err) = run(&home, &["notify", "--send", ":log"]);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!([lines[1], lines[3]], [":log  violation  accepted", ":log  ok  accepted"], "{out}");
    assert!(lines[0].contains(r#""status":"violation""#) && lines[2].contains(r#""status":"ok""#), "{out}");
    fs::write(home.0.join("told.jsonl"), format!("{}\n", lines[0])).unwrap();
    let (code, out, err) = run(&home, &["notify", "--send", ":log", "--transition", "told.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    let statuses: Vec<&str> = out.lines().filter(|line| line.starts_with(':')).collect();
    assert_eq!(statuses, [":log  violation  accepted", ":log  ok  accepted"], "{out}");
}

#[test]
fn what_is_missing_on_this_machine_is_said_before_it_matters() {
    let home = Home::new(&format!(
        r#"{{:notifiers {{:x {{:type :exec :command ["no-such-program"]}}}} :routes [(notify :x)] {SLOW}}}"#
    ));
    let (code, _, err) = run(&home, &["notify", "--dry-run"]);
    assert_eq!(code, Some(0));
    let said = "highwater: `:x` cannot be told as things are: no-such-program: no such program in `PATH`\n";
    assert_eq!(err, said);
}

#[test]
fn what_does_not_take_a_test_is_said() {
    let home = Home::new(&format!(
        r#"{{:notifiers {{:hook {{:type :webhook :url "http://127.0.0.1:1/"}}}} :routes [(notify :hook)] {SLOW}}}"#
    ));
    let (code, out, _) = run(&home, &["notify", "--send", ":hook"]);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with(":hook  violation  not accepted, the daemon would try again: 127.0.0.1:1: cannot connect"),
        "{out}"
    );
}

#[test]
fn routes_are_shown_for_each_threshold_and_explained_for_one() {
    let home = Home::new(&format!(
        r#"{{:notifiers {{:hook {{:type :webhook :url "http://127.0.0.1:1/"}}}}
            :routes [(where (= :severity "page") (by [:service] (rollup 1 60 (notify :hook))) (else (notify :log)))] {SLOW}}}"#
    ));
    let (code, out, err) = run(&home, &["routes"]);
    assert_eq!(code, Some(0), "{err}");
    let expected = "[:percentiles \"q\" 0.5 60]  →  :hook\ndark  →  nobody: `:shadow`\nfast  →  :log\n";
    assert_eq!(out, expected);
    let (code, out, _) = run(&home, &["routes", "--threshold", "[:percentiles \"q\" 0.5 60]"]);
    assert_eq!(code, Some(0));
    for line in [
        "  (where (= :severity \"page\"))  yes: :severity is \"page\"",
        "      (rollup 1 60)  1 of 1 in this window: passes at once",
        "  →  :hook",
    ] {
        assert!(out.lines().any(|shown| shown == line), "{line}\n{out}");
    }
    let (_, json, _) = run(&home, &["routes", "--format", "json"]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        serde_json::json!({"threshold": "[:percentiles \"q\" 0.5 60]", "notifiers": ["hook"], "note": ""})
    );
    let (code, _, err) = run(&home, &["routes", "--threshold", "slow"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("there is no threshold slow; there are"), "{err}");
}

#[test]
fn a_replay_counts_who_would_have_been_told_and_when_at_night() {
    let home = Home::new(&format!(
        r#"{{:grace 0 :notifiers {{:hook {{:type :webhook :url "http://127.0.0.1:1/"}}}}
            :routes [(where (= :severity "page") (rollup 1 600 (notify :hook)))] {SLOW}}}"#
    ));
    // 21:58, 22:00 and 22:02 are violated, the minutes between are not.
    let minute = |minute: i64, metric: i64| {
        let time = 1_700_000_000 - 1_700_000_000 % 86_400 + 21 * 3_600 + 58 * 60 + minute * 60;
        (0..3)
            .map(|second| format!("{{\"service\":\"q\",\"metric\":{metric},\"time\":{}}}\n", time + second))
            .collect::<String>()
    };
    let events: String = (0..8).map(|at| minute(at, if at % 2 == 0 && at < 6 { 143 } else { 5 })).collect();
    fs::write(home.0.join("events.jsonl"), events).unwrap();
    let (code, out, err) = run(&home, &["replay", "--whole", "--notify-plan", "--night", "22-7", "events.jsonl"]);
    assert_eq!(code, Some(0), "{err}");
    let plan = out.split("who would have been told").nth(1).unwrap_or_else(|| panic!("{out}"));
    // The first at 21:59 at once; the second leaves with its recovery, as does the third.
    let expected =
        "  :hook  4 messages: 3 violations, 3 recoveries; 3 at night (1 night); at most 4 a day (2023-11-14)";
    assert!(plan.starts_with(" (night is 22:00 to 7:00 UTC)\n"), "{plan}");
    assert!(plan.lines().any(|line| line.starts_with("  :hook  ")), "{plan}");
    let told = plan.lines().find(|line| line.starts_with("  :hook  ")).unwrap();
    assert_eq!(told, expected);
    let shown = "    2023-11-14 22:02  violation: ";
    assert!(plan.lines().any(|line| line.starts_with(shown) && line.ends_with("; and 1 recovery")), "{plan}");
}
