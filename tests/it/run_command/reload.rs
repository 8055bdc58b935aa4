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

#[test]
fn files_that_change_are_read_by_itself_however_they_are_written() {
    let written = |limit: u32| {
        format!(
            r#"{{:watch true :percentiles {{"q" {{0.5 {{:<= 100 :interval 86400 :name "{limit}"}}}}}}
                :notifiers {{:hook {{:type :webhook :url #file "url"}}}} :routes [(notify :hook)]}}"#
        )
    };
    let home = super::super::daemon::Home::new(&written(1));
    let thresholds = home.0.join("thresholds.edn");
    fs::write(home.0.join("url"), "http://127.0.0.1:1/a").unwrap();
    let daemon = Daemon::start_in(&home, &[]);
    let mut reloads = [0.0, 0.0];
    let mut expect = |what: &str, is_applied: bool| {
        reloads[usize::from(is_applied)] += 1.0;
        let deadline = std::time::Instant::now() + PATIENCE;
        let counted = || ["refused", "applied"].map(|what| metric_with(&daemon, "highwater_reloads_total", what));
        while counted() != reloads {
            assert!(std::time::Instant::now() < deadline, "{what}: {:?}\n{}", counted(), daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    fs::write(&thresholds, written(2)).unwrap();
    expect("written in place", true);
    fs::write(home.0.join("url"), "http://127.0.0.1:1/b").unwrap();
    expect("a secret", true);
    fs::write(home.0.join("new"), written(3)).unwrap();
    fs::rename(home.0.join("new"), &thresholds).unwrap();
    expect("renamed, as editors do", true);
    // As Kubernetes mounts a ConfigMap: a link to a link to a folder that is switched.
    for (version, limit) in [("..1", 4), ("..2", 5)] {
        fs::create_dir(home.0.join(version)).unwrap();
        fs::write(home.0.join(version).join("thresholds.edn"), written(limit)).unwrap();
    }
    std::os::unix::fs::symlink("..1", home.0.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/thresholds.edn", home.0.join("link")).unwrap();
    fs::rename(home.0.join("link"), &thresholds).unwrap();
    expect("a link", true);
    std::os::unix::fs::symlink("..2", home.0.join("..data_tmp")).unwrap();
    fs::rename(home.0.join("..data_tmp"), home.0.join("..data")).unwrap();
    expect("a link that is switched", true);
    fs::remove_file(&thresholds).unwrap();
    expect("removed", false);
    fs::write(&thresholds, "{").unwrap();
    expect("broken", false);
    fs::write(&thresholds, written(6)).unwrap();
    expect("mended", true);
    assert_eq!(whole_state(&daemon)["thresholds"][0]["threshold"], "6");
    fs::write(&thresholds, written(7).replace("true", "false")).unwrap();
    expect("not watched any more", true);
    fs::write(&thresholds, written(8).replace("true", "false")).unwrap();
    // Twice as long as it takes to see a change and to see that it rests.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(metric_with(&daemon, "highwater_reloads_total", "applied"), reloads[1]);
    assert!(daemon.log().contains("files have changed: reloaded: "), "{}", daemon.log());
}
