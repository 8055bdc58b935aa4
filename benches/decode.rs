//! How fast lines become events, in MB a CPU second: `cargo bench --bench decode`.
//!
//! Each figure is the best of several rounds over 64 MiB in memory, with the fields that a typical plan reads.

#[path = "input.rs"]
mod input;

use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;

use highwater::plan::{Field, Limits};
use highwater::source::input::{Line, Lines};
use highwater::source::{Decoder, Kind, LogFormat, Settings, Wanted};

const BYTES: usize = 64 << 20;
const ROUNDS: usize = 5;

fn main() {
    let named = |name: &str| Kind::Log(LogFormat::parse(name).expect("a log format"));
    let timed = input::nginx_timed(input::SEED, BYTES);
    let combined = input::apache_combined(input::SEED, BYTES);
    let json = input::json_events(input::SEED, BYTES);
    measure("nginx log_format", &timed, &named(input::NGINX_TIMED), &["metric", "status-code", "path"]);
    measure("nginx log_format", &timed, &named(input::NGINX_TIMED), &["metric"]);
    measure("Apache combined", &combined, &named("combined"), &["status-code", "path"]);
    measure("Apache combined", &combined, &named("combined"), &["status-code"]);
    measure("JSON events", &json, &Kind::Json, &["metric", "status-code"]);
    measure("JSON events", &json, &Kind::Json, &["metric", "status-code", "host", "path"]);
}

fn measure(name: &str, text: &[u8], kind: &Kind, fields: &[&str]) {
    let names: Vec<Field> = fields.iter().map(|name| Field::named(name)).collect();
    let settings =
        Settings { service: "http".to_owned(), format: None, wanted: Wanted::of(&names), limits: Limits::default() };
    let decoder = Decoder::new(kind, &settings);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let owned = Cursor::new(text.to_vec());
        let mut lines = Lines::new(owned, settings.limits.line_bytes).expect("memory can be read");
        let start = cpu_seconds();
        let mut understood = 0u64;
        while lines.advance().expect("memory can be read") {
            if let Line::Whole(line) = lines.current_line() {
                understood += u64::from(black_box(decoder.decode(line)).is_ok());
            }
        }
        best = best.min(cpu_seconds() - start);
        assert_eq!(understood, lines.number(), "every line gives an event");
    }
    let fields = fields.join(" ");
    println!("{name:<18} {:>6.0} MB/s  reading {fields}", text.len() as f64 / 1e6 / best);
}

/// Of this thread, where the system tells; else the time that passed.
fn cpu_seconds() -> f64 {
    thread_local!(static BEGINNING: Instant = Instant::now());
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = scheduled.ok().and_then(|text| text.split(' ').next().and_then(|first| first.parse::<f64>().ok()));
    nanos.map_or_else(|| BEGINNING.with(|beginning| beginning.elapsed().as_secs_f64()), |nanos| nanos / 1e9)
}
