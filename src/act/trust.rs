//! Which certificates are trusted, and a verifier that remembers what it saw.

use crate::act::world::World;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whom to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody: no TLS will be spoken, so no certificate need be read.
    Nobody,
    /// The system's certificates, and those of `ca:`.
    Verified,
    /// Anybody.
    Anybody,
}

/// What a handshake showed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The chain, the server's certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Why the chain is not trusted, if it is not.
    pub(super) problem: Option<rustls::Error>,
}

/// The certificates of a PEM file.
pub(super) fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let missing = |why: String| Failure::lasting(FailureKind::Missing, format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| missing(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(found) if found.is_empty() => Err(missing("no certificate in it (PEM is wanted)".into())),
        Ok(found) => Ok(found),
        Err(error) => Err(missing(format!("not PEM: {error}"))),
    }
}

/// How to speak TLS, and where to look afterwards for what was seen.
///
/// With [`Trust::Anybody`] every chain is accepted and its problem noted.
pub(super) fn client(
    ca: Option<&str>,
    trust: Trust,
    world: &World,
) -> Result<(ClientConfig, Arc<Mutex<Seen>>), Failure> {
    let mut roots = RootCertStore::empty();
    if trust != Trust::Nobody {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let mut pinned = Vec::new();
    if let Some(path) = ca {
        for certificate in read_pem(&world.path(path))? {
            pinned.push(certificate.clone());
            let bad = |error| Failure::lasting(FailureKind::Missing, format!("{path}: {error}"));
            roots.add(certificate).map_err(bad)?;
        }
    }
    let provider = Arc::new(ring::default_provider());
    let seen = Arc::new(Mutex::new(Seen::default()));
    // Without any root there is no verifier, and nothing is trusted.
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
    let now = u64::try_from(world.now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    let verifier = Verifier { inner, pinned, provider: Arc::clone(&provider), trust, now, seen: Arc::clone(&seen) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::lasting(FailureKind::Other, format!("TLS can't be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok((config, seen))
}

#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of `ca:`, of which the server's own may be one.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    trust: Trust,
    now: UnixTime,
    seen: Arc<Mutex<Seen>>,
}

impl Verifier {
    /// A certificate that `ca:` names itself needs nobody to vouch for it: its name and its time are looked at.
    fn named_itself(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
        rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        let bad = |problem| Err(rustls::Error::InvalidCertificate(problem));
        let Ok((_, found)) = X509Certificate::from_der(certificate) else { return bad(CertificateError::BadEncoding) };
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        let validity = found.validity();
        match () {
            () if now > validity.not_after.timestamp() => bad(CertificateError::Expired),
            () if now < validity.not_before.timestamp() => bad(CertificateError::NotValidYet),
            () => Ok(()),
        }
    }
}

/// Whether all that is wrong with a chain is that the certificate vouches for itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn is_own_issuer(problem: &rustls::Error) -> bool {
    match problem {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(_)) => {
            problem.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = match &self.inner {
            Some(inner) => inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, self.now),
            None => Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        let problem = match verified.err() {
            Some(problem) if self.pinned.contains(end_entity) && is_own_issuer(&problem) => {
                self.named_itself(end_entity, server_name).err()
            }
            problem => problem,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain = std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned()).collect();
        seen.problem.clone_from(&problem);
        match (self.trust, problem) {
            (Trust::Verified | Trust::Nobody, Some(problem)) => Err(problem),
            (Trust::Verified | Trust::Nobody, None) | (Trust::Anybody, _) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a chain is not trusted, in a sentence's words.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
pub(super) fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet".into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name".into()
            }
            CertificateError::UnknownIssuer => "the certificate is signed by nobody trusted here".into(),
            CertificateError::Revoked => "the certificate was revoked".into(),
            other if other.to_string().contains("CaUsedAsEndEntity") => {
                "the certificate is one that vouches for others (CA:TRUE), and is no server's own: give the server one \
                 that it signed, or name this very certificate in `ca`"
                    .into()
            }
            CertificateError::Other(_) => {
                "the certificate can't be verified: it is not made as one of a server must be".into()
            }
            other => format!("the certificate can't be verified: {other}"),
        },
        rustls::Error::AlertReceived(alert) => format!("the other side ended the handshake: {alert:?}"),
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS".into(),
        other => format!("the TLS handshake failed: {other}"),
    }
}
