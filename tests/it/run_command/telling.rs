//! Who is told: a daemon with routes, and receivers that are as strict as the real ones.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value as Json, json};

use super::super::daemon::{Daemon, PATIENCE};
use super::super::strict::{Say, Strict, pagerduty, webhook};
use super::{Connection, event, metric, metric_with};

const KEPT: &[&str] = &["--state", "state"];
/// Violated by the first slow event, and until a fast one comes.
const SLOW: &str =
    r#":percentiles {"q" {0.5 {:<= 100 :interval 1 :max-gap 1 :name "slow" :severity "page" :labels {:team "a"}}}}"#;

fn configuration(notifiers: &str, routes: &str) -> String {
    format!("{{:grace 0.1 :notifiers {{{notifiers}}} :routes [{routes}] {SLOW}}}")
}

/// Sends events of this value until `is_so`.
fn send_until(daemon: &Daemon, value: i64, what: &str, mut is_so: impl FnMut() -> bool) {
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}:\n{}", daemon.log());
        connection.send(vec![event(value)]);
        sleep(Duration::from_millis(50));
    }
}

fn until(daemon: &Daemon, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}:\n{}", daemon.log());
        sleep(Duration::from_millis(10));
    }
}

/// Makes a violation, and then the recovery; each time until the receiver has got a message.
fn message(daemon: &Daemon, value: i64, receiver: &Strict) -> Json {
    let mut seen = Vec::new();
    send_until(daemon, value, "nothing was told", || {
        seen.extend(receiver.all_seen());
        !seen.is_empty()
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen[0].json()
}

fn key(letter: &str) -> String {
    letter.repeat(32)
}

#[test]
fn a_recovery_goes_to_the_key_that_its_violation_went_to_over_a_reload_and_a_restart() {
    for is_restart in [false, true] {
        let receiver = Strict::start(pagerduty::answer);
        let written = |letter: &str, routes: &str| {
            let url = receiver.url("/v2/enqueue");
            let pager = format!(
                r#":pager {{:type :pagerduty :url "{url}" :routing-key #file "{letter}.key" :severities {{"page" "error"}}}}"#
            );
            configuration(&pager, routes)
        };
        let home = super::super::daemon::Home::new(&written("a", "(notify :pager)"));
        for letter in ["a", "b"] {
            fs::write(home.0.join(format!("{letter}.key")), key(letter)).unwrap();
        }
        let daemon = Daemon::start_in(&home, KEPT);
        let violation = message(&daemon, 143, &receiver);
        assert_eq!((&violation["event_action"], &violation["routing_key"]), (&json!("trigger"), &json!(key("a"))));
        assert_eq!(violation["payload"]["severity"], "error");
        until(&daemon, "it was delivered", || metric(&daemon, "highwater_notifier_delivered_total") == 1.0);
        // Another key, and nobody is told any more.
        home.rewrite(&written("b", "(where (= :severity \"ticket\") (notify :pager))"));
        let daemon = if is_restart {
            daemon.restart(true, KEPT)
        } else {
            daemon.signal(Signal::HUP);
            assert!(daemon.logs("routes and notifiers are as they are written now", PATIENCE), "{}", daemon.log());
            daemon
        };
        let recovery = message(&daemon, 85, &receiver);
        assert_eq!((&recovery["event_action"], &recovery["routing_key"]), (&json!("resolve"), &json!(key("a"))));
        assert_eq!(recovery["dedup_key"], violation["dedup_key"]);
    }
}

#[test]
fn what_waits_for_a_wrong_address_goes_to_the_right_one_when_that_is_written() {
    for is_restart in [false, true] {
        let receiver = Strict::start(|_| Say::status(200));
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).unwrap();
        let hook = |url: &str| configuration(&format!(r#":hook {{:type :webhook :url "{url}"}}"#), "(notify :hook)");
        let home = super::super::daemon::Home::new(&hook(&format!("http://{nobody}/")));
        let daemon = Daemon::start_in(&home, KEPT);
        send_until(&daemon, 143, "it failed", || metric(&daemon, "highwater_notifier_failed_attempts_total") >= 2.0);
        home.rewrite(&hook(&receiver.url("/")));
        let daemon = if is_restart {
            daemon.restart(true, KEPT)
        } else {
            daemon.signal(Signal::HUP);
            daemon
        };
        let began = Instant::now();
        let mut seen = Vec::new();
        until(&daemon, "it goes to the right one", || {
            seen.extend(receiver.all_seen());
            !seen.is_empty()
        });
        // What waited for a pause to end would not be there yet.
        assert!(is_restart || began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(seen[0].json()["status"], "violation");
        assert_eq!(message(&daemon, 85, &receiver)["status"], "ok");
        until(&daemon, "all has arrived", || metric(&daemon, "highwater_notifier_waiting") == 0.0);
    }
}

#[test]
fn who_may_have_heard_of_a_violation_hears_of_its_end_though_it_went_elsewhere() {
    for is_crash in [false, true] {
        let is_first = AtomicBool::new(true);
        let cutting = Strict::start(move |_| match is_first.swap(false, Relaxed) {
            true => Say::Cut(String::new()),
            false => Say::status(200),
        });
        let taking = Strict::start(|_| Say::status(200));
        let hook = |url: &str| configuration(&format!(r#":hook {{:type :webhook :url "{url}"}}"#), "(notify :hook)");
        let home = super::super::daemon::Home::new(&hook(&cutting.url("/")));
        let daemon = Daemon::start_in(&home, KEPT);
        assert_eq!(message(&daemon, 143, &cutting)["status"], "violation");
        until(&daemon, "it was cut", || metric(&daemon, "highwater_notifier_failed_attempts_total") >= 1.0);
        home.rewrite(&hook(&taking.url("/")));
        let daemon = if is_crash {
            daemon.restart(true, KEPT)
        } else {
            daemon.signal(Signal::HUP);
            daemon
        };
        let mut seen = Vec::new();
        until(&daemon, "it goes to the other one", || {
            seen.extend(taking.all_seen());
            !seen.is_empty()
        });
        assert_eq!(seen[0].json()["status"], "violation");
        assert_eq!(message(&daemon, 85, &taking)["status"], "ok");
        let mut seen = Vec::new();
        until(&daemon, "the first hears of the end", || {
            seen.extend(cutting.all_seen());
            !seen.is_empty()
        });
        assert_eq!(seen[0].json()["status"], "ok", "{is_crash}");
    }
}

#[test]
fn what_is_rejected_is_a_dead_letter_with_its_recovery_and_others_go_on() {
    let refusing = Strict::start(|_| Say::Answer(400, &[], "{\"error\":\"no such channel\"}".to_string()));
    let taking = Strict::start(|_| Say::status(200));
    let notifiers = format!(
        r#":no {{:type :webhook :url "{}"}} :yes {{:type :webhook :url "{}"}}"#,
        refusing.url("/x"),
        taking.url("/y")
    );
    let daemon = Daemon::start(&configuration(&notifiers, "(notify :no :yes)"), KEPT);
    assert_eq!(message(&daemon, 143, &taking)["status"], "violation");
    assert_eq!(message(&daemon, 85, &taking)["status"], "ok");
    until(&daemon, "two dead letters", || metric_with(&daemon, "highwater_notifier_dead_letters_total", "no") == 2.0);
    assert_eq!(refusing.all_seen().len(), 1, "the recovery of what was rejected is not tried");
    let letters = fs::read_to_string(daemon.folder.join("state/dead-letters.jsonl")).unwrap();
    let letters: Vec<Json> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |letter: &Json| (letter["notifier"].clone(), letter["transitions"][0]["status"].clone());
    assert_eq!(
        letters.iter().map(said).collect::<Vec<_>>(),
        [(json!("no"), json!("violation")), (json!("no"), json!("ok"))]
    );
    assert_eq!(letters[0]["why"], "answered 400: no such channel");
}

#[test]
fn what_could_not_be_delivered_is_delivered_by_the_next_process_under_the_same_id() {
    let is_there = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_there);
    let receiver = Strict::start(move |_| Say::status(if asked.load(Relaxed) { 200 } else { 503 }));
    let hook = format!(r#":hook {{:type :webhook :url "{}"}}"#, receiver.url("/x"));
    let daemon = Daemon::start(&configuration(&hook, "(notify :hook)"), KEPT);
    let mut first = Vec::new();
    send_until(&daemon, 143, "it was tried", || {
        first.extend(receiver.all_seen());
        !first.is_empty()
    });
    is_there.store(true, Relaxed);
    let daemon = daemon.restart(true, KEPT);
    let second = receiver.seen();
    assert_eq!(second.header("webhook-id"), first[0].header("webhook-id"));
    assert_eq!(second.body, first[0].body);
    until(&daemon, "it was delivered", || metric(&daemon, "highwater_notifier_delivered_total") == 1.0);
    assert!(receiver.all_seen().is_empty());
}

#[test]
fn what_a_rollup_holds_back_outlives_a_crash_and_a_reload() {
    let receiver = Strict::start(|_| Say::status(200));
    let hook = format!(r#":hook {{:type :webhook :url "{}"}}"#, receiver.url("/x"));
    let written = |seconds: u32| configuration(&hook, &format!("(rollup 0 {seconds} (notify :hook))"));
    let daemon = Daemon::start(&written(3600), KEPT);
    send_until(&daemon, 143, "it is held back", || metric(&daemon, "highwater_pending_notices") == 1.0);
    let daemon = daemon.restart(true, KEPT);
    until(&daemon, "it is held back still", || metric(&daemon, "highwater_pending_notices") == 1.0);
    assert!(receiver.all_seen().is_empty());
    // A route that is written otherwise sends what it held back.
    daemon.home().rewrite(&written(3601));
    daemon.signal(Signal::HUP);
    assert_eq!(receiver.seen().json()["status"], "violation");
}

#[test]
fn an_alertmanager_is_told_again_what_fires_over_a_crash_and_then_that_it_has_ended() {
    let receiver = Strict::start(|_| Say::status(200));
    let alerts = format!(r#":am {{:type :alertmanager :url "{}" :resend 1}}"#, receiver.url(""));
    let daemon = Daemon::start(&configuration(&alerts, "(notify :am)"), KEPT);
    let fires = |json: &Json| {
        let alert = &json[0];
        assert_eq!((&alert["labels"]["service"], &alert["labels"]["team"]), (&json!("q"), &json!("a")), "{json}");
        alert["endsAt"].as_str().unwrap() > alert["startsAt"].as_str().unwrap()
    };
    let first = message(&daemon, 143, &receiver);
    assert!(fires(&first));
    let again = receiver.seen().json();
    assert_eq!(again[0]["labels"], first[0]["labels"]);
    let daemon = daemon.restart(true, KEPT);
    let again = receiver.seen().json();
    assert_eq!(again[0]["labels"], first[0]["labels"]);
    let mut ended = None;
    send_until(&daemon, 85, "the end is told", || {
        let all = receiver.all_seen();
        ended = all.into_iter().map(|seen| seen.json()).find(|json| {
            json[0]["endsAt"] != first[0]["endsAt"] && metric(&daemon, "highwater_told_violations") == 0.0
        });
        ended.is_some()
    });
    assert_eq!(ended.unwrap()[0]["labels"], first[0]["labels"]);
}

#[test]
fn a_program_is_told_on_its_standard_input() {
    let exec = r#":pager {:type :exec :command ["sh" "-c" "cat >> told; echo \"$HIGHWATER_KEY\" >> keys"]}"#;
    let daemon = Daemon::start(&configuration(exec, "(notify :pager)"), KEPT);
    send_until(&daemon, 143, "it was told", || daemon.folder.join("keys").exists());
    let told: Json = serde_json::from_str(&fs::read_to_string(daemon.folder.join("told")).unwrap()).unwrap();
    assert_eq!((&told["status"], &told["threshold"]), (&json!("violation"), &json!("slow")));
}

#[test]
fn a_heart_beats_while_all_is_well() {
    let receiver = Strict::start(|_| Say::status(200));
    let heartbeat = format!(r#"{{:heartbeat {{:url "{}" :every 1}} {SLOW}}}"#, receiver.url("/beat"));
    let daemon = Daemon::start(&heartbeat, KEPT);
    assert_eq!(receiver.seen().path, "/beat");
    assert_eq!(receiver.seen().path, "/beat");
    until(&daemon, "it counts", || metric(&daemon, "highwater_heartbeats_total") >= 2.0);
    assert_eq!(metric(&daemon, "highwater_heartbeat_failing"), 0.0);
    // State that cannot be kept is not well.
    super::state::fill_disk(&daemon, true);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    until(&daemon, "it is held back", || {
        connection.send(vec![event(1)]);
        metric(&daemon, "highwater_heartbeat_failing") == 1.0
    });
    assert!(daemon.logs("no heartbeat: state cannot be kept", PATIENCE));
    super::state::fill_disk(&daemon, false);
    until(&daemon, "it is sent again", || metric(&daemon, "highwater_heartbeat_failing") == 0.0);
}

#[test]
fn secrets_are_written_nowhere() {
    // A receiver that repeats all that it is told.
    let repeating = Strict::start(|seen| {
        let headers = seen.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
        Say::Answer(400, &[], format!("no: {headers}{}", String::from_utf8_lossy(&seen.body)))
    });
    let secret = |name: &str| format!("s3cret-{name}-0123456789");
    let signing = format!("whsec_{}", webhook::base64(secret("signing-0123456789").as_bytes()));
    let notifiers = format!(
        r##":hook {{:type :webhook :url #file "url" :secret #file "signing" :headers {{"X-Token" #file "token"}}}}
            :pager {{:type :pagerduty :url "{}" :routing-key #file "routing"}}
            :mail {{:type :email :host "127.0.0.1:1" :user "u" :password #file "password" :from "a@example.com" :to "b@example.com"}}"##,
        repeating.url("/v2/enqueue")
    );
    let files = [
        ("url", repeating.url(&format!("/{}", secret("url")))),
        ("signing", signing.clone()),
        ("token", secret("token")),
        ("routing", "s3cretrouting0123456789012345678".to_string()),
        ("password", secret("password")),
    ];
    let written = configuration(&notifiers, "(notify :hook :pager :mail)");
    let home = super::super::daemon::Home::new(&written);
    for (name, text) in &files {
        fs::write(home.0.join(name), text).unwrap();
    }
    let args = ["--state", "state", "--record", "recording.jsonl", "--log-level", "debug"];
    let mut daemon = Daemon::start_in(&home, &args);
    send_until(&daemon, 143, "two dead letters", || metric(&daemon, "highwater_notifier_dead_letters_total") == 2.0);
    let mut shown = vec![
        ("state", daemon.http("GET", "/state", &[], b"").1),
        ("metrics", daemon.http("GET", "/metrics", &[], b"").1),
    ];
    let stopped = daemon.stop();
    shown.push(("output", format!("{:?}", stopped.1)));
    shown.push(("log", daemon.log()));
    for command in [
        &["check"][..],
        &["check", "--format", "json"],
        &["routes"],
        &["notify", "--dry-run"],
        &["notify", "--send", ":hook", "--send", ":pager", "--send", ":mail"],
        &["replay", "--notify-plan", "recording.jsonl", "--as-live"],
    ] {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        let output = process.args(command).current_dir(&home.0).output().unwrap();
        shown.push((command[0], String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()));
    }
    let hidden: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).chain(["s3cret", &signing[6..]]).collect();
    for (what, text) in &shown {
        assert!(!text.is_empty() || *what == "output", "{what}");
        for hidden in &hidden {
            assert!(!text.contains(hidden), "{what} shows {hidden}:\n{text}");
        }
    }
    // Files too; of the outbox, which needs the addresses for recoveries, all but those.
    for file in walk(&home.0) {
        let name = file.strip_prefix(&home.0).unwrap().display().to_string();
        if files.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let bytes = fs::read(&file).unwrap();
        let is_outbox = name.starts_with("state/outbox");
        let addresses =
            ["url", "routing"].map(|known| files.iter().find(|(name, _)| *name == known).unwrap().1.clone());
        for (known, text) in files.iter().filter(|(_, text)| !is_outbox || !addresses.contains(text)) {
            let is_in = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!is_in, "{name} holds the {known}");
        }
        use std::os::unix::fs::PermissionsExt;
        if name.starts_with("state/") {
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{name} is for its owner only");
        }
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

#[test]
fn what_nobody_knows_to_be_violated_any_more_is_told_as_ok() {
    let receiver = Strict::start(|_| Say::status(200));
    let hook = format!(r#":hook {{:type :webhook :url "{}"}}"#, receiver.url("/x"));
    let daemon = Daemon::start(&configuration(&hook, "(notify :hook)"), KEPT);
    let violation = message(&daemon, 143, &receiver);
    until(&daemon, "it was delivered", || metric(&daemon, "highwater_notifier_delivered_total") == 1.0);
    let mut daemon = daemon;
    daemon.crash();
    // The state of the windows is lost, what was told is not.
    for entry in fs::read_dir(daemon.folder.join("state")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let daemon = Daemon::start_in(daemon.home(), KEPT);
    let end = receiver.seen().json();
    assert_eq!((&end["status"], &end["reason"]), (&json!("ok"), &json!("forgotten")));
    assert_eq!(end["violation_id"], violation["violation_id"]);
    assert!(daemon.logs("1 violations were told and are not known any more", PATIENCE), "{}", daemon.log());
    // It goes on as if it were new.
    assert_eq!(message(&daemon, 143, &receiver)["status"], "violation");
}
