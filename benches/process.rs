//! The daemon as a process: started, measured from outside, stopped. Linux only, since it is read from /proc.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::Folder;

/// Of the clock that /proc counts CPU time in: the same on all architectures of Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// A daemon that does not listen by then is broken.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Daemon {
    pub tcp: SocketAddr,
    /// When each transition was printed.
    pub printed: Arc<Mutex<Vec<Instant>>>,
    /// Those that it has taken.
    pub snapshots: Arc<Mutex<Vec<Snapshot>>>,
    child: Child,
}

/// What the daemon says of a snapshot.
#[derive(Clone, Copy)]
pub struct Snapshot {
    /// When it had been taken and put into bytes.
    pub taken: Instant,
    /// How long lanes were locked for it.
    pub locked: Duration,
    /// How long that took in all, before it is written.
    pub took: Duration,
}

impl Snapshot {
    /// What a line of the log says, if it speaks of one.
    fn of(line: &str) -> Option<Snapshot> {
        let micros = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            Some(Duration::from_micros(rest.split(' ').next()?.parse().ok()?))
        };
        line.contains("a snapshot was taken").then_some(())?;
        Some(Snapshot { taken: Instant::now(), locked: micros("locked_us=")?, took: micros("took_us=")? })
    }
}

impl Daemon {
    /// Starts it with these thresholds and no state, and waits until it listens.
    pub fn start(folder: &Folder, thresholds: &str) -> Daemon {
        Daemon::start_keeping(folder, thresholds, None)
    }

    /// The same with a state folder in the folder, or none.
    pub fn start_keeping(folder: &Folder, thresholds: &str, state: Option<&str>) -> Daemon {
        let mut child = spawn(folder, thresholds, state, "127.0.0.1:0", Stdio::piped());
        let printed = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&printed);
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            for _ in out.lines() {
                noted.lock().expect("nobody panics with it").push(Instant::now());
            }
        });
        let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut log = String::new();
        let tcp = loop {
            let mut line = String::new();
            assert!(err.read_line(&mut line).is_ok_and(|read| read > 0), "it did not start:\n{log}");
            if let Some(address) = line.trim_end().split("listening on tcp ").nth(1) {
                break address.parse().expect("an address");
            }
            log += &line;
        };
        let snapshots = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&snapshots);
        thread::spawn(move || {
            err.lines().map_while(Result::ok).for_each(|line| {
                if let Some(snapshot) = Snapshot::of(&line) {
                    said.lock().expect("nobody panics with it").push(snapshot);
                } else if line.contains("WARN") || line.contains("ERROR") {
                    eprintln!("    {line}");
                }
            });
        });
        Daemon { tcp, printed, snapshots, child }
    }

    /// Ends it in order, and waits for the end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        assert!(self.child.wait().expect("a child of ours").success(), "it ends well");
    }

    /// CPU seconds so far, its own and the system's for it.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // Behind the name in brackets, which may hold blanks: state is field 3, utime 14, stime 15.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
        ticks.sum::<f64>() / TICKS_PER_SECOND
    }

    /// The peak of resident memory so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From the start of the process to a connection that it takes.
pub fn start_to_port(folder: &Folder, thresholds: &str, state: Option<&str>) -> Duration {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound");
    let begin = Instant::now();
    let mut child = spawn(folder, thresholds, state, &free.to_string(), Stdio::null());
    while TcpStream::connect(free).is_err() {
        assert!(begin.elapsed() < PATIENCE && child.try_wait().expect("a child of ours").is_none(), "it did not start");
        thread::sleep(Duration::from_micros(50));
    }
    let took = begin.elapsed();
    let _ = child.kill();
    let _ = child.wait();
    took
}

fn spawn(folder: &Folder, thresholds: &str, state: Option<&str>, tcp: &str, out: Stdio) -> Child {
    fs::write(folder.0.join("thresholds.edn"), thresholds).expect("the folder can be written");
    let err = if tcp.ends_with(":0") { Stdio::piped() } else { Stdio::null() };
    let mut command = Command::new(binary());
    command.args(["run", "-c", "thresholds.edn", "--udp", "none", "--http", "none", "--tcp", tcp]);
    command.args(["--log-level", "debug"]);
    match state {
        Some(state) => command.args(["--state", state]),
        None => command.arg("--no-state"),
    };
    command.current_dir(&folder.0).stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().expect("the program starts")
}

/// HIGHWATER_BIN measures another binary, such as `target/dist/highwater`.
fn binary() -> PathBuf {
    match std::env::var_os("HIGHWATER_BIN") {
        Some(path) => fs::canonicalize(path).expect("HIGHWATER_BIN is a program"),
        None => PathBuf::from(env!("CARGO_BIN_EXE_highwater")),
    }
}
