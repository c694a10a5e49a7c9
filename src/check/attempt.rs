//! One running check: its name in messages and the one instant at which all its waits end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::failure::{CheckFailure, FailureKind, describe_io, system_text};
use super::lag;
use crate::model::Check;

pub(super) struct Attempt<'a> {
    /// What the check's messages begin with. It becomes text only when there is something to say: most checks are good,
    /// and there may be ten thousand of them in a second.
    subject: Subject<'a>,
    deadline: Instant,
    timeout: Duration,
    /// [`lag::stolen`] at the start.
    stolen_before: Duration,
}

impl<'a> Attempt<'a> {
    /// The clock starts now. Messages begin with the kind of the check and its target.
    pub fn start(check: &'a Check) -> Self {
        Self::about(Subject::Target(check), check.timeout)
    }

    /// The same for a check whose messages begin otherwise.
    pub fn about(subject: Subject<'a>, timeout: Duration) -> Self {
        let now = Instant::now();
        Self { subject, deadline: now + timeout, timeout, stolen_before: lag::stolen(now) }
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits for one step, at the latest until the deadline of the whole check. A named `step` tells how far it came.
    /// What is there when the deadline is noticed still counts, however late that is.
    pub async fn step<T>(&self, step: &str, future: impl Future<Output = T>) -> Result<T, CheckFailure> {
        timeout_at(self.deadline, future).await.map_err(|_| self.timed_out(step))
    }

    /// As [`Attempt::step`] for input and output on a connection.
    pub async fn io<T>(&self, step: &str, future: impl Future<Output = io::Result<T>>) -> Result<T, CheckFailure> {
        self.step(step, future).await?.map_err(|error| self.io_failure(step, &error))
    }

    /// A TCP connection to `address`. A socket that cannot even be opened says nothing of the server, whatever the
    /// error: EACCES is a security module's verdict there, and a router's after it.
    pub async fn connect(&self, step: &str, address: SocketAddr) -> Result<TcpStream, CheckFailure> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(|error| self.open_failure(&error))?;
        self.io(step, socket.connect(address)).await
    }

    pub fn open_failure(&self, error: &io::Error) -> CheckFailure {
        self.failure_at(FailureKind::Internal, "open a socket", system_text(error))
    }

    pub fn failure(&self, kind: FailureKind, cause: impl fmt::Display) -> CheckFailure {
        CheckFailure::new(kind, &self.subject, cause)
    }

    pub fn failure_at(&self, kind: FailureKind, step: &str, cause: impl fmt::Display) -> CheckFailure {
        if step.is_empty() { self.failure(kind, cause) } else { self.failure(kind, format_args!("{step}: {cause}")) }
    }

    /// The failure of a step that was answered by this.
    pub fn wrong(&self, step: &str, answer: &str) -> CheckFailure {
        let shown = if answer.trim().is_empty() { "an empty line" } else { answer };
        self.failure_at(FailureKind::Answer, step, shown)
    }

    pub fn io_failure(&self, step: &str, error: &io::Error) -> CheckFailure {
        let (kind, cause) = describe_io(error);
        self.failure_at(kind, step, cause)
    }

    pub fn timed_out(&self, step: &str) -> CheckFailure {
        self.silence(step, format_args!("no answer within {}", self.timeout_text()))
    }

    /// The deadline has passed with nothing to show, which is `cause`, unless this machine was not there to notice.
    pub fn silence(&self, step: &str, cause: impl fmt::Display) -> CheckFailure {
        let stolen = lag::stolen(Instant::now()).saturating_sub(self.stolen_before);
        if !lag::hides_an_answer(stolen, self.timeout) {
            return self.failure_at(FailureKind::Timeout, step, cause);
        }
        let lost = stolen.as_secs_f64();
        let text = format_args!("this machine was too busy to notice the answer in time ({lost:.1} s went by unseen)");
        self.failure_at(FailureKind::Internal, step, text)
    }

    /// The whole time allowed, as `3 s` or `0.5 s`.
    pub fn timeout_text(&self) -> String {
        format!("{} s", self.timeout.as_secs_f64())
    }
}

/// One question to one server, as messages name it.
pub(super) enum Subject<'a> {
    /// `mysql 10.0.0.1:3306`.
    Target(&'a Check),
    Other(&'a (dyn fmt::Display + Sync)),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(check) if check.target.port() == 0 => {
                write!(f, "{} {}", check.question.kind, check.target.ip())
            }
            Self::Target(check) => write!(f, "{} {}", check.question.kind, check.target),
            Self::Other(text) => text.fmt(f),
        }
    }
}
