//! `highwater run` as a process of a test's own: ports of its own, lines out, stopped when dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything takes on a busy machine; a test that fails waits as long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon. Its listeners are on ports that the system chose.
pub struct Daemon {
    pub tcp: Option<SocketAddr>,
    pub udp: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub tls: Option<SocketAddr>,
    /// The folder that it runs in, with `thresholds.edn`.
    pub folder: PathBuf,
    /// Removes the folder with the last daemon that runs there.
    home: Arc<Home>,
    /// What it is to listen on.
    kinds: Vec<&'static str>,
    child: Child,
    out: Receiver<String>,
    err: Arc<Text>,
}

/// A folder with `thresholds.edn`, removed when it is dropped: it outlives daemons that are started in it again.
pub struct Home(pub PathBuf);

impl Home {
    pub fn new(thresholds: &str) -> Arc<Home> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("daemon-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the target folder takes folders");
        let home = Home(folder);
        home.rewrite(thresholds);
        Arc::new(home)
    }

    /// Takes other thresholds, whole or not at all: a daemon may read them at any time.
    pub fn rewrite(&self, thresholds: &str) {
        fs::write(self.0.join("thresholds.new"), thresholds).expect("the folder takes files");
        fs::rename(self.0.join("thresholds.new"), self.0.join("thresholds.edn")).expect("it was written just now");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a process has written to stderr so far.
#[derive(Default)]
struct Text {
    state: Mutex<(String, Ended)>,
    grown: Condvar,
}

type Ended = bool;

impl Daemon {
    /// Starts `highwater run` in a folder of its own and waits until it listens.
    ///
    /// Each of `--tcp`, `--udp` and `--http` that `args` leaves out is on a free port of 127.0.0.1. Relative paths are
    /// of the daemon's folder. Without `--state` in `args` nothing is kept.
    pub fn start(thresholds: &str, args: &[&str]) -> Daemon {
        Daemon::start_in(&Home::new(thresholds), args)
    }

    /// The same in a folder that may have been used before.
    pub fn start_in(home: &Arc<Home>, args: &[&str]) -> Daemon {
        match Daemon::try_start_in(home, args) {
            Ok(daemon) => daemon,
            Err((code, log)) => panic!("the daemon ended with {code:?}:\n{log}"),
        }
    }

    /// The exit code and stderr of a daemon that ended instead.
    pub fn try_start(thresholds: &str, args: &[&str]) -> Result<Daemon, (Option<i32>, String)> {
        Daemon::try_start_in(&Home::new(thresholds), args)
    }

    /// The same in a folder that may have been used before.
    pub fn try_start_in(home: &Arc<Home>, args: &[&str]) -> Result<Daemon, (Option<i32>, String)> {
        let mut daemon = Daemon::spawn_in(home, args);
        if !daemon.await_listening() {
            let log = daemon.log();
            // A daemon that listens on less than it should is at fault as well, but it is there still.
            let _ = daemon.child.kill();
            return Err((daemon.child.wait().expect("a child of ours").code(), log));
        }
        Ok(daemon)
    }

    /// The same, but nothing is waited for: it does not listen yet.
    pub fn spawn_in(home: &Arc<Home>, args: &[&str]) -> Daemon {
        let folder = home.0.clone();
        let thresholds = fs::read_to_string(folder.join("thresholds.edn")).expect("it is there");
        let mut command = Command::new(binary());
        command.args(["run", "-c", "thresholds.edn"]);
        if !args.contains(&"--state") {
            command.arg("--no-state");
        }
        let mut kinds = Vec::new();
        for kind in ["tcp", "udp", "http"] {
            let option = format!("--{kind}");
            let given = args.iter().position(|arg| *arg == option);
            if given.is_none() {
                command.args([option.as_str(), "127.0.0.1:0"]);
            }
            if given.is_none_or(|at| args.get(at + 1) != Some(&"none")) {
                kinds.push(kind);
            }
        }
        if thresholds.contains(":tls") {
            kinds.push("tls");
        }
        command.args(args).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let out = lines(child.stdout.take().expect("a pipe"));
        let err = text(child.stderr.take().expect("a pipe"));
        let (tcp, udp, http, tls) = (None, None, None, None);
        Daemon { tcp, udp, http, tls, folder, home: Arc::clone(home), kinds, child, out, err }
    }

    /// Waits until it listens on all that it should; whether it does.
    pub fn await_listening(&mut self) -> bool {
        let kinds = &self.kinds;
        let listening = self.err.wait(PATIENCE, |log| kinds.iter().all(|kind| address(log, kind).is_some()));
        let log = self.log();
        let of = |kind| address(&log, kind);
        (self.tcp, self.udp, self.http, self.tls) = (of("tcp"), of("udp"), of("http"), of("tls"));
        listening
    }

    /// The next line of stdout, as JSON; None if there is none within that time.
    pub fn line(&self, within: Duration) -> Option<serde_json::Value> {
        self.text(within).map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}")))
    }

    /// The next line of stdout as it came.
    pub fn text(&self, within: Duration) -> Option<String> {
        self.out.recv_timeout(within).ok()
    }

    /// What stderr has said so far.
    pub fn log(&self) -> String {
        self.err.state.lock().expect("nobody panics with it").0.clone()
    }

    /// Waits until the log holds a text; whether it came.
    pub fn logs(&self, text: &str, within: Duration) -> bool {
        self.err.wait(within, |log| log.contains(text))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends SIGTERM and waits for the end; the exit code, and the lines of stdout that were not taken yet.
    pub fn stop(&mut self) -> (Option<i32>, Vec<serde_json::Value>) {
        self.signal(Signal::TERM);
        let code = self.wait();
        let rest = std::iter::from_fn(|| self.line(PATIENCE)).collect();
        (code, rest)
    }

    /// Ends it as a crash does: with SIGKILL. Lines of stdout that were written whole can still be taken.
    pub fn crash(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it and starts another one in its folder: with SIGTERM or, in a crash, with SIGKILL.
    ///
    /// Lines that were not taken yet are gone.
    pub fn restart(mut self, crash: bool, args: &[&str]) -> Daemon {
        if crash {
            self.crash()
        } else {
            assert_eq!(self.stop().0, Some(0), "{}", self.log())
        }
        Daemon::start_in(&Arc::clone(&self.home), args)
    }

    pub fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Waits until it has ended of its own; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the daemon does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// One HTTP request on a connection of its own; the status and the body.
    ///
    /// `Host` is the address unless `headers` have another.
    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let address = self.http.expect("the daemon listens on http");
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {address}\r\n");
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // Who refuses early may close before all is sent; the answer counts.
        let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert!(!answer.is_empty(), "no answer to {method} {path}: {error}");
        }
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
        assert!(!head.to_lowercase().contains("transfer-encoding"), "this reads no chunks: {head}");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {head:?}")), body.to_string())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the daemon said:\n{}", self.log());
        }
    }
}

impl Text {
    /// Waits until what was written fulfils a condition; whether it does.
    fn wait(&self, within: Duration, fulfils: impl Fn(&str) -> bool) -> bool {
        let state = self.state.lock().expect("nobody panics with it");
        let waited = self.grown.wait_timeout_while(state, within, |(text, ended)| !*ended && !fulfils(text));
        fulfils(&waited.expect("nobody panics with it").0.0)
    }
}

/// HIGHWATER_BIN tests another binary.
pub fn binary() -> PathBuf {
    env::var_os("HIGHWATER_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_highwater")), PathBuf::from)
}

/// The address behind `listening on KIND`, in the log for people or as JSON.
fn address(log: &str, kind: &str) -> Option<SocketAddr> {
    let start = format!("listening on {kind} ");
    let rest = log.lines().filter(|line| line.contains(&start)).find_map(|line| line.split(&start).nth(1))?;
    let end = rest.find(|c: char| c == '"' || c.is_whitespace()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The lines of a pipe, read as they come, so that the writer never waits. One that was not written whole is none.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        while pipe.read_line(&mut line).is_ok_and(|read| read > 0) && line.pop() == Some('\n') {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    receiver
}

fn text(pipe: impl Read + Send + 'static) -> Arc<Text> {
    let text = Arc::new(Text::default());
    let written = Arc::clone(&text);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            let read = pipe.read_until(b'\n', &mut line).unwrap_or(0);
            let mut state = written.state.lock().expect("nobody panics with it");
            state.0 += &String::from_utf8_lossy(&line);
            state.1 = read == 0;
            written.grown.notify_all();
            if read == 0 {
                return;
            }
        }
    });
    text
}
