//! State over crashes and restarts.

use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};

use super::super::daemon::Home;
use super::*;

const KEPT: &[&str] = &["--state", "state"];
/// A year: no window of it closes while a test runs.
const YEAR: &str = r#"{:percentiles {"q" {0.5 {:<= 100 :interval 31536000 :max-gap 3600 :by [:host]}}}}"#;
const SECOND: i64 = 1_000_000;

fn start(thresholds: &str) -> Daemon {
    Daemon::start(thresholds, KEPT)
}

fn from(host: &str, metric: i64) -> Event {
    Event { host: Some(host.as_bytes().to_vec()), ..event(metric) }
}

fn send(daemon: &Daemon, events: Vec<Event>) {
    Connection::to(daemon.tcp.unwrap()).send(events);
}

/// How much each host has in the open window, and the sum over the threshold.
fn counts(daemon: &Daemon) -> (Vec<(String, u64)>, u64) {
    let state = state(daemon);
    let shown = state["shown"].as_array().unwrap().iter();
    let count = |shown: &Json| (shown["group"]["host"].as_str().unwrap().to_string(), shown["open"]["count"].as_u64());
    let shown = shown.map(count).map(|(host, count)| (host, count.unwrap())).collect();
    (shown, state["counted"].as_u64().unwrap())
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(5));
    }
}

/// Sends until the first threshold is violated; what was told.
fn violate(daemon: &Daemon) -> Json {
    let deadline = Instant::now() + PATIENCE;
    loop {
        send(daemon, vec![event(143)]);
        match daemon.line(Duration::from_millis(50)) {
            Some(transition) => return transition,
            None => assert!(Instant::now() < deadline, "{}", daemon.log()),
        }
    }
}

#[test]
fn windows_go_on_over_a_restart_and_over_a_crash() {
    for crash in [false, true] {
        let mut daemon = start(YEAR);
        for round in 1..=3 {
            send(&daemon, vec![from("a", 1), from("b", 143)]);
            let lines = "{\"service\":\"q\",\"metric\":9,\"host\":\"a\"}\n".repeat(2);
            assert_eq!(daemon.http("PUT", "/events", &[], lines.as_bytes()).0, 200);
            let datagram = Msg { events: vec![from("c", 1)], ..Msg::default() }.encode_to_vec();
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&datagram, daemon.udp.unwrap()).unwrap();
            let expected = ["a", "b", "c"].map(str::to_string).into_iter().zip([3 * round, round, round]).collect();
            let expected = (expected, 5 * round);
            wait_until("the datagram is counted", || counts(&daemon) == expected);
            daemon = daemon.restart(crash, KEPT);
            assert_eq!(counts(&daemon), expected, "crash: {crash}, round {round}");
        }
        assert!(daemon.logs("state goes on from state", PATIENCE));
        assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
        // A day's silence of the daemon would be another matter.
        assert_eq!(metric(&daemon, "highwater_state_failing"), 0.0);
    }
}

#[test]
fn rows_and_statuses_go_on_and_each_transition_is_told_once() {
    for crash in [false, true] {
        let mut daemon = start(r#"{:grace 0.5 :percentiles {"q" {0.5 {:<= 100 :interval 1 :max-gap 0.9 :for 3}}}}"#);
        let mut ends = Vec::new();
        // A violated window, judged, and a restart, three times: the second makes no row without the first.
        for round in 0..3 {
            let second = now_micros().div_euclid(SECOND) + 1;
            ends.push((second + 1) * SECOND);
            send(&daemon, vec![Event { time_micros: Some(second * SECOND), ..event(143) }]);
            let end = highwater::plan::Timestamp::clamped((second + 1) * SECOND).to_string();
            wait_until("the window is judged", || state(&daemon)["shown"][0]["last"]["window"]["end"] == end.as_str());
            if round < 2 {
                daemon = daemon.restart(crash, KEPT);
                assert_eq!(state(&daemon)["shown"][0]["status"], "ok");
            }
        }
        let violation = daemon.line(PATIENCE).expect("three in a row");
        assert_eq!((&violation["status"], &violation["count"]), (&"violation".into(), &1.into()));
        let end = highwater::plan::Timestamp::clamped(ends[2]).to_string();
        assert_eq!(violation["time"], end.as_str(), "crash: {crash}");
        sleep(Duration::from_millis(100));
        daemon = daemon.restart(crash, KEPT);
        let shown = &state(&daemon)["shown"][0];
        assert_eq!((&shown["status"], &shown["since"]), (&"violation".into(), &violation["since"]));
        send(&daemon, vec![event(1)]);
        let recovery = daemon.line(PATIENCE).expect("one is enough for ok, and nothing is told again");
        assert_eq!(recovery["status"], "ok");
        assert_eq!(recovery["violation_id"], violation["violation_id"]);
        sleep(Duration::from_millis(100));
        daemon = daemon.restart(crash, KEPT);
        assert_eq!(daemon.stop().1, Vec::<Json>::new());
    }
}

#[test]
fn the_time_between_is_unwatched_and_max_gap_says_what_that_means() {
    let daemon = start(
        r#"{:grace 0 :percentiles {"q" {0.5 [{:<= 100 :interval 3 :max-gap 2.9 :name "patient"}
                                           {:<= 100 :interval 3 :max-gap 0.001 :name "strict"}]}}}"#,
    );
    // The restart is within one window, with time to spare.
    let left = 3 * SECOND - now_micros().rem_euclid(3 * SECOND);
    if left < 2 * SECOND {
        sleep(Duration::from_micros(left.unsigned_abs() + 20_000));
    }
    send(&daemon, vec![event(143)]);
    let daemon = daemon.restart(true, KEPT);
    let told = daemon.line(PATIENCE).expect("it counts as whole");
    assert_eq!((&told["threshold"], &told["status"]), (&"patient".into(), &"violation".into()));
    let watched = told["watched"].as_f64().unwrap();
    assert!(0.1 < watched && watched < 1.0, "{told}");
    let strict = serde_json::from_str::<Json>(&daemon.http("GET", "/state?threshold=strict", &[], b"").1).unwrap();
    assert_eq!(strict["thresholds"][0]["shown"][0]["status"], "ok", "{strict}");
    assert_eq!(strict["thresholds"][0]["counted"], 1);
    assert_eq!(daemon.line(Duration::from_millis(200)), None);
}

#[test]
fn one_process_uses_a_folder_and_the_next_one_is_told_so() {
    let daemon = start(YEAR);
    send(&daemon, vec![event(1)]);
    let (code, log) = Daemon::try_start_in(daemon.home(), KEPT).err().expect("it is locked");
    assert_eq!(code, Some(2), "{log}");
    let said = format!("process {} uses this state folder", daemon.pid().as_raw_nonzero());
    assert!(log.contains(&said) && log.contains("`--state DIR`") && log.lines().count() == 1, "{log}");
    drop(Daemon::start_in(daemon.home(), &["--state", "other"]));
    drop(Daemon::start_in(daemon.home(), &[]));
    // And the first was not disturbed.
    let daemon = daemon.restart(true, KEPT);
    assert_eq!(state(&daemon)["counted"], 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_one_line_before_anything_starts() {
    for folder in ["thresholds.edn", "thresholds.edn/state", "/proc/highwater"] {
        let home = Home::new(YEAR);
        let (code, log) = Daemon::try_start_in(&home, &["--state", folder]).err().expect("no folder");
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains(folder) && log.contains("`--no-state`") && log.lines().count() == 1, "{log}");
        drop(Daemon::start_in(&home, &[]));
    }
}

/// The newest file of that kind which holds something.
fn newest(home: &Home, kind: &str) -> PathBuf {
    let files = fs::read_dir(home.0.join("state")).unwrap().map(|file| file.unwrap());
    let is_one = |file: &fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        name.starts_with(kind) && !name.contains('.') && file.metadata().unwrap().len() > 44
    };
    files.filter(is_one).map(|file| file.path()).max().unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn what_is_damaged_is_set_aside_and_the_rest_goes_on() {
    let flip = |path: &PathBuf, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 0x10;
        fs::write(path, bytes).unwrap();
    };
    type Damage<'a> = &'a dyn Fn(&Home);
    let torn: Damage = &|home| {
        let file = fs::OpenOptions::new().write(true).open(newest(home, "journal")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 3).unwrap();
    };
    let half: Damage = &|home| {
        let mut file = fs::OpenOptions::new().append(true).open(newest(home, "journal")).unwrap();
        file.write_all(&[7, 0, 0]).unwrap();
    };
    let flipped: Damage = &|home| flip(&newest(home, "journal"), 60);
    let snapshot: Damage = &|home| flip(&newest(home, "snapshot"), 50);
    for (what, damage, crash, said, sets_aside, counted) in [
        ("the last record is cut off", torn, true, "cut ", false, 3..=6),
        ("half a record", half, true, "cut 3 bytes", false, 6..=6),
        ("a flipped byte in the journal", flipped, true, "damaged-1", true, 3..=3),
        ("a flipped byte in the snapshot", snapshot, false, "windows and statuses begin anew", true, 0..=0),
        ("the same, and a journal behind it", snapshot, true, "the state that it follows is damaged", true, 0..=0),
    ] {
        let mut daemon = start(YEAR);
        send(&daemon, vec![event(1); 3]);
        daemon = daemon.restart(false, KEPT);
        send(&daemon, vec![event(1); 3]);
        let home = Arc::clone(daemon.home());
        if crash {
            daemon.crash()
        } else {
            drop(daemon.stop())
        }
        damage(&home);
        let daemon = Daemon::start_in(&home, KEPT);
        assert!(daemon.log().contains(said) && daemon.log().contains("WARN"), "{what}: {}", daemon.log());
        let names = fs::read_dir(home.0.join("state")).unwrap().map(|file| file.unwrap().file_name());
        let aside = names.filter(|name| name.to_string_lossy().contains(".damaged-")).count();
        assert_eq!(aside > 0, sets_aside, "{what}");
        assert!(aside > 1 || !what.contains("behind it"), "{what}: nothing is removed");
        let found = state(&daemon)["counted"].as_u64().unwrap();
        assert!(counted.contains(&found), "{what}: {found}");
        send(&daemon, vec![event(1)]);
        let mut daemon = daemon;
        for crash in [true, false] {
            daemon = daemon.restart(crash, KEPT);
            assert!(!daemon.log().contains("WARN"), "{what}, said again: {}", daemon.log());
            assert_eq!(state(&daemon)["counted"], found + 1, "{what}");
        }
    }
}

#[test]
fn thresholds_that_were_edited_meanwhile_keep_what_they_can() {
    let limits = |limit: i64, others: &str| {
        format!(
            r#"{{:grace 0 :percentiles {{"q" {{0.5 [{{:<= {limit} :interval 1 :max-gap 0.9 :name "first"}} {others}]}}}}}}"#
        )
    };
    let year = r#"{:<= 100 :interval 31536000 :max-gap 3600 :name "year"}"#;
    for crash in [false, true] {
        let daemon = start(&limits(100, year));
        let violation = violate(&daemon);
        let counted = |daemon: &Daemon, id: &str| {
            let (status, body) = daemon.http("GET", &format!("/state?threshold={id}"), &[], b"");
            assert_eq!(status, 200, "{body}");
            serde_json::from_str::<Json>(&body).unwrap()["thresholds"][0].clone()
        };
        let before = counted(&daemon, "year")["counted"].as_u64().unwrap();
        assert!(before > 0);

        // A limit that is kept by what comes: the status stays until a window says so.
        daemon.home().rewrite(&limits(1000, &format!("{year} {}", year.replace("year", "new"))));
        let daemon = daemon.restart(crash, KEPT);
        assert!(daemon.logs("2 thresholds are not what they were", PATIENCE), "{}", daemon.log());
        assert_eq!(counted(&daemon, "first")["shown"][0]["status"], "violation");
        assert_eq!(counted(&daemon, "year")["counted"], before);
        assert_eq!(counted(&daemon, "new")["counted"], 0);
        // What was printed just before a crash may be printed once more.
        let again = daemon.line(Duration::from_millis(50));
        assert!(again.is_none() || (crash && again.as_ref() == Some(&violation)), "{again:?}");

        // Removed while violated.
        let daemon = daemon.restart(crash, KEPT);
        daemon.home().rewrite(&format!(r#"{{:grace 0 :percentiles {{"q" {{0.5 [{year}]}}}}}}"#));
        let daemon = daemon.restart(crash, KEPT);
        let removed = daemon.line(PATIENCE).expect("it is told");
        assert_eq!((&removed["status"], &removed["reason"]), (&"ok".into(), &"removed".into()), "{removed}");
        assert_eq!(removed["violation_id"], violation["violation_id"]);
        sleep(Duration::from_millis(100));
        let mut daemon = daemon.restart(crash, KEPT);
        assert_eq!(counted(&daemon, "year")["counted"], before);
        assert_eq!(daemon.stop().1, Vec::<Json>::new(), "it is told once");
    }
}

#[test]
fn a_reload_outlives_a_crash() {
    let daemon = start(YEAR);
    send(&daemon, vec![event(1); 3]);
    daemon.home().rewrite(&YEAR.replace(":<= 100", ":<= 200"));
    assert_eq!(daemon.http("POST", "/reload", &[], b"").0, 200);
    send(&daemon, vec![event(1); 2]);
    let daemon = daemon.restart(true, KEPT);
    assert_eq!(counts(&daemon), (vec![("web-1".to_string(), 5)], 5));
    assert!(!daemon.log().contains("are not what they were"), "{}", daemon.log());
}

/// No file that the daemon writes may grow, which is to it what a full disk is; or they may again.
#[cfg(target_os = "linux")]
pub fn fill_disk(daemon: &Daemon, is_full: bool) {
    let limit = Rlimit { current: is_full.then_some(0), maximum: None };
    prlimit(Some(daemon.pid()), Resource::Fsize, limit).expect("a child of ours");
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_it_counts_on_says_so_and_recovers_by_itself() {
    let daemon = start(
        r#"{:grace 0 :percentiles {"q" {0.5 [{:<= 100 :interval 31536000 :max-gap 3600 :name "a year"}
                                           {:<= 100 :interval 1 :name "a second"}]}}}"#,
    );
    send(&daemon, vec![event(1); 3]);
    let ready = || daemon.http("GET", "/readyz", &[], b"");
    assert_eq!(ready().0, 200);
    fill_disk(&daemon, true);
    send(&daemon, vec![event(1); 3]);
    let (status, body) = ready();
    assert!(status == 503 && body.contains("state cannot be kept: File too large"), "{status} {body}");
    assert_eq!(metric(&daemon, "highwater_state_failing"), 1.0);
    assert!(metric(&daemon, "highwater_state_failures_total") >= 1.0);
    // It evaluates on, and tries now and then, and says so once.
    assert_eq!(violate(&daemon)["threshold"], "a second");
    sleep(Duration::from_millis(2500));
    assert_eq!(ready().0, 503);
    let log = daemon.log();
    assert_eq!(log.matches("state cannot be kept").count(), 1, "{log}");
    assert_eq!(log.matches("the outbox cannot be kept").count(), 1, "{log}");
    assert_eq!(log.matches(" ERROR ").count(), 2, "{log}");
    assert_eq!(daemon.http("GET", "/healthz", &[], b"").0, 200);
    let counted = state(&daemon)["counted"].as_u64().unwrap();
    assert!(counted > 6);

    fill_disk(&daemon, false);
    wait_until("state is kept again", || ready().0 == 200);
    assert!(daemon.logs("state is kept again", PATIENCE));
    assert_eq!(metric(&daemon, "highwater_state_failing"), 0.0);
    send(&daemon, vec![event(1); 3]);
    let daemon = daemon.restart(true, KEPT);
    assert_eq!(state(&daemon)["counted"], counted + 3);
    assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
}

#[test]
#[cfg(target_os = "linux")]
fn an_acknowledgement_that_waits_for_the_disk_comes_when_the_disk_refuses() {
    let daemon = start(&format!("{{:state {{:durability :sync}} {}", &YEAR[1..]));
    send(&daemon, vec![event(1)]);
    fill_disk(&daemon, true);
    (0..3).for_each(|_| send(&daemon, vec![event(1)]));
    assert_eq!(daemon.http("GET", "/readyz", &[], b"").0, 503);
    fill_disk(&daemon, false);
    wait_until("state is kept again", || daemon.http("GET", "/readyz", &[], b"").0 == 200);
    send(&daemon, vec![event(1)]);
    let daemon = daemon.restart(true, KEPT);
    assert_eq!(state(&daemon)["counted"], 5);
}

#[test]
fn durability_says_what_a_crash_takes() {
    for (durability, after_crash) in [("sync", 16 * 5 + 3), ("os", 16 * 5 + 3), ("none", 3)] {
        let daemon = start(&format!("{{:state {{:durability :{durability}}} {}", &YEAR[1..]));
        send(&daemon, vec![event(1); 3]);
        let daemon = daemon.restart(false, KEPT);
        assert_eq!(state(&daemon)["counted"], 3, "{durability}: an orderly restart keeps everything");
        let address = daemon.tcp.unwrap();
        let senders: Vec<_> = (0..16)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut connection = Connection::to(address);
                    (0..5).for_each(|_| connection.send(vec![event(1)]));
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let daemon = daemon.restart(true, KEPT);
        assert_eq!(state(&daemon)["counted"], after_crash, "{durability}");
    }
}

#[test]
fn without_a_journal_an_orderly_restart_tells_nothing_again() {
    let mut daemon =
        start(r#"{:state {:durability :none} :grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 1 :max-gap 0.9}}}}"#);
    let violation = violate(&daemon);
    for _ in 0..3 {
        // The end of a window is on the way when it stops: what is told then is told by this process only.
        let last = state(&daemon)["shown"][0]["status"].as_str().unwrap().to_string();
        send(&daemon, vec![event(if last == "ok" { 143 } else { 1 })]);
        let home = Arc::clone(daemon.home());
        sleep(Duration::from_micros((SECOND - now_micros().rem_euclid(SECOND)).unsigned_abs()));
        let (code, told) = daemon.stop();
        assert_eq!(code, Some(0));
        daemon = Daemon::start_in(&home, KEPT);
        let again = daemon.line(Duration::from_millis(300));
        assert!(again.is_none() || !told.contains(again.as_ref().unwrap()), "{told:?} {again:?}");
        assert_ne!(again.as_ref(), Some(&violation));
    }
}

/// A small file system of its own, if this process may mount one.
struct Small(PathBuf);

impl Small {
    fn mounted(bytes: &str) -> Option<Small> {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("small-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let size = format!("size={bytes}");
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Small(place));
        }
        println!("skipped: this process may not mount a file system");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_disk_that_the_journal_has_filled_is_mended_by_a_snapshot() {
    let Some(small) = Small::mounted("1m") else { return };
    let folder = small.0.join("state").display().to_string();
    let daemon = Daemon::start(YEAR, &["--state", &folder]);
    let mut long = event(1);
    long.description = Some(vec![b'x'; 10_000]);
    let mut sent = 0;
    let deadline = std::time::Instant::now() + PATIENCE;
    while !daemon.log().contains("state is kept again") {
        send(&daemon, vec![long.clone(); 10]);
        sent += 10;
        assert!(std::time::Instant::now() < deadline, "{}", daemon.log());
    }
    // It may have been filled once more meanwhile.
    while daemon.http("GET", "/readyz", &[], b"").0 != 200 {
        assert!(std::time::Instant::now() < deadline, "{}", daemon.log());
    }
    send(&daemon, vec![event(1); 5]);
    let daemon = daemon.restart(true, &["--state", &folder]);
    assert_eq!(state(&daemon)["counted"], sent + 5, "{}", daemon.log());
}
