//! SIP (RFC 3261): an OPTIONS request is answered by `200 OK`, over the transport of the virtual service.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;

use super::attempt::Attempt;
use super::datagrams::Datagrams;
use super::failure::CheckFailure;
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port, Transport};
use super::lines::{self, Lines};
use crate::model::{Check, Field, Protocol, Question};

pub(super) const KIND: CheckKind = CheckKind {
    name: "sip",
    port: Port::Usual(5060),
    transport: Transport::OfService(Protocol::Tcp),
    fields: &[(Field::Login, Need::DefaultWhereNamed(|host| format!("ldirectord@{host}")))],
    validate: |question| validate(question),
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

fn validate(question: &Question) -> Result<(), Invalid> {
    lines::validate(question, &[Field::Login])
}

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    let step = format!("OPTIONS sip:{}", check.question.login);
    match check.question.protocol {
        Protocol::Udp => ask_in_datagrams(&attempt, check, &step).await,
        // The configuration has no question over SCTP.
        Protocol::Tcp | Protocol::Sctp => ask_in_lines(&attempt, check, &step).await,
    }
}

async fn ask_in_datagrams(attempt: &Attempt<'_>, check: &Check, step: &str) -> Result<(), CheckFailure> {
    let datagrams = Datagrams::open(attempt, check.target).await?;
    let own = own_address(attempt, datagrams.own_address())?;
    // The same again where it is sent again, so that the server knows it.
    let request = request(&check.question, own);
    let answer = datagrams.ask(step, request.as_bytes(), |datagram| {
        let text = String::from_utf8_lossy(datagram);
        let line = text.lines().next().unwrap_or_default();
        Some(verdict(line)).filter(|verdict| *verdict != Verdict::Wait).map(|verdict| (verdict, line.to_owned()))
    });
    match answer.await? {
        (Verdict::Good, _) => Ok(()),
        (_, line) => Err(attempt.wrong(step, &line)),
    }
}

async fn ask_in_lines(attempt: &Attempt<'_>, check: &Check, step: &str) -> Result<(), CheckFailure> {
    let stream = attempt.connect("connect", check.target).await?;
    let own = own_address(attempt, stream.local_addr())?;
    let mut lines = Lines::over(attempt, stream);
    lines.send(step, request(&check.question, own).as_bytes()).await?;
    wait(&mut lines, step).await
}

/// Reads up to the end of the final answer's head.
pub(super) async fn wait(lines: &mut Lines<'_>, step: &str) -> Result<(), CheckFailure> {
    loop {
        let line = lines.line(step).await?;
        // To be ignored before an answer (section 7.5).
        if line.is_empty() {
            continue;
        }
        let verdict = verdict(&line);
        if verdict == Verdict::Wrong {
            return Err(lines.wrong(step, &line));
        }
        while !lines.line(step).await?.is_empty() {}
        if verdict == Verdict::Good {
            return Ok(());
        }
    }
}

fn own_address(attempt: &Attempt<'_>, address: io::Result<SocketAddr>) -> Result<SocketAddr, CheckFailure> {
    address.map_err(|error| attempt.open_failure(&error))
}

/// ldirectord's request, but for what must differ from one request to the next (RFC 3261 sections 8.1.1.4 and 8.1.1.7),
/// and for the transport in `Via`, where it always says UDP.
fn request(question: &Question, own: SocketAddr) -> String {
    let login = &question.login;
    let transport = question.protocol.to_string().to_ascii_uppercase();
    let (branch, tag, call) = (random(), random(), random());
    format!(
        "OPTIONS sip:{login} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {own};branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\n\
         To: <sip:{login}>\r\n\
         From: <sip:{login}>;tag={tag}\r\n\
         Call-ID: {call}\r\n\
         CSeq: 63104 OPTIONS\r\n\
         Contact: <sip:{login}>\r\n\
         Accept: application/sdp\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// A provisional answer, or a packet that only keeps a way open: the true one follows.
    Wait,
    Wrong,
}

fn verdict(line: &str) -> Verdict {
    match line.strip_prefix("SIP/2.0 ") {
        Some(status) if status.starts_with("200 OK") => Verdict::Good,
        Some(status) if status.starts_with('1') => Verdict::Wait,
        None if line.trim_matches('\0').is_empty() => Verdict::Wait,
        _ => Verdict::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::super::testing::*;
    use super::*;
    use crate::check::FailureKind;

    const OK: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    const TRYING: &str = "SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n";
    const STEP: &str = "OPTIONS sip:mon@example.com";

    fn question(protocol: Protocol) -> Question {
        Question { protocol, login: "mon@example.com".into(), ..Question::of("sip") }
    }

    async fn stream(answer: &'static str) -> SocketAddr {
        serve(move |mut stream| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await
    }

    #[tokio::test]
    async fn over_udp() {
        let mut table = Table::of(question(Protocol::Udp));
        table.up("a server", datagrams(0, &[OK]).await);
        table.up("a lost packet", datagrams(1, &[OK]).await);
        table.up("a provisional answer", datagrams(0, &["\r\n\r\n", TRYING, OK]).await);
        for (answer, line) in [
            ("SIP/2.0 404 Not Found\r\n\r\n", "SIP/2.0 404 Not Found"),
            ("SIP/2.0 503 Service Unavailable\r\n\r\n", "SIP/2.0 503 Service Unavailable"),
            ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK"),
        ] {
            let answers: &[_] = Box::leak(Box::new([answer]));
            table.down(answer, datagrams(0, answers).await, FailureKind::Answer, &format!("{STEP}: {line}"));
        }
        let closed = closed("127.0.0.1:0");
        table.down("a closed port", closed, FailureKind::Refused, &format!("{STEP}: connection refused"));
        table.silent_datagrams("silence", datagrams(usize::MAX, &[]).await, STEP);
        table.play().await;
    }

    #[tokio::test]
    async fn over_tcp() {
        let mut table = Table::of(question(Protocol::Tcp));
        table.up("a server", stream(OK).await);
        table.up("an empty line first", stream("\r\nSIP/2.0 200 OK\r\n\r\n").await);
        table.up("a provisional answer", stream("SIP/2.0 100 Trying\r\n\r\nSIP/2.0 200 OK\r\nX: y\r\n\r\n").await);
        let busy = stream("SIP/2.0 486 Busy Here\r\n\r\n").await;
        table.down("busy", busy, FailureKind::Answer, &format!("{STEP}: SIP/2.0 486 Busy Here"));
        let closes = format!("{STEP}: connection closed by the server");
        for (name, answer) in [("closed at once", ""), ("closed midway", "SIP/2.0 200 OK\r\nX: y\r\n")] {
            table.down(name, stream(answer).await, FailureKind::Refused, &closes);
        }
        table.faults(STEP, b"SIP/2.0 200 OK\r\nVia: something\r\n\r\n").await;
        table.play().await;
    }

    #[test]
    fn the_request_is_that_of_ldirectord_and_new_each_time() {
        let own = "[2001:db8::1]:5070".parse().expect("address");
        let udp = request(&question(Protocol::Udp), own);
        let lines: Vec<&str> = udp.split("\r\n").collect();
        assert_eq!(lines.first(), Some(&"OPTIONS sip:mon@example.com SIP/2.0"));
        assert!(lines.get(1).is_some_and(|via| via.starts_with("Via: SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK")));
        for line in ["To: <sip:mon@example.com>", "CSeq: 63104 OPTIONS", "Content-Length: 0"] {
            assert!(lines.contains(&line), "{line}\n{udp}");
        }
        assert!(udp.ends_with("\r\n\r\n"));
        assert_ne!(udp, request(&question(Protocol::Udp), own));
        assert!(request(&question(Protocol::Tcp), own).contains("Via: SIP/2.0/TCP "));
    }
}
