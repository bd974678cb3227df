//! `http:` of stepladder.yaml, and the certificate it names.

use crate::base::value::Value;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Where HTTP is served, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address and port.
    pub address: String,
    /// How the world calls it.
    pub public_url: Option<String>,
    /// Certificate and key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Listen {
    /// What the settings say; `None` = HTTP is not served over TCP. Files are relative to the book.
    #[must_use]
    pub fn of(http: &Value, book: &Path) -> Option<Self> {
        let address = http["listen"].as_str()?.to_owned();
        let file = |key: &str| http["tls"][key].as_str().map(|name| book.join(name));
        let public_url = http["public_url"].as_str().map(str::to_owned);
        Some(Self { address, public_url, tls: file("certificate").zip(file("key")) })
    }
}

/// What speaks TLS with that certificate and key.
pub(super) fn acceptor((certificate, key): &(PathBuf, PathBuf)) -> Result<TlsAcceptor, String> {
    let cannot = |path: &Path, why: String| format!("cannot use `{}` (`http.tls`): {why}", path.display());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| cannot(certificate, error.to_string()))?.collect();
    let chain = chain.map_err(|error| cannot(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(cannot(certificate, "there is no certificate in it".into()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| cannot(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| cannot(certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
