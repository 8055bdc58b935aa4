//! `run`: the daemon as those see it who send to it, ask it and stop it.

mod clock;
mod http;
mod limits;
mod recording;
mod reload;
mod riemann;
mod state;
mod stopping;
mod telling;
mod upgrade;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use highwater::source::riemann::wire::{Attribute, Event, Msg};
use prost::Message as _;
use serde_json::Value as Json;

use super::daemon::{Daemon, PATIENCE};

/// An hour: no window of it closes while a test runs, but for the first of a day's hours.
const LONG: &str = r#"{:percentiles {"q" {0.99 {:<= 100 :interval 86400}}}}"#;

/// A connection that speaks Riemann's protocol.
pub struct Connection(pub TcpStream);

impl Connection {
    pub fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Connection(stream)
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the daemon reads");
    }

    pub fn read(&mut self) -> Msg {
        read(&mut self.0)
    }

    /// Sends a message and reads the answer.
    pub fn ask(&mut self, message: &Msg) -> Msg {
        self.write(&framed(message));
        self.read()
    }

    /// Sends events; they must be taken.
    pub fn send(&mut self, events: Vec<Event>) {
        let answer = self.ask(&Msg { events, ..Msg::default() });
        assert_eq!((answer.ok, text(&answer)), (Some(true), String::new()));
    }

    /// Whether the daemon has closed the connection and nothing more came.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 64]), Ok(0) | Err(_))
    }
}

pub fn read(stream: &mut impl Read) -> Msg {
    let mut head = [0; 4];
    stream.read_exact(&mut head).expect("an answer");
    let mut message = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut message).expect("a whole answer");
    Msg::decode(message.as_slice()).expect("a message")
}

pub fn framed(message: &Msg) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes.as_slice()].concat()
}

pub fn text(answer: &Msg) -> String {
    String::from_utf8(answer.error.clone().unwrap_or_default()).expect("UTF-8")
}

/// An event of service `q` without a time.
pub fn event(metric: i64) -> Event {
    Event {
        service: Some(b"q".to_vec()),
        host: Some(b"web-1".to_vec()),
        metric_sint64: Some(metric),
        attributes: vec![Attribute { key: b"status-code".to_vec(), value: Some(b"200".to_vec()) }],
        ..Event::default()
    }
}

/// An event so many seconds from now.
pub fn event_at(seconds: i64, metric: i64) -> Event {
    Event { time_micros: Some(now_micros() + seconds * 1_000_000), ..event(metric) }
}

pub fn now_micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_micros()).expect("in range")
}

/// What `/state` says of the first threshold.
pub fn state(daemon: &Daemon) -> Json {
    let (status, body) = daemon.http("GET", "/state", &[], b"");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Json>(&body).expect("JSON")["thresholds"][0].clone()
}

/// The value of a metric without its labels, summed up over them.
pub fn metric(daemon: &Daemon, name: &str) -> f64 {
    let (status, body) = daemon.http("GET", "/metrics", &[], b"");
    assert_eq!(status, 200, "{body}");
    let samples = body.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    samples.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
}

/// The metric's samples whose labels hold a text.
pub fn metric_with(daemon: &Daemon, name: &str, label: &str) -> f64 {
    let (_, body) = daemon.http("GET", "/metrics", &[], b"");
    let samples = body.lines().filter(|line| line.starts_with(name) && line.contains(label));
    samples.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
}
