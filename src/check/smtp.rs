//! SMTP (RFC 5321): the server greets, and answers EHLO or HELO.

use super::attempt::Attempt;
use super::failure::CheckFailure;
use super::kind::{Ask, CheckKind, PLAIN, Port};
use super::lines::Lines;
use crate::model::Check;

pub(super) const SMTP: CheckKind =
    CheckKind { name: "smtp", port: Port::Usual(25), ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))), ..PLAIN };

pub(super) const SUBMISSION: CheckKind = CheckKind { name: "submission", port: Port::Usual(587), ..SMTP };

/// ldirectord's name for itself, which servers may have in their lists of trusted names.
const NAME: &str = "localhost.localdomain";

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    converse(Lines::connect(&attempt, check.target).await?).await
}

pub(super) async fn converse(mut lines: Lines<'_>) -> Result<(), CheckFailure> {
    lines.success("greeting").await?;
    let (mut step, mut reply) = ("EHLO", lines.command("EHLO", &format!("EHLO {NAME}")).await?);
    // A server of before 1995 does not know it.
    if reply.is_refusal() {
        (step, reply) = ("HELO", lines.command("HELO", &format!("HELO {NAME}")).await?);
    }
    if !reply.is_success() {
        return Err(lines.wrong(step, &reply.text));
    }
    lines.farewell("QUIT").await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::check::FailureKind;
    use crate::model::Question;

    const GREETING: &str = "220-mail.example.com\r\n220 ready\r\n";
    const EHLO: (&str, Option<&str>) = ("EHLO localhost.localdomain", Some("250-mail\r\n250-SIZE 10\r\n250 HELP\r\n"));
    const QUIT: (&str, Option<&str>) = ("QUIT", Some("221 bye\r\n"));

    #[tokio::test]
    async fn what_is_up_and_what_is_down() {
        let mut table = Table::of(Question::of("smtp"));
        table.up("a server", talk(GREETING, &[EHLO, QUIT]).await);
        let old: &[_] = &[("EHLO", Some("502 what?\r\n")), ("HELO localhost.localdomain", Some("250 hi\r\n")), QUIT];
        table.up("one of before EHLO", talk("220 ready\n", old).await);
        table.up("one that says no goodbye", talk(GREETING, &[EHLO, ("QUIT", Some(""))]).await);
        table.up("one that closes at once", talk(GREETING, &[EHLO, ("QUIT", None)]).await);
        for (name, greeting, text) in [
            ("a full server", "421-too many\r\n421 connections\r\n", "greeting: 421-too many connections"),
            ("no SMTP here", "554 no SMTP service here\r\n", "greeting: 554 no SMTP service here"),
            ("another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", "greeting: SSH-2.0-OpenSSH_9.2p1"),
            ("an empty line", "\r\n", "greeting: an empty line"),
        ] {
            table.down(name, talk(greeting, &[]).await, FailureKind::Answer, text);
        }
        let refuses: &[_] = &[("EHLO", Some("502 what?\r\n")), ("HELO", Some("550 go away\r\n"))];
        table.down("neither EHLO nor HELO", talk(GREETING, refuses).await, FailureKind::Answer, "HELO: 550 go away");
        let busy: Answers = &[("EHLO", Some("421 shutting down\r\n")), ("HELO", Some("250 hi\r\n"))];
        table.down("busy", talk(GREETING, busy).await, FailureKind::Answer, "EHLO: 421 shutting down");
        let closes = "EHLO: connection closed by the server";
        table.down("closed midway", talk(GREETING, &[("EHLO", None)]).await, FailureKind::Refused, closes);
        let half: &[_] = &[("EHLO", Some("250-mail\r\n250-SI")), ("QUIT", None)];
        table.slow("half an answer", talk(GREETING, half).await, "EHLO");
        table.slow("silent after the greeting", talk(GREETING, &[("EHLO", Some(""))]).await, "EHLO");
        table.faults("greeting", b"220 ready and well, thank you\r\n").await;
        table.play().await;
    }

    #[tokio::test]
    async fn submission_is_the_same_on_another_port() {
        let mut table = Table::of(Question::of("submission"));
        table.up("a server", talk(GREETING, &[EHLO, QUIT]).await);
        table.play().await;
    }
}
