//! A text is sent, and one line of the answer must match.

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{CheckKind, Invalid, Need, PLAIN, Port};
use super::lines::Lines;
use super::pattern;
use crate::model::{Check, Field, Question};

pub(super) const KIND: CheckKind = CheckKind {
    name: "simpletcp",
    port: Port::Asked,
    fields: &[(Field::Request, Need::Optional), (Field::Receive, Need::Optional)],
    validate: pattern_of,
    ask: Some(|check| Box::pin(ask(check))),
    ..PLAIN
};

/// Bytes of an answer that are looked at, as of an HTTP body.
const LONGEST_ANSWER: u64 = 1 << 20;

fn pattern_of(question: &Question) -> Result<(), Invalid> {
    pattern::validate_receive(question)
}

/// The server sees the end of our side after the request, as with ldirectord: many answer only then. Without `receive` any
/// line will do.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let (attempt, question) = (Attempt::start(check), &*check.question);
    let mut lines = Lines::connect(&attempt, check.target).await?;
    lines.may_say(LONGEST_ANSWER);
    lines.send("request", &request(question)).await?;
    lines.end("request").await?;
    let mut first = None;
    while let Some(line) = lines.next("answer").await? {
        if matches(&attempt, question, &line)? {
            return Ok(());
        }
        first.get_or_insert(line);
    }
    let Some(first) = first else {
        return Err(attempt.failure_at(
            FailureKind::Refused,
            "answer",
            "connection closed by the server without a word",
        ));
    };
    let first = String::from_utf8_lossy(first.trim_ascii_end()).into_owned();
    let cause = format!("no line matches receive={:?}, the first is {first:?}", question.receive);
    Err(attempt.failure_at(FailureKind::Answer, "answer", cause))
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
        attempt.failure_at(kind, "answer", format_args!("receive={receive:?}: {cause}"))
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
        let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("address");
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
        let steps = "answer: receive=\"(a|a)*\\\\1b\": no result within 1000000 steps";
        table.down("too many steps", long, FailureKind::Answer, steps);
        table.play().await;
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_refused() {
        let invalid = pattern_of(&question("", "(")).expect_err("no pattern");
        assert_eq!(invalid.field, Field::Receive);
    }
}
