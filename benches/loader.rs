//! What `highwater load` costs: `cargo bench --bench loader`.
//!
//! One job on one log: requests by class of status and path prefix, and the 99th percentile of their time, in windows of
//! ten minutes. The log is made from a published seed in a temporary folder, which is removed afterwards; it has 100 MB,
//! or as many as HIGHWATER_MB says. Beside it the same job in mawk and polars, where they are installed (PYTHON names the
//! interpreter). Linux only, since it is read from /proc. HIGHWATER_BIN measures another binary, such as
//! `target/dist/highwater`; words choose measurements: `cargo bench --bench loader -- JSON`.

#[path = "cost.rs"]
mod cost;
#[path = "folder.rs"]
mod folder;
#[path = "input.rs"]
mod input;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use cost::{Cost, binary, cost, is_chosen};
use flate2::Compression;
use flate2::write::GzEncoder;
use folder::Folder;

const ROUNDS: usize = 5;

/// FILE and FORMAT are filled in; the prefixes are ten.
const PIPELINE: &str = r##"
{:pipelines
 {:requests {:files ["FILE"]
             :format FORMAT
             :interval 600
             :record {:class (str (subs :status 0 1) "xx")
                      :prefix (re-find #re "^/[^/]*/[^/]*/[^/]*/[0-9]" :path)}
             :stats {:time {:field :request-time :percentiles [0.99]}}
             :to {:type :file :path "points"}}}}"##;

/// Of [`input::NGINX_TIMED`]; what matches is found in one pass.
const REGEX: &str = r#"#re "^(?P<remote_addr>[^ ]+) - (?P<remote_user>[^ ]+) \\[(?P<time_local>[^\\]]+)\\] \"(?P<request>[^\"]*)\" (?P<status>[0-9]+) (?P<body_bytes_sent>[0-9]+) \"(?P<http_referer>[^\"]*)\" \"(?P<http_user_agent>[^\"]*)\" rt=(?P<request_time>[0-9.]+) ""#;

/// The same job; a time is kept as the logarithm's 1/64, as is a sketch's.
const MAWK: &str = r#"
{ split($7, path, "?"); match(path[1], /^\/[^\/]*\/[^\/]*\/[^\/]*\/[0-9]/)
  cell = substr($4, 2, 16) " " substr($9, 1, 1) "xx " substr(path[1], RSTART, RLENGTH)
  count[cell]++
  bucket = int(log(substr($(NF - 1), 4) + 0.000001) * 64) + 1024
  seen[cell, bucket]++
  if (bucket > most[cell]) most[cell] = bucket }
END { for (cell in count) {
  above = 0
  for (bucket = most[cell]; above + seen[cell, bucket] <= count[cell] / 100; bucket--) above += seen[cell, bucket]
  print cell, count[cell], exp((bucket - 1024) / 64) } }"#;

/// The same job, streamed.
const POLARS: &str = r#"
import sys
import polars as pl
time, request, status, took = (pl.col(f"column_{n}") for n in (4, 6, 7, 10))
lines = pl.scan_csv(sys.argv[1], has_header=False, separator=" ", infer_schema=False)
jobs = lines.select(
    time.str.slice(1, 16).alias("window"),
    (status.str.slice(0, 1) + "xx").alias("class"),
    request.str.extract(r"^\S+ (/[^/]*/[^/]*/[^/]*/[0-9])").alias("prefix"),
    took.str.slice(3).cast(pl.Float64).alias("time"),
)
cells = jobs.group_by("window", "class", "prefix").agg(pl.len(), pl.col("time").quantile(0.99))
print(cells.collect(engine="streaming").height)
"#;

fn main() {
    let folder = Folder::under(&std::env::temp_dir());
    let bytes = std::env::var("HIGHWATER_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(100) * 1_000_000;
    let pasted = format!("\"{}\"", input::NGINX_TIMED.replace('"', "\\\""));
    let log = folder.0.join("access.log");
    fs::write(&log, input::nginx_timed(input::SEED, bytes)).expect("the folder can be written");

    let plain = load(&folder, "pasted nginx log_format", &log, &pasted, bytes);
    load(&folder, "one-pass regex", &log, REGEX, bytes);
    gzipped(&folder, &log, &pasted, bytes, plain);
    others(&folder, &log, bytes, plain);
    idle(&folder, &log, &pasted);
    fs::write(&log, input::nginx_json(input::SEED, bytes)).expect("the folder can be written");
    load(&folder, "nginx JSON", &log, ":nginx_json", bytes);
}

/// The least of some rounds, each from the start of the log.
fn load(folder: &Folder, name: &str, log: &Path, format: &str, bytes: usize) -> Option<Cost> {
    if !is_chosen(name) {
        return None;
    }
    write_pipeline(folder, log, format);
    let rounds = (0..ROUNDS).map(|_| {
        let _ = fs::remove_dir_all(folder.0.join("checkpoint"));
        let _ = fs::remove_file(folder.0.join("points"));
        cost(&mut loading(folder))
    });
    let best = least(rounds);
    tell(name, bytes, best, None);
    Some(best)
}

/// The same log packed; a MB is one of its text.
fn gzipped(folder: &Folder, log: &Path, format: &str, bytes: usize, plain: Option<Cost>) {
    let name = "pasted nginx log_format, gz";
    if !is_chosen(name) {
        return;
    }
    let packed = log.with_extension("log.gz");
    let mut text = File::open(log).expect("it was written");
    let mut gz = GzEncoder::new(File::create(&packed).expect("the folder can be written"), Compression::new(6));
    std::io::copy(&mut text, &mut gz).and_then(|_| gz.finish()).expect("the folder can be written");
    let cost = load(folder, name, &packed, format, bytes);
    fs::remove_file(&packed).expect("it was written");
    if let (Some(plain), Some(cost)) = (plain, cost) {
        let more = (cost.seconds - plain.seconds) / (bytes as f64 / 1e6);
        println!("{:<28} 1/{:.0} CPU seconds more for a MB", "", 1.0 / more);
    }
}

/// What other programs take for it.
fn others(folder: &Folder, log: &Path, bytes: usize, ours: Option<Cost>) {
    let python = std::env::var_os("PYTHON").unwrap_or("python3".into());
    let (mut mawk, mut polars) = (Command::new("mawk"), Command::new(&python));
    mawk.arg(MAWK).arg(log);
    polars.args(["-c", POLARS]).arg(log);
    let mut has_mawk = Command::new("mawk");
    let mut has_polars = Command::new(&python);
    let rows = [("mawk", has_mawk.arg("BEGIN {}"), mawk), ("polars", has_polars.args(["-c", "import polars"]), polars)];
    for (name, probe, mut command) in rows {
        let mut is_there =
            || probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if is_chosen(name) && is_there() {
            command.current_dir(&folder.0);
            tell(name, bytes, least((0..2).map(|_| cost(&mut command))), ours);
        }
    }
}

/// A run with nothing new, as cron starts it each minute.
fn idle(folder: &Folder, log: &Path, format: &str) {
    const RUNS: usize = 100;
    let name = "nothing new";
    if !is_chosen(name) {
        return;
    }
    // That of the packed log is of another file.
    let _ = fs::remove_dir_all(folder.0.join("checkpoint"));
    write_pipeline(folder, log, format);
    cost(&mut loading(folder));
    let times = (0..RUNS).map(|_| {
        let mut command = loading(folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let begin = Instant::now();
        assert!(command.status().is_ok_and(|status| status.success()), "{command:?} fails");
        begin.elapsed().as_secs_f64() * 1e3
    });
    // The median, since other processes only ever add.
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<28} {:>5.2} ms from start to exit{}", times[RUNS / 2], peak_of_short(&loading(folder)));
}

/// It is over too soon for its peak to be read from outside; `time`, where it is installed, is told by the system.
fn peak_of_short(command: &Command) -> String {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    timed.current_dir(command.get_current_dir().expect("it was set"));
    let peak = timed.output().ok().and_then(|output| String::from_utf8(output.stderr).ok()?.trim().parse::<f64>().ok());
    peak.map_or(String::new(), |kib| format!(", {:.1} MiB at most", kib / 1024.0))
}

fn write_pipeline(folder: &Folder, log: &Path, format: &str) {
    let text = PIPELINE.replace("FILE", &log.display().to_string()).replace("FORMAT", format);
    fs::write(folder.0.join("pipelines.edn"), text).expect("the folder can be written");
}

fn loading(folder: &Folder) -> Command {
    let mut command = Command::new(binary());
    command.args(["load", "pipelines.edn", "--checkpoint", "checkpoint"]).current_dir(&folder.0);
    command
}

fn least(rounds: impl Iterator<Item = Cost>) -> Cost {
    let fewer = |a: Cost, b: Cost| Cost { seconds: a.seconds.min(b.seconds), peak_kib: a.peak_kib.max(b.peak_kib) };
    rounds.reduce(fewer).expect("there are rounds")
}

fn tell(name: &str, bytes: usize, cost: Cost, ours: Option<Cost>) {
    let (speed, peak) = (bytes as f64 / 1e6 / cost.seconds, cost.peak_kib as f64 / 1024.0);
    let ratio = ours.map_or(String::new(), |ours| format!(", {:.1} times ours", cost.seconds / ours.seconds));
    println!(
        "{name:<28} {:>5.2} CPU seconds, {speed:>4.0} MB a CPU second, {peak:.1} MiB at most{ratio}",
        cost.seconds
    );
}
