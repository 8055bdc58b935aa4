//! Servers of the tests' own, stricter than the real ones: what those refuse they refuse, and they fail as they are told.

pub mod influx;
pub mod mail;
pub mod pagerduty;
pub mod webhook;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::daemon::PATIENCE;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection it came over, from 0.
    pub connection: usize,
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What a server does with a request.
#[derive(Clone, Debug)]
pub enum Say {
    /// A status, headers, and a body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// These bytes, then the connection is cut.
    Cut(String),
    /// These bytes one by one, so long apart, then the connection is cut.
    Bytewise(String, Duration),
    /// A head, then a body without an end.
    Endless,
    /// A head without an end.
    EndlessHead,
    /// Nothing, and the connection stays open.
    Nothing,
    /// This answer, and the connection is closed without a word about it.
    Close(u16),
}

impl Say {
    pub fn status(status: u16) -> Say {
        Say::Answer(status, &[], String::new())
    }
}

/// An HTTP server that is stopped when dropped.
pub struct Strict {
    pub address: SocketAddr,
    requests: Mutex<Receiver<Seen>>,
    stopped: Arc<AtomicBool>,
    is_tls: bool,
}

type Decide = dyn FnMut(&Seen) -> Say + Send;

impl Strict {
    pub fn start(decide: impl FnMut(&Seen) -> Say + Send + 'static) -> Strict {
        Strict::serve("127.0.0.1:0", Box::new(decide), None)
    }

    /// With the certificate of the fixtures, for `localhost` and 127.0.0.1.
    pub fn start_tls(address: &str, decide: impl FnMut(&Seen) -> Say + Send + 'static) -> Strict {
        Strict::serve(address, Box::new(decide), Some(server_config()))
    }

    fn serve(address: &str, decide: Box<Decide>, tls: Option<Arc<ServerConfig>>) -> Strict {
        let listener = TcpListener::bind(address).expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (sender, requests) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let is_tls = tls.is_some();
        let decide = Arc::new(Mutex::new(decide));
        let is_stopped = stopped.clone();
        let next = AtomicUsize::new(0);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_stopped.load(Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let (connection, sender, decide, tls) =
                    (next.fetch_add(1, Relaxed), sender.clone(), decide.clone(), tls.clone());
                thread::spawn(move || {
                    let stream: Box<dyn ReadWrite> = match tls {
                        None => Box::new(stream),
                        Some(config) => {
                            Box::new(StreamOwned::new(ServerConnection::new(config).expect("a server"), stream))
                        }
                    };
                    let mut stream = BufReader::new(stream);
                    while let Some(seen) = read_request(&mut stream, connection) {
                        let say = (decide.lock().expect("no test fails there"))(&seen);
                        let _ = sender.send(seen);
                        if !perform(stream.get_mut().as_mut(), say) {
                            break;
                        }
                    }
                });
            }
        });
        Strict { address, requests: Mutex::new(requests), stopped, is_tls }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http{}://{}{path}", if self.is_tls { "s" } else { "" }, self.address)
    }

    /// The next request; fails if none comes.
    pub fn seen(&self) -> Seen {
        self.requests.lock().expect("one test").recv_timeout(PATIENCE).expect("a request")
    }

    /// All that came so far and was not asked for yet.
    pub fn all_seen(&self) -> Vec<Seen> {
        self.requests.lock().expect("one test").try_iter().collect()
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// TLS with the certificate of the fixtures.
pub fn server_config() -> Arc<ServerConfig> {
    let file = |name: &str| format!("{}/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file("server.pem")).expect("a fixture").collect();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a fixture");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("ring has them").with_no_client_auth();
    Arc::new(config.with_single_cert(certificates.expect("PEM"), key).expect("a pair"))
}

pub trait ReadWrite: Read + Write + Send {}
impl<S: Read + Write + Send> ReadWrite for S {}

/// None at the end, and at what is no whole request. Fails at what no client may send.
fn read_request(stream: &mut BufReader<Box<dyn ReadWrite>>, connection: usize) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.strip_suffix("\r\n").expect("lines of HTTP end with CR LF").to_string();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let (method, rest) = lines[0].split_once(' ').unwrap_or_else(|| panic!("no request: {}", lines[0]));
    let path = rest.strip_suffix(" HTTP/1.1").unwrap_or_else(|| panic!("not HTTP/1.1: {}", lines[0])).to_string();
    let headers: Vec<_> = lines[1..]
        .iter()
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
        .collect();
    let seen = Seen { connection, path, headers, body: vec![] };
    assert!(seen.path.starts_with('/') && seen.header("host").is_some(), "{seen:?}");
    assert!(seen.header("transfer-encoding").is_none(), "{seen:?}");
    let length = seen.header("content-length").map(|length| length.parse().expect("a length"));
    // Only what asks for something says nothing of its length.
    let length: usize = if method == "GET" { length.unwrap_or(0) } else { length.expect("a length") };
    assert_eq!(method == "GET", length == 0, "{seen:?}");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { body, ..seen })
}

/// Whether the connection goes on.
fn perform(stream: &mut dyn ReadWrite, say: Say) -> bool {
    let write =
        |stream: &mut dyn ReadWrite, bytes: &[u8]| stream.write_all(bytes).and_then(|()| stream.flush()).is_ok();
    match say {
        Say::Answer(status, headers, body) => {
            let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            write(stream, format!("{text}\r\n{body}").as_bytes())
        }
        Say::Cut(text) => {
            write(stream, text.as_bytes());
            false
        }
        Say::Bytewise(text, apart) => {
            for byte in text.bytes() {
                if !write(stream, &[byte]) {
                    break;
                }
                thread::sleep(apart);
            }
            false
        }
        Say::Endless => {
            write(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            while write(stream, format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()) {}
            false
        }
        Say::EndlessHead => {
            write(stream, b"HTTP/1.1 200 OK\r\n");
            while write(stream, format!("x-{0}: {0}\r\n", "y".repeat(1000)).as_bytes()) {}
            false
        }
        Say::Nothing => {
            let _ = stream.read(&mut [0]);
            false
        }
        Say::Close(status) => {
            write(stream, format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes());
            false
        }
    }
}
