use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CustomExtension, IsCa, KeyPair, date_time_ymd};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{HandshakeKind, SupportedProtocolVersion};

use super::super::super::testing::tls::{Authority, Identity, named, self_signed, showing};
use super::*;

/// Per connection: the name that the client sent, and whether it wanted to see a certificate.
type Handshakes = Arc<Mutex<Vec<(Option<String>, Option<HandshakeKind>)>>>;

/// An https server; `end` says whether it closes TLS in order.
async fn https_server(identity: Identity, end: bool) -> (SocketAddr, Handshakes) {
    let acceptor = identity.acceptor();
    let handshakes = Handshakes::default();
    let seen = Arc::clone(&handshakes);
    let target = serve(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let connection = stream.get_ref().1;
            let handshake = (connection.server_name().map(str::to_owned), connection.handshake_kind());
            seen.lock().expect("handshakes").push(handshake);
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nOK\n").await;
            let _ = stream.flush().await;
            let _ = if end { stream.shutdown().await } else { stream.get_mut().0.shutdown().await };
        }
    })
    .await;
    (target, handshakes)
}

fn https(virtual_host: Option<&str>) -> HttpQuestion {
    HttpQuestion { tls: true, virtual_host: virtual_host.map(str::to_owned), ..expecting("^OK$") }
}

async fn ask(target: SocketAddr, question: &HttpQuestion, trust: &Trust) -> Result<(), CheckFailure> {
    let subject = Named { target, question };
    let attempt = Attempt::about(Subject::Other(&subject), PATIENT);
    Client { target, question, attempt, trust: Some(trust) }.run().await.map(drop)
}

#[tokio::test]
async fn a_chain_to_a_trusted_authority_is_up_whatever_the_name() {
    let authority = Authority::new("ours");
    let (target, handshakes) = https_server(authority.sign(named("another.example.com")), true).await;
    let trust = authority.trust();
    ask(target, &https(Some("www.example.com:443")), &trust).await.expect("name is not verified");
    ask(target, &https(None), &trust).await.expect("by address");
    let names: Vec<_> = handshakes.lock().expect("handshakes").iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, [Some("www.example.com".to_owned()), None], "SNI");
}

#[tokio::test]
async fn every_check_looks_at_the_certificate() {
    let authority = Authority::new("ours");
    let (target, handshakes) = https_server(authority.sign(named("www.example.com")), true).await;
    let trust = authority.trust();
    for _ in 0..3 {
        ask(target, &https(None), &trust).await.expect("up");
    }
    let handshakes = handshakes.lock().expect("handshakes");
    assert_eq!(handshakes.len(), 3);
    assert!(handshakes.iter().all(|(_, kind)| *kind != Some(HandshakeKind::Resumed)), "{handshakes:?}");
}

#[tokio::test]
async fn a_connection_that_ends_without_a_tls_goodbye_is_up() {
    let authority = Authority::new("ours");
    let (target, _) = https_server(authority.sign(named("www.example.com")), false).await;
    ask(target, &https(None), &authority.trust()).await.expect("the body is complete");
}

#[tokio::test]
async fn an_unknown_issuer_is_down_with_the_next_step() {
    let (target, _) = https_server(Authority::new("theirs").sign(named("www.example.com")), true).await;
    // The machine's own store does not know it either.
    for trust in [&Authority::new("ours").trust(), Trust::of_this_machine().expect("trust")] {
        let failure = ask(target, &https(None), trust).await.expect_err("unknown").to_string();
        let wanted =
            format!("https GET https://{target}/: tls handshake: certificate not trusted: unknown issuer (install");
        assert!(failure.starts_with(&wanted), "{failure}");
        assert!(failure.contains("update-ca-certificates"), "{failure}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_up_once_it_is_installed() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let identity = self_signed(is_ca);
        let installed = Trust::of(vec![identity.certificate.clone()]).expect("trust");
        let (target, _) = https_server(identity, true).await;
        ask(target, &https(None), &installed).await.expect("installed");
        let failure =
            ask(target, &https(None), &Authority::new("ours").trust()).await.expect_err("unknown").to_string();
        assert!(failure.contains("certificate not trusted: ") && failure.contains("(install"), "{failure}");
    }
}

#[tokio::test]
async fn an_authority_that_serves_by_itself_is_up_under_an_installed_one() {
    let authority = Authority::new("ours");
    let mut params = named("www.example.com");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (target, _) = https_server(authority.sign(params), true).await;
    ask(target, &https(None), &authority.trust()).await.expect("signed by an installed authority");
    let failure = ask(target, &https(None), &Authority::new("theirs").trust()).await.expect_err("unknown").to_string();
    assert!(failure.contains("certificate not trusted: unknown issuer (install"), "{failure}");
}

#[tokio::test]
async fn an_unknown_critical_extension_is_named() {
    let authority = Authority::new("ours");
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = named("www.example.com");
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 7], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
        params.is_ca = is_ca;
        let (target, _) = https_server(authority.sign(params), true).await;
        let failure = ask(target, &https(None), &authority.trust()).await.expect_err("critical").to_string();
        let wanted = "certificate refused: its critical extension 1.3.6.1.4.1.55555.7 is not known here";
        assert!(failure.contains(wanted), "{failure}");
    }
}

#[tokio::test]
async fn an_authority_with_a_new_key_is_another_authority() {
    let (target, _) = https_server(Authority::new("ours").sign(named("www.example.com")), true).await;
    let failure = ask(target, &https(None), &Authority::new("ours").trust()).await.expect_err("old key").to_string();
    assert!(failure.contains("not trusted: signed with another key than the installed CA's (install"), "{failure}");
}

#[tokio::test]
async fn an_expired_certificate_says_so() {
    let authority = Authority::new("ours");
    let mut params = named("www.example.com");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let (target, _) = https_server(authority.sign(params), true).await;
    let failure = ask(target, &https(None), &authority.trust()).await.expect_err("expired").to_string();
    assert!(failure.contains("certificate expired (renew it"), "{failure}");
}

#[tokio::test]
async fn a_plain_port_is_no_https_port() {
    let target = greet(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let failure = ask(target, &https(None), &Authority::new("ours").trust()).await.expect_err("plain").to_string();
    assert!(failure.contains("tls handshake: the answer is not TLS"), "{failure}");
}

/// Shows `certificate` and signs with a key that is not its own.
pub(super) async fn server_with_another_key(
    certificate: CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(showing(certificate, &KeyPair::generate().expect("key"), &[version])));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = acceptor.accept(stream).await;
        }
    })
    .await
}
