use std::time::Instant;

use super::super::testing::*;
use super::*;
use crate::model::Secret;

const PASSWORD: &str = "tops3cret";

fn question() -> Question {
    Question {
        login: "monitor".into(),
        passwd: Secret::new(PASSWORD),
        request: "SELECT 1".into(),
        ..Question::of("mysql")
    }
}

async fn failure(target: SocketAddr, timeout: Duration) -> CheckFailure {
    let failure = ask(&check(question(), target, timeout)).await.expect_err("no MySQL server");
    assert!(!failure.to_string().contains(PASSWORD), "{failure}");
    failure
}

/// Greeting of a MariaDB 10.11 server, protocol 10, that wants mysql_native_password.
const GREETING: &[u8] = b"\x59\0\0\0\x0a5.5.5-10.11.6-MariaDB\0\x05\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";

#[tokio::test]
async fn a_closed_port_is_refused() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let target = closed(address);
        let failure = failure(target, PATIENT).await;
        assert_eq!(failure.to_string(), format!("mysql {target}: connect: connection refused"));
        assert_eq!(failure.kind(), FailureKind::Refused);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_told_from_a_silent_one() {
    let full = FullListener::new();
    let unreachable = failure(full.address, SECOND).await;
    assert_eq!(unreachable.to_string(), format!("mysql {}: connect: no answer within 1 s", full.address));
    let target = silent().await;
    let started = Instant::now();
    let silence = failure(target, SECOND).await;
    assert_eq!(silence.to_string(), format!("mysql {target}: login as \"monitor\": no answer within 1 s"));
    assert_eq!(silence.kind(), FailureKind::Timeout);
    assert!(started.elapsed() < SECOND * 2, "{:?}", started.elapsed());
    // The thread has ended, so the next check asks again.
    let again = failure(target, SECOND).await;
    assert_eq!(again.to_string(), silence.to_string());
}

#[tokio::test]
async fn a_slow_drip_ends_at_the_deadline_and_holds_one_thread_only() {
    let target = drip(b"\xff\xff\x0f\0").await;
    let started = Instant::now();
    let first = failure(target, SECOND).await;
    assert_eq!(first.to_string(), format!("mysql {target}: login as \"monitor\": no answer within 1 s"));
    assert!(started.elapsed() < SECOND * 2, "{:?}", started.elapsed());
    tokio::time::sleep(Duration::from_millis(250)).await;
    let started = Instant::now();
    let second = failure(target, SECOND * 10).await;
    assert!(second.to_string().contains("an earlier check still hangs"), "{second}");
    assert_eq!(second.kind(), FailureKind::Internal, "the first check has said what is wrong with the server");
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn garbage_is_a_failure_and_no_panic() {
    for garbage in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\0\0\0\0",
        b"\x01\0\0\0\x0a",
        b"\x05\0\0\x07\x0a5.5\0",
        b"\xff\xff\xff\0",
    ] {
        let target = greet(garbage).await;
        let failure = failure(target, SECOND).await;
        assert_ne!(failure.kind(), FailureKind::Internal, "{garbage:?}: {failure:?}");
    }
}

#[tokio::test]
async fn errors_in_place_of_the_greeting_are_understood() {
    let target = greet(b"\x17\0\0\0\xff\x10\x04Too many connections").await;
    let failure = failure(target, PATIENT).await;
    assert_eq!(failure.to_string(), format!("mysql {target}: login as \"monitor\": too many connections (error 1040)"));
}

#[tokio::test]
async fn an_empty_packet_after_the_login_kills_only_its_thread() {
    let target = serve(|mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut greeting = GREETING.to_vec();
        greeting[0] = u8::try_from(GREETING.len() - 4).expect("short");
        let _ = stream.write_all(&greeting).await;
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(b"\0\0\0\x02").await;
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    for _ in 0..2 {
        let failure = failure(target, PATIENT).await;
        assert_eq!(failure.to_string(), format!("mysql {target}: login as \"monitor\": not a MySQL answer"));
    }
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_a_refusal() {
    let target = serve(|_stream| async {}).await;
    let failure = failure(target, PATIENT).await;
    assert_eq!(failure.kind(), FailureKind::Refused, "{failure}");
}

#[tokio::test]
async fn a_server_that_closes_in_the_middle_of_an_answer_is_a_refusal() {
    let in_greeting = close_after(GREETING.split_at(GREETING.len() / 2).0).await;
    let in_login = serve(|mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut greeting = GREETING.to_vec();
        greeting[0] = u8::try_from(GREETING.len() - 4).expect("short");
        let _ = stream.write_all(&greeting).await;
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(b"\x07\0\0\x02\0\0").await;
    })
    .await;
    for target in [in_greeting, in_login] {
        let failure = failure(target, PATIENT).await;
        let wanted = format!("mysql {target}: login as \"monitor\": connection closed by the server");
        assert_eq!((failure.to_string(), failure.kind()), (wanted, FailureKind::Refused));
    }
}
