//! The way to a daemon: blocking sockets in which nothing waits for ever.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::server::pem::PemFile;
use crate::source::riemann::wire;

/// How long a connection may take to come about, for each address of a name.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest answer, in bytes: ours are of one text.
const ANSWER: usize = 1 << 20;

/// Where messages go.
pub enum Link {
    /// Each message is framed, and answered.
    Stream(Stream),
    /// Each message is a datagram, and nothing comes back.
    Datagrams(UdpSocket),
}

/// A connection.
pub struct Stream {
    kind: Kind,
    /// As the user named it.
    address: String,
    timeout: Duration,
}

enum Kind {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Files in PEM, as they were named.
pub struct TlsFiles<'a> {
    pub ca_cert: &'a Path,
    pub cert: &'a Path,
    pub key: &'a Path,
}

impl Link {
    /// # Errors
    /// One line: nothing could be connected to at that address.
    pub fn tcp(address: &str, timeout: Duration) -> Result<Link, String> {
        let kind = Kind::Plain(connect("--tcp", address, timeout)?);
        Ok(Link::Stream(Stream { kind, address: address.to_string(), timeout }))
    }

    /// # Errors
    /// One line: a file that is not as it should be, or nothing could be connected to at that address.
    pub fn tls(address: &str, name: Option<&str>, files: &TlsFiles<'_>, timeout: Duration) -> Result<Link, String> {
        let config = files.config()?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = name.unwrap_or_else(|| host.trim_start_matches('[').trim_end_matches(']'));
        let server = ServerName::try_from(name.to_string())
            .map_err(|_| format!("--server-name: `{name}` is neither a host name nor an address"))?;
        let mut socket = connect("--tls", address, timeout)?;
        let fail = |error: &dyn std::fmt::Display| format!("--tls: {address}: {error}");
        let mut connection = ClientConnection::new(Arc::new(config), server).map_err(|error| fail(&error))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|error| fail(&cause(&error, timeout)))?;
        }
        let kind = Kind::Tls(Box::new(StreamOwned::new(connection, socket)));
        Ok(Link::Stream(Stream { kind, address: address.to_string(), timeout }))
    }

    /// # Errors
    /// One line: there is no way to that address.
    pub fn udp(address: &str) -> Result<Link, String> {
        let fail = |error: &dyn std::fmt::Display| format!("--udp: {address}: {error}");
        let to = resolve("--udp", address)?;
        let first = to.first().ok_or_else(|| fail(&"there is no such host"))?;
        let from = if first.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(from).and_then(|socket| socket.connect(first).map(|()| socket));
        socket.map(Link::Datagrams).map_err(|error| fail(&error))
    }

    /// Sends one message.
    ///
    /// # Errors
    /// One line: the connection cannot go on.
    pub fn send(&mut self, message: &[u8]) -> Result<(), String> {
        match self {
            Link::Stream(stream) => {
                let mut frame = Vec::with_capacity(message.len() + 4);
                frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
                frame.extend_from_slice(message);
                let written = stream.io().write_all(&frame).and_then(|()| stream.io().flush());
                written.map_err(|error| stream.broken(&error))
            }
            Link::Datagrams(socket) => socket.send(message).map(drop).map_err(|error| datagrams_broken(&error)),
        }
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// One line: the connection cannot go on.
    pub fn answer(&mut self) -> Result<wire::Msg, String> {
        match self {
            Link::Stream(stream) => stream.answer(),
            Link::Datagrams(_) => Err("UDP has no answers".to_string()),
        }
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// One line: the system has been told by then that datagrams go nowhere.
    pub fn close(&mut self) -> Result<(), String> {
        match self {
            Link::Stream(Stream { kind: Kind::Plain(socket), .. }) => drop(socket.shutdown(Shutdown::Write)),
            Link::Stream(Stream { kind: Kind::Tls(tls), .. }) => {
                tls.conn.send_close_notify();
                // All was answered: nothing is lost if the daemon has gone.
                let _ = tls.flush();
            }
            Link::Datagrams(socket) => {
                if let Ok(Some(error)) = socket.take_error() {
                    return Err(datagrams_broken(&error));
                }
            }
        }
        Ok(())
    }
}

/// A stream to read from and write to.
trait ReadWrite: Read + Write {}
impl ReadWrite for TcpStream {}
impl ReadWrite for StreamOwned<ClientConnection, TcpStream> {}

impl Stream {
    fn io(&mut self) -> &mut dyn ReadWrite {
        match &mut self.kind {
            Kind::Plain(socket) => socket,
            Kind::Tls(tls) => tls.as_mut(),
        }
    }

    fn socket(&self) -> &TcpStream {
        match &self.kind {
            Kind::Plain(socket) => socket,
            Kind::Tls(tls) => &tls.sock,
        }
    }

    fn answer(&mut self) -> Result<wire::Msg, String> {
        let until = Instant::now() + self.timeout;
        let mut head = [0; 4];
        self.read(&mut head, until)?;
        let length = u32::from_be_bytes(head) as usize;
        if length > ANSWER {
            return Err(format!("{}: what answers does not speak Riemann's protocol", self.address));
        }
        let mut message = vec![0; length];
        self.read(&mut message, until)?;
        wire::Msg::decode(message.as_slice())
            .map_err(|error| format!("{}: an answer that is none of Riemann's protocol: {error}", self.address))
    }

    /// Fills `into`, by a time: an answer may come byte by byte, but not for ever.
    fn read(&mut self, into: &mut [u8], until: Instant) -> Result<(), String> {
        let mut read = 0;
        while read < into.len() {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let _ = self.socket().set_read_timeout(Some(left));
            match self.io().read(&mut into[read..]) {
                Ok(0) => return Err(format!("{}: the connection was closed before all was answered", self.address)),
                Ok(length) => read += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(())
    }

    fn broken(&self, error: &io::Error) -> String {
        format!("{}: {}", self.address, cause(error, self.timeout))
    }
}

fn cause(error: &io::Error, timeout: Duration) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer within {} s; `--timeout SECONDS` waits longer", timeout.as_secs())
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection was closed before all was answered".to_string()
        }
        _ => error.to_string(),
    }
}

fn datagrams_broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "--udp: nothing listens there".to_string(),
        _ => format!("--udp: {error}"),
    }
}

fn resolve(option: &str, address: &str) -> Result<Vec<SocketAddr>, String> {
    let port = address.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
    if port.is_none() {
        return Err(format!("{option}: `{address}`: expected HOST:PORT, as in 127.0.0.1:5555"));
    }
    let found = address.to_socket_addrs().map_err(|error| format!("{option}: {address}: {error}"))?;
    Ok(found.collect())
}

/// Connects to the first address of a name that lets it.
fn connect(option: &str, address: &str, timeout: Duration) -> Result<TcpStream, String> {
    let mut failed = "there is no such host".to_string();
    for to in resolve(option, address)? {
        match TcpStream::connect_timeout(&to, CONNECT) {
            Ok(socket) => {
                let prepared = socket
                    .set_nodelay(true)
                    .and_then(|()| socket.set_read_timeout(Some(timeout)))
                    .and_then(|()| socket.set_write_timeout(Some(timeout)));
                return prepared.map(|()| socket).map_err(|error| format!("{option}: {address}: {error}"));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                failed = "nothing listens there; `highwater run` starts a daemon".to_string();
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                failed = format!("no connection within {} s", CONNECT.as_secs());
            }
            Err(error) => failed = error.to_string(),
        }
    }
    Err(format!("{option}: {address}: {failed}"))
}

impl TlsFiles<'_> {
    fn config(&self) -> Result<ClientConfig, String> {
        let authority = PemFile { option: "--ca-cert", path: self.ca_cert };
        let cert = PemFile { option: "--cert", path: self.cert };
        let key = PemFile { option: "--key", path: self.key };
        let authorities = authority.authorities()?;
        let (certificates, private) = (cert.certificates()?, key.key()?);
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| cert.fault(&error))?
            .with_root_certificates(authorities)
            .with_client_auth_cert(certificates, private)
            .map_err(|error| cert.no_pair("--key", &error))
    }
}
