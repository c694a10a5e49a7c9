//! NNTP (RFC 3977): the greeting is a success.

use super::attempt::Attempt;
use super::failure::CheckFailure;
use super::kind::{Ask, CheckKind, PLAIN, Port};
use super::lines::Lines;
use crate::model::Check;

pub(super) const KIND: CheckKind =
    CheckKind { name: "nntp", port: Port::Usual(119), ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))), ..PLAIN };

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    converse(Lines::connect(&attempt, check.target).await?).await
}

pub(super) async fn converse(mut lines: Lines<'_>) -> Result<(), CheckFailure> {
    let greeting = lines.line("greeting").await?;
    // No more than that: NNTP has no greetings of several lines.
    if !greeting.starts_with('2') {
        return Err(lines.wrong("greeting", &greeting));
    }
    lines.farewell("QUIT").await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::check::FailureKind;
    use crate::model::Question;

    #[tokio::test]
    async fn what_is_up_and_what_is_down() {
        let mut table = Table::of(Question::of("nntp"));
        let quit: Answers = &[("QUIT", Some("205 bye\r\n"))];
        table.up("posting allowed", talk("200 news.example.com ready\r\n", quit).await);
        table.up("posting refused, and no goodbye", talk("201 ready\n", &[]).await);
        for (greeting, text) in [
            ("400 too busy\r\n", "greeting: 400 too busy"),
            ("502 no permission\r\n", "greeting: 502 no permission"),
            (" 200 ready\r\n", "greeting:  200 ready"),
            ("+OK ready\r\n", "greeting: +OK ready"),
        ] {
            table.down(greeting, talk(greeting, &[]).await, FailureKind::Answer, text);
        }
        table.faults("greeting", b"200 news.example.com is ready for you\r\n").await;
        table.play().await;
    }
}
