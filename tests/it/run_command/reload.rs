//! Reading the thresholds again: checked first, applied whole or not at all.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::*;

const HOURS: &str = r#"{:percentiles {"q" {0.5 {:<= 100 :interval 86400} 0.99 {:<= 100 :interval 86400}}}}"#;

fn rewrite(daemon: &Daemon, thresholds: &str) {
    fs::write(daemon.folder.join("thresholds.edn"), thresholds).unwrap();
}

fn whole_state(daemon: &Daemon) -> Json {
    serde_json::from_str(&daemon.http("GET", "/state", &[], b"").1).unwrap()
}

#[test]
fn what_did_not_change_keeps_its_windows() {
    let daemon = Daemon::start(HOURS, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send(vec![event(1); 5]);
    rewrite(&daemon, r#"{:percentiles {"q" {0.5 {:<= 100 :interval 86400}} "r" {0.5 {:<= 100 :interval 86400}}}}"#);
    let (status, said) = daemon.http("POST", "/reload", &[], b"");
    assert_eq!(status, 200, "{said}");
    assert!(said.starts_with("reloaded: 1 threshold kept\n"), "{said}");
    assert!(said.contains("\nnew: [:percentiles \"r\" 0.5 86400]\n"), "{said}");
    assert!(said.contains("\nremoved: [:percentiles \"q\" 0.99 86400]\n"), "{said}");
    connection.send(vec![event(1); 2]);
    let state = whole_state(&daemon);
    assert_eq!(state["thresholds"][0]["shown"][0]["open"]["count"], 7);
    assert_eq!(state["thresholds"].as_array().unwrap().len(), 2);
    assert_eq!(state["reload"]["applied"], true);
    assert_eq!(metric_with(&daemon, "highwater_reloads_total", "applied"), 1.0);
}

#[test]
fn an_error_changes_nothing_and_is_shown_everywhere() {
    let daemon = Daemon::start(HOURS, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send(vec![event(1); 5]);
    rewrite(&daemon, &HOURS.replacen("86400", "0", 1));
    daemon.signal(Signal::HUP);
    assert!(daemon.logs("SIGHUP: refused, nothing was changed", PATIENCE), "{}", daemon.log());
    let (status, said) = daemon.http("POST", "/reload", &[], b"");
    assert_eq!(status, 422);
    assert!(said.contains("thresholds.edn:1:") && said.contains(":interval"), "{said}");
    let state = whole_state(&daemon);
    assert_eq!(state["reload"]["applied"], false);
    assert!(state["reload"]["message"].as_str().unwrap().contains(":interval"), "{state}");
    assert_eq!(state["thresholds"][0]["shown"][0]["open"]["count"], 5);
    assert_eq!(metric(&daemon, "highwater_last_reload_applied"), 0.0);
    assert_eq!(metric_with(&daemon, "highwater_reloads_total", "refused"), 2.0);
    rewrite(&daemon, HOURS);
    assert_eq!(daemon.http("POST", "/reload", &[], b"").0, 200);
    assert_eq!(metric(&daemon, "highwater_last_reload_applied"), 1.0);
    assert_eq!(whole_state(&daemon)["thresholds"][0]["shown"][0]["open"]["count"], 5);
}

#[test]
fn a_threshold_that_is_removed_while_violated_is_told_as_removed() {
    let daemon = Daemon::start(r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 1}}}}"#, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let deadline = std::time::Instant::now() + PATIENCE;
    let violation = loop {
        connection.send(vec![event(143)]);
        match daemon.line(Duration::from_millis(50)) {
            Some(transition) => break transition,
            None => assert!(std::time::Instant::now() < deadline, "{}", daemon.log()),
        }
    };
    rewrite(&daemon, HOURS);
    daemon.signal(Signal::HUP);
    let removed = daemon.line(PATIENCE).expect("it is told");
    assert_eq!((&removed["status"], &removed["reason"]), (&"ok".into(), &"removed".into()));
    assert_eq!(removed["violation_id"], violation["violation_id"]);
    // Fields that only the new thresholds read are read now.
    rewrite(&daemon, r#"{:percentiles {"q" {0.5 {:<= 100 :interval 86400 :by [:host :status-code]}}}}"#);
    assert_eq!(daemon.http("POST", "/reload", &[], b"").0, 200);
    connection.send(vec![event_at(86_400, 1), event(1)]);
}

#[test]
fn what_is_listened_on_is_read_at_the_start_only() {
    let daemon = Daemon::start(HOURS, &[]);
    rewrite(&daemon, &format!("{{:server {{:idle 60}} {}", &HOURS[1..]));
    let (status, said) = daemon.http("POST", "/reload", &[], b"");
    assert!(status == 200 && said.contains("`:server` has changed"), "{status} {said}");
    rewrite(&daemon, &format!("{{:state {{:durability :sync}} {}", &HOURS[1..]));
    let (status, said) = daemon.http("POST", "/reload", &[], b"");
    assert!(status == 200 && said.contains("`:state` has changed"), "{status} {said}");
    assert_eq!(daemon.http("GET", "/reload", &[], b"").0, 405);
}
