//! A program on the real server says how it is, in one line: HAProxy's agent check. Nothing is sent to it.

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, Burden, CheckKind, PLAIN, Port};
use super::lines::Lines;
use super::said::{self, Said};
use crate::model::{Advice, Check};

pub(super) const KIND: CheckKind = CheckKind {
    name: "agent",
    port: Port::Asked,
    burden: Burden::Conversation,
    ask: Some(Ask::Advice(|check| Box::pin(ask(check)))),
    ..PLAIN
};

/// More than any agent has to say; HAProxy reads as much as its buffer holds.
const LONGEST_LINE: u64 = 4 << 10;

/// A line without its end may be cut short, and is a failure. What comes after the line is not read.
async fn ask(check: &Check) -> Result<Option<Advice>, CheckFailure> {
    let attempt = Attempt::start(check);
    let mut lines = Lines::connect(&attempt, check.target).await?;
    lines.may_say(LONGEST_LINE);
    let failure = |cause: String| attempt.failure(FailureKind::Answer, cause);
    match said::read(&lines.line("answer").await?).map_err(failure)? {
        Said::Well(advice) => Ok(advice),
        Said::Down(reason) => Err(failure(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::model::Question;

    async fn answer_to(line: &'static [u8]) -> Result<Option<Advice>, CheckFailure> {
        let server = serve(move |mut peer| async move {
            use tokio::io::AsyncWriteExt;
            let _ = peer.write_all(line).await;
        })
        .await;
        ask(&check(Question::of("agent"), server, SECOND)).await
    }

    #[tokio::test]
    async fn the_line_of_the_agent_decides() {
        assert_eq!(answer_to(b"up\n").await.expect("up"), None);
        assert_eq!(answer_to(b"up 50%\r\nmore").await.expect("50%").expect("advice").percent, 50);
        assert_eq!(answer_to(b"drain\n").await.expect("drain").expect("advice").percent, 0);
        let said = |failure: CheckFailure| failure.to_string();
        assert!(said(answer_to(b"down # disk\n").await.expect_err("down")).ends_with("the server says down: disk"));
        assert!(said(answer_to(b"\n").await.expect_err("nothing")).contains("says nothing"));
        assert!(said(answer_to(b"up 7").await.expect_err("cut short")).ends_with("connection closed by the server"));
        assert!(said(answer_to(b"SSH-2.0-x\n").await.expect_err("another")).contains("says \"SSH-2.0-x\""));
    }
}
