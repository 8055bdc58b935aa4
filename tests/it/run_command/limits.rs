//! Every limit refuses clearly, is counted, and leaves the process healthy.

use super::*;

fn with(settings: &str) -> String {
    format!("{{{settings} {}", &LONG[1..])
}

#[test]
fn connections_above_the_limit_are_told_and_others_served_on() {
    // More than the few of HTTP below that end a moment after they were answered.
    let daemon = Daemon::start(&with(":server {:connections 5}"), &[]);
    let mut senders: Vec<Connection> = (0..5).map(|_| Connection::to(daemon.tcp.unwrap())).collect();
    senders.iter_mut().for_each(|sender| sender.send(vec![event(1)]));
    let mut sixth = Connection::to(daemon.tcp.unwrap());
    let answer = sixth.read();
    assert!(text(&answer).contains(":connections"), "{}", text(&answer));
    assert!(sixth.is_closed());
    assert_eq!(daemon.http("GET", "/healthz", &[], b"").0, 200, "whoever asks how it goes is not kept out by senders");
    drop(senders.pop());
    // As soon as the daemon has seen that it is gone.
    let deadline = std::time::Instant::now() + PATIENCE;
    while metric_with(&daemon, "highwater_connections", "\"tcp\"") > 4.0 {
        assert!(std::time::Instant::now() < deadline);
    }
    Connection::to(daemon.tcp.unwrap()).send(vec![event(1)]);
    senders[0].send(vec![event(1)]);
    assert_eq!(state(&daemon)["counted"], 7);
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "too many connections"), 1.0);
    // Those that asked before may have a place still: idle ones come until all places are theirs.
    let mut idle = Vec::new();
    let body = loop {
        idle.push(TcpStream::connect(daemon.http.unwrap()).unwrap());
        let (status, body) = daemon.http("GET", "/healthz", &[], b"");
        if status == 503 {
            break body;
        }
        assert!(std::time::Instant::now() < deadline, "{status} {body}");
    };
    assert!(body.contains(":connections"), "{body}");
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let daemon = Daemon::start(&with(":server {:idle 0.05}"), &[]);
    let mut silent = Connection::to(daemon.tcp.unwrap());
    assert!(silent.is_closed());
    assert_eq!(metric_with(&daemon, "highwater_turned_away_total", "idle"), 1.0);
}

#[test]
fn a_long_event_loses_no_neighbour_and_a_long_message_is_told() {
    let daemon = Daemon::start(&with(":limits {:event-bytes 1000 :frame-bytes 5000 :attributes 3}"), &[]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let long = Event { description: Some(vec![b'x'; 1000]), ..event(1) };
    let answer = connection.ask(&Msg { events: vec![event(1), long.clone(), event(2)], ..Msg::default() });
    assert!(text(&answer).contains(":event-bytes"), "{}", text(&answer));
    let many = Event { attributes: vec![event(1).attributes[0].clone(); 4], ..event(1) };
    let answer = connection.ask(&Msg { events: vec![many, event(3)], ..Msg::default() });
    assert!(text(&answer).contains(":attributes"), "{}", text(&answer));
    let answer = connection.ask(&Msg { events: vec![long; 6], ..Msg::default() });
    assert!(text(&answer).contains(":frame-bytes"), "{}", text(&answer));
    assert!(connection.is_closed());
    assert_eq!(state(&daemon)["counted"], 3);
}

#[test]
fn messages_in_part_share_their_memory() {
    let daemon = Daemon::start(&with(":limits {:receive-bytes 300000}"), &[]);
    let part = |bytes: usize| [&1_000_000_u32.to_be_bytes()[..], &vec![0; bytes]].concat();
    let mut first = Connection::to(daemon.tcp.unwrap());
    first.write(&part(100_000));
    let deadline = std::time::Instant::now() + PATIENCE;
    while metric(&daemon, "highwater_receiving_bytes") < 100_000.0 {
        assert!(std::time::Instant::now() < deadline);
    }
    let mut second = Connection::to(daemon.tcp.unwrap());
    second.write(&part(250_000));
    let answer = second.read();
    assert!(text(&answer).contains(":receive-bytes"), "{}", text(&answer));
    drop(first);
    let mut third = Connection::to(daemon.tcp.unwrap());
    third.send(vec![event(1)]);
}

#[test]
fn groups_above_the_limit_are_counted_and_those_that_are_in_stay() {
    let thresholds = r#"{:limits {:groups 2} :percentiles {"q" {0.99 {:<= 100 :interval 86400 :by [:host]}}}}"#;
    let daemon = Daemon::start(thresholds, &["--lanes", "1"]);
    let mut connection = Connection::to(daemon.tcp.unwrap());
    let from = |host: &str| Event { host: Some(host.as_bytes().to_vec()), ..event(1) };
    connection.send(vec![from("a"), from("b"), from("c")]);
    assert_eq!(state(&daemon)["groups"], 2);
    connection.send(vec![from("c"), from("d"), from("b"), from("a")]);
    let state = state(&daemon);
    assert_eq!((&state["groups"], &state["counted"]), (&2.into(), &4.into()), "{state}");
    assert_eq!(state["left_out"]["groups"], 3);
}
