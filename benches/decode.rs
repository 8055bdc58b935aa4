//! How fast lines become events, in MB a CPU second: `cargo bench --bench decode`, or `… -- JSON` for those only.
//!
//! Each figure is the best of several rounds over a file of 64 MiB in the page cache, with the fields that a typical plan
//! reads. Messages of Riemann's protocol are read from memory, in ns an event, with the figure of `prost` beside.

#[path = "input.rs"]
mod input;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use highwater::engine::Fields;
use highwater::plan::{EventTime, Field, Limits, Timestamp};
use highwater::source::riemann::{self, Framed, Reading, wire};
use highwater::source::{Inputs, LogFormat, Read, Settings, Wanted, json};
use prost::Message as _;

const BYTES: usize = 64 << 20;
const ROUNDS: usize = 10;
/// So often the same frames are read in a round, which is then long enough for the system's clock.
const PASSES: usize = 64;

/// As people write it for [`input::NGINX_TIMED`].
const REGEX: &str = concat!(
    r#"regex:(?P<remote_addr>\S+) - (?P<remote_user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) "#,
    r#"(?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" rt=(?P<request_time>[\d.]+) urt="(?P<urt>[^"]*)""#
);

fn main() {
    let named = |name: &str| Some(LogFormat::parse(name).expect("a log format"));
    let timed = input::nginx_timed(input::SEED, BYTES);
    let combined = input::apache_combined(input::SEED, BYTES);
    let json = input::json_events(input::SEED, BYTES);
    measure("nginx log_format", &timed, &named(input::NGINX_TIMED), &["metric", "status-code", "path"]);
    measure("nginx log_format", &timed, &named(input::NGINX_TIMED), &["metric"]);
    measure("Apache combined", &combined, &named("combined"), &["status-code", "path"]);
    measure("Apache combined", &combined, &named("combined"), &["status-code"]);
    measure("JSON events", &json, &None, &["metric", "status-code"]);
    measure("JSON events", &json, &None, &["metric", "status-code", "host", "path"]);
    let common = ["metric", "status-code", "path"];
    measure("JSON nginx", &input::nginx_json(input::SEED, BYTES), &named("nginx_json"), &common);
    measure("JSON Caddy", &input::caddy(input::SEED, BYTES), &named("caddy"), &common);
    measure("LTSV", &input::ltsv(input::SEED, BYTES), &named("ltsv"), &common);
    measure("regex, one pass", &timed, &named(REGEX), &common);
    for batch in [1, 100] {
        let frames = riemann_frames(&json[..json.len() / 8], batch);
        measure_riemann(&frames, batch, &["metric"]);
        measure_riemann(&frames, batch, &["metric", "status-code"]);
        measure_riemann(&frames, batch, &["metric", "status-code", "host"]);
    }
}

fn measure(name: &str, text: &[u8], format: &Option<LogFormat>, fields: &[&str]) {
    let mut chosen = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    if chosen.next().is_some_and(|chosen| !name.contains(&chosen)) {
        return;
    }
    let names: Vec<Field> = fields.iter().map(|name| Field::named(name)).collect();
    let settings = Settings {
        service: "http".to_owned(),
        format: format.clone(),
        wanted: Wanted::of(&names),
        zone: highwater::source::Zone::utc(),
        limits: Limits::default(),
    };
    let folder = std::env::temp_dir();
    let path = folder.join(format!("highwater-bench-{}.log", std::process::id()));
    std::fs::write(&path, text).expect("the temporary folder can be written");
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let paths = [path.to_str().expect("a path in UTF-8").to_owned()];
        let start = cpu_seconds();
        let inputs = Inputs::open(&paths, settings.clone()).expect("the file can be read");
        let end = inputs.each(&mut |read| match read {
            Read::Event(event, ..) => {
                black_box(event);
                ControlFlow::Continue(())
            }
            other => ControlFlow::Break(format!("{other:?}")),
        });
        best = best.min(cpu_seconds() - start);
        assert_eq!(end, ControlFlow::Continue(()), "every line gives an event");
    }
    std::fs::remove_file(&path).expect("the file that was just written");
    let fields = fields.join(" ");
    println!("{name:<18} {:>6.0} MB/s  reading {fields}", text.len() as f64 / 1e6 / best);
}

/// The same events as those lines, so many a message, as clients send them: 70 to 105 bytes with one attribute.
fn riemann_frames(lines: &[u8], batch: usize) -> Vec<u8> {
    let whole = lines.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let lines: Vec<&[u8]> = lines[..whole].split(|byte| *byte == b'\n').collect();
    let mut frames = Vec::new();
    for (at, lines) in lines.chunks(batch).enumerate() {
        let events = lines.iter().enumerate().map(|(i, line)| {
            let event = json::decode(line, &Wanted::all(), 10).expect("an event");
            let text = |field: &str| {
                let mut text = Vec::new();
                event.field(&Field::named(field)).write_text(&mut text);
                text
            };
            wire::Event {
                service: Some(format!("query-service response {}", (at * batch + i) % 100).into_bytes()),
                host: Some(text("host")),
                time_micros: Some(event.time.micros()),
                metric_d: event.metric.number().map(|number| number.to_f64()),
                attributes: vec![wire::Attribute { key: b"status-code".to_vec(), value: Some(text("status-code")) }],
                ..wire::Event::default()
            }
        });
        let message = wire::Msg { events: events.collect(), ..wire::Msg::default() };
        frames.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
        message.encode(&mut frames).expect("memory can be written");
    }
    frames
}

fn measure_riemann(frames: &[u8], batch: usize, fields: &[&str]) {
    let name = format!("Riemann by {batch}");
    let mut chosen = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    if chosen.next().is_some_and(|chosen| !name.contains(&chosen)) {
        return;
    }
    let names: Vec<Field> = fields.iter().map(|name| Field::named(name)).collect();
    let wanted = Wanted::of(&names);
    let arrival = Timestamp::clamped(1_700_000_000_000_000);
    let reading = Reading { wanted: &wanted, attributes: 256, event_bytes: 1 << 20, arrival, time: EventTime::Event };
    let best = |decode: &dyn Fn(&[u8]) -> usize| {
        let mut best = f64::INFINITY;
        let mut events = 0;
        for _ in 0..ROUNDS / 2 {
            let start = cpu_seconds();
            events = 0;
            for _ in 0..PASSES {
                let mut rest = frames;
                while let Framed::Whole { message, used } = riemann::frame(rest, 16 << 20) {
                    events += decode(message);
                    rest = &rest[used..];
                }
                assert!(rest.is_empty(), "frames are whole");
            }
            best = best.min(cpu_seconds() - start);
        }
        (best, events)
    };
    let (ours, events) = best(&|message| {
        let survey = riemann::survey(message).expect("a message");
        riemann::events(message, &reading, |event| drop(black_box(event)));
        survey.events
    });
    let (theirs, _) = best(&|message| black_box(wire::Msg::decode(message).expect("a message")).events.len());
    let nanos = |seconds: f64| seconds * 1e9 / events as f64;
    println!(
        "{name:<18} {:>6.1} ns an event of {} bytes, prost {:.0} ns  reading {}",
        nanos(ours),
        frames.len() * PASSES / events,
        nanos(theirs),
        fields.join(" ")
    );
}

/// Of this thread, where the system tells; else the time that passed.
fn cpu_seconds() -> f64 {
    thread_local!(static BEGINNING: Instant = Instant::now());
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = scheduled.ok().and_then(|text| text.split(' ').next().and_then(|first| first.parse::<f64>().ok()));
    nanos.map_or_else(|| BEGINNING.with(|beginning| beginning.elapsed().as_secs_f64()), |nanos| nanos / 1e9)
}
