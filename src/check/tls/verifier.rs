//! Verifies the certificate's chain and leaves out the host name.

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

#[derive(Debug)]
pub struct ChainOnly {
    roots: RootCertStore,
    /// The same as they were given, for [`ChainOnly::is_installed`].
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ChainOnly {
    pub fn new(certificates: Vec<CertificateDer<'static>>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let mut roots = RootCertStore::empty();
        // Stores hold old certificates that do not parse; the others still count.
        let (_added, _ignored) = roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots, certificates, algorithms }
    }

    fn is_installed(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|installed| installed.as_ref() == certificate.as_ref())
    }
}

impl ServerCertVerifier for ChainOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms) {
            // `openssl req -x509` marks its certificate as a CA. OpenSSL takes it when it is installed in the trust
            // store, so ldirectord's users have them. webpki looks at the dates before it complains of this.
            Err(Error::InvalidCertificate(cause)) if is_ca_used_as_server(&cause) && self.is_installed(end_entity) => {}
            other => other?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// rustls wraps this error of webpki without a variant of its own; its text is the only handle (tests hold it).
pub fn is_ca_used_as_server(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity")
}
