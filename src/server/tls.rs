//! TLS as Riemann has it: a client must show a certificate that the configured authority signed.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::pem::PemFile;
use crate::plan::TlsListener;

/// Reads the files of a listener.
///
/// # Errors
/// One line: which file, and what is wrong with it.
pub fn acceptor(listener: &TlsListener) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(ring::default_provider());
    // From the root on: the configuration says them from a folder that need not be the one it is in.
    let [cert, key, ca_cert] = [&listener.cert, &listener.key, &listener.ca_cert]
        .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let cert = PemFile { option: "`:tls {:cert …}`", path: &cert };
    let key = PemFile { option: "`:tls {:key …}`", path: &key };
    let authority = PemFile { option: "`:tls {:ca-cert …}`", path: &ca_cert };
    let certificates = cert.certificates()?;
    let private = key.key()?;
    let authorities = Arc::new(authority.authorities()?);
    let clients = WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider))
        .build()
        .map_err(|error| authority.fault(&error))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| cert.fault(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates, private)
        .map_err(|error| cert.no_pair("`:key`", &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
