use super::super::testing::*;
use super::*;
use crate::model::Secret;

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
