//! Authorities and certificates.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::check::tls::Trust;

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
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![self.certificate], key))
            .expect("server");
        TlsAcceptor::from(Arc::new(config))
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
