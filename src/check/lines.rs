//! A conversation of lines with a server, over TCP or TLS.
//!
//! What a server may say is bounded ([`Lines::may_say`]): one that sends without end neither fills the memory nor holds
//! the check.

mod reply;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Take};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::pki_types::ServerName;

pub(super) use reply::Reply;

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::Invalid;
use super::tls::{self, Trust};
use crate::model::{Field, Question};

/// Bytes of all that a server may say in one check. Greetings and answers have a few hundred; the longest banners of FTP
/// servers a few thousand.
const USUAL: u64 = 64 << 10;

/// Bytes that are read at once. Thousands of checks may run together.
const BUFFER: usize = 1 << 10;

/// How long the answer to a farewell is waited for. It counts for nothing, but a server that still writes when the
/// connection is gone logs an error each time.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) struct Lines<'a> {
    attempt: &'a Attempt<'a>,
    stream: Take<BufReader<Box<dyn Wire>>>,
    said: u64,
    /// What no message may show, since some servers repeat what they do not understand.
    hidden: Vec<String>,
}

impl<'a> Lines<'a> {
    pub async fn connect(attempt: &'a Attempt<'a>, target: SocketAddr) -> Result<Self, CheckFailure> {
        let stream = attempt.connect("connect", target).await?;
        Ok(Self::over(attempt, stream))
    }

    /// TLS from the first byte on. `trust` is that of this machine, unless a test has another.
    pub async fn connect_tls(
        attempt: &'a Attempt<'a>,
        target: SocketAddr,
        trust: Option<&Trust>,
    ) -> Result<Self, CheckFailure> {
        let stream = attempt.connect("connect", target).await?;
        let stream = tls::handshake(attempt, trust, stream, ServerName::from(target.ip())).await?;
        Ok(Self::over(attempt, stream))
    }

    /// Over a connection that is there already.
    pub fn over(attempt: &'a Attempt<'a>, stream: impl Wire + 'static) -> Self {
        let wire: Box<dyn Wire> = Box::new(stream);
        let stream = BufReader::with_capacity(BUFFER, wire).take(USUAL);
        Self { attempt, stream, said: USUAL, hidden: Vec::new() }
    }

    /// So many bytes instead of the usual 64 KiB.
    pub fn may_say(&mut self, bytes: u64) {
        self.said = bytes;
        self.stream.set_limit(bytes);
    }

    /// No message will show this text.
    pub fn hide(&mut self, text: &str) {
        if !text.is_empty() {
            self.hidden.push(text.to_owned());
        }
    }

    /// The next line with its end. The last one may have none; `None` after it.
    pub async fn next(&mut self, step: &str) -> Result<Option<Vec<u8>>, CheckFailure> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line);
        self.attempt.step(step, read).await?.map_err(|error| tls::io_failure(self.attempt, step, &error))?;
        if !line.ends_with(b"\n") && self.stream.limit() == 0 {
            let cause = format!("the answer is longer than {} bytes", self.said);
            return Err(self.attempt.failure_at(FailureKind::Answer, step, cause));
        }
        Ok(Some(line).filter(|line| !line.is_empty()))
    }

    /// The next line without its end. A server that closes instead, or in the middle of it, has failed.
    pub async fn line(&mut self, step: &str) -> Result<String, CheckFailure> {
        let line = self.next(step).await?.filter(|line| line.ends_with(b"\n"));
        let Some(line) = line else {
            return Err(self.attempt.failure_at(FailureKind::Refused, step, "connection closed by the server"));
        };
        Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
    }

    /// Sends a line.
    pub async fn say(&mut self, step: &str, line: &str) -> Result<(), CheckFailure> {
        self.send(step, format!("{line}\r\n").as_bytes()).await
    }

    pub async fn send(&mut self, step: &str, bytes: &[u8]) -> Result<(), CheckFailure> {
        let stream = self.stream.get_mut();
        let send = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        self.attempt.step(step, send).await?.map_err(|error| tls::io_failure(self.attempt, step, &error))
    }

    /// Nothing more will be sent: the server reads the end of the connection, and can still answer.
    pub async fn end(&mut self, step: &str) -> Result<(), CheckFailure> {
        self.attempt.io(step, self.stream.get_mut().shutdown()).await
    }

    /// Ends the conversation in order. The verdict is there already, and nothing here changes it.
    pub async fn farewell(mut self, line: &str) {
        let until = self.attempt.deadline().min(Instant::now() + FAREWELL);
        let goodbye = async {
            self.say("", line).await?;
            self.next("").await
        };
        let _whatever_it_says = timeout_at(until, goodbye).await;
    }

    /// The failure of a step that was answered by this.
    pub fn wrong(&self, step: &str, answer: &str) -> CheckFailure {
        let shown = self.hidden.iter().fold(answer.to_owned(), |text, hidden| text.replace(hidden, "***"));
        self.attempt.wrong(step, &shown)
    }
}

/// The step of a login in messages.
pub(super) fn login_step(question: &Question) -> String {
    format!("login as \"{}\"", question.login)
}

/// A line's end in one of these would begin a second command.
pub(super) fn validate(question: &Question, fields: &[Field]) -> Result<(), Invalid> {
    match fields.iter().find(|field| question.get(**field).contains(['\r', '\n', '\0'])) {
        Some(field) => Err(Invalid { field: *field, expected: "expected one line without control characters".into() }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "../../fuzz/lines.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
