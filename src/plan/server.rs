//! What the daemon listens on, checked.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What the daemon listens on. An empty list: not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Riemann's protocol over TCP.
    pub tcp: Vec<Listener>,
    /// Riemann's protocol, one message a datagram.
    pub udp: Vec<Listener>,
    /// Riemann's protocol over TLS with client certificates.
    pub tls: Vec<TlsListener>,
    /// Events, state and metrics over HTTP.
    pub http: Vec<Listener>,
    /// What changes state over HTTP must carry it: `Authorization: Bearer TOKEN`. Never shown.
    pub token: Option<Secret>,
    /// Whether to listen beyond loopback without client certificates or a token.
    pub open: bool,
    /// Names under which HTTP may be asked for, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// How long a connection may say nothing, in microseconds.
    pub idle: i64,
    /// How many connections at a time, of all kinds.
    pub connections: usize,
}

/// One address that is listened on, and what is known of those who send there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listener {
    pub address: SocketAddr,
    pub time: EventTime,
}

/// One address that is listened on with TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsListener {
    pub listener: Listener,
    /// Files in PEM: the server's key, its certificates, and those that sign the clients'.
    pub key: PathBuf,
    pub cert: PathBuf,
    pub ca_cert: PathBuf,
}

/// Which time an event of a source has: `:time`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventTime {
    /// Its own; that of its arrival if it has none.
    #[default]
    Event,
    /// That of its arrival, whatever it says: for a source without a good clock.
    Arrival,
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Server {
    /// An hour, in microseconds.
    pub const IDLE: i64 = 3_600_000_000;
    pub const CONNECTIONS: usize = 10_000;
}

impl Default for Server {
    /// Riemann's ports on loopback.
    fn default() -> Server {
        let on = |port| Listener { address: SocketAddr::from(([127, 0, 0, 1], port)), time: EventTime::Event };
        Server {
            tcp: vec![on(5555)],
            udp: vec![on(5555)],
            tls: Vec::new(),
            http: vec![on(5556)],
            token: None,
            open: false,
            hosts: Vec::new(),
            idle: Server::IDLE,
            connections: Server::CONNECTIONS,
        }
    }
}
