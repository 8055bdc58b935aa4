//! Files of keys and certificates in PEM, and what is wrong with them in words.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, RootCertStore};

/// A file is read so far, in bytes.
const LONGEST: u64 = 4 << 20;

/// One file, and how the user calls what it is for: `--cert`, or `:tls {:cert …}`.
///
/// Errors are one line: the option, the file, and the cause.
#[derive(Clone, Copy, Debug)]
pub struct PemFile<'a> {
    pub option: &'a str,
    pub path: &'a Path,
}

impl PemFile<'_> {
    /// At least one.
    ///
    /// # Errors
    /// The file cannot be read, or holds none.
    pub fn certificates(self) -> Result<Vec<CertificateDer<'static>>, String> {
        let pem = self.read()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(self.fault(&"holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")),
            Err(error) => Err(self.fault(&format!("holds no certificate in PEM: {error}"))),
        }
    }

    /// Those who sign others.
    ///
    /// # Errors
    /// The file cannot be read, or holds none.
    pub fn authorities(self) -> Result<RootCertStore, String> {
        let mut authorities = RootCertStore::empty();
        for authority in self.certificates()? {
            authorities.add(authority).map_err(|error| self.fault(&format!("is no authority: {error}")))?;
        }
        Ok(authorities)
    }

    /// # Errors
    /// The file cannot be read, or holds none that can be used.
    pub fn key(self) -> Result<PrivateKeyDer<'static>, String> {
        let pem = self.read()?;
        PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match String::from_utf8_lossy(&pem).contains("ENCRYPTED") {
            true => self.fault(&"is encrypted; give it without a passphrase (`openssl pkey -in KEY -out PLAIN`)"),
            false => self.fault(&format!("holds no private key in PEM: {error}")),
        })
    }

    /// Of a certificate: why it cannot be shown with the key of the option `key`.
    pub fn no_pair(self, key: &str, error: &Error) -> String {
        match format!("{error:?}") {
            text if text.contains("UnsupportedCertVersion") => {
                self.fault(&"is of X.509 version 1; sign it anew with extensions (`openssl x509 -req -extfile …`)")
            }
            _ => self.fault(&format!("does not go with {key}: {error}")),
        }
    }

    pub fn fault(self, what: &dyn Display) -> String {
        format!("{}: {}: {what}", self.option, self.path.display())
    }

    fn read(self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let file = File::open(self.path).map_err(|error| self.fault(&error))?;
        file.take(LONGEST).read_to_end(&mut text).map_err(|error| self.fault(&error))?;
        Ok(text)
    }
}
