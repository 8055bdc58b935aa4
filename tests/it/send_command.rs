//! `highwater send` as its users run it, against a daemon that the test plays.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use highwater::source::riemann::{ACK, error_reply, wire};
use prost::Message as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// What a process came to: its exit code and what it said on stderr.
type Ran = (Option<i32>, String);

/// Runs `highwater send`; `arguments` are divided at blanks.
fn send(arguments: &str, stdin: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.arg("send").args(arguments.split_whitespace()).current_dir(env!("CARGO_TARGET_TMPDIR"));
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    let bytes = stdin.to_string();
    // A program that needs no input closes the pipe: that is not a fault.
    let writer = thread::spawn(move || drop(pipe.write_all(bytes.as_bytes())));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer does not panic");
    assert!(output.stdout.is_empty(), "results are none");
    (output.status.code(), String::from_utf8(output.stderr).expect("output is UTF-8"))
}

/// What the daemon answers to a message.
#[derive(Clone, Copy)]
enum Answer {
    Ack,
    Error(&'static str),
    Bytes(&'static [u8]),
    Close,
    Nothing,
}

/// Plays a daemon for one connection; returns where it listens, and the messages it got.
fn daemon(answers: Vec<Answer>) -> (String, JoinHandle<Vec<wire::Msg>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("an address").to_string();
    let playing = thread::spawn(move || {
        let (socket, _) = listener.accept().expect("a client");
        play(socket, answers)
    });
    (address, playing)
}

/// Reads messages until the client has no more; the last answer is for all that follow.
fn play(mut socket: impl Read + Write, answers: Vec<Answer>) -> Vec<wire::Msg> {
    let mut messages = Vec::new();
    let mut head = [0; 4];
    while socket.read_exact(&mut head).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(head) as usize];
        socket.read_exact(&mut message).expect("a whole message");
        messages.push(wire::Msg::decode(message.as_slice()).expect("a message"));
        let mut answer = Vec::new();
        match answers[(messages.len() - 1).min(answers.len() - 1)] {
            Answer::Ack => answer.extend_from_slice(&ACK),
            Answer::Error(text) => error_reply(text, &mut answer),
            Answer::Bytes(bytes) => answer.extend_from_slice(bytes),
            Answer::Close => return messages,
            Answer::Nothing => {}
        }
        // Two writes: an answer may come in parts.
        let (start, rest) = answer.split_at(answer.len().min(3));
        socket.write_all(start).and_then(|()| socket.write_all(rest)).and_then(|()| socket.flush()).expect("a client");
    }
    messages
}

fn file(text: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("send-command-{}-{}.json", std::process::id(), NEXT.fetch_add(1, Relaxed));
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name), text).expect("the folder takes files");
    name
}

fn attribute(key: &str, value: &str) -> wire::Attribute {
    wire::Attribute { key: key.into(), value: Some(value.into()) }
}

#[test]
fn one_event_is_what_the_arguments_say() {
    let (address, daemon) = daemon(vec![Answer::Ack]);
    let arguments = "--service http --metric 85 --host web-1 --state ok --description slow --tag a --tag b --ttl 60 \
                     --time 2023-11-14T22:13:20.25Z -a status-code=200 -a url=/a?b=c";
    let ran = send(&format!("{arguments} --tcp {address}"), "");
    assert_eq!(ran, (Some(0), "sent 1 event in 1 message; all acknowledged\n".to_string()));
    let event = wire::Event {
        time: Some(1_700_000_000),
        time_micros: Some(1_700_000_000_250_000),
        service: Some("http".into()),
        host: Some("web-1".into()),
        state: Some("ok".into()),
        description: Some("slow".into()),
        tags: vec!["a".into(), "b".into()],
        ttl: Some(60.0),
        metric_sint64: Some(85),
        attributes: vec![attribute("status-code", "200"), attribute("url", "/a?b=c")],
        ..wire::Event::default()
    };
    let messages = daemon.join().expect("a daemon");
    assert_eq!(messages, [wire::Msg { events: vec![event], ..wire::Msg::default() }]);
}

#[test]
fn events_are_gathered_to_messages_and_every_answer_is_read() {
    let (address, daemon) = daemon(vec![Answer::Ack]);
    let ran = send(&format!("--service q --metric -0.5 --count 105 --batch 2 --tcp {address}"), "");
    assert_eq!(ran, (Some(0), "sent 105 events in 53 messages; all acknowledged\n".to_string()));
    let messages = daemon.join().expect("a daemon");
    assert_eq!(messages.iter().map(|message| message.events.len()).sum::<usize>(), 105);
    let event = wire::Event { service: Some("q".into()), metric_d: Some(-0.5), ..wire::Event::default() };
    assert!(messages.iter().all(|message| message.events.len() <= 2 && message.events[0] == event));
}

#[test]
fn lines_of_json_are_sent_and_those_that_are_no_events_are_named() {
    let first = file(
        "{\"service\":\"q\",\"metric\":1.5,\"time\":1700000000,\"ok\":true,\"codes\":[1,\"2\"]}\n\n{\"service\":}\n\
         {\"service\":\"r\",\"tags\":[\"a\",\"b\"],\"metric\":\"NaN\"}\n{\"metric\":\"fast\"}\n{\"ttl\":\"5\",\"time\":1e99}\n",
    );
    let (address, daemon) = daemon(vec![Answer::Ack]);
    let ran =
        send(&format!("{first} - --tcp {address}"), "{\"service\":\"s\",\"metric\":9007199254740993,\"ttl\":0.5}");
    let expected = format!(
        "{first}:3: expected a value at byte 11\n{first}:5: the metric `fast` is no number\n\
         {first}:6: the time 1e99 is outside of the years 1 to 9999\n\
         sent 3 events in 2 messages; all acknowledged; 3 lines not sent\n"
    );
    assert_eq!(ran, (Some(1), expected));
    let mut messages = daemon.join().expect("a daemon");
    let mut events: Vec<wire::Event> = messages.drain(..).flat_map(|message| message.events).collect();
    assert!(events[1].metric_d.take().is_some_and(f64::is_nan));
    let empty = wire::Event::default;
    let expected = [
        wire::Event {
            service: Some("q".into()),
            metric_d: Some(1.5),
            time: Some(1_700_000_000),
            time_micros: Some(1_700_000_000_000_000),
            attributes: vec![attribute("ok", "true"), attribute("codes", "[1,2]")],
            ..empty()
        },
        wire::Event { service: Some("r".into()), tags: vec!["a".into(), "b".into()], ..empty() },
        wire::Event {
            service: Some("s".into()),
            metric_sint64: Some(9_007_199_254_740_993),
            ttl: Some(0.5),
            ..empty()
        },
    ];
    assert_eq!(events, expected);
}

#[test]
fn what_comes_through_a_pipe_is_sent_and_answered_before_more_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("an address").to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    let command = command.args(["send", "-", "--tcp", &address]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    // More than is looked at before a line is, and no line yet.
    pipe.write_all(b"{\"service\":").expect("the program reads");
    let (mut socket, _) = listener.accept().expect("a client");
    for number in 1..=3 {
        let rest = if number == 1 { "" } else { "{\"service\":" };
        pipe.write_all(format!("{rest}\"{number}\"}}\n").as_bytes()).expect("the program reads");
        let mut head = [0; 4];
        socket.read_exact(&mut head).expect("a message");
        let mut message = vec![0; u32::from_be_bytes(head) as usize];
        socket.read_exact(&mut message).expect("a whole message");
        let message = wire::Msg::decode(message.as_slice()).expect("a message");
        assert_eq!(message.events[0].service, Some(number.to_string().into_bytes()));
        socket.write_all(&ACK).expect("the program listens");
    }
    drop(pipe);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "sent 3 events in 3 messages; all acknowledged\n");
}

#[test]
fn what_the_daemon_refuses_is_shown_with_its_events() {
    let (address, daemon) =
        daemon(vec![Answer::Ack, Answer::Error("event 2 of 2: no"), Answer::Bytes(b"\0\0\0\x02\x10\0")]);
    let ran = send(&format!("--service q --count 5 --batch 2 --tcp {address}"), "");
    let expected = "event 3 to event 4: event 2 of 2: no\nevent 5: refused, and it is not said why\n\
                    sent 5 events in 3 messages; 1 acknowledged, 2 answered with an error\n";
    assert_eq!(ran, (Some(1), expected.to_string()));
    drop(daemon.join());
}

#[test]
fn a_daemon_that_does_not_answer_is_left() {
    for (answer, cause) in [
        (Answer::Nothing, "no answer within 1 s; `--timeout SECONDS` waits longer"),
        (Answer::Bytes(b"\0\0\0"), "no answer within 1 s; `--timeout SECONDS` waits longer"),
        (Answer::Close, "the connection was closed before all was answered"),
        (Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n"), "what answers does not speak Riemann's protocol"),
    ] {
        let (address, daemon) = daemon(vec![answer]);
        let (code, err) = send(&format!("--service q --timeout 1 --tcp {address}"), "");
        let summary = "sent 1 event in 1 message; 0 acknowledged, 1 not answered";
        assert_eq!((code, err), (Some(2), format!("highwater: {address}: {cause}\n{summary}\n")));
        drop(daemon.join());
    }
}

#[test]
fn what_cannot_be_done_is_one_clear_line() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback");
    let tls = "--ca-cert nothing.pem --cert nothing.pem --key nothing.pem";
    for (arguments, expected) in [
        (
            format!("--service q --tcp {closed}"),
            format!("--tcp: {closed}: nothing listens there; `highwater run` starts a daemon"),
        ),
        ("--service q --tcp localhost".into(), "--tcp: `localhost`: expected HOST:PORT, as in 127.0.0.1:5555".into()),
        ("--service q --udp :5555".into(), "--udp: `:5555`: expected HOST:PORT, as in 127.0.0.1:5555".into()),
        ("nothing.json".into(), "nothing.json: there is no such file".into()),
        ("- -".into(), "standard input is named twice".into()),
        ("".into(), "nothing to send: name the --service of an event, or a file with events, or `-`".into()),
        (
            format!("--service q --tls {closed} {tls}"),
            "--ca-cert: nothing.pem: No such file or directory (os error 2)".into(),
        ),
    ] {
        assert_eq!(send(&arguments, ""), (Some(2), format!("highwater: {expected}\n")), "{arguments}");
    }
    for (arguments, expected) in [
        ("--service q a.json", "cannot be used with"),
        ("--service q --metric fast", "expected a number, as in 85 or 0.25"),
        ("--service q -a x", "expected NAME=VALUE, as in status-code=200"),
        ("--service q --time noon", "expected RFC 3339"),
        ("--service q --tls 127.0.0.1:1", "--ca-cert <FILE>"),
        ("--service q --count 0", "0 is not in 1.."),
    ] {
        let (code, err) = send(arguments, "");
        assert!(code == Some(2) && err.contains(expected), "{arguments}: {err}");
    }
}

#[test]
fn datagrams_are_sent_and_nobody_claims_that_they_arrived() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let address = socket.local_addr().expect("an address");
    let long = "x".repeat(9_000);
    let lines = format!(
        "{{\"service\":\"{long}\"}}\n{{\"service\":\"{long}\"}}\n{{\"service\":\"a\"}}\n{{\"service\":\"{long}{long}\"}}\n"
    );
    let file = file(&lines);
    let ran = send(&format!("{file} --udp {address}"), "");
    let expected = "FILE:4: an event of 18008 bytes does not fit a datagram of 16384; send it with --tcp\n\
                    sent 3 events in 2 datagrams; UDP is not acknowledged: whether they were taken is not known; \
                    1 line not sent\n";
    assert_eq!(ran, (Some(1), expected.replace("FILE", &file)));
    let mut buffer = vec![0; 65_536];
    for events in [1, 2] {
        let length = socket.recv(&mut buffer).expect("a datagram");
        let message = wire::Msg::decode(&buffer[..length]).expect("a message");
        assert!(length <= 16_384 && message.events.len() == events);
    }
}

fn pem(name: &str) -> String {
    format!("{}/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A daemon behind TLS that wants the certificate of its clients.
fn tls_daemon() -> (u16, JoinHandle<Vec<wire::Msg>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("an address").port();
    let provider = Arc::new(ring::default_provider());
    let certificate = |name: &str| CertificateDer::from_pem_file(pem(name)).expect("a certificate");
    let mut authorities = RootCertStore::empty();
    authorities.add(certificate("ca.pem")).expect("an authority");
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients.build().expect("a verifier"))
        .with_single_cert(
            vec![certificate("server.pem")],
            PrivateKeyDer::from_pem_file(pem("server.key")).expect("a key"),
        )
        .expect("a server");
    let playing = thread::spawn(move || {
        let (socket, _): (TcpStream, _) = listener.accept().expect("a client");
        let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        play(StreamOwned::new(connection, socket), vec![Answer::Ack])
    });
    (port, playing)
}

#[test]
fn tls_shows_the_certificate_of_the_client_and_checks_that_of_the_server() {
    let files = format!("--cert {} --key {}", pem("client.pem"), pem("client.key"));
    for (options, expected) in [
        (format!("--ca-cert {} {files}", pem("ca.pem")), "sent 3 events in 1 message; all acknowledged"),
        (
            format!("--ca-cert {} {files} --server-name other", pem("ca.pem")),
            "certificate not valid for name \"other\"",
        ),
        (format!("--ca-cert {} {files}", pem("client.pem")), "invalid peer certificate"),
    ] {
        let (port, daemon) = tls_daemon();
        let (code, err) = send(&format!("--service q --count 3 --tls 127.0.0.1:{port} {options}"), "");
        assert!(err.contains(expected), "{options}: {err}");
        let events: usize = daemon.join().expect("a daemon").iter().map(|message| message.events.len()).sum();
        let all = expected.starts_with("sent");
        assert_eq!((code, events), if all { (Some(0), 3) } else { (Some(2), 0) }, "{err}");
    }
    let other_key = format!("--ca-cert {} --cert {} --key {}", pem("ca.pem"), pem("client.pem"), pem("server.key"));
    let (code, err) = send(&format!("--service q --tls 127.0.0.1:1 {other_key}"), "");
    assert_eq!(code, Some(2));
    assert!(err.contains("client.pem: does not go with --key"), "{err}");
}
