use std::time::Duration;

use super::super::testing::*;
use super::*;
use crate::model::Secret;

const PASSWORD: &str = "tops3cret";

fn question(request: &str, receive: &str) -> Question {
    let passwd = Secret::new(PASSWORD);
    let (request, receive) = (request.into(), receive.into());
    Question { login: "cn=monitor".into(), passwd, request, receive, ..Question::of("ldap") }
}

const BOUND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
const REFUSED: &[u8] = b"\x30\x0f\x02\x01\x01\x61\x0a\x0a\x01\x31\x04\0\x04\x03no\n";
const ENTRY: &[u8] = b"\x30\x35\x02\x01\x02\x64\x30\x04\x07dc=test\x30\x25\x30\x17\x04\x0bobjectClass\x31\x08\
    \x04\x06domain\x30\x0a\x04\x02dc\x31\x04\x04\x02ab";
const REFERENCE: &[u8] = b"\x30\x0b\x02\x01\x02\x73\x06\x04\x04ldap";
const DONE: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\0\x04\0\x04\0";
const MISSING: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x20\x04\0\x04\0";

/// Answers the first request with `bound` and the second with `found`, in one piece each, then closes.
async fn server(bound: Vec<u8>, found: Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let (bound, found) = (bound.clone(), found.clone());
        async move {
            for answer in [bound, found] {
                if stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(&answer).await;
                }
            }
            while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
        }
    })
    .await
}

async fn text(question: Question, target: SocketAddr) -> Result<(), String> {
    let result = ask(&check(question, target, PATIENT)).await;
    result.map_err(|failure| {
        let text = failure.to_string();
        assert!(!text.contains(PASSWORD), "{text}");
        text.replace(&format!("ldap {target}: "), "")
    })
}

#[tokio::test]
async fn one_entry_that_matches_is_up() {
    let found = [REFERENCE, ENTRY, DONE].concat();
    let target = server(BOUND.to_vec(), found).await;
    let mut wrong = Vec::new();
    for (receive, wanted) in [
        ("", Ok(())),
        ("^dc=test$", Ok(())),
        ("^objectClass: domain$", Ok(())),
        ("dc: a.", Ok(())),
        ("x", Err("search for \"dc=test\": neither \"dc=test\" nor an attribute of it matches receive=\"x\"")),
    ] {
        let result = text(question("/dc=test", receive), target).await;
        if result != wanted.map_err(str::to_owned) {
            wrong.push((receive, result));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn other_answers_are_down_and_say_what_the_server_said() {
    let two = [ENTRY, ENTRY, DONE].concat();
    let endless = REFERENCE.repeat(200);
    let mut wrong = Vec::new();
    for (bound, found, wanted) in [
        (REFUSED, DONE, "bind as \"cn=monitor\": wrong login or password (result 49): no "),
        (BOUND, MISSING, "search for \"dc=test\": no such entry (result 32)"),
        (BOUND, DONE, "search for \"dc=test\": 0 entries: expected one"),
        (BOUND, &two, "search for \"dc=test\": 2 entries: expected one"),
        (BOUND, &endless, "search for \"dc=test\": more than 100 answers"),
        (BOUND, BOUND, "search for \"dc=test\": not an LDAP answer"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", b"", "bind as \"cn=monitor\": not an LDAP answer"),
        (b"\x30\x80\x02\x01\x01", b"", "bind as \"cn=monitor\": not an LDAP answer"),
        (
            b"\x30\x84\x7f\xff\xff\xff",
            b"",
            "bind as \"cn=monitor\": an answer of 2147483647 bytes: more than 1048576 are not read",
        ),
        (
            b"\x30\x0c\x02\x01\0\x78\x07\x0a\x01\x34\x04\0\x04\0",
            b"",
            "bind as \"cn=monitor\": the server is not available (result 52)",
        ),
    ] {
        let result = text(question("dc=test", ""), server(bound.to_vec(), found.to_vec()).await).await;
        if result != Err(wanted.to_owned()) {
            wrong.push((wanted, result));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn without_a_password_the_bind_is_anonymous() {
    let anonymous = serve(|mut stream| async move {
        let mut request = [0; 64];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let good = request[..read] == *b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0";
        let _ = stream.write_all(if good { BOUND } else { REFUSED }).await;
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&[ENTRY, DONE].concat()).await;
        let _ = stream.read(&mut request).await;
    })
    .await;
    let without = Question { passwd: Secret::default(), ..question("", "") };
    text(without, anonymous).await.expect("anonymous");
    let failure = text(question("", ""), anonymous).await.expect_err("with a password");
    assert!(failure.starts_with("bind as \"cn=monitor\": wrong login"), "{failure}");
}

#[tokio::test]
async fn a_server_that_hangs_drips_or_closes_is_down() {
    let full = FullListener::new();
    let cut = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(&BOUND[..7]).await;
    })
    .await;
    let bind = "bind as \"cn=monitor\"";
    let silence = "no answer within 0.7 s";
    let closed = closed("127.0.0.1:0");
    for (target, step, cause, kind) in [
        (full.address, "connect", silence, FailureKind::Timeout),
        (silent().await, bind, silence, FailureKind::Timeout),
        (drip(b"\x30\x7f").await, bind, silence, FailureKind::Timeout),
        (cut, bind, "connection closed by the server", FailureKind::Refused),
        (serve(|_stream| async {}).await, bind, "connection", FailureKind::Refused),
        (closed, "connect", "connection refused", FailureKind::Refused),
    ] {
        let check = check(question("", ""), target, Duration::from_millis(700));
        let failure = ends_within(SECOND * 3, async || ask(&check).await.expect_err(cause)).await;
        assert!(failure.to_string().starts_with(&format!("ldap {target}: {step}: {cause}")), "{failure}");
        assert_eq!(failure.kind(), kind, "{failure}");
    }
}

#[tokio::test]
async fn ldaps_takes_any_certificate_and_nothing_but_tls() {
    let ldaps = || Question { kind: LDAPS.name, ..question("", "^dc=test$") };
    let target = tls_server(|mut stream| async move {
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(BOUND).await;
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(&[ENTRY, DONE].concat()).await;
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    ask(&check(ldaps(), target, PATIENT)).await.expect("self-signed");
    let plain = greet(b"\x30\x0c\x02\x01\x01\x61\x07").await;
    let failure = ask(&check(ldaps(), plain, PATIENT)).await.expect_err("no TLS");
    assert!(
        failure.to_string().starts_with(&format!("ldaps {plain}: tls handshake: the answer is not TLS")),
        "{failure}"
    );
    assert_eq!(failure.kind(), FailureKind::Answer);
    let mute = silent().await;
    let failure = ask(&check(ldaps(), mute, Duration::from_millis(500))).await.expect_err("silent");
    assert_eq!(failure.to_string(), format!("ldaps {mute}: tls handshake: no answer within 0.5 s"));
    let closes = serve(|_stream| async {}).await;
    let failure = ask(&check(ldaps(), closes, PATIENT)).await.expect_err("closed");
    assert_eq!(failure.kind(), FailureKind::Refused, "{failure}");
}
