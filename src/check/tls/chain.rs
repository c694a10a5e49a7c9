//! The chain of a certificate that webpki does not judge: of X.509 v1, or of a CA that serves by itself.
//!
//! OpenSSL takes both, so ldirectord's users have them: `openssl x509 -req` without extensions makes the first, and
//! `openssl req -x509` the second. Everything else about them is judged as strictly as webpki does.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use tokio_rustls::rustls::{CertificateError, OtherError};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_PKCS1_MD5WITHRSAENC, OID_PKCS1_SHA1WITHRSA};
use x509_parser::prelude::FromDer;

pub type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// Certificates between the server's and an installed one, as webpki has it.
const DEEPEST: u32 = 6;

/// Ways to sign that rustls leaves out.
const FORGEABLE: [(Oid<'_>, &str); 3] = [
    (OID_PKCS1_MD5WITHRSAENC, "MD5"),
    (OID_PKCS1_SHA1WITHRSA, "SHA-1"),
    // ecdsa-with-SHA1
    (oid!(1.2.840.10045.4.1), "SHA-1"),
];

/// Signatures looked at. A server can send many certificates of one name.
const MOST_SIGNATURES: u32 = 100;

/// An installed certificate, which is trusted as it is.
#[derive(Debug)]
struct Anchor {
    name: Vec<u8>,
    key: SubjectPublicKeyInfoDer<'static>,
}

#[derive(Debug)]
pub struct Anchors(Vec<Anchor>);

impl Anchors {
    pub fn of(certificates: &[CertificateDer<'_>]) -> Self {
        let anchor = |certificate: X509Certificate<'_>| Anchor {
            name: certificate.subject().as_raw().to_vec(),
            key: key(&certificate).into_owned(),
        };
        Self(certificates.iter().filter_map(|der| parse(der).ok()).map(anchor).collect())
    }

    /// Whether `end_entity` is good at the time `now`, and signed by an installed CA or by one that such a CA vouches for.
    pub fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: Algorithms,
    ) -> Result<(), CertificateError> {
        let server = parse(end_entity)?;
        check_dates(&server, now)?;
        check_extensions(&server)?;
        let intermediates: Vec<_> = intermediates.iter().filter_map(|der| parse(der).ok()).collect();
        Path { anchors: self, intermediates: &intermediates, now, algorithms, signatures: 0 }.verify(&server, 0)
    }
}

struct Path<'a> {
    anchors: &'a Anchors,
    intermediates: &'a [X509Certificate<'a>],
    now: UnixTime,
    algorithms: Algorithms,
    signatures: u32,
}

impl Path<'_> {
    /// `depth`: certificates between the server's and the issuer of this one.
    fn verify(&mut self, certificate: &X509Certificate<'_>, depth: u32) -> Result<(), CertificateError> {
        let mut refusal = CertificateError::UnknownIssuer;
        let issuer = certificate.issuer().as_raw();
        for anchor in self.anchors.0.iter().filter(|anchor| anchor.name == issuer) {
            match self.check_signature(certificate, &anchor.key) {
                Ok(()) => return Ok(()),
                Err(cause) => refusal = cause,
            }
        }
        if depth == DEEPEST {
            return Err(refusal);
        }
        for authority in self.intermediates.iter().filter(|authority| authority.subject().as_raw() == issuer) {
            let verified = self
                .check_signature(certificate, &key(authority))
                .and_then(|()| check_authority(authority, depth, self.now))
                .and_then(|()| self.verify(authority, depth + 1));
            match verified {
                Ok(()) => return Ok(()),
                Err(cause) => refusal = cause,
            }
        }
        Err(refusal)
    }

    fn check_signature(
        &mut self,
        certificate: &X509Certificate<'_>,
        key: &SubjectPublicKeyInfoDer<'_>,
    ) -> Result<(), CertificateError> {
        self.signatures += 1;
        if self.signatures > MOST_SIGNATURES {
            return Err(refused("it comes with too many certificates".into()));
        }
        let algorithm = &certificate.signature_algorithm.algorithm;
        if FORGEABLE.iter().any(|(oid, _)| oid == algorithm) {
            return Err(refused(unsupported_signature(algorithm)));
        }
        let message = certificate.tbs_certificate.as_ref();
        check_signature(key, self.algorithms, message, &certificate.signature_value.data)
    }
}

/// Whether `signature` is that of `message` by the owner of `key`, with one of the algorithms.
pub fn check_signature(
    key: &SubjectPublicKeyInfoDer<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CertificateError> {
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
    let is_good = algorithms.iter().any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok());
    if is_good { Ok(()) } else { Err(CertificateError::BadSignature) }
}

/// The key of a certificate that webpki does not read.
pub fn key_of(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, CertificateError> {
    Ok(key(&parse(certificate)?).into_owned())
}

/// Of `algorithm`, an X.509 AlgorithmIdentifier without its outer tag.
pub fn describe_signature(algorithm: &[u8]) -> String {
    match Oid::from_der(algorithm) {
        Ok((_, oid)) => unsupported_signature(&oid),
        Err(_) => "it is signed in an unknown way".into(),
    }
}

fn unsupported_signature(algorithm: &Oid<'_>) -> String {
    match FORGEABLE.iter().find(|(oid, _)| oid == algorithm) {
        Some((_, name)) => format!("it is signed with {name}, which can be forged"),
        None => format!("it is signed with {algorithm}, which is not known here"),
    }
}

/// The critical extensions that this program does not know, by their object identifiers.
pub fn unknown_critical_extension(certificate: &CertificateDer<'_>) -> Option<CertificateError> {
    check_extensions(&parse(certificate).ok()?).err()
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::BadEncoding),
    }
}

fn key<'a>(certificate: &X509Certificate<'a>) -> SubjectPublicKeyInfoDer<'a> {
    SubjectPublicKeyInfoDer::from(certificate.tbs_certificate.subject_pki.raw)
}

fn check_dates(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(usage) if !usage.server_auth && !usage.any => {
                return Err(CertificateError::InvalidPurpose);
            }
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::SubjectAlternativeName(_) => {}
            _ if extension.critical => {
                return Err(refused(format!("its critical extension {} is not known here", extension.oid)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_authority(authority: &X509Certificate<'_>, depth: u32, now: UnixTime) -> Result<(), CertificateError> {
    check_dates(authority, now)?;
    check_extensions(authority)?;
    let constraints = authority.basic_constraints().ok().flatten();
    let longest = constraints.filter(|constraints| constraints.value.ca).map(|found| found.value.path_len_constraint);
    let may_sign = authority.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign());
    match longest {
        None => Err(refused("the issuer that the server sends is no CA".into())),
        Some(_) if !may_sign => Err(refused("the issuer that the server sends may not sign certificates".into())),
        Some(Some(longest)) if depth > longest => Err(refused("the chain is longer than its CA allows".into())),
        // Names are not looked at here, so such a limit could not be kept.
        Some(_) if !matches!(authority.name_constraints(), Ok(None)) => {
            Err(refused("its CA is limited to certain names".into()))
        }
        Some(_) => Ok(()),
    }
}

#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

fn refused(cause: String) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(Refusal(cause))))
}
