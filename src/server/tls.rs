//! TLS as Riemann has it: a client must show a certificate that the configured authority signed.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::plan::TlsListener;

/// A file of certificates is at most so long, in bytes.
const LONGEST: u64 = 4 << 20;

/// Reads the files of a listener.
///
/// # Errors
/// One line: which file, and what is wrong with it.
pub fn acceptor(listener: &TlsListener) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(ring::default_provider());
    let cert = certificates(":cert", &listener.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&read(":key", &listener.key)?)
        .map_err(|error| fault(":key", &listener.key, &no_key(&listener.key, &error)))?;
    let mut authorities = RootCertStore::empty();
    for authority in certificates(":ca-cert", &listener.ca_cert)? {
        authorities
            .add(authority)
            .map_err(|error| fault(":ca-cert", &listener.ca_cert, &format!("is no authority: {error}")))?;
    }
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider))
        .build()
        .map_err(|error| fault(":ca-cert", &listener.ca_cert, &error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(":tls", &listener.cert, &error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_single_cert(cert, key)
        .map_err(|error| fault(":cert", &listener.cert, &no_pair(&error)))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn no_key(path: &Path, error: &dyn std::fmt::Display) -> String {
    let is_encrypted = std::fs::read_to_string(path).is_ok_and(|text| text.contains("ENCRYPTED"));
    match is_encrypted {
        true => "is encrypted; give it without a passphrase (`openssl pkey -in KEY -out PLAIN`)".to_string(),
        false => format!("holds no private key in PEM: {error}"),
    }
}

fn no_pair(error: &tokio_rustls::rustls::Error) -> String {
    match format!("{error:?}") {
        text if text.contains("UnsupportedCertVersion") => {
            "is of X.509 version 1; sign it anew with extensions (`openssl x509 -req -extfile …`)".to_string()
        }
        _ => format!("does not go with `:key`: {error}"),
    }
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(option, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(fault(option, path, "holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")),
        Err(error) => Err(fault(option, path, &format!("holds no certificate in PEM: {error}"))),
    }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| fault(option, path, &error.to_string()))?;
    BufReader::new(file)
        .take(LONGEST)
        .read_to_end(&mut text)
        .map_err(|error| fault(option, path, &error.to_string()))?;
    Ok(text)
}

fn fault(option: &str, path: &Path, what: &str) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    format!("`:tls {{{option} …}}`: {}: {what}", path.display())
}
