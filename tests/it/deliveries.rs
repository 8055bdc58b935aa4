//! A daemon that tells people while it is killed again and again: everybody hears of each transition, a recovery after its
//! violation, and no message is two things.
//!
//! HIGHWATER_CRASHES says how often, HIGHWATER_SEED which seed: the same choices, though not the same instants.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use highwater::source::riemann::wire::{Event, Msg};
use serde_json::Value as Json;

use super::daemon::{Daemon, Home, PATIENCE};
use super::run_command::{framed, now_micros};

const CRASHES: u64 = 25;
const HOSTS: usize = 12;
const SECOND: i64 = 1_000_000;

/// A receiver of webhooks that is often in trouble.
struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// Whether it answers as it should from now on.
    is_well: Arc<AtomicBool>,
}

/// A message that was answered with 200, or of which the answer was cut.
#[derive(Clone, Debug)]
struct Taken {
    id: String,
    body: String,
}

impl Receiver {
    fn start(seed: u64) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (taken, is_well) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, well) = (Arc::clone(&taken), Arc::clone(&is_well));
        let random = Arc::new(AtomicU64::new(seed));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, well, random) = (Arc::clone(&all), Arc::clone(&well), Arc::clone(&random));
                thread::spawn(move || while answer(&stream, &all, &well, &random).is_some() {});
            }
        });
        Receiver { address, taken, is_well }
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("nobody failed").clone()
    }
}

/// Takes one request; None when the connection is over.
fn answer(stream: &TcpStream, all: &Mutex<Vec<Taken>>, well: &AtomicBool, random: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut id) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name {
                "content-length" => length = value.trim().parse().expect("a length"),
                "webhook-id" => id = value.trim().to_string(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let chance = if well.load(Relaxed) { 100 } else { splitmix(random.fetch_add(1, Relaxed)) % 100 };
    let mut stream = stream;
    match chance {
        // Nothing was taken.
        0..10 => return stream.write_all(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n").ok(),
        10..14 => return stream.write_all(b"HTTP/1.1 429 no\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n").ok(),
        14..18 => return None,
        _ => {}
    }
    let body = String::from_utf8(body).expect("JSON");
    all.lock().expect("nobody failed").push(Taken { id, body });
    match chance {
        // It was taken, and the sender does not hear of that.
        18..22 => None,
        22..26 => stream.write_all(b"HTTP/1.1 20").ok().and(None),
        _ => stream.write_all(b"HTTP/1.1 200 ok\r\ncontent-length: 2\r\n\r\nok").ok(),
    }
}

fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The routes are edited now and then; who hears of all stays.
fn configuration(hook: SocketAddr, batches: SocketAddr, others: &str) -> String {
    format!(
        r#"{{:grace 0.1
 :state {{:journal-bytes 1048576}}
 :notifiers {{:hook {{:type :webhook :url "http://{hook}/hook" :timeout 5}}
             :batches {{:type :webhook :url "http://{batches}/batches" :timeout 5}}
             :file {{:type :log :path "told.jsonl"}}
             :dead {{:type :webhook :url "http://127.0.0.1:1/dead"}}}}
 :routes [(notify :log :hook :file :dead) (by [:threshold] (rollup 1 1 (notify :batches))) {others}]
 :percentiles {{"beat" {{0.5 [{{:<= 100 :interval 1 :max-gap 1 :by [:host] :name "beats"}}]}}}}}}"#
    )
}

/// Sends what changes the verdict of hosts often, until it is told to stop.
fn load(address: SocketAddr, stop: &AtomicBool) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    while !stop.load(Relaxed) {
        let micros = now_micros();
        let second = micros.div_euclid(SECOND);
        let event = |host: usize| Event {
            service: Some(b"beat".to_vec()),
            host: Some(format!("web-{host}").into_bytes()),
            metric_sint64: Some(if (second + host as i64) % 3 == 0 { 200 } else { 50 }),
            time_micros: Some(micros),
            ..Event::default()
        };
        let events = (0..HOSTS).map(event).collect();
        if stream.write_all(&framed(&Msg { events, ..Msg::default() })).is_err() {
            return;
        }
        let mut ack = [0; 6];
        if stream.read_exact(&mut ack).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Who heard what: the violation and status of each notice, in the order in which they were taken first.
fn heard(bodies: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut heard = Vec::new();
    let mut known = BTreeSet::new();
    let mut contents: BTreeMap<(String, String), String> = BTreeMap::new();
    for body in bodies {
        let json: Json = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"));
        let notices = match json {
            Json::Array(notices) => notices,
            one => vec![one],
        };
        for notice in notices {
            let text = |key: &str| notice[key].as_str().expect("a text").to_string();
            let key = (text("violation_id"), text("status"));
            let content = contents.entry(key.clone()).or_insert_with(|| notice.to_string());
            assert_eq!(*content, notice.to_string(), "one transition, two contents");
            if known.insert(key.clone()) {
                heard.push(key);
            }
        }
    }
    heard
}

fn check_order(who: &str, heard: &[(String, String)]) {
    let mut violated = BTreeSet::new();
    for (violation, status) in heard {
        if status == "violation" {
            violated.insert(violation);
        } else {
            assert!(violated.contains(violation), "{who}: a recovery before its violation: {violation}");
        }
    }
}

#[test]
fn everybody_hears_of_everything_however_often_it_is_killed() {
    let number = |name: &str, usual: u64| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (crashes, seed) = (number("HIGHWATER_CRASHES", CRASHES), number("HIGHWATER_SEED", 7));
    let (hook, batches) = (Receiver::start(seed), Receiver::start(seed + 1_000_000));
    let others = ["", "(where (= :host \"web-1\") (notify :hook))", "(throttle 1 60 (notify :dead))"];
    let written = |at: u64| configuration(hook.address, batches.address, others[at as usize % others.len()]);
    let home = Home::new(&written(0));
    let args = ["--tcp", "127.0.0.1:0", "--udp", "none", "--http", "127.0.0.1:0", "--state", "state"];
    let mut output = Vec::new();
    let mut daemon = Daemon::start_in(&home, &args);
    for crash in 0..=crashes {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, until) = (daemon.tcp.expect("it listens"), Arc::clone(&stop));
        let loading = thread::spawn(move || load(address, &until));
        let choice = splitmix(seed.wrapping_add(crash));
        if choice.is_multiple_of(4) {
            home.rewrite(&written(choice / 4));
            daemon.signal(rustix::process::Signal::HUP);
        }
        let pause = if crash == crashes { 3_000_000 } else { (choice >> 8) % 1_500_000 };
        thread::sleep(Duration::from_micros(pause));
        stop.store(true, Relaxed);
        if crash == crashes {
            loading.join().expect("it only sends");
            break;
        }
        daemon.crash();
        loading.join().expect("it only sends");
        while let Some(line) = daemon.text(PATIENCE) {
            output.push(line);
        }
        daemon = Daemon::start_in(&home, &args);
    }
    // Now all answer well, and everything arrives but what goes to nobody.
    hook.is_well.store(true, Relaxed);
    batches.is_well.store(true, Relaxed);
    let deadline = Instant::now() + 2 * PATIENCE;
    let waits = |daemon: &Daemon| {
        let page = daemon.http("GET", "/metrics", &[], b"").1;
        let waiting = page.lines().filter(|line| {
            line.starts_with("highwater_notifier_waiting{") && !line.contains("\"dead\"") && !line.ends_with(" 0")
        });
        waiting.count() > 0 || !page.contains("highwater_pending_notices 0")
    };
    while waits(&daemon) {
        assert!(Instant::now() < deadline, "{}", daemon.http("GET", "/metrics", &[], b"").1);
        thread::sleep(Duration::from_millis(50));
    }
    let (code, rest) = daemon.stop();
    assert_eq!(code, Some(0), "{}", daemon.log());
    output.extend(rest.into_iter().map(|line| line.to_string()));
    compare(&home, &output, crashes, &hook, &batches);
}

fn compare(home: &Home, output: &[String], crashes: u64, hook: &Receiver, batches: &Receiver) {
    let file = fs::read_to_string(home.0.join("told.jsonl")).expect("it was told");
    // A line that was being written at a kill is written whole once more.
    let file: Vec<String> = file.lines().filter(|line| line.ends_with('}')).map(str::to_string).collect();
    let bodies = |receiver: &Receiver| receiver.taken().into_iter().map(|taken| taken.body).collect::<Vec<_>>();
    let heard = [
        ("output", heard(output.iter().cloned())),
        ("file", heard(file.iter().cloned())),
        ("hook", heard(bodies(hook).into_iter())),
        ("batches", heard(bodies(batches).into_iter())),
    ];
    // Those that know no repeat by a key see at most one for each crash.
    for (lines, (who, distinct)) in [output, &file].into_iter().zip(&heard) {
        let repeats = lines.len() - distinct.len();
        assert!(repeats as u64 <= crashes, "{who}: {repeats} repeats");
    }
    let set = |heard: &[(String, String)]| heard.iter().cloned().collect::<BTreeSet<_>>();
    let all = set(&heard[0].1);
    assert!(all.len() > 20, "{all:?}");
    for (who, heard) in &heard {
        check_order(who, heard);
        let missing: Vec<_> = all.symmetric_difference(&set(heard)).cloned().collect();
        assert_eq!(missing, [], "{who} differs from what was written to standard output");
    }
    for receiver in [hook, batches] {
        let mut by_id = BTreeMap::new();
        for Taken { id, body } in receiver.taken() {
            let known = by_id.entry(id.clone()).or_insert_with(|| body.clone());
            assert_eq!(*known, body, "one id, two messages: {id}");
        }
    }
}
