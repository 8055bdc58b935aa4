//! What the daemon listens on, checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// How many connections at a time that speak Riemann's protocol, and as many of HTTP.
    pub connections: usize,
}

/// One address that is listened on, and what is known of those who send there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listener {
    pub address: SocketAddr,
    pub time: EventTime,
    /// `:grace`: how late its events may be, in microseconds, never negative; None: as late as all others.
    pub grace: Option<i64>,
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

/// A listener beyond loopback that nothing protects; shown, it says so in one line without the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The key in `:server`.
    pub kind: &'static str,
    pub address: SocketAddr,
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Server {
    /// An hour, in microseconds.
    pub const IDLE: i64 = 3_600_000_000;
    pub const CONNECTIONS: usize = 10_000;

    /// The grace of a threshold that has none of its own, in microseconds: the largest of a listener.
    ///
    /// `usual` is that of a listener without one of its own, and the answer where nothing is listened on.
    pub fn grace(&self, usual: i64) -> i64 {
        let listeners = [&self.tcp, &self.udp, &self.http].into_iter().flatten();
        let listeners = listeners.chain(self.tls.iter().map(|tls| &tls.listener));
        listeners.map(|listener| listener.grace.unwrap_or(usual)).max().unwrap_or(usual)
    }

    /// The listeners that whoever reaches this machine may send to, in order of kind.
    ///
    /// None with `:open true`. Client certificates protect `:tls`, a token protects `:http`; nothing protects
    /// Riemann's protocol over TCP and UDP.
    pub fn exposed(&self) -> Vec<Exposed> {
        let http = if self.token.is_some() { &[][..] } else { &self.http };
        let kinds = [("tcp", self.tcp.as_slice()), ("udp", self.udp.as_slice()), ("http", http)];
        let listeners = kinds.into_iter().flat_map(|(kind, all)| all.iter().map(move |one| (kind, one.address)));
        let beyond = listeners.filter(|(_, address)| !self.open && !address.ip().to_canonical().is_loopback());
        beyond.map(|(kind, address)| Exposed { kind, address }).collect()
    }
}

impl Listener {
    /// Listens at an address, with nothing known of those who send there.
    pub fn at(address: SocketAddr) -> Listener {
        Listener { address, time: EventTime::Event, grace: None }
    }
}

impl Exposed {
    /// What to do about it, for the end of a message.
    pub fn remedy(&self) -> String {
        let port = self.address.port();
        let protect = match self.kind {
            "http" => "give it a `:token` for what changes state",
            _ => "let senders use `:tls`",
        };
        let own = if self.address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
        format!("listen on {own}:{port}, or {protect}; if everybody may send here, say `:server {{:open true}}`")
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            "http" => "without a token",
            _ => "and Riemann's protocol asks nobody who they are",
        };
        write!(f, "`:{}` listens on {}, beyond this machine, {why}", self.kind, self.address)
    }
}

impl Default for Server {
    /// Riemann's ports on loopback.
    fn default() -> Server {
        let on = |port| Listener::at(SocketAddr::from(([127, 0, 0, 1], port)));
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

#[cfg(test)]
mod tests {
    use super::{Listener, Secret, Server, TlsListener};

    fn at(address: &str, grace: Option<i64>) -> Listener {
        Listener { grace, ..Listener::at(address.parse().expect("an address of these tests")) }
    }

    fn nothing() -> Server {
        Server { tcp: vec![], udp: vec![], http: vec![], ..Server::default() }
    }

    fn tls(listener: Listener) -> TlsListener {
        TlsListener { listener, key: "k".into(), cert: "c".into(), ca_cert: "ca".into() }
    }

    #[test]
    fn beyond_loopback_nothing_is_open_unless_it_is_said() {
        let token = Some(Secret("0123456789abcdef".into()));
        let everywhere = || at("0.0.0.0:5555", None);
        for (server, exposed) in [
            (Server::default(), &[][..]),
            (Server { tcp: vec![everywhere()], ..nothing() }, &["tcp"]),
            (Server { udp: vec![at("[::]:5555", None)], ..nothing() }, &["udp"]),
            (Server { http: vec![at("192.0.2.1:0", None)], ..nothing() }, &["http"]),
            (Server { tls: vec![tls(everywhere())], ..nothing() }, &[]),
            (Server { tcp: vec![everywhere()], http: vec![everywhere()], token, ..nothing() }, &["tcp"]),
            (Server { tcp: vec![everywhere()], http: vec![everywhere()], open: true, ..nothing() }, &[]),
            (Server { tcp: vec![at("127.8.9.1:1", None), at("[::1]:1", None)], ..nothing() }, &[]),
            (Server { tcp: vec![at("[::ffff:127.0.0.1]:1", None)], ..nothing() }, &[]),
        ] {
            let found: Vec<&str> = server.exposed().iter().map(|one| one.kind).collect();
            assert_eq!(found, exposed, "{server:?}");
        }
        let server = Server { tcp: vec![everywhere()], ..nothing() };
        let told = format!("{}: {}", server.exposed()[0], server.exposed()[0].remedy());
        for part in ["`:tcp` listens on 0.0.0.0:5555", "127.0.0.1:5555", "`:tls`", "`:server {:open true}`"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_usual_grace_is_the_largest_of_a_listener() {
        let one = |grace| at("127.0.0.1:1", grace);
        for (server, grace) in [
            (nothing(), 5),
            (Server::default(), 5),
            (Server { tcp: vec![one(Some(30))], ..Server::default() }, 30),
            (Server { tcp: vec![one(Some(1))], ..Server::default() }, 5),
            (Server { tcp: vec![one(Some(1))], ..nothing() }, 1),
            (Server { udp: vec![one(Some(0)), one(Some(2))], tls: vec![tls(one(Some(7)))], ..nothing() }, 7),
        ] {
            assert_eq!(server.grace(5), grace, "{server:?}");
        }
    }
}
