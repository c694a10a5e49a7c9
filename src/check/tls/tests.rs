//! Chains that webpki does not judge, at times of our choice.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::UnixTime;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Of a CA; valid in the years 2020 to 2029.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 1, 1));
    params
}

fn root(name: &str) -> Authority {
    CertifiedIssuer::self_signed(params(name), KeyPair::generate().expect("key")).expect("root")
}

fn below(issuer: &Authority, params: CertificateParams) -> Authority {
    CertifiedIssuer::signed_by(params, KeyPair::generate().expect("key"), issuer).expect("signed")
}

/// What is said of a server that shows the first of `chain` and sends the others along, in the year `year`.
fn judge(chain: &[&Authority], root: &Authority, year: u64) -> Result<(), String> {
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let verifier = ChainOnly::new(vec![root.der().clone()], algorithms);
    let chain: Vec<_> = chain.iter().map(|certificate| certificate.der().clone()).collect();
    let (server, others) = chain.split_first().expect("a certificate");
    let name = ServerName::try_from("www.example.com").expect("name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600 + 15_000_000));
    match verifier.verify_server_cert(server, others, &name, &[], now) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InvalidCertificate(cause)) => Err(explain_certificate(&cause)),
        Err(other) => Err(other.to_string()),
    }
}

#[test]
fn an_authority_as_server_is_judged_as_other_certificates() {
    let root = root("ours");
    let server = below(&root, params("server"));
    assert_eq!(judge(&[&server], &root, 2025), Ok(()));
    let refusal = |year| judge(&[&server], &root, year).expect_err("dates");
    assert!(refusal(2031).starts_with("expired"), "{}", refusal(2031));
    assert!(refusal(2018).starts_with("not valid yet"), "{}", refusal(2018));
    let forged = judge(&[&server], &self::root("ours"), 2025).expect_err("another key");
    assert!(forged.starts_with("not trusted: signed with another key"), "{forged}");
    let unknown = judge(&[&server], &self::root("theirs"), 2025).expect_err("another name");
    assert!(unknown.starts_with("not trusted: unknown issuer"), "{unknown}");
}

#[test]
fn it_may_come_with_the_authorities_between() {
    let root = root("ours");
    let upper = below(&root, params("upper"));
    let lower = below(&upper, params("lower"));
    let server = below(&lower, params("server"));
    assert_eq!(judge(&[&server, &lower, &upper], &root, 2025), Ok(()));
    assert_eq!(judge(&[&server, &upper, &lower], &root, 2025), Ok(()), "in any order");
    let missing = judge(&[&server, &lower], &root, 2025).expect_err("a gap");
    assert!(missing.starts_with("not trusted: unknown issuer"), "{missing}");
    let mut old = params("lower");
    old.not_after = date_time_ymd(2024, 1, 1);
    let lower = below(&upper, old);
    let expired = judge(&[&below(&lower, params("server")), &lower, &upper], &root, 2025).expect_err("old");
    assert!(expired.starts_with("expired"), "{expired}");
}

#[test]
fn only_an_authority_may_sign_it() {
    let root = root("ours");
    let refusal = |middle: CertificateParams| {
        let middle = below(&root, middle);
        judge(&[&below(&middle, params("server")), &middle], &root, 2025).expect_err("no authority")
    };
    let mut server = params("middle");
    server.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(refusal(server), "refused: the issuer that the server sends is no CA");
    let mut plain = params("middle");
    plain.is_ca = IsCa::NoCa;
    assert_eq!(refusal(plain), "refused: the issuer that the server sends is no CA");
    let mut usage = params("middle");
    usage.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    assert_eq!(refusal(usage), "refused: the issuer that the server sends may not sign certificates");
    let mut names = params("middle");
    names.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("x".into())],
        excluded_subtrees: vec![],
    });
    assert!(refusal(names).starts_with("refused: its "), "limited to names");
}

#[test]
fn a_chain_is_no_longer_than_its_authority_allows() {
    let root = root("ours");
    let mut short = params("upper");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = below(&root, short);
    assert_eq!(judge(&[&below(&upper, params("server")), &upper], &root, 2025), Ok(()));
    let lower = below(&upper, params("lower"));
    let refusal = judge(&[&below(&lower, params("server")), &lower, &upper], &root, 2025).expect_err("too long");
    assert_eq!(refusal, "refused: the chain is longer than its CA allows");
}

#[test]
fn it_must_be_made_for_servers() {
    let root = root("ours");
    let mut client = params("server");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    assert!(judge(&[&below(&root, client)], &root, 2025).is_err());
    let mut both = params("server");
    both.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(judge(&[&below(&root, both)], &root, 2025), Ok(()));
    let mut odd = params("server");
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
    extension.set_criticality(true);
    odd.custom_extensions = vec![extension];
    let refusal = judge(&[&below(&root, odd)], &root, 2025).expect_err("critical");
    assert_eq!(refusal, "refused: its critical extension 2.5.29.99 is not known here");
}

/// A server that sends a hundred authorities of one name and key, each of which could have signed each.
#[test]
fn many_authorities_of_one_name_take_no_time() {
    let cycle = root("cycle");
    let server = below(&cycle, params("server"));
    let chain: Vec<&Authority> = std::iter::once(&server).chain(std::iter::repeat_n(&cycle, 100)).collect();
    let refusal = judge(&chain, &root("ours"), 2025).expect_err("unknown");
    assert!(refusal.contains("too many certificates") || refusal.contains("unknown issuer"), "{refusal}");
}
