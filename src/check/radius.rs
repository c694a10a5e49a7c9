//! A RADIUS server lets a user in.

mod packet;

use super::attempt::Attempt;
use super::datagrams::Datagrams;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, Burden, CheckKind, Invalid, Need, PLAIN, Port, TimeLimit};
use crate::model::{Check, Field, Question};
use crate::system::random;
use packet::{LONGEST_PASSWORD, LONGEST_VALUE, Reply, Request};

pub(super) const KIND: CheckKind = CheckKind {
    name: "radius",
    limit: TimeLimit::Checktimeout,
    port: Port::Usual(1812),
    fields: &[(Field::Login, Need::Required), (Field::Passwd, Need::Optional), (Field::Secret, Need::Required)],
    validate,
    burden: Burden::Socket,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

fn validate(question: &Question) -> Result<(), Invalid> {
    let invalid = |field, expected: String| Err(Invalid { field, expected });
    if question.login.len() > LONGEST_VALUE {
        return invalid(Field::Login, format!("expected at most {LONGEST_VALUE} bytes"));
    }
    if question.passwd.reveal().len() > LONGEST_PASSWORD {
        return invalid(Field::Passwd, format!("expected at most {LONGEST_PASSWORD} bytes"));
    }
    Ok(())
}

/// Always over UDP, whatever the virtual service has; the answer must be signed with the secret.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let Question { login, passwd, secret, .. } = &*check.question;
    let attempt = Attempt::start(check);
    let step = format!("access for \"{login}\"");
    let [id, authenticator @ ..] = random::bytes::<17>()
        .map_err(|error| attempt.failure_at(FailureKind::Internal, "random number", error.to_string()))?;
    let mut datagrams = Datagrams::open(&attempt, check.target).await?;
    datagrams.silence = "; does the server know this host, with this secret?";
    let client = datagrams.own_address().map_err(|error| attempt.open_failure(&error))?.ip();
    let request = Request { id, authenticator, login, passwd: passwd.reveal(), secret: secret.reveal(), client };
    let accept = |packet: &[u8]| request.decode_reply(packet);
    let cause = match datagrams.ask(&step, &request.encode(), accept).await? {
        Reply::Accept => return Ok(()),
        Reply::Reject(text) if text.is_empty() => "rejected".into(),
        Reply::Reject(text) => format!("rejected: {}", passwd.hide_in(&text)),
        Reply::Challenge => "answered with a challenge: expected a user who needs no more than a password".into(),
        Reply::Other(code) => format!("answered with a packet of code {code}"),
    };
    Err(attempt.failure_at(FailureKind::Answer, &step, cause))
}

#[cfg(test)]
#[path = "../../fuzz/radius.rs"]
mod fuzz;
#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use md5::{Digest, Md5};
    use tokio::net::UdpSocket;

    use super::super::testing::*;
    use super::*;
    use crate::model::Secret;

    const PASSWORD: &str = "tops3cret";
    const SECRET: &str = "shar3d";

    fn question() -> Question {
        let (passwd, secret) = (Secret::new(PASSWORD), Secret::new(SECRET));
        Question { login: "monitor".into(), passwd, secret, ..Question::of("radius") }
    }

    /// Answers each request with this code and these attributes, signed with `secret`.
    async fn server(code: u8, attributes: &'static [u8], secret: &'static str) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let address = socket.local_addr().expect("address");
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((_, client)) = socket.recv_from(&mut packet).await {
                let start = [code, packet[1], 0, 20 + attributes.len() as u8];
                let digest = Md5::new().chain_update(start).chain_update(&packet[4..20]);
                let digest = digest.chain_update(attributes).chain_update(secret).finalize();
                // First what answers somebody else, then the answer.
                let other = [code, packet[1].wrapping_add(1), 0, 20];
                let _ = socket.send_to(&[&other, &digest[..]].concat(), client).await;
                let _ = socket.send_to(&[&start, &digest[..], attributes].concat(), client).await;
            }
        });
        address
    }

    async fn failure(target: SocketAddr, timeout: Duration) -> CheckFailure {
        let failure = ask(&check(question(), target, timeout)).await.expect_err("must fail");
        let text = failure.to_string();
        assert!(!text.contains(PASSWORD) && !text.contains(SECRET), "{text}");
        failure
    }

    #[tokio::test]
    async fn only_an_access_accept_that_is_signed_is_up() {
        ask(&check(question(), server(2, b"\x12\x07hello", SECRET).await, PATIENT)).await.expect("accepted");
        for (code, attributes, wanted) in [
            (3, b"".as_slice(), "rejected"),
            (3, b"\x12\x0aloc\nked\0", "rejected: loc ked "),
            (11, b"", "answered with a challenge: expected a user who needs no more than a password"),
            (5, b"", "answered with a packet of code 5"),
            (3, b"\x12\x16no: tops3cret is old", "rejected: no: *** is old"),
        ] {
            let target = server(code, attributes, SECRET).await;
            let failure = failure(target, PATIENT).await;
            assert_eq!(failure.to_string(), format!("radius {target}: access for \"monitor\": {wanted}"));
            assert_eq!(failure.kind(), FailureKind::Answer);
        }
    }

    #[tokio::test]
    async fn silence_and_a_wrong_secret_end_at_the_deadline() {
        let mute = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let stranger = server(2, b"", "other").await;
        for target in [mute.local_addr().expect("address"), stranger] {
            let ask = async || failure(target, Duration::from_millis(1300)).await;
            let failure = of_two_requests(async || ends_within(SECOND * 4, ask).await).await;
            let wanted = format!(
                "radius {target}: access for \"monitor\": no answer within 1.3 s (2 requests; does the server \
                 know this host, with this secret?)"
            );
            assert_eq!(failure.to_string(), wanted);
            assert_eq!(failure.kind(), FailureKind::Timeout);
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let target = closed(address);
            let failure = failure(target, PATIENT).await;
            assert_eq!(failure.to_string(), format!("radius {target}: access for \"monitor\": connection refused"));
        }
    }
}
