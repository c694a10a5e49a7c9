use super::super::testing::*;
use super::*;
use crate::model::Secret;

/// Whatever a server says, every kind of check comes to an end of its own: no panic, no wait beyond the deadline.
#[test]
fn noise_is_an_answer_like_any_other() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let kinds = ["pop", "imap", "smtp", "nntp", "ftp", "sip", "simpletcp"];
    let pieces = prop::sample::select(vec![
        "+OK ",
        "-ERR ",
        "* OK ",
        "* BYE ",
        "a1 OK ",
        "a1 NO",
        "220 ",
        "220-",
        "331 ",
        "230 ",
        "227 (1,2,3,4,5,6)",
        "150 ",
        "SIP/2.0 200 OK",
        "SIP/2.0 1",
        "<a@b>",
        "SASL CRAM-MD5",
        ".",
        "+ PDE=",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\0",
        "\u{e9}",
    ]);
    let noise = prop::collection::vec(
        prop_oneof![pieces.prop_map(|text| text.as_bytes().to_vec()), any::<[u8; 3]>().prop_map(Vec::from)],
        0..24,
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(noise, prop::sample::select(kinds.to_vec())), |(pieces, kind)| {
        let bytes: &'static [u8] = pieces.concat().leak();
        runtime.block_on(async {
            let target = close_after(bytes).await;
            let question = Question {
                login: "mon".into(),
                passwd: Secret::new("tops3cret"),
                request: "x".into(),
                receive: "a.*b$".into(),
                ..Question::of(kind)
            };
            let check = check(question, target, PATIENT);
            let result = tokio::time::timeout(PATIENT, crate::check::run(&check)).await;
            prop_assert!(result.is_ok(), "{kind} hangs");
            Ok(())
        })
    });
    result.expect("an end");
}

#[test]
fn a_lines_end_is_refused_in_what_becomes_a_line() {
    for (login, passwd, wrong) in [
        ("a", "b", None),
        ("a\"b c", "\t", None),
        ("a\rDELE 1", "b", Some(Field::Login)),
        ("a", "b\nDELE 1", Some(Field::Passwd)),
        ("a\0", "b", Some(Field::Login)),
    ] {
        let question = Question { login: login.into(), passwd: Secret::new(passwd), ..Question::of("pop") };
        let found = validate(&question, &[Field::Login, Field::Passwd]).err().map(|invalid| invalid.field);
        assert_eq!(found, wrong, "{login:?} {passwd:?}");
    }
}

#[tokio::test]
async fn what_a_server_repeats_of_a_password_is_not_shown() {
    let target = talk("hello\n", &[]).await;
    let check = check(Question::of("pop"), target, PATIENT);
    let attempt = Attempt::start(&check);
    let mut lines = Lines::connect(&attempt, target).await.expect("connected");
    lines.hide("s3cret");
    lines.hide("");
    let failure = lines.wrong("login", "unknown command: PASS s3cret").to_string();
    assert_eq!(failure, format!("pop {target}: login: unknown command: PASS ***"));
}

#[tokio::test]
async fn lines_without_end_are_read_up_to_the_limit_only() {
    let target = serve(|mut stream| async move { while stream.write_all(b"220-more\r\n").await.is_ok() {} }).await;
    let check = check(Question::of("pop"), target, PATIENT);
    let attempt = Attempt::start(&check);
    let mut lines = Lines::connect(&attempt, target).await.expect("connected");
    let Err(failure) = lines.reply("greeting").await else { panic!("there is no end") };
    assert_eq!(failure.to_string(), format!("pop {target}: greeting: the answer is longer than 65536 bytes"));
}

#[tokio::test]
async fn replies_of_several_lines_are_one() {
    for (bytes, class, text) in [
        (b"220 ready\r\n".as_slice(), 2, "220 ready"),
        (
            b"230-Welcome\r\n files: 3\r\n2024 was good\r\n230-more\r\n230 in\r\n",
            2,
            "230-Welcome files: 3 2024 was good more in",
        ),
        (b"250-a\r\n421 b\r\n", 4, "250-a b"),
    ] {
        let target = greet(bytes).await;
        let check = check(Question::of("pop"), target, PATIENT);
        let attempt = Attempt::start(&check);
        let mut lines = Lines::connect(&attempt, target).await.expect("connected");
        let reply = lines.reply("greeting").await.expect(text);
        assert_eq!((reply.is_success(), reply.text.as_str()), (class == 2, text));
    }
}
