//! A state folder that a released version wrote is read by this one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::daemon::Home;
use super::*;

const KEPT: &[&str] = &["--state", "state"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/state")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from)
        .unwrap()
        .map(Result::unwrap)
        .filter(|file| file.file_name() != "lock" && file.file_name() != "room")
    {
        match file.file_type().unwrap().is_dir() {
            true => copy(&file.path(), &to.join(file.file_name())),
            false => drop(fs::copy(file.path(), to.join(file.file_name())).unwrap()),
        }
    }
}

fn sent(host: &str, metric: i64, code: &str) -> Event {
    let attributes = vec![Attribute { key: b"status-code".to_vec(), value: Some(code.as_bytes().to_vec()) }];
    Event { host: Some(host.as_bytes().to_vec()), attributes, ..event(metric) }
}

fn threshold(daemon: &Daemon, id: &str) -> Json {
    let path = format!("/state?threshold={}", id.replace(' ', "+"));
    let (status, body) = daemon.http("GET", &path, &[], b"");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Json>(&body).unwrap()["thresholds"][0].clone()
}

/// Waits until a second has just begun.
fn await_second() {
    sleep(Duration::from_micros((1_000_000 - now_micros().rem_euclid(1_000_000)).unsigned_abs() + 20_000));
}

/// Of each group: host, status, and what the open window holds.
fn groups(daemon: &Daemon, id: &str) -> Vec<(Json, Json, Json, Json)> {
    let threshold = threshold(daemon, id);
    let shown = threshold["shown"].as_array().unwrap().iter().map(|shown| {
        let Json::Object(open) = &shown["open"] else { panic!("no window of {id} is open: {shown}") };
        (shown["group"]["host"].clone(), shown["status"].clone(), open["count"].clone(), open["matched"].clone())
    });
    shown.collect()
}

#[test]
fn a_state_folder_of_each_version_is_read() {
    let versions = fs::read_dir(fixtures()).unwrap().map(|version| version.unwrap().path());
    let mut read = 0;
    for version in versions {
        let home = Home::new(&fs::read_to_string(version.join("thresholds.edn")).unwrap());
        copy(&version.join("state"), &home.0.join("state"));
        let mut daemon = Daemon::start_in(&home, KEPT);
        let what = version.display();
        let log = daemon.log();
        assert!(log.lines().all(|line| !line.contains("WARN") || line.contains("`:away`")), "{what}: {log}");
        assert!(!daemon.log().contains("are not what they were"), "{what}: {}", daemon.log());
        let group = |host: Json, count: u64, matched: u64| (host, "ok".into(), count.into(), matched.into());
        let (a, b) = (|| "web-1".into(), || "web-2".into());
        assert_eq!(groups(&daemon, "years"), [group(a(), 20, 16), group(b(), 1, 1)], "{what}");
        assert_eq!(groups(&daemon, "ratio"), [group(Json::Null, 21, 16)], "{what}");
        assert_eq!(groups(&daemon, "count"), [group(a(), 20, 4), group(b(), 1, 1)], "{what}");
        assert_eq!(threshold(&daemon, "violated")["shown"][0]["status"], "violation", "{what}");
        assert_eq!(threshold(&daemon, "row of two")["shown"][0]["status"], "ok", "{what}");
        // What could not be told then waits still, or was given up as too old.
        let deadline = Instant::now() + PATIENCE;
        let of = |name: &str| metric_with(&daemon, name, "away");
        while of("highwater_notifier_waiting{") + of("highwater_notifier_dead_letters_total{") < 1.0 {
            assert!(Instant::now() < deadline, "{what}: the outbox is empty");
            sleep(Duration::from_millis(5));
        }
        // The third of a row, in a window that is watched throughout: what was before it counts.
        await_second();
        Connection::to(daemon.tcp.unwrap()).send(vec![sent("web-1", 143, "200")]);
        let told = daemon.line(PATIENCE).unwrap_or_else(|| panic!("{what}: nothing was told"));
        assert_eq!((&told["threshold"], &told["status"]), (&"row of two".into(), &"violation".into()), "{what}");
        assert_eq!(daemon.stop().1, Vec::<Json>::new(), "{what}");
        read += 1;
    }
    assert!(read > 0);
}

#[test]
#[ignore = "writes the fixture of this version: once, before it is released"]
fn make_state_fixture() {
    let version = fixtures().join(format!("v{}", env!("CARGO_PKG_VERSION")));
    let home = Home::new(&fs::read_to_string(version.join("thresholds.edn")).unwrap());
    // A snapshot, and a journal behind it.
    let daemon = Daemon::start_in(&home, KEPT);
    let send = |daemon: &Daemon, events| Connection::to(daemon.tcp.unwrap()).send(events);
    let good = vec![sent("web-1", 85, "200"); 14];
    send(&daemon, [good, vec![sent("web-1", 9, "503"); 2]].concat());
    let mut daemon = daemon.restart(false, KEPT);
    let judged = |daemon: &Daemon| threshold(daemon, "row of two")["shown"][0]["last"]["window"]["end"].clone();
    for round in 0..2 {
        let before = judged(&daemon);
        // In one window of a second.
        await_second();
        send(&daemon, vec![sent("web-1", 143, "200"), sent("web-1", 590, "500")]);
        let deadline = Instant::now() + PATIENCE;
        while judged(&daemon) == before {
            assert!(Instant::now() < deadline);
            sleep(Duration::from_millis(5));
        }
        if round == 0 {
            let told = daemon.line(PATIENCE).unwrap();
            assert_eq!((&told["threshold"], &told["status"]), (&"violated".into(), &"violation".into()));
            daemon = daemon.restart(false, KEPT);
        }
    }
    sleep(Duration::from_millis(100));
    // Ahead of the clock: it is in no window of a second that is judged.
    let ahead = Event { time_micros: Some(now_micros() + 50_000_000), ..sent("web-2", 1, "500") };
    send(&daemon, vec![ahead]);
    daemon.crash();
    fs::remove_dir_all(version.join("state")).unwrap();
    copy(&home.0.join("state"), &version.join("state"));
}
