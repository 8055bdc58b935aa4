//! What sends to Riemann today, as it is: each program sends, and thresholds over its events change status.
//!
//! A program that is missing is skipped, unless HIGHWATER_PEERS=required; `tests/all --install` installs them all.

mod daemons;
mod libraries;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;

use crate::daemon::{Daemon, PATIENCE};

/// What `query` is answered.
const NO_QUERIES: &str = "queries are not supported yet";

/// A threshold that silence violates, and one that a metric above 100 violates.
///
/// The grace is for clients that know whole seconds only, rounded down or up.
const THRESHOLDS: &str = r#"
{:grace 2
 :percentiles {"SERVICE" {0.99 {:<= 100 :interval 1 :name "slow"}}}
 :histograms  {"SERVICE" {:status-code {"^2[0-9]{2}$" {:> 0 :interval 1 :type :count :name "silent"}}}}}"#;

fn thresholds(service: &str) -> String {
    THRESHOLDS.replace("SERVICE", service)
}

/// Sends once silence has been noticed: then the peer's status code ends the silence, and its metric is too high.
///
/// The metric is what the transition must show, if it is known.
fn changes_status(daemon: &Daemon, service: &str, metric: Option<f64>, send: impl FnOnce()) {
    let is = |transition: &Value, threshold: &str, status: &str| {
        transition["threshold"].as_str().is_some_and(|id| id.contains(threshold)) && transition["status"] == status
    };
    let silent = daemon.line(PATIENCE).unwrap_or_else(|| panic!("silence is not noticed:\n{}", daemon.log()));
    assert!(is(&silent, "silent", "violation") && silent["matched"] == 0, "{silent}");
    send();
    let (mut heard, mut slow) = (None, None);
    while heard.is_none() || slow.is_none() {
        let transition = daemon.line(PATIENCE);
        let transition = transition.unwrap_or_else(|| panic!("{heard:?} {slow:?}\n{}", daemon.log()));
        assert_eq!(transition["service"], service, "{transition}");
        if is(&transition, "silent", "ok") {
            heard = Some(transition);
        } else if is(&transition, "slow", "violation") {
            slow = Some(transition);
        }
    }
    let (heard, slow) = (heard.expect("found"), slow.expect("found"));
    assert!(heard["matched"].as_u64() >= Some(1), "{heard}");
    assert!(slow["matched"] == 0 && metric.is_none_or(|metric| slow["value"] == metric), "{slow}");
}

/// A daemon whose TCP and UDP have one port number, as clients that know only one expect.
fn on_one_port(thresholds: &str) -> (Daemon, u16) {
    for _ in 0..10 {
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound");
        if UdpSocket::bind(free).is_err() {
            continue;
        }
        let address = free.to_string();
        // Somebody else may be quicker.
        if let Ok(daemon) = Daemon::try_start(thresholds, &["--tcp", &address, "--udp", &address]) {
            return (daemon, free.port());
        }
    }
    panic!("no port that is free for both TCP and UDP");
}

/// Whether a peer is there. Says so if not, and fails where all are required.
fn is_there(name: &str, path: Option<impl AsRef<Path>>) -> bool {
    let there = path.is_some_and(|path| path.as_ref().exists());
    if !there {
        let required = env::var("HIGHWATER_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "{name} is missing; tests/all --install installs it");
        println!("SKIPPED: {name} is missing; tests/all --install installs it");
    }
    there
}

/// Where a program is; daemons are not on everybody's path.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Where `tests/all --install` puts what is not of the system.
fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers").join(path)
}

fn fixture(path: &str) -> String {
    format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// What a program came to: whether it was content, and all that it said.
fn ran(command: &mut Command, stdin: &[u8]) -> (bool, String) {
    let mut child = Running::start(command);
    child.0.stdin.take().expect("a pipe").write_all(stdin).expect("it reads");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("a child of ours") {
            break status;
        }
        assert!(Instant::now() < deadline, "{command:?} does not end");
        thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.0.stdout.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    child.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    (status.success(), said)
}

/// Fails unless the program was content; what it said.
fn content(command: &mut Command) -> String {
    let (success, said) = ran(command, b"");
    assert!(success, "{command:?}: {said}");
    said
}

/// A program that is ended when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn host_and_port(address: Option<SocketAddr>) -> [String; 2] {
    let address = address.expect("the daemon listens there");
    [address.ip().to_string(), address.port().to_string()]
}

/// `riemann-client send` of riemann-c-client, which knows no time.
fn c_client(arguments: &[&str], address: Option<SocketAddr>) -> Command {
    let mut command = Command::new("riemann-client");
    command.args(arguments).args(host_and_port(address));
    command
}

const SEND: [&str; 14] =
    ["send", "-s", "ok", "-S", "checkout", "-h", "web-1", "-a", "status-code=200", "-i", "143", "-L", "30", "-t"];

#[test]
fn riemann_c_client_sends_over_tcp_and_udp() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    for protocol in ["-T", "-U"] {
        let daemon = Daemon::start(&thresholds("checkout"), &[]);
        let address = if protocol == "-T" { daemon.tcp } else { daemon.udp };
        changes_status(&daemon, "checkout", Some(143.0), || {
            content(&mut c_client(&[&SEND[..], &["a tag", protocol]].concat(), address));
        });
    }
}

#[test]
fn riemann_c_client_sends_doubles_and_floats() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    for (option, value, shown) in [("-d", "143.25", 143.25), ("-f", "143.1", 143.1)] {
        let daemon = Daemon::start(&thresholds("checkout"), &[]);
        changes_status(&daemon, "checkout", Some(shown), || {
            let arguments = ["send", "-S", "checkout", "-a", "status-code=200", option, value];
            content(&mut c_client(&arguments, daemon.tcp));
        });
    }
}

#[test]
fn riemann_c_client_sends_over_tls_with_a_certificate_of_the_authority_only() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    let fixture = |name: &str| fixture(&format!("tls/{name}"));
    let server = format!(
        r#":server {{:tls {{:address "127.0.0.1:0" :key "{}" :cert "{}" :ca-cert "{}"}}}}"#,
        fixture("server.key"),
        fixture("server.pem"),
        fixture("ca.pem")
    );
    let daemon = Daemon::start(&thresholds("checkout").replacen('{', &format!("{{{server}\n"), 1), &[]);
    let send = |name: &str| {
        let options =
            [("cafile", "ca.pem".to_string()), ("certfile", format!("{name}.pem")), ("keyfile", format!("{name}.key"))];
        let options = options.map(|(option, file)| format!("{option}={}", fixture(&file)));
        let mut arguments = [&SEND[..], &["a tag", "-G"]].concat();
        options.iter().for_each(|option| arguments.extend(["-o", option]));
        ran(&mut c_client(&arguments, daemon.tls), b"")
    };
    let (success, said) = send("stranger");
    assert!(!success, "a stranger was let in: {said}");
    changes_status(&daemon, "checkout", Some(143.0), || {
        let (success, said) = send("client");
        assert!(success, "{said}\n{}", daemon.log());
    });
}

#[test]
fn riemann_c_client_shows_that_queries_are_not_supported() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    let daemon = Daemon::start(&thresholds("checkout"), &[]);
    let (success, said) = ran(&mut c_client(&["query", "service =~ \"c%\""], daemon.tcp), b"");
    assert!(!success && said.contains(NO_QUERIES), "{said}");
}

#[test]
fn promtool_has_nothing_against_the_metrics() {
    if !is_there("promtool", program("promtool")) {
        return;
    }
    let daemon = Daemon::start(&thresholds("checkout"), &[]);
    let event = br#"{"service":"checkout","metric":143,"status-code":"200"}"#;
    assert_eq!(daemon.http("PUT", "/events", &[], event).0, 200);
    let silent = daemon.line(PATIENCE);
    assert!(silent.is_some(), "{}", daemon.log());
    let (status, page) = daemon.http("GET", "/metrics", &[], b"");
    assert_eq!(status, 200);
    assert!(page.contains("\nhighwater_"), "{page}");
    let (success, said) = ran(Command::new("promtool").args(["check", "metrics"]), page.as_bytes());
    // Some of its advice leaves the exit code at 0.
    assert!(success && said.is_empty(), "{said}\n{page}");
}
