use std::sync::atomic::Ordering;

use super::super::testing::*;
use super::*;
use crate::check::{run, run_for};
use crate::model::Secret;
use crate::testing::mysql_server::{self, IsSilent, RESET};

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
    let failure = run(&check(question(), target, timeout)).await.expect_err("no MySQL server");
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
    let silence = ends_within(SECOND * 2, async || failure(target, SECOND).await).await;
    assert_eq!(silence.to_string(), format!("mysql {target}: login as \"monitor\": no answer within 1 s"));
    assert_eq!(silence.kind(), FailureKind::Timeout);
    // The thread has ended, so the next check asks again.
    let again = failure(target, SECOND).await;
    assert_eq!(again.to_string(), silence.to_string());
}

#[tokio::test]
async fn a_slow_drip_ends_at_the_deadline_and_holds_one_thread_only() {
    // A server of its own each time: the thread of an earlier check hangs at that one's.
    let ask = async || {
        let target = drip(b"\xff\xff\x0f\0").await;
        (target, failure(target, SECOND).await)
    };
    let (target, first) = ends_within(SECOND * 2, ask).await;
    assert_eq!(first.to_string(), format!("mysql {target}: login as \"monitor\": no answer within 1 s"));
    tokio::time::sleep(Duration::from_millis(250)).await;
    let second = ends_within(SECOND, async || failure(target, SECOND * 10).await).await;
    assert!(second.to_string().contains("an earlier check still hangs"), "{second}");
    assert_eq!(second.kind(), FailureKind::Internal, "the first check has said what is wrong with the server");
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
    let advice = run(&check(question(), target, PATIENT)).await.expect("it is there");
    let wanted = Advice { percent: 10, lets_in: false, reason: "too many connections (error 1040)".into() };
    assert_eq!(advice, Some(wanted));
    let target = greet(b"\x0d\0\0\0\xff\x69\x04is blocked").await;
    let failure = failure(target, PATIENT).await;
    assert_eq!(failure.kind(), FailureKind::Internal, "{failure}");
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

/// The login of a healthy server would answer at once, and must not hide that the session does not.
#[tokio::test]
async fn a_kept_session_that_falls_silent_ends_the_run_with_what_it_has_found_and_the_next_one_logs_in() {
    fn is_kept(asked: &[Vec<u8>]) -> bool {
        asked.iter().any(|packet| packet.first() == Some(&RESET))
    }
    fn is_lag(asked: &[Vec<u8>]) -> bool {
        asked.last().is_some_and(|packet| packet.ends_with(b"SHOW SLAVE STATUS"))
    }
    let lagging = Standing { maxlag: "10".into(), ..Standing::default() };
    let any = Standing { role: "any".into(), ..Standing::default() };
    let silences: [IsSilent; 2] = [is_kept, |asked| is_kept(asked) && is_lag(asked)];
    let in_login = Some("login as \"monitor\": no answer within 1 s");
    let failures = [[in_login; 2], [None, Some("state: no answer within 1 s")]];
    for (is_silent, wanted) in silences.into_iter().zip(failures) {
        let (target, logins) = mysql_server::start(is_silent);
        let question = Question { request: String::new(), freshlogin: "600".into(), ..question() };
        let (check, sessions) = (check(question, target, SECOND), Sessions::default());
        sessions.keep_for([&check].into_iter());
        let standings = [&any, &lagging];
        let first = run_for(&check, &standings, &sessions).await;
        assert!(first.iter().all(Result::is_ok), "{first:?}");
        let silence = run_for(&check, &standings, &sessions).await;
        let failures = silence.iter().map(|verdict| verdict.as_ref().err().map(ToString::to_string));
        let wanted = wanted.map(|text| text.map(|text| format!("mysql {target}: {text}")));
        assert_eq!(failures.collect::<Vec<_>>(), wanted);
        assert_eq!(logins.load(Ordering::Relaxed), 1);
        let next = run_for(&check, &standings, &sessions).await;
        assert!(next.iter().all(Result::is_ok), "{next:?}");
        assert_eq!(logins.load(Ordering::Relaxed), 2);
    }
}
