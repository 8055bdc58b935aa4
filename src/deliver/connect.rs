//! Connections to others, and whom their certificates are believed by.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::notify::Trouble;
use crate::server::lock;
use crate::server::pem::PemFile;

/// How long what was read of certificates is believed: so long may a renewed file take to be seen.
const TRUSTED: Duration = Duration::from_secs(600);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// TCP, with TLS or without.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A place as it is named in errors: `mail.example.com:25`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name or an address, that of IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Place {
    pub fn trouble(&self, what: &dyn std::fmt::Display) -> Trouble {
        Trouble::new(format!("{self}: {what}"))
    }

    /// Connects to the first of its addresses that answers; each has its share of the time that is left.
    ///
    /// # Errors
    /// There is no such name, or none of them answers.
    pub async fn connect(&self, deadline: Instant) -> Result<TcpStream, Trouble> {
        let found = lookup_host((self.host.as_str(), self.port)).await;
        let addresses = found.map_err(|error| self.trouble(&format!("no address for the name: {error}")))?;
        let addresses: Vec<_> = addresses.take(ADDRESSES).collect();
        let mut trouble = self.trouble(&"no address for the name");
        for (at, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            // The connection is not all: half of the time is for what follows.
            let share = left / (addresses.len() - at) as u32 / if addresses.len() > 1 { 2 } else { 1 };
            match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => trouble = self.trouble(&format!("cannot connect: {error}")),
                Err(_) => trouble = self.trouble(&"cannot connect: no answer"),
            }
        }
        Err(trouble)
    }

    /// TLS over a connection, if the certificate is one of this host and signed by somebody who is trusted.
    ///
    /// # Errors
    /// It is not, or the connection is cut.
    pub async fn secure(
        &self,
        stream: impl Stream + 'static,
        trust: &Trust,
        ca: Option<&Path>,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let config = trust.of(ca).await.map_err(|trouble| self.trouble(&trouble.why))?;
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|_| self.trouble(&"neither a name nor an address that a certificate can be for"))?;
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                // Whoever signs may have changed since the file was read.
                trust.forget(ca);
                Err(self.trouble(&tls_fault(&error)))
            }
        }
    }
}

fn tls_fault(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            "its certificate is signed by nobody who is trusted; name who signs it with `:ca`".to_string()
        }
        Some(rustls::Error::InvalidCertificate(why)) => format!("its certificate is refused: {why}"),
        _ => format!("no TLS: {error}"),
    }
}

/// Whom certificates are believed by: the system's authorities, or those of a file.
#[derive(Default)]
pub struct Trust {
    /// By the file; None: the system's.
    known: Mutex<HashMap<Option<PathBuf>, Known>>,
}

/// What was read, and when.
type Known = (Instant, Arc<ClientConfig>);

impl Trust {
    async fn of(&self, ca: Option<&Path>) -> Result<Arc<ClientConfig>, Trouble> {
        let key = ca.map(Path::to_path_buf);
        if let Some((since, config)) = lock(&self.known).get(&key)
            && since.elapsed() < TRUSTED
        {
            return Ok(config.clone());
        }
        let path = key.clone();
        let read = tokio::task::spawn_blocking(move || authorities(path.as_deref())).await;
        let roots = read.unwrap_or_else(|error| Err(error.to_string())).map_err(Trouble::new)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble::new(format!("no TLS: {error}")))?;
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        lock(&self.known).insert(key, (Instant::now(), config.clone()));
        Ok(config)
    }

    fn forget(&self, ca: Option<&Path>) {
        lock(&self.known).remove(&ca.map(Path::to_path_buf));
    }
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, String> {
    if let Some(path) = ca {
        return PemFile { option: "`:ca`", path }.authorities();
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or(String::new(), |error| format!(" ({error})"));
        return Err(format!(
            "no certificates of authorities are installed{why}; install them or name a file with `:ca`"
        ));
    }
    Ok(roots)
}
