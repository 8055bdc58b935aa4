//! What a process takes, measured from outside. Linux only, since it is read from /proc.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of the clock that /proc counts CPU time in: the same on all architectures of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Of CPU time, its own and the system's for it.
    pub seconds: f64,
    pub peak_kib: u64,
}

/// Runs to the end. Fails unless the exit code is 0.
pub fn cost(command: &mut Command) -> Cost {
    let before = children_seconds();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(high_water_mark(&child));
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success(), "{command:?} ended with {status}");
    Cost { seconds: children_seconds() - before, peak_kib }
}

/// CPU seconds of all children that have ended.
fn children_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells what processes take");
    // Behind the name in brackets, which may hold blanks: state is field 3, cutime 16, cstime 17.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(13).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// The peak of resident memory so far, in KiB; 0 of a process that has just ended.
fn high_water_mark(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// HIGHWATER_BIN measures another binary, such as `target/dist/highwater`.
pub fn binary() -> PathBuf {
    match std::env::var_os("HIGHWATER_BIN") {
        Some(path) => fs::canonicalize(path).expect("HIGHWATER_BIN is a program"),
        None => PathBuf::from(env!("CARGO_BIN_EXE_highwater")),
    }
}

/// Whether the command line names no measurement, or this one.
pub fn is_chosen(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}
