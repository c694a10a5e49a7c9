//! A text is sent, and one line of the answer must match. Despite its name it speaks UDP where the virtual service does.

use super::attempt::Attempt;
use super::datagrams::Datagrams;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port, Transport};
use super::lines::Lines;
use super::pattern;
use crate::model::{Check, Field, Protocol, Question};

pub(super) const KIND: CheckKind = CheckKind {
    name: "simpletcp",
    port: Port::Asked,
    transport: Transport::OfService(Protocol::Tcp),
    fields: &[(Field::Request, Need::Optional), (Field::Receive, Need::Optional)],
    validate: pattern_of,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

/// Bytes of an answer that are looked at, as of an HTTP body.
const LONGEST_ANSWER: u64 = 1 << 20;

fn pattern_of(question: &Question) -> Result<(), Invalid> {
    pattern::validate_receive(question)
}

/// Without `receive` any line will do.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    match check.question.protocol {
        // The configuration has no question over SCTP.
        Protocol::Tcp | Protocol::Sctp => ask_in_lines(&attempt, check).await,
        Protocol::Udp => ask_in_datagrams(&attempt, check).await,
    }
}

/// The server sees the end of our side after the request, as with ldirectord: many answer only then.
async fn ask_in_lines(attempt: &Attempt<'_>, check: &Check) -> Result<(), CheckFailure> {
    converse(Lines::connect(attempt, check.target).await?, attempt, &check.question).await
}

pub(super) async fn converse(
    mut lines: Lines<'_>,
    attempt: &Attempt<'_>,
    question: &Question,
) -> Result<(), CheckFailure> {
    lines.may_say(LONGEST_ANSWER);
    lines.send("request", &request(question)).await?;
    lines.end("request").await?;
    let mut first = None;
    while let Some(line) = lines.next("answer").await? {
        if matches(attempt, question, &line)? {
            return Ok(());
        }
        first.get_or_insert(line);
    }
    Err(match first {
        Some(first) => no_match(attempt, question, &first),
        None => attempt.failure_at(FailureKind::Refused, "answer", "connection closed by the server without a word"),
    })
}

/// No datagram is known to be the last one, so each is waited for until the deadline.
async fn ask_in_datagrams(attempt: &Attempt<'_>, check: &Check) -> Result<(), CheckFailure> {
    let question = &*check.question;
    let datagrams = Datagrams::open(attempt, check.target).await?;
    let mut first: Option<Vec<u8>> = None;
    let judge = |datagram: &[u8]| {
        datagram.split_inclusive(|byte| *byte == b'\n').find_map(|line| match matches(attempt, question, line) {
            Ok(true) => Some(Ok(())),
            Ok(false) => {
                first.get_or_insert_with(|| line.to_vec());
                None
            }
            Err(failure) => Some(Err(failure)),
        })
    };
    let verdict = datagrams.ask("answer", &request(question), judge).await;
    match (verdict, first) {
        (Ok(verdict), _) => verdict,
        (Err(failure), Some(first)) if failure.kind() == FailureKind::Timeout => {
            Err(no_match(attempt, question, &first))
        }
        (Err(failure), _) => Err(failure),
    }
}

fn no_match(attempt: &Attempt<'_>, question: &Question, first: &[u8]) -> CheckFailure {
    let first = String::from_utf8_lossy(first.trim_ascii_end());
    let cause = format!("no line matches receive=\"{}\", the first is \"{first}\"", question.receive);
    attempt.failure_at(FailureKind::Answer, "answer", cause)
}

/// ldirectord puts a slash before a request that has none, and takes one away again; `\n` is the only escape.
fn request(question: &Question) -> Vec<u8> {
    let text = question.request.strip_prefix('/').unwrap_or(&question.request);
    text.replace("\\n", "\n").into_bytes()
}

fn matches(attempt: &Attempt<'_>, question: &Question, line: &[u8]) -> Result<bool, CheckFailure> {
    let receive = &question.receive;
    pattern::matches(receive, line).map_err(|unmatched| {
        let (kind, cause) = unmatched.into_parts();
        attempt.failure_at(kind, "answer", format_args!("receive=\"{receive}\": {cause}"))
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::testing::*;
    use super::*;

    fn question(request: &str, receive: &str) -> Question {
        Question { request: request.into(), receive: receive.into(), ..Question::of("simpletcp") }
    }

    /// Reads to the end of the other side, then answers what it has read, between two lines.
    async fn mirror() -> std::net::SocketAddr {
        serve(|mut stream| async move {
            let mut request = Vec::new();
            let _ = stream.read_to_end(&mut request).await;
            let _ = stream.write_all(&[b"first\n", request.as_slice(), b"\nlast \xff"].concat()).await;
        })
        .await
    }

    #[test]
    fn a_request_is_read_as_ldirectord_reads_it() {
        for (written, sent) in [
            ("", ""),
            ("/", ""),
            ("PING", "PING"),
            ("/PING", "PING"),
            ("//PING", "/PING"),
            ("GET / HTTP/1.0\\n\\n", "GET / HTTP/1.0\n\n"),
            ("a\\r\\nb", "a\\r\nb"),
            ("a\\\\nb", "a\\\nb"),
        ] {
            assert_eq!(request(&question(written, "")), sent.as_bytes(), "{written:?}");
        }
    }

    #[tokio::test]
    async fn what_is_up_and_what_is_down() {
        let mirror = mirror().await;
        let mut table = Table::of(question("PING\\n", "^PING$"));
        table.up("a line in the middle", mirror);
        table.slow("silence", stay_after(b"").await, "answer");
        table.slow("a line without end", stay_after(b"PING").await, "answer");
        table.slow("a byte now and then", drip(b"nothing of interest").await, "answer");
        let closing = serve(|mut stream| async move { drop(stream.read_to_end(&mut Vec::new()).await) }).await;
        let wordless = "answer: connection closed by the server without a word";
        table.down("closed without a word", closing, FailureKind::Refused, wordless);
        let wrong = serve(|mut stream| async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            let _ = stream.write_all(b"ERR no\r\nPING \nPI").await;
        })
        .await;
        let text = "answer: no line matches receive=\"^PING$\", the first is \"ERR no\"";
        table.down("other lines", wrong, FailureKind::Answer, text);
        let endless = serve(|mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} }).await;
        table.down("no end", endless, FailureKind::Answer, "answer: the answer is longer than 1048576 bytes");
        let full = FullListener::new();
        table.slow("no connection", full.address, "connect");
        let closed = closed("127.0.0.1:0");
        table.down("a closed port", closed, FailureKind::Refused, "connect: connection refused");
        table.ask(question("x", "^last .$"));
        table.up("the last line has no end", mirror);
        table.ask(question("PING\\n", ""));
        table.up("any line will do", mirror);
        table.down("but there must be one", closing, FailureKind::Refused, wordless);
        table.ask(question("", "(a|a)*\\1b"));
        let long = serve(|mut stream| async move {
            let _ = stream.write_all(&[b'a'; 60]).await;
        })
        .await;
        let steps = "answer: receive=\"(a|a)*\\1b\": no result within 20000000 steps";
        table.down("too many steps", long, FailureKind::Answer, steps);
        table.play().await;
    }

    #[tokio::test]
    async fn behind_a_udp_service_it_speaks_udp() {
        let over_udp = |receive: &str| Question { protocol: Protocol::Udp, ..question("PING", receive) };
        let mut table = Table::of(over_udp("^PONG$"));
        let answers: &[_] = &["hello\nPONG\n"];
        let target = datagrams(1, answers).await;
        table.up("a lost packet", target);
        table.silent_datagrams("silence", datagrams(usize::MAX, &[]).await, "answer");
        table.ask(over_udp("^NO$"));
        table.impatient_down(
            "other lines",
            target,
            FailureKind::Answer,
            "answer: no line matches receive=\"^NO$\", the first is \"hello\"",
        );
        table.play().await;
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_refused() {
        let invalid = pattern_of(&question("", "(")).expect_err("no pattern");
        assert_eq!(invalid.field, Field::Receive);
    }
}
