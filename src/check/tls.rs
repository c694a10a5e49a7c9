//! TLS of the checks: the chain is verified against this machine's trust store, the host name is not.
//!
//! This is what ldirectord does: real servers are asked by address, and their certificates name the virtual host.

mod anyone;
mod chain;
mod verifier;

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, ClientConfig, InvalidMessage, PeerIncompatible};

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use anyone::Anyone;
use verifier::ChainOnly;

const INSTALL_CA: &str = "install it, or the CA that signed it, in this machine's trust store and restart the daemon \
                          (Debian: /usr/local/share/ca-certificates/NAME.crt, then update-ca-certificates)";

/// What rustls has. The rest is broken or has no forward secrecy, and a real server of today offers one of these too.
const OUR_SUITES: &str = "here are TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20; RSA key exchange, DHE and CBC \
                          are not spoken: allow such a suite on the real server, or check it with connect";

/// Whom we believe, ready for use.
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The trust store of this machine, read from its files at the first call and kept. `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` override the place.
    pub fn of_this_machine() -> Result<&'static Self, &'static str> {
        static TRUST: OnceLock<Result<Trust, String>> = OnceLock::new();
        TRUST
            .get_or_init(|| {
                // Unreadable files among many are no reason to refuse the others; a missing CA says so when it is used.
                Self::of(rustls_native_certs::load_native_certs().certs).map_err(|error| error.to_string())
            })
            .as_ref()
            .map_err(String::as_str)
    }

    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        Self::judged_by(|algorithms| Arc::new(ChainOnly::new(certificates, algorithms)))
    }

    /// Takes any certificate.
    fn in_anyone() -> Result<&'static Self, &'static str> {
        static TRUST: OnceLock<Result<Trust, String>> = OnceLock::new();
        let made = || Self::judged_by(|algorithms| Arc::new(Anyone(algorithms))).map_err(|error| error.to_string());
        TRUST.get_or_init(made).as_ref().map_err(String::as_str)
    }

    fn judged_by(
        verifier: impl FnOnce(WebPkiSupportedAlgorithms) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verifier(provider.signature_verification_algorithms);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session shows no certificate: an expired one would stay unnoticed.
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Handshake. A DNS name goes out as SNI, an address does not (RFC 6066 section 3). The state of TLS takes more than a
    /// kilobyte, which every check that is under way would hold, so it is boxed.
    pub async fn connect<S>(&self, stream: S, name: ServerName<'static>) -> io::Result<Box<TlsStream<S>>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        Box::pin(TlsConnector::from(Arc::clone(&self.0)).connect(name, stream)).await.map(Box::new)
    }
}

/// Handshake with any server: the connection is encrypted, and nothing is proved.
pub async fn connect_to_anyone<S>(stream: S, address: IpAddr) -> io::Result<Box<TlsStream<S>>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    Trust::in_anyone().map_err(io::Error::other)?.connect(stream, ServerName::from(address)).await
}

/// The step of a check in which a connection becomes a TLS one. `trust` is that of this machine, unless a test has another.
pub async fn handshake<S>(
    attempt: &Attempt<'_>,
    trust: Option<&Trust>,
    stream: S,
    name: ServerName<'static>,
) -> Result<Box<TlsStream<S>>, CheckFailure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let trust = match trust {
        Some(trust) => trust,
        None => Trust::of_this_machine().map_err(|cause| attempt.failure_at(FailureKind::Internal, "tls", cause))?,
    };
    let step = "tls handshake";
    attempt.step(step, trust.connect(stream, name)).await?.map_err(|error| io_failure(attempt, step, &error))
}

/// As [`Attempt::io_failure`], for a connection that may speak TLS.
pub fn io_failure(attempt: &Attempt<'_>, step: &str, error: &io::Error) -> CheckFailure {
    match explain(error) {
        Some(cause) => attempt.failure_at(FailureKind::Answer, step, cause),
        None => attempt.io_failure(step, error),
    }
}

/// What is wrong and what to do about it, when `error` comes from TLS and not from the connection beneath.
pub fn explain(error: &io::Error) -> Option<String> {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())?;
    Some(match error {
        rustls::Error::InvalidCertificate(cause) => format!("certificate {}", explain_certificate(cause)),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the answer is not TLS (is this a port without TLS?)".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            format!("the server refused the handshake: it may have no cipher suite of ours ({OUR_SUITES})")
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server offers neither TLS 1.2 nor 1.3, and older versions are not spoken here".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("the server refused the handshake: {alert:?}"),
        other => super::failure::lower_first(&other.to_string()),
    })
}

fn explain_certificate(cause: &CertificateError) -> String {
    match cause {
        CertificateError::UnknownIssuer => format!("not trusted: unknown issuer ({INSTALL_CA})"),
        CertificateError::BadSignature => {
            format!("not trusted: signed with another key than the installed CA's ({INSTALL_CA})")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "expired (renew it on the real server)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "not valid yet (are the clocks right?)".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            format!("refused: {}", chain::describe_signature(signature_algorithm_id))
        }
        CertificateError::Other(other) => format!("refused: {}", root_cause(other)),
        other => format!("refused: {other}"),
    }
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
