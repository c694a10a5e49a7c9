use super::super::testing::tls::{Authority, named, tls_faults};
use super::super::testing::*;
use super::*;
use crate::model::Secret;

const GREETING: &str = "+OK POP3 ready\r\n";
const NO_CAPA: (&str, Option<&str>) = ("CAPA", Some("-ERR unknown\r\n"));
const USER: (&str, Option<&str>) = ("USER mon\r\n", Some("+OK\r\n"));
const PASS: (&str, Option<&str>) = ("PASS tops3cret\r\n", Some("+OK welcome\r\n"));
const QUIT: (&str, Option<&str>) = ("QUIT", Some("+OK bye\r\n"));

fn login(kind: &'static str) -> Question {
    Question { login: "mon".into(), passwd: Secret::new("tops3cret"), ..Question::of(kind) }
}

#[tokio::test]
async fn without_a_login_the_greeting_decides() {
    let mut table = Table::of(Question::of("pop"));
    table.up("a server", talk(GREETING, &[QUIT]).await);
    table.up("one that says no goodbye", talk("+ok\n", &[]).await);
    for (greeting, text) in [
        ("-ERR locked\r\n", "greeting: -ERR locked"),
        ("* OK IMAP ready\r\n", "greeting: * OK IMAP ready"),
        ("\n", "greeting: an empty line"),
    ] {
        table.down(greeting, talk(greeting, &[]).await, FailureKind::Answer, text);
    }
    table.faults("greeting", b"+OK this server is ready for you\r\n").await;
    table.play().await;
}

#[tokio::test]
async fn with_a_login_its_result_decides() {
    let mut table = Table::of(login("pop"));
    let step = "login as \"mon\"";
    table.up("a server", talk(GREETING, &[NO_CAPA, USER, PASS, QUIT]).await);
    let capable: Answers = &[("CAPA", Some("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n")), USER, PASS, QUIT];
    table.up("one with other capabilities", talk(GREETING, capable).await);
    for (passed, text) in [
        ("-ERR [AUTH] Authentication failed.\r\n", "-ERR [AUTH] Authentication failed."),
        ("-ERR what is PASS tops3cret?\r\n", "-ERR what is PASS ***?"),
    ] {
        let answers: Answers = Box::leak(Box::new([NO_CAPA, USER, ("PASS", Some(passed))]));
        table.down(passed, talk(GREETING, answers).await, FailureKind::Answer, &format!("{step}: {text}"));
    }
    let no_user: Answers = &[NO_CAPA, ("USER", Some("-ERR no clear text\r\n"))];
    let text = format!("{step}: -ERR no clear text");
    table.down("no clear text", talk(GREETING, no_user).await, FailureKind::Answer, &text);
    let closing: Answers = &[NO_CAPA, USER, ("PASS", None)];
    let text = format!("{step}: connection closed by the server");
    table.down("closed at the password", talk(GREETING, closing).await, FailureKind::Refused, &text);
    table.slow("silent at the password", talk(GREETING, &[NO_CAPA, USER, ("PASS", Some(""))]).await, step);
    table.slow("capabilities without end", talk(GREETING, &[("CAPA", Some("+OK\r\nUSER\r\n"))]).await, step);
    table.play().await;
}

/// Digests of RFC 1939 section 7 and RFC 2195 section 2.
#[tokio::test]
async fn a_server_without_clear_text_logins_is_up() {
    const STAMP: &str = "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n";
    let apop: Answers = &[("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", Some("+OK\r\n")), QUIT];
    let mut table =
        Table::of(Question { login: "mrose".into(), passwd: Secret::new("tanstaaf"), ..Question::of("pop") });
    table.up("APOP", talk(STAMP, apop).await);
    let refused: Answers = &[("APOP", Some("-ERR permission denied\r\n")), ("CAPA", None)];
    let text = "login as \"mrose\": -ERR permission denied";
    table.down("closed after a refusal", talk(STAMP, refused).await, FailureKind::Answer, text);
    let second: Answers = &[
        ("APOP", Some("-ERR not for you\r\n")),
        NO_CAPA,
        ("USER mrose", Some("+OK\r\n")),
        ("PASS tanstaaf", Some("+OK\r\n")),
        QUIT,
    ];
    table.up("refused, then clear text", talk(STAMP, second).await);
    table.ask(Question { login: "tim".into(), passwd: Secret::new("tanstaaftanstaaf"), ..Question::of("pop") });
    const CAPA: (&str, Option<&str>) = ("CAPA", Some("+OK\r\nSASL PLAIN CRAM-MD5\r\n.\r\n"));
    let challenge = "+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n";
    let cram: Answers = Box::leak(Box::new([
        CAPA,
        ("AUTH CRAM-MD5", Some(challenge)),
        ("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n", Some("+OK\r\n")),
        QUIT,
    ]));
    table.up("CRAM-MD5", talk(GREETING, cram).await);
    let odd: Answers = &[CAPA, ("AUTH", Some("+ %%%\r\n")), ("USER", Some("-ERR no\r\n"))];
    table.down("a broken challenge", talk(GREETING, odd).await, FailureKind::Answer, "login as \"tim\": -ERR no");
    table.play().await;
}

#[tokio::test]
async fn over_tls_the_certificate_counts_too() {
    let authority = Authority::new("ours");
    let target = talk_tls(authority.sign(named("mail.example.com")), GREETING, &[NO_CAPA, USER, PASS, QUIT]).await;
    ask(&check(login("pops"), target, PATIENT), Some(&authority.trust())).await.expect("up");
    tls_faults(login("pops"), target, talk(GREETING, &[]).await).await;
}

#[test]
fn a_stamp_is_a_message_identifier() {
    for (greeting, wanted) in [
        ("+OK <1.2@host> ready", Some("<1.2@host>")),
        ("+OK ready", None),
        ("+OK <hello there@x>", None),
        ("+OK <nobody>", None),
        ("+OK > <", None),
    ] {
        assert_eq!(stamp(greeting), wanted, "{greeting:?}");
    }
}
