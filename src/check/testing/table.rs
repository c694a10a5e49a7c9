//! One kind of check against many servers.

use std::net::SocketAddr;
use std::time::Duration;

use super::{FullListener, PATIENT, check, close_after, closed, drip, greet, silent};
use crate::check::{FailureKind, run};
use crate::model::Question;

/// For servers that never answer: long enough to connect, short enough to wait for.
const IMPATIENT: Duration = Duration::from_millis(700);

/// Servers, what each of them is asked, and what the check has to say of it.
pub struct Table {
    question: Question,
    rows: Vec<Row>,
    full: FullListener,
}

struct Row {
    name: String,
    question: Question,
    target: SocketAddr,
    timeout: Duration,
    /// The text without `KIND TARGET: `.
    wanted: Result<(), (FailureKind, String)>,
}

impl Table {
    pub fn of(question: Question) -> Self {
        Self { question, rows: Vec::new(), full: FullListener::new() }
    }

    /// The rows from here on ask this.
    pub fn ask(&mut self, question: Question) {
        self.question = question;
    }

    pub fn up(&mut self, name: &str, target: SocketAddr) {
        self.row(name, target, PATIENT, Ok(()));
    }

    pub fn down(&mut self, name: &str, target: SocketAddr, kind: FailureKind, text: &str) {
        self.row(name, target, PATIENT, Err((kind, text.to_owned())));
    }

    /// A server that leaves the check waiting in this step.
    pub fn slow(&mut self, name: &str, target: SocketAddr, step: &str) {
        let text = format!("{step}: no answer within {} s", IMPATIENT.as_secs_f64());
        self.row(name, target, IMPATIENT, Err((FailureKind::Timeout, text)));
    }

    /// A server that has answered by the deadline, but never rightly.
    pub fn impatient_down(&mut self, name: &str, target: SocketAddr, kind: FailureKind, text: &str) {
        self.row(name, target, IMPATIENT * 3, Err((kind, text.to_owned())));
    }

    /// As [`Table::slow`] where the question is a datagram, sent once within the time.
    pub fn silent_datagrams(&mut self, name: &str, target: SocketAddr, step: &str) {
        let text = format!("{step}: no answer within {} s (1 requests)", IMPATIENT.as_secs_f64());
        self.row(name, target, IMPATIENT, Err((FailureKind::Timeout, text)));
    }

    fn row(&mut self, name: &str, target: SocketAddr, timeout: Duration, wanted: Result<(), (FailureKind, String)>) {
        let (name, question) = (format!("{}: {name}", self.question.kind), self.question.clone());
        self.rows.push(Row { name, question, target, timeout, wanted });
    }

    /// Servers that do not come as far as the first answer, which is a step of this name. `greeting` is a good one.
    pub async fn faults(&mut self, step: &str, greeting: &'static [u8]) {
        let closed = closed("127.0.0.1:0");
        self.down("a closed port", closed, FailureKind::Refused, "connect: connection refused");
        let full = self.full.address;
        self.slow("no answer to the connection", full, "connect");
        self.slow("silence", silent().await, step);
        self.slow("a byte now and then", drip(greeting).await, step);
        self.down(
            "closed",
            close_after(b"").await,
            FailureKind::Refused,
            &format!("{step}: connection closed by the server"),
        );
        let half = greeting.split_at(greeting.len() / 2).0;
        self.down(
            "closed in a line",
            close_after(half).await,
            FailureKind::Refused,
            &format!("{step}: connection closed by the server"),
        );
        let endless = format!("{step}: the answer is longer than 65536 bytes");
        self.down("a line without end", greet(&[b'2'; 70_000]).await, FailureKind::Answer, &endless);
    }

    /// Asks all of them, and says of every row in which the check says something else.
    pub async fn play(self) {
        let tasks: Vec<_> = self.rows.into_iter().map(|row| tokio::spawn(row.play())).collect();
        let mut wrong = Vec::new();
        for task in tasks {
            wrong.extend(task.await.expect("no panic"));
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

impl Row {
    /// What is wrong with it.
    async fn play(self) -> Option<String> {
        let check = check(self.question, self.target, self.timeout);
        let Ok(result) = tokio::time::timeout(PATIENT * 2, run(&check)).await else {
            return Some(format!("{}: hangs", self.name));
        };
        let subject = format!("{} {}: ", check.question.kind, self.target);
        let found = result.map(drop).map_err(|failure| {
            let text = failure.to_string();
            (failure.kind(), text.strip_prefix(&subject).map_or(text.clone(), str::to_owned))
        });
        (found != self.wanted).then(|| format!("{}:\n  found  {found:?}\n  wanted {:?}", self.name, self.wanted))
    }
}
