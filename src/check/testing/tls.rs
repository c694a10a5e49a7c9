//! Authorities and certificates, and servers without the right ones.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};

use super::{PATIENT, Table, check, close_after, silent};
use crate::check::tls::Trust;
use crate::check::{FailureKind, run};
use crate::model::Question;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority"))
    }

    pub fn trust(&self) -> Trust {
        Trust::of(vec![self.0.der().clone()]).expect("trust")
    }

    pub fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("key");
        Identity { certificate: params.signed_by(&key, &self.0).expect("signed").der().clone(), key }
    }
}

pub struct Identity {
    pub certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    pub fn acceptor(self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(showing(self.certificate, &self.key, ALL_VERSIONS)))
    }
}

pub fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).expect("parameters")
}

pub fn self_signed(is_ca: IsCa) -> Identity {
    let mut params = named("www.example.com");
    params.is_ca = is_ca;
    let key = KeyPair::generate().expect("key");
    Identity { certificate: params.self_signed(&key).expect("certificate").der().clone(), key }
}

/// A server that does not look at its own certificate.
pub fn showing(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = ring::default_provider();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
    let key = provider.key_provider.load_private_key(key).expect("key");
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("server")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key))))
}

/// What keeps a check over TLS from its question: a certificate that this machine does not trust, a server that speaks in
/// clear text, one that is silent, and one that closes.
pub async fn tls_faults(question: Question, untrusted: SocketAddr, plain: SocketAddr) {
    let kind = question.kind;
    let rows = [(untrusted, "certificate not trusted: unknown issuer"), (plain, "the answer is not TLS")];
    for (target, cause) in rows {
        let failure = run(&check(question.clone(), target, PATIENT)).await.expect_err(cause).to_string();
        assert!(failure.starts_with(&format!("{kind} {target}: tls handshake: {cause}")), "{failure}");
    }
    let mut table = Table::of(Question::of(kind));
    table.slow("silent", silent().await, "tls handshake");
    let closed = "tls handshake: connection closed by the server";
    table.down("closed", close_after(b"").await, FailureKind::Refused, closed);
    table.play().await;
}
