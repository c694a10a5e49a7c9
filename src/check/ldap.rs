//! A directory has the entry that is asked for.

mod message;

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port, TimeLimit};
use super::{pattern, tls};
use crate::model::{Check, Field, Question};
use message::{Entry, Length, Outcome, Response};

/// Of one answer. An entry with photographs is larger than others, but a broken server must not make us allocate what it
/// announces.
const LONGEST: usize = 1 << 20;
/// A search for one entry has at most it, references and an end.
const MOST_RESPONSES: usize = 100;

const BIND: u8 = 1;
const SEARCH: u8 = 2;
const UNBIND: u8 = 3;

pub(super) const LDAP: CheckKind = CheckKind {
    name: "ldap",
    limit: TimeLimit::Checktimeout,
    port: Port::Usual(389),
    fields: &[
        (Field::Request, Need::Optional),
        (Field::Receive, Need::Optional),
        (Field::Login, Need::Optional),
        (Field::Passwd, Need::Optional),
    ],
    validate: |question: &Question| -> Result<(), Invalid> { pattern::validate_receive(question) },
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

/// Encrypted, with whatever certificate the server shows, as with ldirectord.
pub(super) const LDAPS: CheckKind = CheckKind { name: "ldaps", port: Port::Usual(636), ..LDAP };

/// Binds as `login` where there are both `login` and `passwd`, else anonymously, and looks for the entry named by
/// `request`; without one that of the server itself. Its name or a line `ATTRIBUTE: VALUE` of it must match `receive`;
/// ldirectord looked at the name alone.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    let stream = attempt.connect("connect", check.target).await?;
    if check.question.kind == LDAPS.name {
        let stream = secure(&attempt, check.target, stream).await?;
        Box::pin(Conversation::new(&attempt, &check.question, stream).hold()).await
    } else {
        Box::pin(Conversation::new(&attempt, &check.question, stream).hold()).await
    }
}

async fn secure(
    attempt: &Attempt<'_>,
    target: SocketAddr,
    stream: tokio::net::TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, CheckFailure> {
    let step = "tls handshake";
    let handshake = attempt.step(step, tls::connect_to_anyone(stream, target.ip())).await?;
    handshake.map_err(|error| tls::io_failure(attempt, step, &error))
}

struct Conversation<'a, S> {
    attempt: &'a Attempt<'a>,
    question: &'a Question,
    stream: BufReader<S>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    fn new(attempt: &'a Attempt<'a>, question: &'a Question, stream: S) -> Self {
        Self { attempt, question, stream: BufReader::new(stream) }
    }

    async fn hold(mut self) -> Result<(), CheckFailure> {
        let question = self.question;
        let (login, passwd) = match (question.login.as_str(), question.passwd.reveal()) {
            ("", _) | (_, "") => ("", ""),
            both => both,
        };
        let step = if login.is_empty() { "anonymous bind".into() } else { format!("bind as \"{login}\"") };
        self.send(&step, &message::encode_bind(BIND, login, passwd)).await?;
        match self.receive(&step, BIND).await? {
            Response::Bound(Outcome { code: 0, .. }) => {}
            Response::Bound(outcome) => return Err(self.refusal(&step, &outcome)),
            _ => return Err(self.nonsense(&step)),
        }
        let base = question.request.strip_prefix('/').unwrap_or(&question.request);
        let step = format!("search for \"{base}\"");
        self.send(&step, &message::encode_search(SEARCH, base)).await?;
        let entry = self.entry(&step).await?;
        // The answer is there: a server that does not care for the goodbye is no worse for it.
        let _ = self.stream.write_all(&message::encode_unbind(UNBIND)).await;
        self.judge(&step, &entry)
    }

    async fn send(&mut self, step: &str, message: &[u8]) -> Result<(), CheckFailure> {
        let stream = &mut self.stream;
        self.attempt
            .io(step, async {
                stream.write_all(message).await?;
                stream.flush().await
            })
            .await
    }

    async fn receive(&mut self, step: &str, id: u8) -> Result<Response, CheckFailure> {
        let first = self.read(step, 2).await?;
        let [message::SEQUENCE, first] = *first.as_slice() else { return Err(self.nonsense(step)) };
        let length = match Length::decode(first) {
            Some(Length::Is(length)) => Some(length),
            Some(Length::Follows(octets)) => Length::decode_rest(&self.read(step, octets).await?),
            None => None,
        };
        let Some(length) = length else { return Err(self.nonsense(step)) };
        if length > LONGEST {
            let cause = format!("an answer of {length} bytes: more than {LONGEST} are not read");
            return Err(self.attempt.failure_at(FailureKind::Answer, step, cause));
        }
        let content = self.read(step, length).await?;
        match Response::decode(&content, id) {
            Some(Response::Disconnection(outcome)) => Err(self.refusal(step, &outcome)),
            Some(response) => Ok(response),
            None => Err(self.nonsense(step)),
        }
    }

    async fn read(&mut self, step: &str, length: usize) -> Result<Vec<u8>, CheckFailure> {
        let mut bytes = vec![0; length];
        self.attempt.io(step, self.stream.read_exact(&mut bytes)).await?;
        Ok(bytes)
    }

    /// The one entry of the answer.
    async fn entry(&mut self, step: &str) -> Result<Entry, CheckFailure> {
        let mut entries = Vec::new();
        for _ in 0..MOST_RESPONSES {
            match self.receive(step, SEARCH).await? {
                Response::Entry(entry) => entries.push(entry),
                Response::Reference => {}
                Response::Done(outcome) => {
                    let count = entries.len();
                    return match (entries.pop(), count) {
                        (Some(entry), 1) => Ok(entry),
                        (None, _) if outcome.code != 0 => Err(self.refusal(step, &outcome)),
                        _ => Err(self.failure(step, format!("{count} entries: expected one"))),
                    };
                }
                _ => return Err(self.nonsense(step)),
            }
        }
        Err(self.failure(step, format!("more than {MOST_RESPONSES} answers")))
    }

    fn judge(&self, step: &str, entry: &Entry) -> Result<(), CheckFailure> {
        let wanted = self.question.receive.as_str();
        if wanted.is_empty() {
            return Ok(());
        }
        for line in [&entry.name].into_iter().chain(&entry.values) {
            if pattern::judge(self.attempt, wanted, line)? {
                return Ok(());
            }
        }
        let name = String::from_utf8_lossy(&entry.name);
        Err(self.failure(step, format!("neither \"{name}\" nor an attribute of it matches receive=\"{wanted}\"")))
    }

    fn failure(&self, step: &str, cause: String) -> CheckFailure {
        self.attempt.failure_at(FailureKind::Answer, step, cause)
    }

    fn nonsense(&self, step: &str) -> CheckFailure {
        self.attempt.failure_at(FailureKind::Answer, step, "not an LDAP answer")
    }

    fn refusal(&self, step: &str, Outcome { code, message }: &Outcome) -> CheckFailure {
        let words =
            if message.is_empty() { String::new() } else { format!(": {}", self.question.passwd.hide_in(message)) };
        self.failure(step, format!("{} (result {code}){words}", meaning(*code)))
    }
}

/// RFC 4511 section 4.1.9.
fn meaning(code: u32) -> &'static str {
    match code {
        0 => "the server ends the connection",
        2 => "protocol error",
        7 => "login method not supported",
        8 => "a stronger login is required",
        10 => "a referral to another server",
        13 => "encryption is required (use service=ldaps)",
        32 => "no such entry",
        34 => "not a name of an entry",
        48 => "this login is not allowed here",
        49 => "wrong login or password",
        50 => "not permitted",
        51 => "the server is busy",
        52 => "the server is not available",
        53 => "the server is not willing",
        _ => "refused",
    }
}

#[cfg(test)]
#[path = "../../fuzz/ldap.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
