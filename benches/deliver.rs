//! What telling people costs: `cargo bench --bench deliver`. Figures beside goals, never pass or fail.
//!
//! First the outbox by itself: a step (parsing, routing, queues) and an append to its journal, for each transition. Then a
//! daemon whose 10,000 groups are violated in one second, with a receiver that is well and one that never answers;
//! acknowledgements meanwhile, and memory.

#[path = "folder.rs"]
mod folder;
#[path = "process.rs"]
#[allow(dead_code)]
mod process;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use folder::Folder;
use highwater::outbox::{Directory, Input, Outbox};
use highwater::plan::{Field, Log, Notifier, Route, Routing, Timestamp, Via};
use highwater::source::riemann::wire::{Attribute, Event, Msg};
use highwater::store;
use prost::Message as _;
use serde_json::json;

const TRANSITIONS: usize = 10_000;

fn main() {
    println!("µs a transition, in pieces of            {:>8} {:>8} {:>8}", 1, 256, "goal");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (place, folder) in [("disk", target.as_path()), ("/dev/shm", Path::new("/dev/shm"))] {
        let [single, pieces] = [1, 256].map(|piece| outbox(folder, piece));
        println!("step                                     {:>8.1} {:>8.1}", single.0, pieces.0);
        println!("append, {place:<32} {:>8.1} {:>8.1} {:>8}", single.1, pieces.1, 20);
    }
    burst(&target, Some("state"));
    burst(&target, None);
}

fn line(subject: usize) -> Arc<str> {
    json!({
        "v": 1, "status": "violation", "previous": "ok", "reason": "judged", "threshold": "[:percentiles \"q\" 0.99 600]",
        "path": ["percentiles", "q", 0.99, 600], "service": "q", "group": {"host": format!("web-{subject}")},
        "kind": "percentile", "quantile": 0.99, "field": "metric", "pattern": null, "value": 143.0, "count": 1234,
        "matched": 1217, "bounds": [{"comparator": "<=", "limit": 100}], "interval": 600, "watched": 1.0, "late": 0,
        "window": {"start": "2023-11-14T22:10:00Z", "end": "2023-11-14T22:20:00Z"}, "time": "2023-11-14T22:20:00Z",
        "since": "2023-11-14T22:20:00Z", "instance": "default", "severity": "page", "labels": {"team": "a"},
        "description": null, "runbook": null, "summary": "p99 of q is 143, over 100 (10 min, 17 of 1234 events above)",
        "dedup_key": format!("{subject:032x}"), "violation_id": format!("{subject:032x}-1700000400000000"),
    })
    .to_string()
    .into()
}

/// Microseconds of a step and of an append for each transition, the least of some rounds.
fn outbox(place: &Path, piece: usize) -> (f64, f64) {
    let notifier = |name: &str| {
        let via = Via::Log(Log { path: Some(name.into()) });
        Notifier { name: name.to_string(), via, ..Notifier::standard_output() }
    };
    let notify = |name: &str| Route::Notify(vec![name.to_string()]);
    let by = Route::By { fields: vec![Field::named("service")], children: vec![notify("b")] };
    let routes = Some(vec![notify("a"), by, notify("c")]);
    let routing = Routing { routes, notifiers: ["a", "b", "c"].map(notifier).to_vec(), heartbeat: None };
    let lines: Vec<Arc<str>> = (0..TRANSITIONS).map(line).collect();
    let (mut step, mut append) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        let folder = Folder::under(place);
        let mut started = store::open(&folder.0.join("outbox")).expect("a new folder").records.finish();
        let mut outbox = Outbox::new(Directory::of(&routing, 100_000));
        let (mut stepped, mut appended) = (Duration::ZERO, Duration::ZERO);
        for (at, lines) in lines.chunks(piece).enumerate() {
            let now = Timestamp::clamped(1_700_000_400_000_000);
            let input = Input::Took { now, first: (at * piece) as u64, lines: lines.to_vec() };
            let begin = Instant::now();
            outbox.step(&input);
            stepped += begin.elapsed();
            let begin = Instant::now();
            started.journal.append(&[&input.to_bytes()]).expect("room on the disk");
            appended += begin.elapsed();
        }
        let each = |took: Duration| took.as_secs_f64() * 1e6 / TRANSITIONS as f64;
        (step, append) = (step.min(each(stepped)), append.min(each(appended)));
    }
    (step, append)
}

/// A receiver of webhooks: when each request came. One that is `dead` never answers.
fn receiver(dead: bool) -> (SocketAddr, Arc<Mutex<Vec<Instant>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let came = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&came);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let all = Arc::clone(&all);
            thread::spawn(move || while take(&stream, dead, &all).is_some() {});
        }
    });
    (address, came)
}

fn take(stream: &TcpStream, dead: bool, all: &Mutex<Vec<Instant>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    if dead {
        thread::sleep(Duration::from_secs(3600));
    }
    all.lock().expect("nobody panics with it").push(Instant::now());
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()
}

fn burst(target: &Path, state: Option<&str>) {
    let folder = Folder::under(target);
    let ((well, came), (dead, _)) = (receiver(false), receiver(true));
    let configuration = format!(
        r#"{{:grace 0
 :notifiers {{:well {{:type :webhook :url "http://{well}/"}}
             :dead {{:type :webhook :url "http://{dead}/"}}
             :file {{:type :log :path "told.jsonl"}}}}
 :routes [(notify :well :dead :file)]
 :histograms {{"q" {{:status-code {{"^5" {{:<= 0 :interval 1 :type :count :by [:host] :max-gap 1}}}}}}}}}}"#
    );
    let daemon = process::Daemon::start_keeping(&folder, &configuration, state);
    let mut stream = TcpStream::connect(daemon.tcp).expect("it listens");
    // Groups exist, and are well, from here on.
    send(&mut stream, "200");
    wait_for_second();
    let stop = Arc::new(AtomicBool::new(false));
    let longest = Arc::new(AtomicU64::new(0));
    let pinging = {
        let (stop, longest, address) = (Arc::clone(&stop), Arc::clone(&longest), daemon.tcp);
        thread::spawn(move || ping(address, &stop, &longest))
    };
    send(&mut stream, "500");
    let begin = Instant::now();
    let deadline = begin + Duration::from_secs(60);
    while came.lock().expect("nobody panics with it").len() < TRANSITIONS && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    let came = came.lock().expect("nobody panics with it").clone();
    let (first, last) = (came.first().copied().unwrap_or(begin), came.last().copied().unwrap_or(begin));
    println!(
        "\n{} of {TRANSITIONS} violations of one second, {}",
        came.len(),
        state.map_or("no state", |_| "with state")
    );
    println!(
        "from the first to the last at the one that is well, s   {:>8.2}",
        last.duration_since(first).as_secs_f64()
    );
    println!("longest wait for an acknowledgement meanwhile, ms       {:>8.1}", longest.load(Relaxed) as f64 / 1e3);
    // Recoveries too, and attempts that fail.
    thread::sleep(Duration::from_secs(5));
    stop.store(true, Relaxed);
    let _ = pinging.join();
    println!("peak of memory, MiB (goal 64)                           {:>8.1}", daemon.peak_mib());
    println!("CPU, s                                                  {:>8.2}", daemon.cpu_seconds());
}

fn send(stream: &mut TcpStream, code: &str) {
    let event = |host: usize| Event {
        service: Some(b"q".to_vec()),
        host: Some(format!("web-{host}").into_bytes()),
        attributes: vec![Attribute { key: b"status-code".to_vec(), value: Some(code.as_bytes().to_vec()) }],
        ..Event::default()
    };
    for batch in 0..TRANSITIONS / 1000 {
        let events = (batch * 1000..(batch + 1) * 1000).map(event).collect();
        exchange(stream, &Msg { events, ..Msg::default() });
    }
}

fn exchange(stream: &mut TcpStream, message: &Msg) {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).expect("a small message").to_be_bytes();
    stream.write_all(&[&length[..], &body].concat()).expect("it listens");
    stream.read_exact(&mut [0; 6]).expect("an answer");
}

fn ping(address: SocketAddr, stop: &AtomicBool, longest: &AtomicU64) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let event = Event { service: Some(b"other".to_vec()), ..Event::default() };
    let message = Msg { events: vec![event], ..Msg::default() };
    while !stop.load(Relaxed) {
        let begin = Instant::now();
        exchange(&mut stream, &message);
        longest.fetch_max(begin.elapsed().as_micros() as u64, Relaxed);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the beginning of a window.
fn wait_for_second() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    thread::sleep(Duration::from_micros(1_050_000 - u64::from(since.subsec_micros())));
}
