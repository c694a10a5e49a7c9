//! IMAP (RFC 3501): the server greets, and lets the login in where one is given.

use super::attempt::Attempt;
use super::failure::CheckFailure;
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port};
use super::lines::{self, Lines};
use super::tls::Trust;
use crate::model::{Check, Field, Question};

pub(super) const IMAP: CheckKind = CheckKind {
    name: "imap",
    port: Port::Usual(143),
    fields: &[(Field::Login, Need::Optional), (Field::Passwd, Need::Optional)],
    validate,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check, None)))),
    ..PLAIN
};

pub(super) const IMAPS: CheckKind = CheckKind { name: "imaps", port: Port::Usual(993), ..IMAP };

/// The mark of our command, which its result repeats.
const TAG: &str = "a1";

fn validate(question: &Question) -> Result<(), Invalid> {
    lines::validate(question, &[Field::Login, Field::Passwd])
}

async fn ask(check: &Check, trust: Option<&Trust>) -> Result<(), CheckFailure> {
    let (attempt, question) = (Attempt::start(check), &*check.question);
    let lines = match question.kind == IMAPS.name {
        true => Lines::connect_tls(&attempt, check.target, trust).await?,
        false => Lines::connect(&attempt, check.target).await?,
    };
    converse(lines, question).await
}

pub(super) async fn converse(mut lines: Lines<'_>, question: &Question) -> Result<(), CheckFailure> {
    lines.hide(&quoted(question.passwd.reveal()));
    lines.hide(question.passwd.reveal());
    let greeting = lines.line("greeting").await?;
    if !matches!(status(&greeting, "*"), Some((Status::Ok | Status::Preauth, _))) {
        return Err(lines.wrong("greeting", &greeting));
    }
    if !question.login.is_empty() {
        log_in(&mut lines, question).await?;
    }
    // ldirectord sends EXPUNGE before it, which no check needs.
    lines.farewell("a2 LOGOUT").await;
    Ok(())
}

async fn log_in(lines: &mut Lines<'_>, question: &Question) -> Result<(), CheckFailure> {
    let (step, passwd) = (lines::login_step(question), quoted(question.passwd.reveal()));
    lines.say(&step, &format!("{TAG} LOGIN {} {passwd}", quoted(&question.login))).await?;
    loop {
        let line = lines.line(&step).await?;
        match (status(&line, TAG), status(&line, "*")) {
            (Some((Status::Ok, _)), _) => return Ok(()),
            (Some((_, text)), _) | (None, Some((Status::Bye, text))) => return Err(lines.wrong(&step, text)),
            (None, _) => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Preauth,
    Bye,
    /// NO, BAD, and what a server should not say here.
    Other,
}

/// The status in a line with this tag, and the text from it on. `None`: the line has another tag, or is data.
fn status<'a>(line: &'a str, tag: &str) -> Option<(Status, &'a str)> {
    let text = line.strip_prefix(tag)?.strip_prefix([' ', '\t'])?.trim_start();
    let word = text.split_whitespace().next()?;
    let status = match word.to_ascii_uppercase().as_str() {
        "OK" => Status::Ok,
        "PREAUTH" => Status::Preauth,
        "BYE" => Status::Bye,
        _ => Status::Other,
    };
    Some((status, text))
}

/// A quoted string (RFC 3501 section 4.3).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::testing::tls::{Authority, named, tls_faults};
    use super::super::testing::*;
    use super::*;
    use crate::check::FailureKind;
    use crate::model::Secret;

    const GREETING: &str = "* OK [CAPABILITY IMAP4rev1] ready\r\n";

    fn login(kind: &'static str) -> Question {
        Question { login: "mon".into(), passwd: Secret::new("tops3cret"), ..Question::of(kind) }
    }

    #[tokio::test]
    async fn without_a_login_the_greeting_decides() {
        let mut table = Table::of(Question::of("imap"));
        let logout: Answers = &[("a2 LOGOUT", Some("* BYE\r\na2 OK bye\r\n"))];
        table.up("a server", talk(GREETING, logout).await);
        table.up("a lower case one", talk("* ok ready\n", &[]).await);
        table.up("one that knows us", talk("* PREAUTH hello\r\n", &[]).await);
        for (greeting, text) in [
            ("* BYE too many connections\r\n", "greeting: * BYE too many connections"),
            ("* NO database is down\r\n", "greeting: * NO database is down"),
            ("* OKAY\r\n", "greeting: * OKAY"),
            ("+OK POP3 ready\r\n", "greeting: +OK POP3 ready"),
        ] {
            table.down(greeting, talk(greeting, &[]).await, FailureKind::Answer, text);
        }
        table.faults("greeting", b"* OK this is a server that is ready\r\n").await;
        table.play().await;
    }

    #[tokio::test]
    async fn with_a_login_its_result_decides() {
        let mut table = Table::of(login("imap"));
        let step = "login as \"mon\"";
        let good: Answers = &[
            ("a1 LOGIN \"mon\" \"tops3cret\"", Some("* CAPABILITY IMAP4rev1\r\na1 OK Logged in\r\n")),
            ("a2 LOGOUT", Some("* BYE\r\n")),
        ];
        table.up("a server", talk(GREETING, good).await);
        for (answer, text) in [
            (
                "a1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n",
                "NO [AUTHENTICATIONFAILED] Authentication failed.",
            ),
            ("a1 BAD what is LOGIN \"mon\" \"tops3cret\"\r\n", "BAD what is LOGIN \"mon\" ***"),
            ("* NO be careful\r\na1 NO\r\n", "NO"),
        ] {
            let answers: Answers = Box::leak(Box::new([("a1 LOGIN", Some(answer))]));
            table.down(answer, talk(GREETING, answers).await, FailureKind::Answer, &format!("{step}: {text}"));
        }
        let bye: Answers = &[("a1 LOGIN", Some("* BYE shutting down\r\n"))];
        table.down("a goodbye", talk(GREETING, bye).await, FailureKind::Answer, &format!("{step}: BYE shutting down"));
        table.slow("silent at the login", talk(GREETING, &[("a1 LOGIN", Some(""))]).await, step);
        let closes = format!("{step}: connection closed by the server");
        table.down("closed at the login", talk(GREETING, &[("a1", None)]).await, FailureKind::Refused, &closes);
        table.play().await;
    }

    #[tokio::test]
    async fn over_tls_the_certificate_counts_too() {
        let authority = Authority::new("ours");
        let good: Answers =
            &[("a1 LOGIN \"mon\" \"tops3cret\"", Some("a1 OK in\r\n")), ("a2 LOGOUT", Some("* BYE\r\n"))];
        let target = talk_tls(authority.sign(named("mail.example.com")), GREETING, good).await;
        ask(&check(login("imaps"), target, PATIENT), Some(&authority.trust())).await.expect("up");
        tls_faults(login("imaps"), target, talk(GREETING, &[]).await).await;
    }

    #[test]
    fn a_password_of_any_characters_is_one_string() {
        assert_eq!(quoted(r#"a"b\c d"#), r#""a\"b\\c d""#);
    }
}
