//! Checks of mail and file servers against the real programs, which these tests start in a directory and on ports of their
//! own, and small responders in place of programs that need a network or a database.
//!
//! Needs `dovecot` (Debian: dovecot-imapd, dovecot-pop3d), `vsftpd` and `exim4` (exim4-daemon-light); without one its test
//! fails and says so.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "check_programs/servers.rs"]
mod servers;

use std::net::SocketAddr;
use std::time::Duration;

use lvs_agents::check::{self, CheckFailure, FailureKind};
use lvs_agents::model::{Check, Protocol, Question, Secret};
use servers::{Authority, Directory, Dovecot, Program, free_port, responder, udp_responder};

const PASSWORD: &str = "tops3cret";
const PATIENT: Duration = Duration::from_secs(20);

fn ask(target: SocketAddr, question: Question, timeout: Duration) -> Result<(), CheckFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let check = Check { question: question.into(), target, timeout, between: None };
    runtime.block_on(check::run(&check)).map(drop)
}

/// One kind of check against one server: `Ok`, or the kind of the failure and how its text begins behind the server's name.
struct Row {
    name: &'static str,
    target: SocketAddr,
    question: Question,
    wanted: Result<(), (FailureKind, &'static str)>,
}

/// Says of every row in which the check says something else.
fn play(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for Row { name, target, question, wanted } in rows {
        let kind = question.kind;
        // Long enough for a server that delays its refusal, short enough to wait for silence.
        let timeout = if matches!(wanted, Err((FailureKind::Timeout, _))) { Duration::from_secs(1) } else { PATIENT };
        let found = ask(target, question, timeout);
        let is_right = match (&found, &wanted) {
            (Ok(()), Ok(())) => true,
            (Err(failure), Err((kind_wanted, text))) => {
                let shown = failure.to_string();
                failure.kind() == *kind_wanted
                    && shown.strip_prefix(&format!("{kind} {target}: ")).is_some_and(|cause| cause.starts_with(text))
                    && !shown.contains(PASSWORD)
                    && !shown.contains("wr0ng")
            }
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{kind}, {name}:\n  found  {found:?}\n  wanted {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn login(kind: &'static str, passwd: &str) -> Question {
    Question { login: "mon".into(), passwd: Secret::new(passwd), ..Question::of(kind) }
}

/// Dovecot with POP3 and IMAP, with and without TLS. The test runs itself again with the trust store of its own authority,
/// since a process reads that once.
#[test]
fn dovecot_is_judged_as_it_is() {
    use FailureKind::{Answer, Refused};
    const INSIDE: &str = "LVS_AGENTS_TEST_DIRECTORY";
    let Some(directory) = std::env::var_os(INSIDE) else {
        let directory = Directory::new("dovecot");
        let authority = Authority::new();
        directory.write("ca.pem", &authority.certificate());
        directory.write("identity.pem", &authority.identity());
        directory.write("stranger.pem", &Authority::new().identity());
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "dovecot_is_judged_as_it_is", "--nocapture"])
            .env("SSL_CERT_FILE", directory.path("ca.pem"))
            .env_remove("SSL_CERT_DIR")
            .env(INSIDE, directory.path(""))
            .output()
            .expect("this program");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    };
    let directory = std::path::Path::new(&directory);
    let server = Dovecot::start(&directory.join("known"), &directory.join("identity.pem"));
    let stranger = Dovecot::start(&directory.join("unknown"), &directory.join("stranger.pem"));
    let mut rows = Vec::new();
    for (kind, target) in [("pop", server.pop), ("pops", server.pops), ("imap", server.imap), ("imaps", server.imaps)] {
        rows.push(Row { name: "no login", target, question: Question::of(kind), wanted: Ok(()) });
        rows.push(Row { name: "a login", target, question: login(kind, PASSWORD), wanted: Ok(()) });
        let refused = if kind.starts_with("pop") { "-ERR [AUTH] Auth" } else { "NO [AUTHENTICATIONFAILED] Auth" };
        let text: &'static str = format!("login as \"mon\": {refused}").leak();
        rows.push(Row {
            name: "a wrong password",
            target,
            question: login(kind, "wr0ng"),
            wanted: Err((Answer, text)),
        });
    }
    let odd = Question { login: "mon".into(), passwd: Secret::new("a\"b\\ c"), ..Question::of("imap") };
    let text = "login as \"mon\": NO [AUTHENTICATIONFAILED]";
    rows.push(Row { name: "an odd password", target: server.imap, question: odd, wanted: Err((Answer, text)) });
    for (kind, target, text) in [
        ("pop", server.imap, "greeting: * OK "),
        ("imap", server.pop, "greeting: +OK "),
        ("pops", server.pop, "tls handshake: the answer is not TLS"),
        ("imaps", server.imap, "tls handshake: the answer is not TLS"),
        ("pops", stranger.pops, "tls handshake: certificate not trusted: "),
        ("imaps", stranger.imaps, "tls handshake: certificate not trusted: "),
    ] {
        rows.push(Row { name: "another port", target, question: Question::of(kind), wanted: Err((Answer, text)) });
    }
    for (kind, target) in [("pop", server.pops), ("imap", server.imaps)] {
        let wanted = Err((FailureKind::Timeout, "greeting: no answer within 1 s"));
        rows.push(Row { name: "TLS without a word", target, question: Question::of(kind), wanted });
    }
    play(rows);
    let ports = [("pop", server.pop), ("pops", server.pops), ("imap", server.imap), ("imaps", server.imaps)];
    drop(server);
    let stopped = |(kind, target)| Row {
        name: "stopped",
        target,
        question: Question::of(kind),
        wanted: Err((Refused, "connect: connection refused")),
    };
    play(ports.into_iter().map(stopped).collect());
}

#[test]
fn vsftpd_is_judged_as_it_is() {
    use FailureKind::{Answer, Refused, Timeout};
    let directory = Directory::new("vsftpd");
    directory.folder("empty");
    directory.folder("files");
    directory.write("files/up.txt", "all is well\n");
    directory.write("denied", "wr0ng@example.com\n");
    let target = free_port();
    directory.write(
        "vsftpd.conf",
        &format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={}\nbackground=NO\nanonymous_enable=YES\n\
             local_enable=NO\nanon_root={}\nsecure_chroot_dir={}\nftp_username=ftp\nseccomp_sandbox=NO\n\
             isolate=NO\nisolate_network=NO\ndeny_email_enable=YES\nbanned_email_file={}\npasv_address=192.0.2.1\n",
            target.port(),
            directory.path("files").display(),
            directory.path("empty").display(),
            directory.path("denied").display(),
        ),
    );
    let server =
        Program::start("vsftpd", "vsftpd", &[&directory.path("vsftpd.conf")], &directory.path("log"), &[target]);
    let question = |request: &str, receive: &str, passwd: &str| Question {
        login: "anonymous".into(),
        passwd: Secret::new(passwd),
        request: request.into(),
        receive: receive.into(),
        ..Question::of("ftp")
    };
    let file = "RETR \"/up.txt\": the 12 bytes of the file do not match receive=";
    let row = |name, question, wanted| Row { name, target, question, wanted };
    play(vec![
        row("no file", question("/", "", "me@x"), Ok(())),
        row("a file", question("up.txt", "", "me@x"), Ok(())),
        row("its content", question("/up.txt", "^all is well$", "me@x"), Ok(())),
        row("other content", question("/up.txt", "^down$", "me@x"), Err((Answer, file))),
        row("no such file", question("/gone", "", "me@x"), Err((Answer, "RETR \"/gone\": 550 "))),
        row("a folder", question("", ".", "me@x"), Err((Answer, "RETR \"/\": 550 "))),
        row("refused", question("/", "", "wr0ng@example.com"), Err((Answer, "login as \"anonymous\": 530 "))),
        row("another protocol", Question::of("imap"), Err((Answer, "greeting: 220 "))),
    ]);
    server.hold();
    play(vec![row("held", question("/", "", "me@x"), Err((Timeout, "greeting: no answer within 1 s")))]);
    drop(server);
    play(vec![row("stopped", question("/", "", "me@x"), Err((Refused, "connect: connection refused")))]);
}

#[test]
fn exim_is_judged_as_it_is() {
    use FailureKind::{Answer, Refused, Timeout};
    let directory = Directory::new("exim");
    directory.folder_for_all("spool");
    let (smtp, submission, full) = (free_port(), free_port(), free_port());
    directory.write(
        "exim.conf",
        &format!(
            "primary_hostname = mail.example.com\nspool_directory = {}\nlog_file_path = {}/%slog\n\
             local_interfaces = <; 127.0.0.1.{} ; 127.0.0.1.{} ; 127.0.0.1.{}\nhost_lookup =\nkeep_environment =\nsmtp_banner = ready\n\
             rfc1413_query_timeout = 0s\nacl_smtp_connect = connected\nacl_smtp_rcpt = nobody\nbegin acl\n\
             connected:\n  deny condition = ${{if eq{{$received_port}}{{{}}}}}\n       message = too busy\n  accept\n\
             nobody:\n  deny\n",
            directory.path("spool").display(),
            directory.path("spool").display(),
            smtp.port(),
            submission.port(),
            full.port(),
            full.port(),
        ),
    );
    let config = directory.path("exim.conf");
    let arguments = ["-bdf".as_ref(), "-C".as_ref(), config.as_os_str()];
    let server =
        Program::start("exim4", "exim4-daemon-light", &arguments, &directory.path("log"), &[smtp, submission, full]);
    let row = |name, kind, target, wanted| Row { name, target, question: Question::of(kind), wanted };
    play(vec![
        row("ready", "smtp", smtp, Ok(())),
        row("ready", "submission", submission, Ok(())),
        row("busy", "smtp", full, Err((Answer, "greeting: 550 too busy"))),
        row("another protocol", "pop", smtp, Err((Answer, "greeting: 220 "))),
    ]);
    server.hold();
    play(vec![row("held", "smtp", smtp, Err((Timeout, "greeting: no answer within 1 s")))]);
    drop(server);
    play(vec![row("stopped", "smtp", smtp, Err((Refused, "connect: connection refused")))]);
}

/// Responders in place of news and telephone servers.
#[test]
fn responders_are_judged_as_they_are() {
    use FailureKind::{Answer, Refused};
    const OPTIONS: &str = "OPTIONS sip:mon@example.com SIP/2.0";
    let sip = |protocol| Question { protocol, login: "mon@example.com".into(), ..Question::of("sip") };
    let simple =
        |receive: &str| Question { request: "PING\\n".into(), receive: receive.into(), ..Question::of("simpletcp") };
    let good = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let busy = "SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n";
    let row = |name, question, target, wanted| Row { name, target, question, wanted };
    let refused = Err((Refused, "connect: connection refused"));
    let sip_failure = "OPTIONS sip:mon@example.com: SIP/2.0 486 Busy Here";
    play(vec![
        row("ready", Question::of("nntp"), responder("200 news ready\r\n", "QUIT", "205 bye\r\n"), Ok(())),
        row("busy", Question::of("nntp"), responder("400 busy\r\n", "QUIT", ""), Err((Answer, "greeting: 400 busy"))),
        row("closed", Question::of("nntp"), free_port(), refused),
        row("ready", sip(Protocol::Tcp), responder("", OPTIONS, good), Ok(())),
        row("busy", sip(Protocol::Tcp), responder("", OPTIONS, busy), Err((Answer, sip_failure))),
        row("closed", sip(Protocol::Tcp), free_port(), refused),
        row("ready over UDP", sip(Protocol::Udp), udp_responder(OPTIONS, good), Ok(())),
        row("busy over UDP", sip(Protocol::Udp), udp_responder(OPTIONS, busy), Err((Answer, sip_failure))),
        row("ready", simple("^PONG$"), responder("", "PING", "PONG\n"), Ok(())),
        row(
            "other",
            simple("^PONG$"),
            responder("", "PING", "NO\n"),
            Err((Answer, "answer: no line matches receive=")),
        ),
        row("closed", simple("^PONG$"), free_port(), refused),
    ]);
}
