//! Riemann's protocol: what is answered, and what is counted.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::source::riemann::wire::{Msg, Query, State};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

#[test]
fn a_violated_window_is_told_when_it_ends_and_so_is_the_recovery() {
    let daemon = Daemon::start(r#"{:grace 0 :percentiles {"q" {0.5 {:<= 100 :interval 1}}}}"#, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let mut transitions = Vec::new();
    for (metric, status) in [(143, "violation"), (85, "ok")] {
        let began = Instant::now();
        let transition = loop {
            connection.send(vec![event(metric)]);
            if let Some(transition) = daemon.line(Duration::from_millis(50)) {
                break transition;
            }
            assert!(began.elapsed() < PATIENCE, "no transition:\n{}", daemon.log());
        };
        assert_eq!(transition["status"], status);
        let told_after = now_micros() - time(&transition["time"]);
        assert!((0..5_000_000).contains(&told_after), "{told_after} microseconds after the end of the window");
        transitions.push(transition);
    }
    assert_eq!(transitions[0]["violation_id"], transitions[1]["violation_id"]);
}

fn time(text: &serde_json::Value) -> i64 {
    let time = highwater::plan::Timestamp::from_rfc3339(text.as_str().expect("text").as_bytes());
    time.expect("a time").micros()
}

#[test]
fn every_message_has_its_answer_in_order() {
    let daemon = Daemon::start(LONG, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let states = Msg { states: vec![State { service: Some(b"q".to_vec()), ..State::default() }], ..Msg::default() };
    let query = Msg { query: Some(Query { string: Some(b"true".to_vec()) }), ..Msg::default() };
    let bad = Event { time: Some(i64::MAX), ..event(1) };
    let mixed = Msg { events: vec![event(1), bad, event(2)], ..Msg::default() };
    let mut bytes = Vec::new();
    for message in [&Msg::default(), &states, &query, &mixed, &Msg { events: vec![event(3)], ..Msg::default() }] {
        bytes.extend(framed(message));
    }
    // Byte by byte in places: a frame may come in any pieces.
    let (first, rest) = bytes.split_at(7);
    first.iter().for_each(|byte| connection.write(&[*byte]));
    connection.write(rest);
    let mut head = [0; 6];
    connection.0.read_exact(&mut head).unwrap();
    assert_eq!(head, [0, 0, 0, 2, 0x10, 1], "Riemann's own bytes, for an empty message too");
    assert_eq!(connection.read().ok, Some(true), "states are taken and ignored");
    let answer = connection.read();
    assert_eq!((answer.ok, text(&answer)), (Some(false), "queries are not supported yet".to_string()));
    let answer = connection.read();
    assert_eq!(answer.ok, Some(false));
    assert!(text(&answer).starts_with("event 2 of 3: ") && text(&answer).ends_with("; the others were taken"));
    assert_eq!(connection.read().ok, Some(true));
    assert_eq!(state(&daemon)["counted"], 3, "one bad event loses no neighbour");
    assert_eq!(metric(&daemon, "highwater_refused_events_total"), 1.0);
    assert_eq!(metric(&daemon, "highwater_ignored_states_total"), 1.0);
    assert_eq!(metric(&daemon, "highwater_refused_queries_total"), 1.0);
}

#[test]
fn garbage_is_answered_and_the_connection_closed() {
    let daemon = Daemon::start(LONG, &[]);
    for (what, bytes, said) in [
        ("no protobuf", b"\0\0\0\x03\xff\xff\xff".to_vec(), "no message of Riemann's protocol"),
        ("a browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), ":frame-bytes"),
        ("too long", b"\x7f\xff\xff\xff".to_vec(), "2147483647 bytes"),
    ] {
        let mut connection = Connection::to(daemon.tcp.unwrap());
        // What came before it was applied and is answered.
        connection.send(vec![event(1)]);
        connection.write(&bytes);
        let answer = connection.read();
        assert_eq!(answer.ok, Some(false), "{what}");
        assert!(text(&answer).contains(said), "{what}: {}", text(&answer));
        assert!(connection.is_closed(), "{what}");
    }
    assert_eq!(state(&daemon)["counted"], 3);
    assert_eq!(metric(&daemon, "highwater_turned_away_total"), 3.0);
}

#[test]
fn a_large_message_in_many_pieces_is_one_message() {
    let daemon = Daemon::start(LONG, &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let mut large = event(85);
    large.description = Some(vec![b'x'; 900_000]);
    let message = Msg { events: vec![large; 12], ..Msg::default() };
    let bytes = [framed(&message), framed(&Msg::default())].concat();
    for piece in bytes.chunks(100_000) {
        connection.write(piece);
    }
    assert_eq!(connection.read().ok, Some(true));
    assert_eq!(connection.read().ok, Some(true));
    assert_eq!(state(&daemon)["counted"], 12);
    assert_eq!(metric(&daemon, "highwater_receiving_bytes"), 0.0, "nothing is kept of it");
}

#[test]
fn datagrams_are_counted_and_none_of_them_disturbs_the_next() {
    let daemon = Daemon::start(LONG, &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = daemon.udp.unwrap();
    let one = Msg { events: vec![event(1), event(2)], ..Msg::default() }.encode_to_vec();
    let mut long = event(3);
    long.description = Some(vec![b'x'; 20_000]);
    let long = Msg { events: vec![long], ..Msg::default() }.encode_to_vec();
    for datagram in [one.as_slice(), b"\xff\xff\xff", &long, b"", &one] {
        socket.send_to(datagram, address).unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while state(&daemon)["counted"] != 4 {
        assert!(Instant::now() < deadline, "{}", state(&daemon));
    }
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "malformed datagram"), 1.0);
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "datagram too long"), 1.0);
}

#[test]
fn over_tls_only_those_with_a_certificate_are_heard() {
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls/");
    let thresholds = format!(
        "{{:server {{:tls {{:address \"127.0.0.1:0\" :key \"{tls}server.key\" :cert \"{tls}server.pem\" \
         :ca-cert \"{tls}ca.pem\"}}}} {}",
        LONG.strip_prefix('{').unwrap()
    );
    let daemon = Daemon::start(&thresholds, &[]);
    let connect = |who: Option<&str>| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(format!("{tls}ca.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match who {
            None => config.with_no_client_auth(),
            Some(who) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_file(format!("{tls}{who}.pem")).unwrap()],
                    PrivateKeyDer::from_pem_file(format!("{tls}{who}.key")).unwrap(),
                )
                .unwrap(),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(daemon.tls.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    };
    let message = framed(&Msg { events: vec![event(1)], ..Msg::default() });
    let mut known = connect(Some("client"));
    known.write_all(&message).unwrap();
    assert_eq!(read(&mut known).ok, Some(true));
    for who in [None, Some("stranger")] {
        let mut stream = connect(who);
        let _ = stream.write_all(&message);
        let _ = stream.flush();
        assert!(!matches!(stream.read(&mut [0; 6]), Ok(1..)), "{who:?} is not heard");
    }
    // A plain connection to the port of TLS.
    let mut plain = Connection::to(daemon.tls.unwrap());
    plain.write(&message);
    let mut answer = Vec::new();
    let _ = plain.0.read_to_end(&mut answer);
    assert_ne!(answer, [0, 0, 0, 2, 0x10, 1]);
    assert_eq!(state(&daemon)["counted"], 1);
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "tls handshake"), 3.0);
}
