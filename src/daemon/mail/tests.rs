mod relays;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::config::{AnyName, parse_file};
use crate::health::{Limits, Outcome, PoolSettings, RealServerSettings};
use crate::testing::{real_server as real, virtual_service};

const KEY: &str = "tcp 192.0.2.1:80";

/// What one connection of a relay has taken: the lines of the client, the mails as one text each.
#[derive(Debug)]
struct Session {
    commands: Vec<String>,
    mails: Vec<String>,
}

/// Answers one client: recipients with `nobody` in their name are refused.
fn serve(stream: TcpStream) -> Option<Session> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    let mut session = Session { commands: Vec::new(), mails: Vec::new() };
    out.write_all(b"220 relay\r\n").ok()?;
    while let Some(Ok(line)) = lines.next() {
        let word = line.get(..4).unwrap_or("").to_owned();
        let answer = match word.as_str() {
            "RCPT" if line.contains("nobody") => "550 no such user\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 well\r\n",
        };
        session.commands.push(line);
        out.write_all(answer.as_bytes()).ok()?;
        if word == "DATA" {
            let text = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".");
            session.mails.push(text.collect::<Vec<_>>().join("\n"));
            out.write_all(b"250 taken\r\n").ok()?;
        }
    }
    Some(session)
}

struct MailLab {
    sink: MailAlerts,
    news: Receiver<SinkNews>,
    pool: Pool,
    settings: String,
}

impl MailLab {
    /// `settings`: lines outside of sections.
    fn new(settings: &str) -> Self {
        Self::patient(settings, Duration::from_millis(300))
    }

    /// Waits so long for each answer of a relay.
    fn patient(settings: &str, answer: Duration) -> Self {
        let (tell, news) = channel();
        let [pause, age] = [50, 60_000].map(Duration::from_millis);
        let patience = sender::Patience { answer, pauses: [pause, pause * 4], age };
        let sink = MailAlerts::with_patience(Box::new(move |told| tell.send(told).is_ok()), patience);
        let pool = PoolSettings {
            draining: Vec::new(),
            service: virtual_service(KEY),
            real_servers: vec![RealServerSettings::new(real(2, 3))],
            fallback: None,
            quiescent: true,
            limits: Limits { failurecount: 1, rise: 1 },
            policy: Default::default(),
        };
        let pool = Pool::new(pool, None, &Default::default(), Instant::now());
        let mut lab = Self { sink, news, pool, settings: settings.to_owned() };
        lab.configure("\treal=192.0.2.2:80 gate 3\n");
        lab.sink.receive(&Event::Phase(DaemonPhase::Running));
        lab
    }

    fn configure(&mut self, lines: &str) {
        let text = format!("{}\nvirtual=192.0.2.1:80\n{lines}", self.settings);
        let config = parse_file(text.as_bytes(), &AnyName::default()).expect("right");
        self.sink.receive(&Event::ConfigurationApplied { config: &config, warnings: &[], first: false });
    }

    fn hear(&mut self, outcome: &Outcome) {
        for event in self.pool.note(real(2, 3).key, outcome, Instant::now()) {
            if let crate::health::PoolEvent::Member { real, transition } = event {
                self.sink.receive(&Event::Transition { pool: &self.pool, real, transition });
            }
        }
    }

    /// The kernel has quiesced the real server.
    fn quiesce(&mut self) {
        let change = Change::EditRealServer(self.pool.key(), real(2, 0));
        self.sink.receive(&Event::Changed { change: &change, held: None, pool: Some(&self.pool), repair: None });
    }

    fn next(&self) -> SinkNews {
        self.news.recv_timeout(Duration::from_secs(20)).expect("news")
    }
}

fn relay() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    let settings = format!(
        "emailalert=a@x.example,nobody@x.example\nemailalertfrom=ld@x.example\nsmtp=127.0.0.1\nsmtp_port={port}"
    );
    (listener, settings)
}

fn accept(listener: &TcpListener) -> Session {
    serve(listener.accept().expect("a client").0).expect("a session")
}

#[test]
fn a_change_is_one_mail_with_ldirectords_words_and_a_refused_recipient_keeps_it_from_no_other() {
    let (listener, settings) = relay();
    let mut lab = MailLab::new(&settings);
    lab.configure("\treal=192.0.2.2:80 gate 3\n\tservicename=Shop\n\tcomment=call Ann\n");
    lab.hear(&Outcome::Bad("refused".into()));
    lab.quiesce();
    let Session { commands, mails } = accept(&listener);
    let sent: Vec<&str> = commands.iter().map(String::as_str).filter(|line| !line.starts_with("EHLO")).collect();
    assert_eq!(
        sent,
        ["MAIL FROM:<ld@x.example>", "RCPT TO:<a@x.example>", "RCPT TO:<nobody@x.example>", "DATA", "QUIT"]
    );
    let mail = mails.join("\n---\n");
    let subject = "[Shop] Quiescent real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 0)";
    let unfolded = mail.replace("\n ", " ");
    assert!(unfolded.contains(&format!("Subject: {subject}\n")), "{mail}");
    assert!(
        unfolded.contains("From: ld@x.example\n") && unfolded.contains("To: a@x.example, nobody@x.example\n"),
        "{mail}"
    );
    let (_, body) = mail.split_once("\n\n").expect("a body");
    let host = &lab.sink.host;
    assert_eq!(
        body.trim_end(),
        format!(
            "ldirectord host: {host}\nLog-Message: {subject}\nDaemon-Status: running\nReason: check failed 1 of 1: refused\n\nService name: Shop\nComment: call Ann"
        )
    );
    let news = lab.next();
    assert_eq!(news.object, "emailalert to nobody@x.example");
    assert!(news.trouble.is_some_and(|cause| cause.contains("550")));
}

#[test]
fn a_relay_that_is_away_or_hangs_holds_up_nothing_and_gets_the_mail_later() {
    let (listener, settings) = relay();
    let port = listener.local_addr().expect("address").port();
    drop(listener);
    let mut lab = MailLab::new(&settings.replace(",nobody@x.example", ""));
    lab.quiesce();
    let news = lab.next();
    assert_eq!(news.object, format!("mail relay 127.0.0.1:{port}"));
    assert!(news.trouble.is_some_and(|cause| cause.contains("refused")), "away");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("listen again");
    let (hangs, _) = listener.accept().expect("a client");
    let silent = loop {
        let cause = lab.next().trouble.expect("a trouble");
        if !cause.contains("refused") {
            break cause;
        }
    };
    drop(hangs);
    assert!(silent.contains("send: "), "{silent}");
    // Attempts that were made meanwhile wait in the queue of the socket.
    let session = std::iter::from_fn(|| Some(serve(listener.accept().expect("a client").0))).flatten();
    let mail = session.into_iter().find_map(|session| session.mails.into_iter().next()).expect("a mail");
    assert!(mail.contains("Quiescent real server"), "{mail}");
    let mut news = std::iter::from_fn(|| Some(lab.next()));
    assert!(news.any(|news| news.trouble.is_none()), "it works again");
}

#[test]
fn a_relay_that_is_silent_keeps_no_mail_from_another_one() {
    let ((silent, settings), (works, _)) = (relay(), relay());
    let mut lab = MailLab::patient(&settings, Duration::from_secs(3600));
    lab.quiesce();
    // The silent one is being waited for by now, for an hour.
    let (_client, _) = silent.accept().expect("a client");
    lab.configure(&format!(
        "\treal=192.0.2.2:80 gate 3\n\tsmtp_port={}\n",
        works.local_addr().expect("address").port()
    ));
    lab.quiesce();
    let mails = accept(&works).mails;
    assert!(matches!(mails.as_slice(), [one] if one.contains("Quiescent real server")), "{mails:?}");
}

#[test]
fn a_mail_that_is_too_old_is_given_up() {
    let (listener, settings) = relay();
    drop(listener);
    let (tell, news) = channel();
    let zero = Duration::ZERO;
    let patience = sender::Patience { answer: Duration::from_millis(300), pauses: [zero, zero], age: zero };
    let sink = MailAlerts::with_patience(Box::new(move |told| tell.send(told).is_ok()), patience);
    let mut lab = MailLab { sink, news, ..MailLab::new(&settings) };
    lab.configure("\treal=192.0.2.2:80 gate 3\n");
    lab.quiesce();
    let trouble = lab.next().trouble.expect("a trouble");
    assert!(trouble.ends_with(" (1 mails are given up)"), "{trouble}");
    assert!(lab.news.recv_timeout(Duration::from_millis(200)).is_err(), "nothing is tried any more");
}

#[test]
fn the_end_sends_what_waits_and_no_longer_than_it_may() {
    let (listener, settings) = relay();
    let mut lab = MailLab::new(&settings);
    lab.sink.receive(&Event::Ending);
    lab.quiesce();
    let server = std::thread::spawn(move || accept(&listener));
    lab.sink.end(Instant::now() + Duration::from_secs(20));
    let session = server.join().expect("a session");
    assert!(session.mails.iter().any(|mail| mail.contains("Daemon-Status: stopping")), "{session:?}");
}

#[test]
fn a_server_that_stays_away_is_reminded_of_and_one_that_is_back_is_not() {
    let (listener, settings) = relay();
    let mut lab = MailLab::new(&format!("{settings}\nemailalertfreq=1\nemailalertstatus=running"));
    lab.hear(&Outcome::Bad("refused".into()));
    let server = std::thread::spawn(move || [accept(&listener), accept(&listener)]);
    while !server.is_finished() {
        lab.sink.end_turn();
        std::thread::sleep(Duration::from_millis(20));
    }
    for session in server.join().expect("two sessions") {
        let mail = session.mails.join("");
        assert!(mail.contains("Subject: Inaccessible real server: 192.0.2.2:80 (192.0.2.1:80)"), "{mail}");
    }
    lab.hear(&Outcome::Good);
    let later = Instant::now() + Duration::from_secs(60);
    assert_eq!(lab.sink.reminders.due(later, |_| Duration::from_secs(1)), []);
}

#[test]
fn no_mail_leaves_in_a_phase_that_is_not_asked_for() {
    let (listener, settings) = relay();
    let mut lab = MailLab::new(&format!("{settings}\nemailalertstatus=stopping"));
    lab.quiesce();
    lab.sink.receive(&Event::Ending);
    lab.quiesce();
    let mails = accept(&listener).mails;
    assert_eq!(mails.len(), 1, "{mails:?}");
}
