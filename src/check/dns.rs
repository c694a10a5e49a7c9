//! A name has an address, or an address a name, that matches.
//!
//! Asked over UDP or TCP, whichever the virtual service has, and over TCP where the answer does not fit into a datagram.
//! ldirectord found no server up without a `receive`, and asked with the search list of this machine, which is none of the
//! server's business: here the name counts as it is written.

mod message;

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::attempt::Attempt;
use super::datagrams::Datagrams;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, Burden, CheckKind, Invalid, Need, PLAIN, Port, Transport};
use super::pattern;
use crate::model::{Check, Field, Protocol, Question};
use crate::system::random;
use message::{Query, RecordType, Reply, Wrong};

pub(super) const KIND: CheckKind = CheckKind {
    name: "dns",
    port: Port::Usual(53),
    transport: Transport::OfService(Protocol::Udp),
    fields: &[(Field::Request, Need::Required), (Field::Receive, Need::Optional)],
    validate,
    burden: Burden::Socket,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

fn validate(question: &Question) -> Result<(), Invalid> {
    Subject::of(question).map_err(|expected| Invalid { field: Field::Request, expected: expected.into() })?;
    pattern::validate_receive(question)
}

/// What the request is about.
struct Subject {
    /// As the configuration has it, without ldirectord's slash.
    text: String,
    /// As a message has it.
    name: Vec<u8>,
    /// Asked one after the other, until an answer matches.
    types: &'static [RecordType],
}

impl Subject {
    fn of(question: &Question) -> Result<Self, &'static str> {
        let text = question.request.strip_prefix('/').unwrap_or(&question.request);
        let (name, types): (_, &[_]) = match text.parse::<IpAddr>() {
            Ok(address) => (message::reverse_name(address), &[RecordType::Ptr]),
            Err(_) => (text.to_owned(), &[RecordType::A, RecordType::Aaaa]),
        };
        Ok(Self { text: text.into(), name: message::encode_name(&name)?, types })
    }
}

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    let subject = Subject::of(&check.question).map_err(|expected| {
        attempt.failure(FailureKind::Internal, format_args!("request=\"{}\": {expected}", check.question.request))
    })?;
    let wanted = check.question.receive.as_str();
    let mut records = Vec::new();
    for record_type in subject.types {
        let [high, low] = random::bytes()
            .map_err(|error| attempt.failure_at(FailureKind::Internal, "random number", error.to_string()))?;
        let id = u16::from_be_bytes([high, low]);
        let query = Query { id, record_type: *record_type, name: subject.name.clone() };
        for record in resolve(&attempt, check, &subject, &query).await? {
            if wanted.is_empty() || pattern::judge(&attempt, wanted, record.as_bytes())? {
                return Ok(());
            }
            records.push(record);
        }
    }
    let Subject { text, types, .. } = &subject;
    let what = if types.contains(&RecordType::Ptr) { "name" } else { "address" };
    Err(attempt.failure(
        FailureKind::Answer,
        match records.as_slice() {
            [] => format!("{text}: the server knows no {what} of it"),
            [record] => format!("{text}: its {what} {record} does not match receive=\"{wanted}\""),
            records => format!("{text}: none of {} matches receive=\"{wanted}\"", records.join(" ")),
        },
    ))
}

/// The records of one type.
async fn resolve(
    attempt: &Attempt<'_>,
    check: &Check,
    subject: &Subject,
    query: &Query,
) -> Result<Vec<String>, CheckFailure> {
    let by_datagram = check.question.protocol == Protocol::Udp;
    let mut reply = Ok(Reply::Truncated);
    if by_datagram {
        let accept = |message: &[u8]| Some(query.decode_reply(message)).filter(|reply| *reply != Err(Wrong::NotOurs));
        let datagrams = Datagrams::open(attempt, check.target).await?;
        reply = datagrams.ask(&subject.text, &query.encode(), accept).await?;
    }
    if reply == Ok(Reply::Truncated) {
        let step = if by_datagram { format!("{} over TCP", subject.text) } else { subject.text.clone() };
        let message = exchange(attempt, check.target, &step, &query.encode()).await?;
        reply = query.decode_reply(&message);
    }
    let cause = match reply {
        Ok(Reply::Records(records)) => return Ok(records),
        Ok(Reply::Refused(code)) => explain(code, subject),
        Ok(Reply::Truncated) | Err(Wrong::Broken) => "not a DNS answer".into(),
        Err(Wrong::NotOurs) => "an answer to something else".into(),
    };
    Err(attempt.failure_at(FailureKind::Answer, &subject.text, cause))
}

/// One message in each direction, with its length before it (RFC 1035 section 4.2.2).
async fn exchange(
    attempt: &Attempt<'_>,
    target: SocketAddr,
    step: &str,
    query: &[u8],
) -> Result<Vec<u8>, CheckFailure> {
    let mut stream = attempt.connect(step, target).await?;
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
    // In one piece: some servers do not wait for a second one.
    attempt.io(step, stream.write_all(&[&length.to_be_bytes(), query].concat())).await?;
    let length = attempt.io(step, stream.read_u16()).await?;
    let mut message = vec![0; length.into()];
    attempt.io(step, stream.read_exact(&mut message)).await?;
    Ok(message)
}

/// RFC 1035 section 4.1.1, RFC 2136 section 2.2.
fn explain(code: u8, subject: &Subject) -> String {
    match code {
        1 => "format error (code 1): the server does not understand the question".into(),
        2 => "server failure (code 2): is the zone loaded, or its origin reached?".into(),
        3 if subject.text.contains('.') => "no such name (code 3)".into(),
        3 => "no such name (code 3): expected a whole name, since no search list is used".into(),
        5 => "refused (code 5): may this host ask it, and does it have this zone?".into(),
        code => format!("code {code}"),
    }
}

#[cfg(test)]
#[path = "../../fuzz/dns.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
