//! A login and a statement that returns or changes at least one row.
//!
//! Encrypted where the server offers it, with whatever certificate it shows, else not: what libpq, and with it ldirectord,
//! does unless told otherwise (`sslmode=prefer`).

mod limited;

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind, lower_first};
use super::kind::{Ask, CheckKind, Need, PLAIN, Port};
use super::tls;
use crate::model::{Check, Field, Question};
use limited::{Limited, TooMuch};

/// Of all answers of a check. It needs one row; a broken server must not make us allocate what it announces.
const LONGEST: usize = 1 << 20;

/// What a server is asked before anything else: whether it speaks TLS (PostgreSQL, "Message Formats": `SSLRequest`).
const TLS_REQUEST: [u8; 8] = *b"\0\0\0\x08\x04\xd2\x16\x2f";

const APPLICATION: &str = "lvs-agents";

pub(super) const KIND: CheckKind = CheckKind {
    name: "pgsql",
    port: Port::Usual(5432),
    fields: &[
        (Field::Login, Need::Required),
        (Field::Passwd, Need::Optional),
        (Field::Database, Need::Optional),
        (Field::Request, Need::Required),
    ],
    validate: super::mysql::validate,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let attempt = Attempt::start(check);
    let stream = attempt.connect("connect", check.target).await?;
    let step = "tls";
    let stream = &mut { stream };
    attempt.io(step, stream.write_all(&TLS_REQUEST)).await?;
    match attempt.io(step, stream.read_u8()).await? {
        b'S' => {}
        b'N' => return Box::pin(hold(&attempt, &check.question, stream)).await,
        // So old that it takes the question for an error, or no PostgreSQL at all: the login will tell.
        _ => return in_clear(&attempt, check).await,
    }
    match attempt.step("tls handshake", tls::connect_to_anyone(stream, check.target.ip())).await? {
        Ok(stream) => Box::pin(hold(&attempt, &check.question, stream)).await,
        // TLS that is too old for us, or broken: libpq too goes on without.
        Err(_broken) => in_clear(&attempt, check).await,
    }
}

async fn in_clear(attempt: &Attempt<'_>, check: &Check) -> Result<(), CheckFailure> {
    let stream = attempt.connect("connect", check.target).await?;
    Box::pin(hold(attempt, &check.question, stream)).await
}

async fn hold<S>(attempt: &Attempt<'_>, question: &Question, stream: S) -> Result<(), CheckFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let step = format!("login as \"{}\"", question.login);
    // Boxed: it is large, and rarely there.
    let options = options(question);
    let login = Box::pin(options.connect_raw(Limited::new(stream, LONGEST), NoTls));
    let (client, connection) = attempt.step(&step, login).await?.map_err(|error| failure(attempt, &step, &error))?;
    let statement = super::mysql::statement(question);
    let step = format!("query \"{statement}\"");
    let mut connection = pin!(connection);
    let seen = AtomicBool::new(false);
    let result = {
        let mut rows = pin!(has_row(&client, statement, &seen));
        attempt
            .step(&step, async {
                // The connection moves the bytes, so both must be polled. It may fail first, and knows the cause then.
                tokio::select! {
                    biased;
                    result = &mut rows => result,
                    Err(error) = &mut connection => {
                        // What it has brought before is there at once, and may be enough.
                        let brought = timeout(Duration::ZERO, &mut rows).await;
                        match brought {
                            Ok(Ok(result)) => Ok(result),
                            _ if seen.load(Ordering::Relaxed) && is_too_much(&error) => Ok(true),
                            _ => Err(error),
                        }
                    }
                }
            })
            .await?
    };
    match result {
        Ok(true) => {}
        Ok(false) => return Err(attempt.failure_at(FailureKind::Answer, &step, "returned no row")),
        Err(error) => return Err(failure(attempt, &step, &error)),
    }
    // The goodbye: without it the server logs each check as a client that was lost.
    drop(client);
    let _said = attempt.step(&step, connection).await;
    Ok(())
}

fn options(question: &Question) -> Config {
    let mut options = Config::new();
    options.user(&question.login).application_name(APPLICATION).ssl_mode(SslMode::Disable);
    if !question.passwd.reveal().is_empty() {
        options.password(question.passwd.reveal());
    }
    if !question.database.is_empty() {
        options.dbname(&question.database);
    }
    options
}

/// Whether the last statement returned or changed a row, as libpq counts. `seen`: some statement has returned one.
async fn has_row(client: &Client, statement: &str, seen: &AtomicBool) -> Result<bool, Error> {
    let mut answers = pin!(client.simple_query_raw(statement).await?);
    let mut last = false;
    while let Some(message) = answers.try_next().await? {
        match message {
            SimpleQueryMessage::CommandComplete(rows) => last = rows > 0,
            SimpleQueryMessage::Row(_) => seen.store(true, Ordering::Relaxed),
            _ => {}
        }
    }
    Ok(last)
}

fn io_cause(error: &Error) -> Option<&io::Error> {
    error.source().and_then(|cause| cause.downcast_ref())
}

fn is_too_much(error: &Error) -> bool {
    io_cause(error).and_then(|cause| cause.get_ref()).is_some_and(|cause| cause.is::<TooMuch>())
}

fn failure(attempt: &Attempt<'_>, step: &str, error: &Error) -> CheckFailure {
    if let Some(error) = error.as_db_error() {
        let text = format!("{} (error {})", lower_first(error.message()), error.code().code());
        return attempt.failure_at(FailureKind::Answer, step, text);
    }
    match io_cause(error) {
        Some(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => attempt
            .failure_at(
                FailureKind::Answer,
                step,
                format!("not a PostgreSQL answer ({})", lower_first(&error.to_string())),
            ),
        Some(error) => attempt.io_failure(step, error),
        None if error.is_closed() => attempt.failure_at(FailureKind::Refused, step, "connection closed by the server"),
        None => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            attempt.failure_at(FailureKind::Answer, step, format!("{}{cause}", lower_first(&error.to_string())))
        }
    }
}

#[cfg(test)]
#[path = "../../fuzz/pgsql.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
