use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::super::testing::*;
use super::*;
use crate::model::Secret;

const GREETING: &str = "220 FTP ready\r\n";
const USER: (&str, Option<&str>) = ("USER mon\r\n", Some("331-Hello\r\n331 password\r\n"));
const PASS: (&str, Option<&str>) = ("PASS tops3cret\r\n", Some("230 in\r\n"));
const QUIT: (&str, Option<&str>) = ("QUIT", Some("221 bye\r\n"));

fn question(request: &str, receive: &str) -> Question {
    Question {
        login: "mon".into(),
        passwd: Secret::new("tops3cret"),
        request: request.into(),
        receive: receive.into(),
        ..Question::of("ftp")
    }
}

/// A server of one file, whose transfer goes as `how` says.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Whole,
    /// The data connection ends early, and the server says so.
    Aborted,
    /// Nothing comes over the data connection.
    Silent,
    /// The data connection cannot be made.
    NoData,
    /// One byte now and then.
    Drip,
    Endless,
}

async fn files(address: &'static str, how: How) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.expect("bind");
    let target = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = hold(BufReader::new(stream), address, how).await;
            });
        }
    });
    target
}

async fn hold(mut stream: BufReader<tokio::net::TcpStream>, address: &str, how: How) -> std::io::Result<()> {
    let data = TcpListener::bind((address, 0)).await?;
    let port = data.local_addr()?.port();
    let data = Some(data).filter(|_| how != How::NoData);
    let [high, low] = port.to_be_bytes();
    stream.write_all(GREETING.as_bytes()).await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.trim_end() {
            "USER mon" => "331 password".into(),
            "PASS tops3cret" => "230 in".into(),
            "CWD /" => "550 no such thing".into(),
            "TYPE I" => "200 binary".into(),
            // The address is that of a stranger, as behind a load balancer.
            "PASV" => format!("227 Entering Passive Mode (192,0,2,1,{high},{low})."),
            "EPSV" => format!("229 Entering Extended Passive Mode (|||{port}|)"),
            "RETR /up.txt" => {
                let Some((mut data, _)) = (match &data {
                    Some(data) => data.accept().await.ok(),
                    None => None,
                }) else {
                    return Ok(());
                };
                stream.write_all(b"150 here it comes\r\n").await?;
                match how {
                    How::Whole => data.write_all(b"all is well\n").await?,
                    How::Aborted => data.write_all(b"all is w").await?,
                    How::Silent | How::NoData => std::future::pending().await,
                    How::Drip => loop {
                        data.write_all(b"x").await?;
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    },
                    How::Endless => while data.write_all(&[b'x'; 65536]).await.is_ok() {},
                }
                drop(data);
                if how == How::Aborted { "426 aborted" } else { "226 done" }.into()
            }
            "QUIT" => "221 bye".into(),
            _ => "550 no such file".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

#[tokio::test]
async fn without_a_file_the_login_decides() {
    let mut table = Table::of(question("/", ""));
    let step = "login as \"mon\"";
    table.up("a server", talk(GREETING, &[USER, PASS, QUIT]).await);
    table.up("one that wants no password", talk(GREETING, &[("USER", Some("230 in\r\n")), QUIT]).await);
    let wrong: Answers = &[USER, ("PASS", Some("530-What is tops3cret?\r\n530 Login incorrect.\r\n"))];
    let text = format!("{step}: 530-What is ***? Login incorrect.");
    table.down("a wrong password", talk(GREETING, wrong).await, FailureKind::Answer, &text);
    let account: Answers = &[USER, ("PASS", Some("332 account?\r\n"))];
    table.down("an account", talk(GREETING, account).await, FailureKind::Answer, &format!("{step}: 332 account?"));
    for (greeting, text) in [
        ("421 too many users\r\n", "greeting: 421 too many users"),
        ("120 in two minutes\r\n", "greeting: 120 in two minutes"),
        ("+OK ready\r\n", "greeting: +OK ready"),
    ] {
        table.down(greeting, talk(greeting, &[]).await, FailureKind::Answer, text);
    }
    let closes = format!("{step}: connection closed by the server");
    table.down("closed at the login", talk(GREETING, &[USER, ("PASS", None)]).await, FailureKind::Refused, &closes);
    table.slow("silent at the login", talk(GREETING, &[USER, ("PASS", Some(""))]).await, step);
    table.faults("greeting", b"220 this server is ready for you\r\n").await;
    table.play().await;
}

#[tokio::test]
async fn a_file_is_fetched_and_must_match() {
    let step = "RETR \"/up.txt\"";
    let whole = files("127.0.0.1", How::Whole).await;
    let mut table = Table::of(question("/up.txt", "^all is well$"));
    table.up("IPv4", whole);
    table.up("IPv6", files("::1", How::Whole).await);
    let aborted = files("127.0.0.1", How::Aborted).await;
    table.down("cut off", aborted, FailureKind::Answer, &format!("{step}: 426 aborted"));
    table.slow("no data", files("127.0.0.1", How::Silent).await, step);
    table.slow("a byte now and then", files("127.0.0.1", How::Drip).await, step);
    table.ask(question("up.txt", ""));
    table.up("any content will do", whole);
    table.ask(question("up.txt", "^x+$"));
    table.up("the first MiB is enough", files("127.0.0.1", How::Endless).await);
    let text = format!("{step}: the 12 bytes of the file do not match receive=\"^x+$\"");
    table.down("other content", whole, FailureKind::Answer, &text);
    table.ask(question("gone.txt", ""));
    table.down("no such file", whole, FailureKind::Answer, "RETR \"/gone.txt\": 550 no such file");
    table.ask(question("", "."));
    table.down("a pattern without a file", whole, FailureKind::Answer, "RETR \"/\": 550 no such file");
    table.ask(question("x", ""));
    let late = [USER, PASS, ("CWD", Some("250 there\r\n")), ("TYPE", Some("200 yes\r\n"))];
    for (pasv, text) in [
        ("500 what?\r\n", "PASV: 500 what?"),
        ("227 Entering Passive Mode (1,2,3)\r\n", "PASV: 227 Entering Passive Mode (1,2,3)"),
        ("227 Entering Passive Mode (1,2,3,4,0,0)\r\n", "PASV: 227 Entering Passive Mode (1,2,3,4,0,0)"),
    ] {
        let answers: Answers = Box::leak([late.as_slice(), &[("PASV", Some(pasv))]].concat().into_boxed_slice());
        table.down(pasv, talk(GREETING, answers).await, FailureKind::Answer, text);
    }
    table.play().await;
}

#[tokio::test]
async fn a_closed_data_port_is_told_from_a_closed_server() {
    let target = files("127.0.0.1", How::NoData).await;
    let failure = ask(&check(question("/up.txt", ""), target, PATIENT)).await.expect_err("no data").to_string();
    assert!(failure.starts_with(&format!("ftp {target}: connect to the data port ")), "{failure}");
    assert!(failure.ends_with(": connection refused"), "{failure}");
}

#[test]
fn the_port_is_found_in_what_servers_write() {
    for (text, port) in [
        ("227 Entering Passive Mode (127,0,0,1,195,149).", Some(50069)),
        ("227 =10,0,0,1,4,5", Some(1029)),
        ("227 Entering Passive Mode 10,0,0,1,4,5", Some(1029)),
        ("227 Entering Passive Mode (127,0,0,1,300,1)", None),
        ("227 Entering Passive Mode (127,0,0,1,4)", None),
        ("227 ok", None),
    ] {
        assert_eq!(port_of_pasv(text), port, "{text}");
    }
    for (text, port) in [
        ("229 Entering Extended Passive Mode (|||6446|)", Some(6446)),
        ("229 ok (!!!6446!)", Some(6446)),
        ("229 (|||99999|)", None),
        ("229 (||6446|)", None),
        ("229 (|||6446", None),
        ("229 |||6446|", None),
        ("229 ()", None),
    ] {
        assert_eq!(port_of_epsv(text), port, "{text}");
    }
}

#[test]
fn a_second_command_and_a_broken_pattern_are_refused() {
    for (wrong, field) in [
        (question("a\r\nDELE b", ""), Field::Request),
        (question("", "("), Field::Receive),
        (Question { passwd: Secret::new("a\nDELE b"), ..question("", "") }, Field::Passwd),
    ] {
        assert_eq!(validate(&wrong).expect_err("wrong").field, field);
    }
}
