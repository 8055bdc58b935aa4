//! Starting and stopping: one clear line before anything starts, and an end in order.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::*;

#[test]
fn a_signal_finishes_what_was_received_and_reports() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut daemon = Daemon::start(LONG, &[]);
        let mut connection = Connection::to(daemon.tcp.unwrap());
        connection.send(vec![event(1), event_at(3600, 2)]);
        daemon.signal(signal);
        assert_eq!(daemon.wait(), Some(0));
        let log = daemon.log();
        assert!(log.contains(&format!("{name}: stopping")), "{log}");
        assert!(log.contains("stopped events=2 late=0 ahead=1"), "{log}");
        assert!(connection.is_closed());
    }
}

#[test]
fn what_was_written_before_the_signal_is_counted_before_the_end() {
    let mut daemon = Daemon::start(LONG, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send(vec![event(0)]);
    daemon.signal(Signal::STOP);
    let frames: Vec<u8> = (0..500).flat_map(|i| framed(&Msg { events: vec![event(i)], ..Msg::default() })).collect();
    connection.write(&frames);
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::CONT);
    assert_eq!(daemon.wait(), Some(0));
    assert!(daemon.log().contains("stopped events=501 "), "{}", daemon.log());
    (0..500).for_each(|_| assert_eq!(connection.read().ok, Some(true)));
}

#[test]
fn what_prevents_the_start_is_one_line_and_nothing_is_started() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let tls = r#":server {:tls {:address "127.0.0.1:0" :key "none.key" :cert "none.pem" :ca-cert "none.pem"}}"#;
    let with_tls = format!("{{{tls} {}", &LONG[1..]);
    for (thresholds, args, said) in [
        (LONG, vec!["--tcp", taken.as_str()], "cannot listen on tcp 127.0.0.1:"),
        (LONG, vec!["--http", taken.as_str()], "give `--http ADDR`"),
        (LONG, vec!["--tcp", "localhost"], "--tcp: "),
        (LONG, vec!["--tcp", "0.0.0.0:0"], ":open true"),
        (LONG, vec!["--record", "thresholds.edn"], "give the name of a new file"),
        (LONG, vec!["--record", "no/such/folder"], "no/such/folder"),
        (with_tls.as_str(), vec![], "none.pem"),
    ] {
        let (code, log) = Daemon::try_start(thresholds, &args).err().unwrap_or_else(|| panic!("{args:?} started"));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains(said), "{args:?}: {log}");
        assert!(!log.contains("listening on"), "{args:?}: {log}");
        let lines = log.lines().filter(|line| !line.contains(" INFO ")).count();
        assert_eq!(lines, 1, "{args:?}: {log}");
    }
    let (code, log) =
        Daemon::try_start(r#"{:percentiles {"q" {0.99 {:<= 100}}}}"#, &[]).err().expect("it has no interval");
    assert_eq!(code, Some(2));
    assert!(log.contains(":interval") && !log.contains("listening"), "{log}");
}

#[test]
fn listening_on_nothing_is_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["run", "-c", "thresholds", "--tcp", "none", "--udp", "none", "--http", "none"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is listened on"));
}

#[test]
fn a_second_signal_ends_at_once() {
    // Nobody reads its stdout: a tick waits for room, and with it the end in order.
    let thresholds: String =
        (0..300).map(|i| format!("\"s{i}\" {{:x {{\".*\" {{:> 0 :interval 1 :type :count}}}}}} ")).collect();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stuck-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("t.edn"), format!("{{:grace 0 :histograms {{{thresholds}}}}}")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .args(["run", "-c", "t.edn", "--no-state", "--tcp", "127.0.0.1:0", "--udp", "none", "--http", "none"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = child.stderr.take().unwrap();
    let mut said = String::new();
    let mut wait_for = |text: &str| {
        let mut piece = [0; 4096];
        while !said.contains(text) {
            let read = log.read(&mut piece).unwrap();
            assert!(read > 0, "{said}");
            said += &String::from_utf8_lossy(&piece[..read]);
        }
    };
    wait_for("listening on tcp");
    // 300 violations of some 900 bytes do not fit into a pipe: after the first window that is watched throughout.
    std::thread::sleep(Duration::from_millis(2500));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    wait_for("SIGTERM: stopping");
    // At once it is taken for the same one, as `timeout` sends it twice.
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(child.try_wait().unwrap(), None);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(130));
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn the_log_is_json_if_asked_and_has_no_line_an_event() {
    let mut daemon = Daemon::start(LONG, &["--log", "json"]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    connection.send((0..100).map(event).collect());
    connection.send((0..100).map(|i| event_at(3600, i)).collect());
    assert_eq!(daemon.stop().0, Some(0));
    let log = daemon.log();
    assert!(log.lines().count() < 10, "{log}");
    for line in log.lines() {
        let line: Json = serde_json::from_str(line).expect(line);
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(log.contains("\"events\":200"), "{log}");
}
