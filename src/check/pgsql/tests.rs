use std::net::SocketAddr;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::super::testing::*;
use super::*;
use crate::model::Secret;

const PASSWORD: &str = "tops3cret";

fn question() -> Question {
    let (passwd, request) = (Secret::new(PASSWORD), "/SELECT 1".into());
    Question { login: "monitor".into(), passwd, request, ..Question::of("pgsql") }
}

async fn failure(target: SocketAddr, timeout: Duration) -> CheckFailure {
    let failure = ask(&check(question(), target, timeout)).await.expect_err("must fail");
    assert!(!failure.to_string().contains(PASSWORD), "{failure}");
    failure
}

/// Messages of PostgreSQL 15: no password is wanted, and the server is ready.
const LOGGED_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const ROW: &[u8] =
    b"T\0\0\0\x21\0\x01?column?\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0D\0\0\0\x0b\0\x01\0\0\0\x011";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// Answers the question for TLS with `tls`, the login with `login` and the query with `result`.
async fn converse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answers: &[Vec<u8>]) {
    for answer in answers {
        if stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {
            let _ = stream.write_all(answer).await;
            let _ = stream.flush().await;
        }
    }
    while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
}

async fn server(login: &[u8], result: &[u8]) -> SocketAddr {
    let answers = [b"N".to_vec(), login.to_vec(), result.to_vec()];
    serve(move |mut stream| {
        let answers = answers.clone();
        async move { converse(&mut stream, &answers).await }
    })
    .await
}

fn complete(tag: &str) -> Vec<u8> {
    [b"C\0\0\0".as_slice(), &[tag.len() as u8 + 5], tag.as_bytes(), b"\0"].concat()
}

fn error(code: &SqlState, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{}\0M{message}\0\0", code.code());
    [b"E\0\0\0".as_slice(), &[fields.len() as u8 + 4], fields.as_bytes()].concat()
}

#[tokio::test]
async fn the_rows_of_the_last_statement_decide() {
    let selected = [ROW, &complete("SELECT 1"), READY].concat();
    let mut wrong = Vec::new();
    for (result, wanted) in [
        (selected.clone(), Ok(())),
        ([complete("UPDATE 2"), READY.to_vec()].concat(), Ok(())),
        ([complete("INSERT 0 1"), READY.to_vec()].concat(), Ok(())),
        ([complete("SELECT 0"), READY.to_vec()].concat(), Err("returned no row")),
        ([complete("SET"), READY.to_vec()].concat(), Err("returned no row")),
        ([&complete("UPDATE 2"), complete("SELECT 0").as_slice(), READY].concat(), Err("returned no row")),
        (
            [&error(&SqlState::UNDEFINED_TABLE, "Relation \"a\" does not exist"), READY].concat(),
            Err("relation \"a\" does not exist (error 42P01)"),
        ),
        (b"X\0\0\0\x04".to_vec(), Err("not a PostgreSQL answer (unknown message tag `88`)")),
    ] {
        let target = server(LOGGED_IN, &result).await;
        let answer = ask(&check(question(), target, PATIENT)).await.map_err(|failure| failure.to_string());
        let wanted = wanted.map_err(|cause| format!("pgsql {target}: query \"SELECT 1\": {cause}"));
        if answer != wanted {
            wrong.push((answer, wanted));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn more_rows_than_are_read_are_rows() {
    let endless = serve(|mut stream| async move {
        converse_until_query(&mut stream).await;
        let _ = stream.write_all(ROW).await;
        let row = b"D\0\0\0\x0b\0\x01\0\0\0\x011".repeat(1000);
        while stream.write_all(&row).await.is_ok() {}
    })
    .await;
    ask(&check(question(), endless, PATIENT)).await.expect("up");
    let huge = server(b"R\x7f\xff\xff\xff", b"").await;
    let failure = failure(huge, SECOND).await;
    assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
    let flood = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(b"NR\x7f\xff\xff\xff").await;
        while stream.write_all(&[0; 65_536]).await.is_ok() {}
    })
    .await;
    let failure = failure_of_flood(flood).await;
    assert!(failure.ends_with("login as \"monitor\": more than is read of an answer"), "{failure}");
}

#[tokio::test]
async fn a_server_that_closes_in_the_middle_of_an_answer_is_a_refusal() {
    let closing = |answers: &'static [&'static [u8]]| {
        serve(move |mut stream| async move {
            for answer in answers {
                let _ = stream.read(&mut [0; 512]).await;
                let _ = stream.write_all(answer).await;
            }
        })
    };
    for (target, step) in [
        (closing(&[b"N", b"R\0\0\0\x08\0"]).await, "login as \"monitor\""),
        (closing(&[b"N", LOGGED_IN, b"T\0\0\0"]).await, "query \"SELECT 1\""),
        (closing(&[b"N", LOGGED_IN, b""]).await, "query \"SELECT 1\""),
    ] {
        let failure = failure(target, PATIENT).await;
        let wanted = format!("pgsql {target}: {step}: connection closed by the server");
        assert_eq!((failure.to_string(), failure.kind()), (wanted, FailureKind::Refused));
    }
}

async fn failure_of_flood(target: SocketAddr) -> String {
    failure(target, PATIENT).await.to_string()
}

async fn converse_until_query(stream: &mut tokio::net::TcpStream) {
    for answer in [b"N".as_slice(), LOGGED_IN] {
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(answer).await;
    }
    let _ = stream.read(&mut [0; 512]).await;
}

#[tokio::test]
async fn a_refused_login_says_why() {
    for (code, message, wanted) in [
        (SqlState::INVALID_PASSWORD, "password authentication failed", "password authentication failed (error 28P01)"),
        (
            SqlState::TOO_MANY_CONNECTIONS,
            "sorry, too many clients already",
            "sorry, too many clients already (error 53300)",
        ),
        (SqlState::CANNOT_CONNECT_NOW, "the database\nis\x1b", "the database is  (error 57P03)"),
    ] {
        let target = server(&error(&code, message), b"").await;
        let failure = failure(target, PATIENT).await;
        assert_eq!(failure.to_string(), format!("pgsql {target}: login as \"monitor\": {wanted}"));
        assert_eq!(failure.kind(), FailureKind::Answer);
    }
    let garbage = greet(b"SSH-2.0-OpenSSH_9.2p1\r\n").await;
    let failure = failure(garbage, SECOND).await;
    assert_ne!(failure.kind(), FailureKind::Internal, "{failure}");
}

#[tokio::test]
async fn tls_is_used_where_it_is_offered_and_done_without_where_it_is_broken() {
    let selected = [ROW, &complete("SELECT 1"), READY].concat();
    let answers = [LOGGED_IN.to_vec(), selected.clone()];
    let secure = serve(move |mut stream| {
        let answers = answers.clone();
        async move {
            let _ = stream.read(&mut [0; 8]).await;
            let _ = stream.write_all(b"S").await;
            if let Ok(mut stream) = acceptor().accept(stream).await {
                converse(&mut stream, &answers).await;
            }
        }
    })
    .await;
    ask(&check(question(), secure, PATIENT)).await.expect("encrypted");
    // It says that it speaks TLS and does not: the second connection has no handshake.
    let answers = [LOGGED_IN.to_vec(), selected];
    let broken = serve(move |mut stream| {
        let answers = answers.clone();
        async move {
            let mut start = [0; 8];
            let _ = stream.read_exact(&mut start).await;
            if start == TLS_REQUEST {
                let _ = stream.write_all(b"Snonsense").await;
            } else {
                converse(&mut stream, &answers).await;
            }
        }
    })
    .await;
    ask(&check(question(), broken, PATIENT)).await.expect("in clear");
}

#[tokio::test]
async fn a_server_that_hangs_drips_or_closes_is_down() {
    let full = FullListener::new();
    let closed = closed("127.0.0.1:0");
    let cut = server(LOGGED_IN, b"").await;
    let closes = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 8]).await;
        let _ = stream.write_all(b"N").await;
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    let silence = "no answer within 0.7 s";
    for (target, step, cause, kind) in [
        (full.address, "connect", silence, FailureKind::Timeout),
        (closed, "connect", "connection refused", FailureKind::Refused),
        (silent().await, "tls", silence, FailureKind::Timeout),
        (drip(b"NR\0\0\0\x7f").await, "login as \"monitor\"", silence, FailureKind::Timeout),
        (cut, "query \"SELECT 1\"", silence, FailureKind::Timeout),
        (closes, "login as \"monitor\"", "connection", FailureKind::Refused),
        (serve(|_stream| async {}).await, "tls", "connection", FailureKind::Refused),
    ] {
        let ask = async || failure(target, Duration::from_millis(700)).await;
        let failure = ends_within(SECOND * 3, ask).await;
        assert!(failure.to_string().starts_with(&format!("pgsql {target}: {step}: {cause}")), "{step}: {failure}");
        assert_eq!(failure.kind(), kind, "{failure}");
    }
}
