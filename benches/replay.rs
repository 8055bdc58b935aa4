//! What `highwater` costs as a process: `cargo bench --bench replay`.
//!
//! `replay` in MB a CPU second and peak memory, `check` of many thresholds in CPU seconds, and a start to its exit
//! against an empty process. Linux only, since it is read from /proc. Inputs are made from a published seed in a
//! temporary folder, which takes 200 MB and is removed afterwards. HIGHWATER_BIN measures another binary, such as
//! `target/dist/highwater`; words choose measurements: `cargo bench --bench replay -- JSON`.

#[path = "cost.rs"]
mod cost;
#[path = "folder.rs"]
mod folder;
#[path = "input.rs"]
mod input;

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cost::{Cost, binary, cost, is_chosen};
use folder::Folder;

const BYTES: usize = 200_000_000;
const ROUNDS: usize = 5;

/// Three percentiles, four percentages, three counts; one of them hops. SERVICE and METRIC are filled in.
const THRESHOLDS: &str = r#"
{:percentiles
 {"SERVICE" {0.99 [{:<= 900 :interval 60 METRIC} {:<= 900 :interval 600 :every 60 METRIC}]
             0.5 {:<= 50 :interval 300 METRIC}}}
 :histograms
 {"SERVICE" {:status-code {"^2[0-9]{2}$" [{:>= 0.95 :interval 60 :type :percentage}
                                          {:>= 0.9 :interval 600 :type :percentage}]
                           "^5" [{:<= 0.02 :interval 120 :type :percentage} {:<= 500 :interval 300 :type :count}]
                           ".*" {:> 0 :interval 60 :type :count}}
             :path {"^/api/v1/item/1" {:<= 0.5 :interval 300 :type :percentage}
                    "/item/7[0-9]{2}$" {:> 0 :interval 600 :type :count}}}}}"#;

fn main() {
    let folder = Folder::under(&std::env::temp_dir());
    let plain = ["--whole"];
    let timed = ["--whole", "--log-format", input::NGINX_TIMED];
    let combined = ["--whole", "--log-format", "combined"];
    replay(&folder, "access log, nginx log_format", ("http", ""), input::nginx_timed, &timed);
    // Apache's has no duration: percentiles read the size.
    replay(
        &folder,
        "access log, Apache combined",
        ("http", ":metric :body_bytes_sent"),
        input::apache_combined,
        &combined,
    );
    replay(&folder, "JSON events", ("query-service response", ""), input::json_events, &plain);
    check(&folder);
    start_to_exit();
}

fn replay(
    folder: &Folder,
    name: &str,
    (service, metric): (&str, &str),
    make: fn(u64, usize) -> Vec<u8>,
    arguments: &[&str],
) {
    if !is_chosen(name) {
        return;
    }
    let thresholds = THRESHOLDS.replace("SERVICE", service).replace("METRIC", metric);
    fs::write(folder.0.join("thresholds.edn"), thresholds).expect("the folder can be written");
    fs::write(folder.0.join("input"), make(input::SEED, BYTES)).expect("the folder can be written");
    let mut best = Cost { seconds: f64::INFINITY, peak_kib: 0 };
    for _ in 0..ROUNDS {
        let mut command = Command::new(binary());
        command.args(["replay", "-c", "thresholds.edn", "input"]).args(arguments).current_dir(&folder.0);
        let cost = cost(&mut command);
        best = Cost { seconds: best.seconds.min(cost.seconds), peak_kib: best.peak_kib.max(cost.peak_kib) };
    }
    let (speed, peak) = (BYTES as f64 / 1e6 / best.seconds, best.peak_kib as f64 / 1024.0);
    println!("{name:<30} {speed:>6.0} MB a CPU second, {peak:.1} MiB at most");
}

/// Ten thousand thresholds, each of its own service.
fn check(folder: &Folder) {
    const THRESHOLDS: usize = 10_000;
    let name = "check of 10,000 thresholds";
    if !is_chosen(name) {
        return;
    }
    let (mut percentiles, mut histograms) = (String::new(), String::new());
    for i in 0..THRESHOLDS / 2 {
        writeln!(percentiles, "  \"service {i}\" {{0.99 {{:<= {} :interval 600 :severity \"page\"}}}}", 100 + i)
            .expect("a string takes all");
        writeln!(
            histograms,
            "  \"service {i}\" {{:status-code {{\"^{}[0-9]{{2}}$\" {{:>= 0.95 :interval 600 :type :percentage}}}}}}",
            i % 5 + 1
        )
        .expect("a string takes all");
    }
    let thresholds = format!("{{:percentiles {{{percentiles}}}\n :histograms {{{histograms}}}}}\n");
    fs::write(folder.0.join("many.edn"), thresholds).expect("the folder can be written");
    let costs = (0..ROUNDS).map(|_| {
        let mut command = Command::new(binary());
        cost(command.args(["check", "many.edn"]).current_dir(&folder.0))
    });
    let best = costs.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("there are rounds");
    println!("{name:<30} {:>6.2} CPU seconds, {:.1} MiB at most", best.seconds, best.peak_kib as f64 / 1024.0);
}

/// By the clock on the wall, in turns; the median, since other processes only ever add.
fn start_to_exit() {
    const RUNS: usize = 200;
    let name = "start to exit of check";
    if !is_chosen(name) {
        return;
    }
    let took = |command: &mut Command| {
        let begin = Instant::now();
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program starts");
        assert!(status.success(), "{command:?} ended with {status}");
        begin.elapsed()
    };
    let (mut ours, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(took(Command::new(binary()).args(["check", "thresholds"]).current_dir(env!("CARGO_MANIFEST_DIR"))));
        empty.push(took(&mut Command::new("/bin/true")));
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[RUNS / 2].as_secs_f64() * 1e3
    };
    let (ours, empty) = (median(&mut ours), median(&mut empty));
    println!("{name:<30} {ours:>6.2} ms, {:.1} times the {empty:.2} ms of /bin/true", ours / empty);
}
