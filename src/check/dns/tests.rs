use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};

use super::super::testing::*;
use super::*;

fn question(request: &str, receive: &str, protocol: Protocol) -> Question {
    Question { request: request.into(), receive: receive.into(), protocol, ..Question::of("dns") }
}

/// The answer of a server whose only names are `web.test`, with these addresses, and `127.0.0.1`.
fn answer(query: &[u8], addresses: &[&str]) -> Vec<u8> {
    let question = &query[12..];
    let record_type = question[question.len() - 3];
    let is_web = question.to_ascii_lowercase().starts_with(b"\x03web\x04test\0");
    let mut records: Vec<Vec<u8>> = Vec::new();
    for address in addresses.iter().filter(|_| is_web).filter_map(|address| address.parse::<IpAddr>().ok()) {
        match (address, record_type) {
            (IpAddr::V4(address), 1) => records.push(address.octets().to_vec()),
            (IpAddr::V6(address), 28) => records.push(address.octets().to_vec()),
            _ => {}
        }
    }
    if question.starts_with(b"\x011\x010\x010\x03127\x07in-addr\x04arpa\0") {
        records.push(b"\x04host\x04test\0".to_vec());
    }
    let code = if is_web || !records.is_empty() { 0 } else { 3 };
    let mut message = [&query[..2], &[0x85, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0], question].concat();
    for data in records {
        message.extend([0xc0, 12, 0, record_type, 0, 1, 0, 0, 0, 9, 0, data.len() as u8]);
        message.extend(data);
    }
    message
}

/// A server that answers both ways: `udp` and `tcp` make the answer from the query.
async fn server(
    udp: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    tcp: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let socket = UdpSocket::bind(address).await.expect("the same port");
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            for message in udp(&buffer[..length]) {
                let _ = socket.send_to(&message, client).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap_or(0))];
            let _ = stream.read_exact(&mut query).await;
            let _ = stream.write_all(&tcp(&query)).await;
        }
    });
    address
}

fn with_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

async fn web(addresses: &'static [&'static str]) -> SocketAddr {
    server(move |query| vec![answer(query, addresses)], move |query| with_length(&answer(query, addresses))).await
}

async fn text(question: Question, target: SocketAddr, timeout: Duration) -> Result<(), String> {
    let failure = ask(&check(question, target, timeout)).await;
    failure.map_err(|failure| failure.to_string().replace(&format!("dns {target}: "), ""))
}

#[tokio::test]
async fn addresses_and_names_decide() {
    let target = web(&["10.1.0.2", "10.1.0.3", "2001:db8::7"]).await;
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut wrong = Vec::new();
        for (request, receive, wanted) in [
            ("web.test", "", Ok(())),
            ("/web.test", "10\\.1\\.0\\.3", Ok(())),
            ("WEB.test.", "^2001:db8::7$", Ok(())),
            ("127.0.0.1", "^host\\.test$", Ok(())),
            ("127.0.0.1", "", Ok(())),
            ("127.0.0.1", "x", Err("127.0.0.1: its name host.test does not match receive=\"x\"")),
            ("web.test", "9", Err("web.test: none of 10.1.0.2 10.1.0.3 2001:db8::7 matches receive=\"9\"")),
            ("ftp.test", "", Err("ftp.test: no such name (code 3)")),
            ("web", "", Err("web: no such name (code 3): expected a whole name, since no search list is used")),
        ] {
            let result = text(question(request, receive, protocol), target, PATIENT).await;
            if result != wanted.map_err(str::to_owned) {
                wrong.push((request, receive, result));
            }
        }
        assert!(wrong.is_empty(), "{protocol}: {wrong:?}");
    }
    let empty = web(&[]).await;
    let result = text(question("web.test", "", Protocol::Udp), empty, PATIENT).await;
    assert_eq!(result, Err("web.test: the server knows no address of it".into()));
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let truncated = |query: &[u8]| {
        let mut message = answer(query, &[]);
        message[2] |= 2;
        vec![message]
    };
    let good = server(truncated, |query| with_length(&answer(query, &["10.1.0.2"]))).await;
    text(question("web.test", "10.1.0.2", Protocol::Udp), good, PATIENT).await.expect("over TCP");
    let closes = server(truncated, |_| vec![0, 9, 1]).await;
    let failure = ask(&check(question("web.test", "", Protocol::Udp), closes, PATIENT)).await.expect_err("cut off");
    assert_eq!(failure.to_string(), format!("dns {closes}: web.test over TCP: connection closed by the server"));
    assert_eq!(failure.kind(), FailureKind::Refused);
}

/// What somebody else sends from the server's address, or the server to an earlier question, decides nothing.
#[tokio::test]
async fn only_the_answer_to_our_question_counts() {
    let noisy = server(
        |query| {
            let good = answer(query, &["10.1.0.2"]);
            let mut other_id = good.clone();
            other_id[0] ^= 1;
            let mut other_name = good.clone();
            other_name[13] = b'x';
            vec![Vec::new(), b"x".to_vec(), query.to_vec(), other_id, other_name, good]
        },
        |_| Vec::new(),
    )
    .await;
    text(question("web.test", "10.1.0.2", Protocol::Udp), noisy, PATIENT).await.expect("the last one");
    let wrong = server(|query| vec![query.to_vec()], with_length).await;
    let result = text(question("web.test", "", Protocol::Udp), wrong, Duration::from_millis(300)).await;
    let wanted = "web.test: no answer within 0.3 s (1 requests)";
    assert_eq!(result, Err(wanted.into()));
    let result = text(question("web.test", "", Protocol::Tcp), wrong, PATIENT).await;
    assert_eq!(result, Err("web.test: an answer to something else".into()));
    let broken = server(|query| vec![answer(query, &["10.1.0.2"])[..40].to_vec()], |_| Vec::new()).await;
    let result = text(question("web.test", "", Protocol::Udp), broken, PATIENT).await;
    assert_eq!(result, Err("web.test: not a DNS answer".into()));
}

#[tokio::test]
async fn every_wait_ends_at_the_deadline() {
    let silent_udp = server(|_| Vec::new(), |_| Vec::new()).await;
    let dripping = drip(b"\xff\xff").await;
    let full = FullListener::new();
    for (target, protocol, wanted) in [
        (silent_udp, Protocol::Udp, "a.b: no answer within 1.2 s (2 requests)"),
        (silent().await, Protocol::Tcp, "a.b: no answer within 1.2 s"),
        (dripping, Protocol::Tcp, "a.b: no answer within 1.2 s"),
        (full.address, Protocol::Tcp, "a.b: no answer within 1.2 s"),
    ] {
        let check = check(question("a.b", "", protocol), target, Duration::from_millis(1200));
        let ask = async || ask(&check).await.expect_err("nobody answers");
        let failure = of_two_requests(async || ends_within(SECOND * 4, ask).await).await;
        assert_eq!(failure.to_string(), format!("dns {target}: {wanted}"));
        assert_eq!(failure.kind(), FailureKind::Timeout);
    }
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let target = closed(address);
            let failure = ask(&check(question("a.b", "", protocol), target, PATIENT)).await.expect_err("closed");
            assert_eq!(failure.to_string(), format!("dns {target}: a.b: connection refused"));
            assert_eq!(failure.kind(), FailureKind::Refused);
        }
    }
}
