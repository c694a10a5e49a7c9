//! A login, what is wanted of the server's role and state, and a statement that returns or changes at least one row.
//!
//! The client library blocks, so each check has a thread. The library's time-outs hold for single reads; a server that
//! sends a byte now and then can hold a thread beyond the deadline. The check ends at its deadline all the same, and
//! [`threads`] sees to it that such a server holds few threads and not one more per check. They are threads of our own
//! and not the runtime's blocking pool: that one has an end, and a runtime waits for it when the daemon stops.

mod conversation;
mod findings;
mod judge;
mod observation;
mod reply;
pub mod sessions;
mod threads;
mod wanted;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::Queryable;
use tokio::sync::oneshot;

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind, system_text};
use super::kind::{Ask, Burden, CheckKind, Invalid, Need, PLAIN, Port};
use crate::model::{Advice, Check, Field, Question, Standing};
use conversation::{Conversation, Progress};
use findings::{Lack, Step, Want};
use reply::Cause;
use sessions::Sessions;
use wanted::Wanted;

/// What makes a check of its own, without a statement.
const STANDING: &[Field] = &[Field::Role, Field::Maxlag, Field::Donor, Field::Busypercent];

pub(super) const KIND: CheckKind = CheckKind {
    name: "mysql",
    port: Port::Usual(3306),
    fields: &[
        (Field::Login, Need::Required),
        (Field::Passwd, Need::Optional),
        (Field::Database, Need::Optional),
        (Field::Request, Need::RequiredWithout(STANDING)),
        (Field::Role, Need::Optional),
        (Field::Maxlag, Need::Optional),
        (Field::Lagenter, Need::Optional),
        (Field::Heartbeat, Need::Optional),
        (Field::Donor, Need::Optional),
        (Field::Busypercent, Need::Optional),
        (Field::Freshlogin, Need::Optional),
    ],
    validate: |question| match Wanted::of(&question.standing)? {
        Some(_) => Ok(()),
        None => validate(question),
    },
    burden: Burden::Thread,
    ask: Some(Ask::Standing(|check, standings, sessions| Box::pin(ask(check, standings, sessions)))),
    ..PLAIN
};

/// A lone slash is ldirectord's default request, and no statement.
pub(super) fn validate(question: &Question) -> Result<(), Invalid> {
    match statement(question).trim() {
        "" => Err(Invalid { field: Field::Request, expected: "expected an SQL statement".into() }),
        _ => Ok(()),
    }
}

/// Without the slash that ldirectord takes away, too.
pub(super) fn statement(question: &Question) -> &str {
    question.request.strip_prefix('/').unwrap_or(&question.request)
}

/// One connection for all that is wanted ([`Conversation::hold`]), and what each of those who share it makes of it.
async fn ask(check: &Check, standings: &[&Standing], sessions: &Sessions) -> Vec<Result<Option<Advice>, CheckFailure>> {
    let Check { question, target, timeout, .. } = check;
    let attempt = Attempt::start(check);
    let Some(slot) = threads::Slot::take(*target, attempt.deadline().into_std()) else {
        // The earlier check has told what it found. This one has found nothing: the thread may hang because the server sends
        // byte by byte, or because this machine is too busy to end it.
        let cause = "not asked: the thread of an earlier check still hangs";
        let failure = attempt.failure(FailureKind::Internal, cause);
        return standings.iter().map(|_| Err(failure.clone())).collect();
    };
    let query = statement(question);
    let wants: Arc<[Want]> = standings.iter().map(|standing| want(standing, query)).collect();
    let conversation = Conversation::new(*target, question, query, *timeout);
    let conversation = conversation.with_session_in(sessions.place(check), *timeout);
    let progress = Progress::new();
    let (sender, receiver) = oneshot::channel();
    let (in_thread, theirs) = (progress.clone(), Arc::clone(&wants));
    let spawned = std::thread::Builder::new().name("mysql-check".into()).spawn(move || {
        conversation.hold(&theirs, &in_thread);
        // Before the answer: the check that has it may ask again at once.
        drop(slot);
        // After the deadline the check has ended, and does not take the answer any more.
        let _late = sender.send(());
    });
    if let Err(error) = spawned {
        let failure = attempt.failure(FailureKind::Internal, format_args!("start a thread: {}", system_text(&error)));
        return standings.iter().map(|_| Err(failure.clone())).collect();
    }
    let ended = attempt.step("", receiver).await;
    let findings = progress.findings();
    let verdict = |want: &Want| match findings.verdict(want) {
        Ok(advice) => Ok(advice),
        Err(Lack::Failed(step, cause)) => refused(&attempt, &named(&step, question), cause),
        Err(Lack::Missing) => match (&ended, findings.end()) {
            (Err(_elapsed), _) => Err(attempt.timed_out(&named(&findings.step, question))),
            (Ok(Ok(())), Some((step, cause))) => refused(&attempt, &named(&step, question), cause),
            // The library indexes packets without looking at their length; the thread's end is the only sign of it.
            (Ok(_), _) => {
                Err(attempt.failure_at(FailureKind::Answer, &named(&findings.step, question), "not a MySQL answer"))
            }
        },
    };
    wants.iter().map(verdict).collect()
}

fn want(standing: &Standing, query: &str) -> Want {
    // What contradicts itself was refused with its configuration. A lone slash is no statement, as it is none for ldirectord.
    Want { wanted: Wanted::of(standing).unwrap_or_default(), has_query: !query.trim().is_empty() }
}

fn named(step: &Step, question: &Question) -> String {
    match step {
        Step::Login => format!("login as \"{}\"", question.login),
        Step::State | Step::Lag(_) => "state".into(),
        Step::Query => format!("query \"{}\"", statement(question)),
    }
}

fn refused(attempt: &Attempt<'_>, step: &str, cause: Cause) -> Result<Option<Advice>, CheckFailure> {
    Err(match cause {
        Cause::Overload(text) => return Ok(Some(judge::overload(&text))),
        Cause::Silence | Cause::Gone => attempt.timed_out(step),
        Cause::NoConnection { kind, text } => attempt.failure_at(kind, "connect", text),
        Cause::ConnectSilence => attempt.timed_out("connect"),
        Cause::Other { kind, text } => attempt.failure_at(kind, step, text),
    })
}

/// Asks a server for the time in seconds after which it ends an idle connection, with the login of this check. The call blocks.
///
/// # Errors
/// Says at what it failed, without the password.
pub fn wait_timeout(target: SocketAddr, question: &Question, timeout: Duration) -> Result<u32, String> {
    let asked = Conversation::new(target, question, "", timeout);
    let answer = asked.connect().and_then(|mut connection| connection.query_first("SELECT @@global.wait_timeout"));
    let answer: Option<u32> = answer.map_err(|error| match Cause::from(error) {
        Cause::NoConnection { text, .. } | Cause::Other { text, .. } | Cause::Overload(text) => text,
        Cause::Silence | Cause::Gone | Cause::ConnectSilence => "no answer in time".into(),
    })?;
    answer.ok_or_else(|| "no answer to SELECT @@global.wait_timeout".into())
}

#[cfg(test)]
#[path = "../../fuzz/mysql.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
