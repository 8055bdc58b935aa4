//! How fast lines become events, in MB a CPU second: `cargo bench --bench decode`, or `… -- JSON` for those only.
//!
//! Each figure is the best of several rounds over a file of 64 MiB in the page cache, with the fields that a typical plan reads.

#[path = "input.rs"]
mod input;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use highwater::plan::{Field, Limits};
use highwater::source::{Inputs, LogFormat, Read, Settings, Wanted};

const BYTES: usize = 64 << 20;
const ROUNDS: usize = 10;

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

/// Of this thread, where the system tells; else the time that passed.
fn cpu_seconds() -> f64 {
    thread_local!(static BEGINNING: Instant = Instant::now());
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = scheduled.ok().and_then(|text| text.split(' ').next().and_then(|first| first.parse::<f64>().ok()));
    nanos.map_or_else(|| BEGINNING.with(|beginning| beginning.elapsed().as_secs_f64()), |nanos| nanos / 1e9)
}
