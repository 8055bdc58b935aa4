//! What sends to Riemann today, as it is: each program sends, and thresholds over its events change status.
//!
//! A program that is missing is skipped, unless HIGHWATER_PEERS=required; `tests/all --install` installs them all.

mod daemons;
mod databases;
mod libraries;
mod receivers;
mod rotation;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::daemon::{Daemon, PATIENCE};

/// What `query` is answered.
const NO_QUERIES: &str = "queries are not supported yet";

/// For each service a threshold that silence violates, and one that a metric above 100 violates.
///
/// The grace is for clients that know whole seconds only, rounded down or up.
fn thresholds(services: &[&str]) -> String {
    let each =
        |threshold: &str| services.iter().map(|service| threshold.replace("SERVICE", service)).collect::<String>();
    let slow = each(r#" "SERVICE" {0.99 {:<= 100 :interval 1}}"#);
    let silent = each(r#" "SERVICE" {:status-code {"^2[0-9]{2}$" {:> 0 :interval 1 :type :count}}}"#);
    format!("{{:grace 2\n :percentiles {{{slow}}}\n :histograms {{{silent}}}}}\n")
}

/// Sends once silence has been noticed: then status codes end it, and metrics are too high.
///
/// For each service there is the metric that its transition must show, if it is known.
fn changes_status(daemon: &Daemon, services: &[(&str, Option<f64>)], send: impl FnOnce()) {
    for _ in services {
        let silent = daemon.line(PATIENCE).unwrap_or_else(|| panic!("silence is not noticed"));
        assert!(silent["kind"] == "count" && silent["status"] == "violation" && silent["matched"] == 0, "{silent}");
    }
    send();
    let mut awaited: Vec<(&str, &str, &str)> = Vec::new();
    for (service, _) in services {
        awaited.extend([(*service, "count", "ok"), (*service, "percentile", "violation")]);
    }
    while !awaited.is_empty() {
        let transition = daemon.line(PATIENCE).unwrap_or_else(|| panic!("still awaited: {awaited:?}"));
        let is = |(service, kind, status): &(&str, &str, &str)| {
            transition["service"] == *service && transition["kind"] == *kind && transition["status"] == *status
        };
        // A change of another kind is silence again.
        let Some(at) = awaited.iter().position(is) else { continue };
        let (service, kind, _) = awaited.remove(at);
        let metric = services.iter().find_map(|(name, metric)| metric.filter(|_| *name == service));
        let fine = match kind {
            "count" => transition["matched"].as_u64() >= Some(1),
            _ => transition["matched"] == 0 && metric.is_none_or(|metric| transition["value"] == metric),
        };
        assert!(fine, "{transition}");
    }
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
    (status.success(), child.said())
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

    /// All that it says until it ends.
    fn said(&mut self) -> String {
        let mut said = String::new();
        self.0.stdout.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        self.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        said
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

/// What a test sends, but for the service, the metric and the way.
const EVENT: [&str; 9] = ["send", "-s", "ok", "-h", "web-1", "-a", "status-code=200", "-L", "30"];

#[test]
fn riemann_c_client_sends_over_tcp_and_udp_all_kinds_of_metrics() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    let sent = [
        ("whole", ["-i", "143", "-T"], 143.0),
        ("double", ["-d", "143.25", "-T"], 143.25),
        ("float", ["-f", "143.1", "-T"], 143.1),
        ("datagram", ["-i", "143", "-U"], 143.0),
    ];
    let daemon = Daemon::start(&thresholds(&sent.map(|(service, ..)| service)), &[]);
    changes_status(&daemon, &sent.map(|(service, _, metric)| (service, Some(metric))), || {
        for (service, metric_and_way, _) in &sent {
            let address = if metric_and_way[2] == "-U" { daemon.udp } else { daemon.tcp };
            content(&mut c_client(&[&EVENT[..], &["-S", service, "-t", "a tag"], metric_and_way].concat(), address));
        }
    });
}

#[test]
fn riemann_c_client_sends_over_tls_with_a_certificate_of_the_authority_only() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    let daemon = Daemon::start(&with_tls(&thresholds(&["checkout"])), &[]);
    let send = |name: &str| {
        let mut arguments = [&EVENT[..], &["-S", "checkout", "-i", "143", "-G"]].concat();
        let files = [("cafile", "ca.pem"), ("certfile", &format!("{name}.pem")), ("keyfile", &format!("{name}.key"))];
        let options = files.map(|(option, file)| format!("{option}={}", fixture(&format!("tls/{file}"))));
        options.iter().for_each(|option| arguments.extend(["-o", option]));
        ran(&mut c_client(&arguments, daemon.tls), b"")
    };
    let (success, said) = send("stranger");
    assert!(!success, "a stranger was let in: {said}");
    changes_status(&daemon, &[("checkout", Some(143.0))], || {
        let (success, said) = send("client");
        assert!(success, "{said}");
    });
}

/// These thresholds, and a listener for TLS with the certificates of the fixtures.
fn with_tls(thresholds: &str) -> String {
    let [key, cert, ca] = ["server.key", "server.pem", "ca.pem"].map(|file| fixture(&format!("tls/{file}")));
    let tls = format!(r#"{{:address "127.0.0.1:0" :key "{key}" :cert "{cert}" :ca-cert "{ca}"}}"#);
    thresholds.replacen('{', &format!("{{:server {{:tls {tls}}}\n "), 1)
}

#[test]
fn riemann_c_client_shows_that_queries_are_not_supported() {
    if !is_there("riemann-c-client", program("riemann-client")) {
        return;
    }
    let daemon = Daemon::start(&thresholds(&["checkout"]), &[]);
    let (success, said) = ran(&mut c_client(&["query", "service =~ \"c%\""], daemon.tcp), b"");
    assert!(!success && said.contains(NO_QUERIES), "{said}");
}

#[test]
fn promtool_has_nothing_against_the_metrics() {
    if !is_there("promtool", program("promtool")) {
        return;
    }
    let mut daemon = Daemon::start(&thresholds(&["checkout"]), &[]);
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
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log());
    assert!(daemon.logs("stopped", PATIENCE), "{}", daemon.log());
}
