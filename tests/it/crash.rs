//! A daemon under load that is killed again and again: what was acknowledged is counted, once, and every transition is
//! told.
//!
//! HIGHWATER_CRASHES says how often, HIGHWATER_SEED which seed: the same choices, though not the same instants.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use highwater::plan::Timestamp;
use highwater::source::riemann::wire::{Attribute, Event, Msg};
use rustix::process::Signal;
use serde_json::Value as Json;

use super::daemon::{Daemon, Home, PATIENCE};
use super::run_command::{framed, now_micros};

const CRASHES: u64 = 40;
/// Connections that send at the same time.
const SENDERS: u64 = 4;
/// Groups of what is counted.
const HOSTS: usize = 40;
/// Groups of what is judged.
const BEATS: usize = 4;
const SECOND: i64 = 1_000_000;
/// In seconds, as in the thresholds.
const GRACE: i64 = 2;
/// The one answer to a message that was applied.
const ACK: [u8; 6] = [0, 0, 0, 2, 0x10, 1];
/// A year: no window of it closes here, so its count is the total.
const TOTAL: i64 = 31_536_000;

/// The thresholds that are kept all the time, among others.
fn thresholds(others: &str) -> String {
    format!(
        r#"{{:grace {GRACE}
 :state {{:journal-bytes 1048576}}
 :histograms {{"load" {{:id {{".*" {{:> 0 :interval {TOTAL} :type :count :by [:host] :name "hosts"}}
                            "^.*[02468]$" {{:> 0 :interval {TOTAL} :type :count :name "even"}}}}}}}}
 :percentiles {{"beat" {{0.5 [{{:<= 100 :interval 1 :max-gap 1 :by [:host] :name "beats"}}
                            {{:<= 100 :interval 1 :max-gap 1 :by [:host] :for 2 :recover 2 :name "rows"}}
                            {others}]}}}}}}"#
    )
}

/// What the edits go through.
const OTHERS: [&str; 3] = [
    "",
    r#"{:<= 10 :interval 1 :max-gap 1 :by [:host] :name "other"}"#,
    r#"{:<= 100 :interval 1 :max-gap 1 :name "another"} {:<= 11 :interval 1 :max-gap 1 :by [:host] :name "other"}"#,
];

/// All values of a window of one host are alike, so that one event decides it.
fn metric(host: usize, second: i64) -> i64 {
    if (second / 2 + host as i64) % 3 == 0 { 200 } else { 50 }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What one frame asked to be counted.
#[derive(Default)]
struct Frame {
    hosts: Vec<usize>,
    even: u64,
    /// The windows that it decides, by host and second.
    beats: Vec<(usize, i64)>,
    micros: i64,
}

/// What senders know of their events.
struct Sent {
    acked: Counted,
    maybe: Counted,
    /// Windows for which an event was surely in time, and those for which one may have been.
    decided: BTreeSet<(usize, i64)>,
    perhaps: BTreeSet<(usize, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    hosts: Vec<u64>,
    even: u64,
}

impl Counted {
    fn nothing() -> Counted {
        Counted { hosts: vec![0; HOSTS], even: 0 }
    }

    fn add(&mut self, hosts: impl Iterator<Item = (usize, u64)>, even: u64) {
        hosts.for_each(|(host, count)| self.hosts[host] += count);
        self.even += even;
    }

    fn add_all(&mut self, other: &Counted) {
        self.add(other.hosts.iter().copied().enumerate(), other.even);
    }
}

impl Sent {
    fn nothing() -> Sent {
        let (acked, maybe) = (Counted::nothing(), Counted::nothing());
        Sent { acked, maybe, decided: BTreeSet::new(), perhaps: BTreeSet::new() }
    }

    /// Notes that a frame was answered, or that nobody knows what became of it.
    fn note(&mut self, frame: &Frame, is_acked: bool) {
        let counted = if is_acked { &mut self.acked } else { &mut self.maybe };
        counted.add(frame.hosts.iter().map(|host| (*host, 1)), frame.even);
        // What was answered within the grace found its window open.
        let is_sure = is_acked && now_micros() < frame.micros + GRACE * SECOND;
        if is_sure { &mut self.decided } else { &mut self.perhaps }.extend(&frame.beats);
    }

    fn add(&mut self, other: Sent) {
        self.acked.add_all(&other.acked);
        self.maybe.add_all(&other.maybe);
        self.decided.extend(other.decided);
        self.perhaps.extend(other.perhaps);
    }
}

/// Sends until the connection ends; each event once.
fn send(address: SocketAddr, mut random: Random, ids: &AtomicU64) -> Sent {
    let mut sent = Sent::nothing();
    let Ok(mut stream) = TcpStream::connect(address) else { return sent };
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut waiting = std::collections::VecDeque::new();
    loop {
        let (bytes, frame) = make_frame(&mut random, ids);
        waiting.push_back(frame);
        if stream.write_all(&bytes).is_err() {
            break;
        }
        let most = 1 + random.below(8);
        let mut is_open = true;
        while is_open && waiting.len() as u64 >= most {
            is_open = read_ack(&mut stream, &mut waiting, &mut sent);
        }
        if !is_open {
            break;
        }
        if random.below(20) == 0 {
            thread::sleep(Duration::from_millis(random.below(30)));
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    while read_ack(&mut stream, &mut waiting, &mut sent) {}
    waiting.iter().for_each(|frame| sent.note(frame, false));
    sent
}

/// Reads the answer to the first frame that waits; whether there was one.
fn read_ack(stream: &mut TcpStream, waiting: &mut std::collections::VecDeque<Frame>, sent: &mut Sent) -> bool {
    let mut ack = [0; ACK.len()];
    if stream.read_exact(&mut ack).is_err() {
        return false;
    }
    assert_eq!(ack, ACK);
    sent.note(&waiting.pop_front().expect("an answer to a frame"), true);
    true
}

fn make_frame(random: &mut Random, ids: &AtomicU64) -> (Vec<u8>, Frame) {
    let micros = now_micros();
    let mut frame = Frame { micros, ..Frame::default() };
    let most = if random.below(4) == 0 { 300 } else { 20 };
    let count = 1 + random.below(most);
    let first = ids.fetch_add(count, Relaxed);
    let text = |text: String| Some(text.into_bytes());
    let mut events = Vec::new();
    for id in first..first + count {
        let host = random.below(HOSTS as u64) as usize;
        frame.hosts.push(host);
        frame.even += u64::from(id % 2 == 0);
        let attributes = vec![Attribute { key: b"id".to_vec(), value: text(id.to_string()) }];
        let (service, host) = (text("load".to_string()), text(format!("web-{host}")));
        events.push(Event { service, host, attributes, time_micros: Some(micros), ..Event::default() });
    }
    if random.below(4) == 0 {
        let (host, second) = (random.below(BEATS as u64) as usize, micros.div_euclid(SECOND));
        frame.beats.push((host, second));
        let (service, name) = (text("beat".to_string()), text(format!("web-{host}")));
        let metric_sint64 = Some(metric(host, second));
        let beat = Event { service, host: name, metric_sint64, time_micros: Some(micros), ..Event::default() };
        events.insert(random.below(events.len() as u64 + 1) as usize, beat);
    }
    (framed(&Msg { events, ..Msg::default() }), frame)
}

/// When a daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While it starts.
    Starting(Duration),
    /// While it takes events.
    Later(Duration),
    /// When it has begun to write a snapshot.
    Snapshot(Duration),
    /// When it has been asked to reload.
    Reload(Duration),
}

impl Moment {
    fn any(random: &mut Random) -> Moment {
        let micros = |most: u64, random: &mut Random| Duration::from_micros(random.below(most));
        match random.below(8) {
            0 => Moment::Starting(micros(60_000, random)),
            1 => Moment::Later(micros(10_000, random)),
            2 | 3 => Moment::Snapshot(micros(3_000, random)),
            4 | 5 => Moment::Reload(micros(20_000, random)),
            _ => Moment::Later(micros(1_500_000, random)),
        }
    }

    /// Waits for it.
    fn wait(self, daemon: &Daemon, random: &mut Random) {
        match self {
            Moment::Starting(after) | Moment::Later(after) => thread::sleep(after),
            Moment::Snapshot(after) => {
                let deadline = Instant::now() + Duration::from_millis(1_500);
                let is_writing = || {
                    let names = fs::read_dir(daemon.folder.join("state")).expect("it is there").flatten();
                    names.into_iter().any(|name| name.file_name().to_string_lossy().ends_with(".new"))
                };
                while !is_writing() && Instant::now() < deadline {
                    thread::sleep(Duration::from_micros(100));
                }
                thread::sleep(after);
            }
            Moment::Reload(after) => {
                thread::sleep(Duration::from_micros(random.below(500_000)));
                edit(daemon, random);
                thread::sleep(after);
            }
        }
    }
}

/// Gives the daemon other thresholds, and asks it to read them without waiting for the answer.
fn edit(daemon: &Daemon, random: &mut Random) {
    daemon.home().rewrite(&thresholds(OTHERS[random.below(OTHERS.len() as u64) as usize]));
    if random.below(2) == 0 {
        daemon.signal(Signal::HUP);
    } else if let Ok(mut stream) = TcpStream::connect(daemon.http.expect("it listens")) {
        let _ = stream.write_all(b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    }
}

/// What was told, and how often something was told again.
#[derive(Default)]
struct Told {
    lines: Vec<Json>,
    /// Status by `violation_id`, and the line that said so.
    known: BTreeMap<(String, String), String>,
    /// Of the last process.
    recent: BTreeSet<String>,
    repeats: u64,
}

impl Told {
    /// Takes all that a process has told before it ended.
    fn take(&mut self, daemon: &Daemon) {
        let before = std::mem::take(&mut self.recent);
        while let Some(text) = daemon.text(PATIENCE) {
            let line: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            let name = |key: &str| line[key].as_str().expect("a text").to_string();
            let key = (name("violation_id"), name("status"));
            match self.known.get(&key) {
                None => self.lines.push(line),
                Some(known) => {
                    assert_eq!(*known, text, "told again, otherwise");
                    assert!(before.contains(&text), "told again long after: {text}");
                    self.repeats += 1;
                }
            }
            self.known.insert(key, text.clone());
            self.recent.insert(text);
        }
        // One that told nothing may have been killed before it could tell again.
        if self.recent.is_empty() {
            self.recent = before;
        }
    }

    /// Each subject goes from violation to ok and back, and an ok carries the id of its violation.
    fn check_order(&self) {
        let mut last: BTreeMap<&str, &Json> = BTreeMap::new();
        for line in &self.lines {
            let subject = line["dedup_key"].as_str().expect("a text");
            match last.insert(subject, line) {
                None => assert_eq!(line["status"], "violation", "{line}"),
                Some(before) => {
                    assert_ne!(line["status"], before["status"], "between these one is missing: {before} {line}");
                    if line["status"] == "ok" {
                        assert_eq!(line["violation_id"], before["violation_id"], "{before} {line}");
                    }
                }
            }
        }
    }

    /// The transitions of the hosts are those of their windows, as if nothing had happened.
    fn check_beats(&self, sent: &Sent) {
        for host in 0..BEATS {
            let mut told: BTreeMap<i64, &str> = BTreeMap::new();
            let name = format!("web-{host}");
            for line in self.lines.iter().filter(|line| line["threshold"] == "beats" && line["group"]["host"] == *name)
            {
                let end = Timestamp::from_rfc3339(line["time"].as_str().expect("a text").as_bytes()).expect("a time");
                let before = told.insert(end.micros() / SECOND, line["status"].as_str().expect("a text"));
                assert_eq!(before, None, "two at once: {line}");
            }
            let mut status = "ok";
            let windows: BTreeSet<i64> = sent
                .decided
                .iter()
                .chain(&sent.perhaps)
                .filter(|(of, _)| *of == host)
                .map(|(_, second)| *second)
                .collect();
            for second in windows {
                let verdict = if metric(host, second) > 100 { "violation" } else { "ok" };
                let found = told.remove(&(second + 1));
                if found.is_some() || sent.decided.contains(&(host, second)) {
                    assert_eq!(found, (verdict != status).then_some(verdict), "{name} at {second}, {status} before");
                    status = verdict;
                }
            }
            assert!(told.is_empty(), "{name}: nothing was sent for these: {told:?}");
        }
    }
}

/// What the daemon has counted.
fn counted(daemon: &Daemon) -> Counted {
    let (status, body) = daemon.http("GET", "/state?groups=1000", &[], b"");
    assert_eq!(status, 200, "{body}");
    let state: Json = serde_json::from_str(&body).expect("JSON");
    let mut counted = Counted::nothing();
    for threshold in state["thresholds"].as_array().expect("a list") {
        for shown in threshold["shown"].as_array().expect("a list") {
            let open = &shown["open"];
            let number = |key: &str| open[key].as_u64().expect("a number");
            match threshold["threshold"].as_str() {
                Some("hosts") => {
                    let host = shown["group"]["host"].as_str().and_then(|host| host.strip_prefix("web-"));
                    counted.hosts[host.and_then(|host| host.parse::<usize>().ok()).expect("one of ours")] =
                        number("matched");
                }
                Some("even") if !open.is_null() => counted.even = number("matched"),
                _ => {}
            }
        }
    }
    counted
}

/// What is counted is at least what was acknowledged, at most that and what nobody knows of.
fn check_counted(before: &Counted, sent: &Sent, now: &Counted) {
    let within = |what: &str, before: u64, acked: u64, maybe: u64, now: u64| {
        let (least, most) = (before + acked, before + acked + maybe);
        assert!(least <= now && now <= most, "{what}: counted {now}, not {least} to {most}");
    };
    for host in 0..HOSTS {
        let of = |counted: &Counted| counted.hosts[host];
        within(&format!("web-{host}"), of(before), of(&sent.acked), of(&sent.maybe), of(now));
    }
    within("even", before.even, sent.acked.even, sent.maybe.even, now.even);
}

#[test]
fn what_was_acknowledged_is_counted_once_and_each_transition_told_however_often_it_is_killed() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let crashes = number("HIGHWATER_CRASHES").unwrap_or(CRASHES);
    let seed = number("HIGHWATER_SEED").unwrap_or_else(|| now_micros().unsigned_abs());
    println!("HIGHWATER_SEED={seed} HIGHWATER_CRASHES={crashes}");
    let mut random = Random(seed);
    let args = ["--state", "state", "--udp", "none", "--lanes", "2"];
    let home = Home::new(&thresholds(""));
    let ids = Arc::new(AtomicU64::new(0));
    let mut told = Told::default();
    let mut sent = Sent::nothing();
    let mut before = Counted::nothing();
    let mut snapshots = 0;
    for round in 0..crashes {
        let moment = Moment::any(&mut random);
        let mut daemon = Daemon::spawn_in(&home, &args);
        if let Moment::Starting(_) = moment
            && round > 0
        {
            moment.wait(&daemon, &mut random);
            daemon.crash();
            told.take(&daemon);
            continue;
        }
        assert!(daemon.await_listening(), "round {round}: {}", daemon.log());
        assert!(!daemon.log().contains("damaged"), "round {round}: {}", daemon.log());
        // What nobody knew of before is known now.
        let now = counted(&daemon);
        check_counted(&before, &sent, &now);
        before = now;
        (sent.acked, sent.maybe) = (Counted::nothing(), Counted::nothing());
        let address = daemon.tcp.expect("it listens");
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (random, ids) = (Random(random.next()), Arc::clone(&ids));
                thread::spawn(move || send(address, random, &ids))
            })
            .collect();
        moment.wait(&daemon, &mut random);
        snapshots += u64::from(
            fs::read_dir(home.0.join("state"))
                .expect("it is there")
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().ends_with(".new")),
        );
        daemon.crash();
        senders.into_iter().for_each(|sender| sent.add(sender.join().expect("it sends until it cannot")));
        told.take(&daemon);
    }
    let mut daemon = Daemon::start_in(&home, &args);
    let now = counted(&daemon);
    check_counted(&before, &sent, &now);
    // All windows close that anything was sent for.
    let end = sent.decided.iter().chain(&sent.perhaps).map(|(_, second)| *second).max().unwrap_or(0) + GRACE + 2;
    while now_micros() < end * SECOND {
        thread::sleep(Duration::from_millis(50));
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log());
    told.take(&daemon);
    told.check_order();
    told.check_beats(&sent);
    let total: u64 = now.hosts.iter().sum();
    println!(
        "{total} events counted, {} transitions, {} told again, killed with a snapshot unfinished: {snapshots}",
        told.lines.len(),
        told.repeats
    );
    assert!(total > 0 && told.lines.len() > 1);
    // Only what was being written at a kill is told again: if it were more, nothing of what was told would be kept.
    assert!(told.repeats <= 2 + told.lines.len() as u64 / 20, "{} told again", told.repeats);
}
