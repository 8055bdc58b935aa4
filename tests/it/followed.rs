//! A daemon that follows log files: over rotation, over restarts and crashes each line is an event, once.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value as Json;

use super::daemon::{Daemon, Home, PATIENCE};
use super::run_command::now_micros;

/// A year: no window of it closes here, so its count is the total.
const TOTAL: i64 = 31_536_000;
const PARTS: u64 = 20;
const CRASHES: u64 = 8;

fn configuration(source: &str) -> String {
    format!(
        "{{:grace 1\n :sources {{:web {{:files [\"access.log\"] :format :nginx {source}}}}}\n\
         :histograms {{\"web\" {{:status-code {{\"^2\" [{{:> 0 :interval {TOTAL} :type :count :by [:part] :name \"parts\"}}\n\
         {{:<= 1000000000 :interval {TOTAL} :type :count :name \"all\"}}]}}}}}}}}"
    )
}

const PART: &str = r#":event {:part (re-groups "^/([0-9]+)/" :path)}"#;

fn line(number: u64) -> String {
    let time = time_of(now_micros());
    format!("10.0.0.1 - - [{time} +0000] \"GET /{}/{number} HTTP/1.1\" 200 5 \"-\" \"-\"\n", number % PARTS)
}

/// As nginx writes it.
fn time_of(micros: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = highwater::plan::Timestamp::from_micros(micros).expect("a time").civil();
    let month = MONTHS[usize::from(time.month) - 1];
    format!("{:02}/{month}/{}:{:02}:{:02}:{:02}", time.day, time.year, time.hour, time.minute, time.second)
}

fn append(folder: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("access.log")).expect("a log");
    file.write_all(text.as_bytes()).expect("a log that grows");
}

fn rotate(folder: &Path) {
    for n in (1..20).rev() {
        let _ = fs::rename(folder.join(format!("access.log.{n}")), folder.join(format!("access.log.{}", n + 1)));
    }
    let _ = fs::rename(folder.join("access.log"), folder.join("access.log.1"));
}

/// How many events of each part were counted.
fn counted(daemon: &Daemon) -> BTreeMap<String, u64> {
    let (status, body) = daemon.http("GET", "/state?groups=1000", &[], b"");
    assert_eq!(status, 200, "{body}");
    let state: Json = serde_json::from_str(&body).expect("JSON");
    let thresholds = state["thresholds"].as_array().expect("thresholds");
    let parts = thresholds.iter().find(|threshold| threshold["threshold"] == "parts").expect("it is there");
    let groups = parts["groups"].as_array().or(parts["shown"].as_array()).unwrap_or_else(|| panic!("{parts}"));
    let count = |group: &Json| {
        let part = group["group"]["part"].as_str().unwrap_or("null").to_string();
        Some((part, group["open"]["matched"].as_u64()?))
    };
    groups.iter().filter_map(count).collect()
}

/// Waits until so many events were counted, and then whether there come more.
fn awaits(daemon: &Daemon, lines: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let counted = counted(daemon);
        let total: u64 = counted.values().sum();
        assert!(total <= lines, "{total} of {lines}: {counted:?}");
        if total == lines {
            break;
        }
        assert!(Instant::now() < deadline, "{total} of {lines}: {counted:?}");
        thread::sleep(Duration::from_millis(50));
    }
    for (part, count) in counted(daemon) {
        let part: u64 = part.parse().expect("a number");
        let expected = lines / PARTS + u64::from(part < lines % PARTS);
        assert_eq!(count, expected, "part {part} of {lines} lines");
    }
}

#[test]
fn each_line_is_an_event_over_rotations_and_restarts() {
    let home = Home::new(&configuration(PART));
    let folder = home.0.clone();
    append(&folder, &line(999_999));
    let args = ["--state", "state"];
    let mut daemon = Daemon::start_in(&home, &args);
    assert!(daemon.logs("from the end of 1 files on", PATIENCE));
    append(&folder, &(0..50).map(line).collect::<String>());
    awaits(&daemon, 50);
    rotate(&folder);
    append(&folder, &(50..75).map(line).collect::<String>());
    awaits(&daemon, 75);
    for (crash, until) in [(false, 100), (true, 130)] {
        append(&folder, &(until - 25..until - 5).map(line).collect::<String>());
        if crash {
            daemon.crash();
        } else {
            daemon.stop();
        }
        // What was written while nobody was there, and in a file that was rotated away meanwhile.
        append(&folder, &(until - 5..until - 2).map(line).collect::<String>());
        rotate(&folder);
        append(&folder, &(until - 2..until).map(line).collect::<String>());
        daemon = Daemon::start_in(&home, &args);
        if until == 100 {
            awaits(&daemon, 100);
            append(&folder, &(100..105).map(line).collect::<String>());
        }
    }
    awaits(&daemon, 130);
}

#[test]
fn kills_under_load_neither_lose_nor_double_a_line() {
    let home = Home::new(&configuration(PART));
    let folder = home.0.clone();
    append(&folder, "");
    let args = ["--state", "state"];
    let mut daemon = Daemon::start_in(&home, &args);
    assert!(daemon.logs("from the end of 1 files on", PATIENCE));
    let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (written, stop, folder): (_, _, PathBuf) = (written.clone(), stop.clone(), folder.clone());
        thread::spawn(move || {
            while !stop.load(Relaxed) {
                let from = written.load(Relaxed);
                append(&folder, &(from..from + 40).map(line).collect::<String>());
                written.store(from + 40, Relaxed);
                if from % 4_000 == 0 && from < 60_000 {
                    rotate(&folder);
                }
                thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let crashes = env::var("HIGHWATER_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(CRASHES).min(25);
    for crash in 0..crashes {
        thread::sleep(Duration::from_millis(120 + 37 * crash % 200));
        daemon = daemon.restart(true, &args);
    }
    stop.store(true, Relaxed);
    writer.join().expect("it writes");
    awaits(&daemon, written.load(Relaxed));
    let (code, _) = daemon.stop();
    assert_eq!(code, Some(0));
}

#[test]
fn thresholds_judge_what_is_followed_and_lines_that_are_none_are_kept() {
    let configuration = "{:grace 1\n :sources {:web {:files [\"access.log\"] :format :nginx\n\
         :event (if (starts-with? :path \"/health\") nil {:service \"shop\" :customer (re-groups \"^/c/([a-z]+)/\" :path)})}}\n\
         :histograms {\"shop\" {:status-code {\"^5\" {:<= 0.5 :interval 1 :type :percentage :by [:customer]}}}}}";
    let home = Home::new(configuration);
    let folder = home.0.clone();
    append(&folder, "");
    let daemon = Daemon::start_in(&home, &["--state", "state"]);
    let deadline = Instant::now() + PATIENCE;
    let transition = loop {
        let time = time_of(now_micros());
        let line = |path: &str, status: u16| {
            format!("10.0.0.1 - - [{time} +0000] \"GET {path} HTTP/1.1\" {status} 5 \"-\" \"-\"\n")
        };
        append(&folder, &format!("{}{}{}", line("/c/acme/x", 500), line("/c/beta/x", 200), line("/health", 500)));
        if let Some(transition) = daemon.line(Duration::from_millis(300)) {
            break transition;
        }
        assert!(Instant::now() < deadline, "{}", daemon.log());
    };
    assert_eq!(transition["group"]["customer"], "acme", "{transition}");
    assert_eq!(transition["service"], "shop");
    append(&folder, "no line of this format\n");
    let rejects = folder.join("state/logs/web.rejects");
    while !fs::read_to_string(&rejects).unwrap_or_default().contains("no line of this format") {
        assert!(Instant::now() < deadline, "{}", daemon.log());
        thread::sleep(Duration::from_millis(20));
    }
    let (_, page) = daemon.http("GET", "/metrics", &[], b"");
    assert!(page.contains("highwater_refused_events_total{cause=\"not understood\"} 1"), "{page}");
    assert!(page.contains("highwater_events_total{source=\"logs\"}"), "{page}");
}
