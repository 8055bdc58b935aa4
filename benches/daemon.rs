//! What `highwater run` costs, beside what Riemann costs: `cargo bench --bench daemon`.
//!
//! The daemon is a process of its own; the load comes over one TCP connection from a published seed, pipelined, no frame
//! twice, and every answer is compared byte for byte. Figures beside goals, never pass or fail. Riemann's are of version
//! 0.3.13 on two shared cores. Words choose parts: `cargo bench --bench daemon -- p99 ack`, of
//! `cost p99 single file memory ack start kept sync
//! snapshot restart`; `large` (or `--large`) adds what takes longer. HIGHWATER_BIN measures
//! another binary.

mod folder;
mod load;
mod process;
mod random;
mod state;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use highwater::config;
use highwater::engine::{Compiled, Evaluator, Event, Value, Watching};
use highwater::plan::{EventTime, Number, Timestamp};
use highwater::source::Wanted;
use highwater::source::riemann::{self, Reading};

use folder::Folder;
use load::{Answered, Connection, Frames};
use process::Daemon;
use random::Random;

/// The seed of all published measurements.
const SEED: u64 = 20_231_114;
/// So many are sent before a measurement begins.
const WARM_UP: usize = 200_000;

fn main() {
    let folder = Folder::under(&std::env::temp_dir());
    println!("{:<74} {:>9} {:>9} {:>9} {:>7}", "", "measured", "goal", "Riemann", "ratio");
    cost();
    throughput(&folder);
    memory(&folder);
    ack(&folder);
    start(&folder);
    state::run();
    if is_named("large") {
        many_thresholds(&folder);
        many_groups(&folder);
        many_connections(&folder);
    }
}

/// Whether the command line names no part, or this one.
fn is_chosen(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() && !is_named("large") || words.any(|word| word == name)
}

fn is_named(name: &str) -> bool {
    std::env::args().skip(1).any(|word| word.trim_start_matches('-') == name)
}

/// One line of the table. The ratio is how many times less than Riemann's.
fn row(name: &str, unit: &str, measured: f64, goal: Option<f64>, riemann: Option<f64>) {
    let figure = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!("{}", Rounded(figure)));
    let name = format!("{name}, {unit}");
    let ratio = riemann.map_or(String::new(), |riemann| format!("{:.0}x", riemann / measured));
    println!("{name:<74} {:>9} {:>9} {:>9} {ratio:>7}", figure(Some(measured)), figure(goal), figure(riemann));
}

/// Three digits that count.
struct Rounded(f64);

impl std::fmt::Display for Rounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole_digits = if self.0 < 1.0 { 0 } else { self.0.log10() as usize + 1 };
        write!(f, "{:.*}", 3_usize.saturating_sub(whole_digits), self.0)
    }
}

const PER_MILLION: &str = "CPU s a million events";

/// What the parts of taking in an event cost, in this process.
fn cost() {
    if !is_chosen("cost") {
        return;
    }
    let counted = |sketch_bytes: Option<usize>| {
        let mut plan = config::from_text(&one_each(&services(100), 600)).plan.expect("no errors");
        if let Some(bytes) = sketch_bytes {
            plan.limits.sketch_bytes = bytes;
        }
        observe(plan)
    };
    let with_sketch = counted(None);
    let without = counted(Some(0));
    row("lookup and counters of p99 of 100 services", PER_MILLION, without, None, None);
    row("the sketch for people", PER_MILLION, with_sketch - without, None, None);
    row("decoder, with the fields that p99 reads", PER_MILLION, decode(), None, None);
    for batch in [100, 1] {
        const EVENTS: usize = 4_000_000;
        let (address, server) = load::echo();
        let mut connection = Connection::open(address);
        connection.send(&mut frames(), EVENTS, batch);
        drop(connection);
        let seconds = server.join().expect("the echo server works");
        let name = format!("socket: read, cut into frames, answered, batches of {batch}");
        row(&name, PER_MILLION, seconds / EVENTS as f64 * 1e6, None, None);
    }
}

/// CPU seconds that counting a million events takes.
fn observe(plan: highwater::plan::Plan) -> f64 {
    const EVENTS: usize = 4_000_000;
    let start = 1_700_000_000_000_000;
    let evaluator = Evaluator::new(&Compiled::new(plan.into()), Watching::From(start));
    let mut lane = evaluator.lane();
    let services = services(100);
    let mut random = Random::new(SEED);
    // More than caches of the first level hold, as when they come from a socket.
    let mut events: Vec<Event<'_>> = (0..4096)
        .map(|_| {
            let mut event = Event::at(Timestamp::clamped(start));
            event.service = Value::text(&services[random.next() as usize % services.len()]);
            event.host = Value::text("web-1");
            event.metric = Value::Number(Number::Float(10f64.powf(1.5 + random.normal())));
            event.attributes = vec![(b"status-code".as_slice().into(), Value::text("200"))];
            event
        })
        .collect();
    let before = load::thread_cpu_seconds();
    for i in 0..EVENTS {
        let at = i % events.len();
        events[at].time = Timestamp::clamped(start + i as i64 * 10);
        lane.observe(&events[at]);
    }
    black_box(&lane);
    (load::thread_cpu_seconds() - before) / EVENTS as f64 * 1e6
}

/// CPU seconds that decoding a million events takes, in messages of 100.
fn decode() -> f64 {
    const MESSAGES: usize = 2_000;
    const ROUNDS: usize = 20;
    let plan = config::from_text(&one_each(&services(100), 600)).plan.expect("no errors");
    let reading = Reading {
        wanted: &Wanted::of_plan(&plan),
        attributes: plan.limits.attributes,
        event_bytes: plan.limits.event_bytes,
        arrival: Timestamp::clamped(1_700_000_000_000_000),
        time: EventTime::Event,
    };
    let (mut frames, mut messages) = (frames(), vec![Vec::new(); MESSAGES]);
    messages.iter_mut().for_each(|message| frames.append(100, message));
    let before = load::thread_cpu_seconds();
    for _ in 0..ROUNDS {
        for message in &messages {
            black_box(riemann::survey(&message[4..]).is_ok());
            riemann::events(&message[4..], &reading, |event| {
                black_box(event.is_ok());
            });
        }
    }
    (load::thread_cpu_seconds() - before) / (ROUNDS * MESSAGES * 100) as f64 * 1e6
}

fn throughput(folder: &Folder) {
    let p99 = one_each(&services(100), 600);
    if is_chosen("p99") {
        measure(folder, "p99 of each of 100 services, batches of 100", &p99, frames(), (8_000_000, 100), (0.10, 2.9));
    }
    if is_chosen("single") {
        measure(folder, "p99 of each of 100 services, batches of 1", &p99, frames(), (4_000_000, 1), (0.6, 14.5));
    }
    if is_chosen("file") {
        let codes: Vec<String> = (200..300).map(|code| code.to_string()).collect();
        let branches = Frames::new(SEED, &services(1), &hosts(8), &codes);
        let name = "100 thresholds as branches of one service, batches of 100";
        measure(folder, name, &one_a_branch(&codes), branches, (8_000_000, 100), (0.10, 9.3));
        let name = "100 thresholds of kinds in turn, batches of 100";
        measure(folder, name, &kinds_in_turn(&services(100), 600), frames(), (8_000_000, 100), (0.10, 9.3));
    }
}

/// Sends and says what the daemon took for it.
fn measure(
    folder: &Folder,
    name: &str,
    thresholds: &str,
    mut frames: Frames,
    (events, batch): (usize, usize),
    (goal, riemann): (f64, f64),
) {
    let daemon = Daemon::start(folder, thresholds);
    let mut connection = Connection::open(daemon.tcp);
    connection.send(&mut frames, WARM_UP, batch);
    let (cpu, begin) = (daemon.cpu_seconds(), Instant::now());
    connection.send(&mut frames, events, batch);
    let millions = events as f64 / 1e6;
    row(name, PER_MILLION, (daemon.cpu_seconds() - cpu) / millions, Some(goal), Some(riemann));
    row("    arrived", "million events a second", millions / begin.elapsed().as_secs_f64(), None, None);
}

fn memory(folder: &Folder) {
    const EVENTS: usize = 4_000_000;
    if !is_chosen("memory") {
        return;
    }
    let each = |interval| one_each(&services(100), interval);
    // Ten minutes of grace, so that what was sent for the last ten minutes is counted where it belongs.
    let hopping = each(600).replacen('{', "{:grace 600\n ", 1).replace(":interval 600", ":interval 600 :every 10");
    for (name, thresholds, mut frames) in [
        ("intervals of 10 s", each(10), frames()),
        ("intervals of 600 s", each(600), frames()),
        ("intervals of a day", each(86_400), frames()),
        ("intervals of 600 s, metrics of any size", each(600), frames().of_any_size()),
        ("600 s hopping by 10 s, events of all 600 s", hopping.clone(), frames().over(590)),
        ("the same, metrics of any size", hopping, frames().over(590).of_any_size()),
    ] {
        let daemon = Daemon::start(folder, &thresholds);
        let empty = daemon.peak_mib();
        let mut connection = Connection::open(daemon.tcp);
        connection.send(&mut frames, EVENTS, 100);
        connection.send(&mut frames, EVENTS / 4, 1);
        // Riemann's figure is 327 bytes for each event of the window.
        let riemann = (EVENTS + EVENTS / 4) as f64 * 327.0 / f64::from(1 << 20);
        row(&format!("memory of 100 thresholds, {name}"), "MiB", daemon.peak_mib(), Some(32.0), Some(riemann));
        row("    before the first event", "MiB", empty, None, Some(250.0));
    }
}

/// How long answers take while windows close, against a server that only answers.
fn ack(folder: &Folder) {
    const RATE: u32 = 100_000;
    if !is_chosen("ack") {
        return;
    }
    // A limit in the middle of what is sent, so that the windows do say something.
    let thresholds = kinds_in_turn(&services(100), 10);
    for batch in [100, 10] {
        let (address, server) = load::echo();
        let echo = load::pace(address, frames(), RATE, batch, Duration::from_secs(10));
        server.join().expect("the echo server works");
        let daemon = Daemon::start(folder, &thresholds);
        let answered = load::pace(daemon.tcp, frames(), RATE, batch, Duration::from_secs(35));
        let printed = daemon.printed.lock().expect("nobody panics with it").clone();
        let close = |answered: &&Answered| {
            // Transitions are printed when the windows have been judged: what was due shortly before met the closing.
            printed.iter().any(|at| answered.due <= *at && *at <= answered.due + Duration::from_millis(100))
        };
        let closing: Vec<Answered> = answered.iter().filter(close).copied().collect();
        let goal = 3.0 * millis(&echo, 0.99);
        let name = format!("ack p99 at 100 K events/s, batches of {batch}");
        row(&name, "ms", millis(&answered, 0.99), Some(goal.max(2.0)), Some(203.0));
        row("    p50", "ms", millis(&answered, 0.5), None, None);
        row("    the longest", "ms", millis(&answered, 1.0), None, Some(270.0));
        if closing.is_empty() {
            println!("    no window said anything");
        } else {
            row("    p99 of those due in the 100 ms before a transition", "ms", millis(&closing, 0.99), None, None);
            row("    the longest of those", "ms", millis(&closing, 1.0), None, None);
        }
        row("    p99 of the echo server", "ms", millis(&echo, 0.99), None, None);
        row("    the longest of the echo server", "ms", millis(&echo, 1.0), None, None);
        row("    transitions", "printed", printed.len() as f64, None, None);
    }
}

fn millis(answered: &[Answered], quantile: f64) -> f64 {
    let mut took: Vec<Duration> = answered.iter().map(|answered| answered.took).collect();
    took.sort_unstable();
    took[((quantile * took.len() as f64).ceil() as usize).max(1) - 1].as_secs_f64() * 1e3
}

fn start(folder: &Folder) {
    const RUNS: usize = 20;
    if !is_chosen("start") {
        return;
    }
    let thresholds = one_each(&services(100), 600);
    let mut took: Vec<Duration> = (0..RUNS).map(|_| process::start_to_port(folder, &thresholds, None)).collect();
    took.sort_unstable();
    row("start to open port, median of 20", "ms", took[RUNS / 2].as_secs_f64() * 1e3, Some(20.0), Some(7300.0));
    row("    the longest", "ms", took[RUNS - 1].as_secs_f64() * 1e3, None, None);
}

fn many_thresholds(folder: &Folder) {
    const EVENTS: usize = 4_000_000;
    let services = services(10_000);
    let thresholds = kinds_in_turn(&services, 10);
    let begin = Instant::now();
    let daemon = Daemon::start(folder, &thresholds);
    row("10,000 thresholds: start to open port", "ms", begin.elapsed().as_secs_f64() * 1e3, None, None);
    let mut frames = Frames::new(SEED, &services, &hosts(2), &codes());
    large(&daemon, &mut frames, EVENTS);
    let answered = load::pace(daemon.tcp, frames, 100_000, 100, Duration::from_secs(25));
    row("    ack p99 at 100 K events/s, 10 s windows", "ms", millis(&answered, 0.99), None, None);
    row("    the longest", "ms", millis(&answered, 1.0), None, None);
    row("    at most, windows closed", "MiB", daemon.peak_mib(), None, None);
}

fn many_groups(folder: &Folder) {
    const EVENTS: usize = 4_000_000;
    let thresholds = one_each(&services(1), 10).replace(":interval", ":by [:host] :interval");
    let hosts: Vec<String> = (0..100_000).map(|host| format!("web-{host:05}.example.com")).collect();
    let mut frames = Frames::new(SEED, &services(1), &hosts, &codes()[..1]);
    let daemon = Daemon::start(folder, &thresholds);
    println!("100,000 groups of one threshold");
    large(&daemon, &mut frames, EVENTS);
    let answered = load::pace(daemon.tcp, frames, 100_000, 100, Duration::from_secs(25));
    row("    ack p99 at 100 K events/s, 10 s windows", "ms", millis(&answered, 0.99), None, None);
    row("    the longest", "ms", millis(&answered, 1.0), None, None);
    row("    at most, windows closed", "MiB", daemon.peak_mib(), None, None);
}

fn large(daemon: &Daemon, frames: &mut Frames, events: usize) {
    row("    before the first event", "MiB", daemon.peak_mib(), None, None);
    let mut connection = Connection::open(daemon.tcp);
    connection.send(frames, WARM_UP, 100);
    let cpu = daemon.cpu_seconds();
    connection.send(frames, events, 100);
    row("    batches of 100", PER_MILLION, (daemon.cpu_seconds() - cpu) / events as f64 * 1e6, None, None);
    row("    at most", "MiB", daemon.peak_mib(), None, None);
}

/// Each connection sends a frame in turn and is never without one that waits for its answer.
fn many_connections(folder: &Folder) {
    const CONNECTIONS: usize = 1000;
    const ROUNDS: usize = 40;
    const BATCH: usize = 100;
    let daemon = Daemon::start(folder, &one_each(&services(100), 600));
    let empty = daemon.peak_mib();
    let begin = Instant::now();
    let mut connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::open(daemon.tcp)).collect();
    row("1,000 connections: opened", "ms", begin.elapsed().as_secs_f64() * 1e3, None, None);
    let mut frames = frames();
    let (cpu, begin) = (daemon.cpu_seconds(), Instant::now());
    for round in 0..ROUNDS {
        for connection in &mut connections {
            connection.write(&mut frames, BATCH);
            if round > 0 {
                connection.await_all_but_last();
            }
        }
    }
    connections.iter_mut().for_each(Connection::settle);
    let millions = (CONNECTIONS * ROUNDS * BATCH) as f64 / 1e6;
    row("    batches of 100", PER_MILLION, (daemon.cpu_seconds() - cpu) / millions, None, None);
    row("    arrived", "million events a second", millions / begin.elapsed().as_secs_f64(), None, None);
    row("    at most", "MiB", daemon.peak_mib(), None, None);
    row("    before", "MiB", empty, None, None);
}

fn frames() -> Frames {
    Frames::new(SEED, &services(100), &hosts(8), &codes())
}

fn services(count: usize) -> Vec<String> {
    (0..count).map(|service| format!("query-service response {service:02}")).collect()
}

fn hosts(count: usize) -> Vec<String> {
    (0..count).map(|host| format!("web-{host}")).collect()
}

fn codes() -> Vec<String> {
    ["200", "201", "304", "404", "503"].map(String::from).into()
}

/// The p99 of each service.
fn one_each(services: &[String], interval: u32) -> String {
    let mut text = String::new();
    for service in services {
        writeln!(text, "  \"{service}\" {{0.99 {{:<= 9000 :interval {interval}}}}}").expect("a string takes all");
    }
    format!("{{:percentiles {{{text}}}}}\n")
}

/// The p99 of each status code of one service, as branches; an event passes one.
fn one_a_branch(codes: &[String]) -> String {
    let mut text = String::new();
    for code in codes {
        writeln!(text, "  {{:<= 9000 :interval 600 :name \"{code}\" :where (= :status-code {code})}}")
            .expect("a string takes all");
    }
    format!("{{:percentiles {{\"{}\" {{0.99 [{text}]}}}}}}\n", services(1)[0])
}

/// One threshold for each service: percentile, percentage and count in turn.
///
/// The limits of the percentiles are near what is sent, so that some change status.
fn kinds_in_turn(services: &[String], interval: u32) -> String {
    let (mut percentiles, mut histograms) = (String::new(), String::new());
    for (i, service) in services.iter().enumerate() {
        let (out, text) = match i % 3 {
            0 => (&mut percentiles, format!("{{0.99 {{:<= 6700 :interval {interval}}}}}")),
            1 => (
                &mut histograms,
                format!("{{:status-code {{\"^2[0-9]{{2}}$\" {{:>= 0.4 :interval {interval} :type :percentage}}}}}}"),
            ),
            _ => {
                (&mut histograms, format!("{{:status-code {{\"^5\" {{:<= 2000 :interval {interval} :type :count}}}}}}"))
            }
        };
        writeln!(out, "  \"{service}\" {text}").expect("a string takes all");
    }
    format!("{{:percentiles {{{percentiles}}}\n :histograms {{{histograms}}}}}\n")
}
