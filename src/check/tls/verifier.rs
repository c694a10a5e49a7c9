//! Verifies the certificate's chain and leaves out the host name.

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};

use super::chain::{self, Anchors};

#[derive(Debug)]
pub struct ChainOnly {
    roots: RootCertStore,
    /// The same for [`chain`].
    anchors: Anchors,
    /// The same as they were given, for [`ChainOnly::is_installed`].
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ChainOnly {
    pub fn new(certificates: Vec<CertificateDer<'static>>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let mut roots = RootCertStore::empty();
        // Stores hold old certificates that do not parse; the others still count.
        let (_added, _ignored) = roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots, anchors: Anchors::of(&certificates), certificates, algorithms }
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
        let all = self.algorithms.all;
        let verified = ParsedCertificate::try_from(end_entity).and_then(|certificate| {
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, all)
        });
        match verified {
            // `openssl req -x509` marks its certificate as a CA. OpenSSL takes it when it is installed in the trust
            // store, so ldirectord's users have them. webpki looks at the dates before it complains of this.
            Err(Error::InvalidCertificate(cause)) if is_ca_used_as_server(&cause) && self.is_installed(end_entity) => {}
            Err(Error::InvalidCertificate(cause)) if is_ca_used_as_server(&cause) || is_old_version(&cause) => {
                self.anchors.verify(end_entity, intermediates, now, all)?;
            }
            Err(Error::InvalidCertificate(cause)) if is_unknown_extension(&cause) => {
                return Err(chain::unknown_critical_extension(end_entity).unwrap_or(cause).into());
            }
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
        match verify_tls12_signature(message, certificate, signature, &self.algorithms) {
            Err(Error::InvalidCertificate(cause)) if is_old_version(&cause) => {
                let mut usable = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
                let (_, algorithms) = usable.next().ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
                chain::check_signature(&chain::key_of(certificate)?, algorithms, message, signature.signature())?;
                Ok(HandshakeSignatureValid::assertion())
            }
            other => other,
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match verify_tls13_signature(message, certificate, signature, &self.algorithms) {
            Err(Error::InvalidCertificate(cause)) if is_old_version(&cause) => {
                let key = chain::key_of(certificate)?;
                verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
            }
            other => other,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

// rustls wraps these errors of webpki without a variant of its own.

fn is_ca_used_as_server(error: &CertificateError) -> bool {
    matches!(webpki_error(error), Some(webpki::Error::CaUsedAsEndEntity))
}

fn is_old_version(error: &CertificateError) -> bool {
    matches!(webpki_error(error), Some(webpki::Error::UnsupportedCertVersion))
}

fn is_unknown_extension(error: &CertificateError) -> bool {
    matches!(webpki_error(error), Some(webpki::Error::UnsupportedCriticalExtension))
}

fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}
