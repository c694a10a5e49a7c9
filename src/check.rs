//! Asks one real server one question and says why the answer is not good enough. Called by the daemon's loop.
//!
//! One file per kind of check, one row per kind in the table (`kind`). Nothing here knows when a check is due or what
//! follows from its result; there is no state except caches (compiled patterns, the machine's trust store), the list of
//! MySQL threads that still hang, the thread that asks paths ([`path`]), and what [`lag`] is told of the thread that runs the
//! checks. What is kept between two checks belongs to the caller ([`Sessions`]).
//!
//! Every wait of a check ends at the same instant, its deadline (`attempt`): a server that sends one byte now and
//! then cannot stretch a check.

mod agent;
mod attempt;
mod connect;
mod datagrams;
mod dns;
mod external;
mod failure;
mod ftp;
mod http;
mod imap;
mod kind;
pub mod lag;
mod ldap;
mod lines;
mod mysql;
mod nntp;
mod oracle;
pub mod path;
mod pattern;
mod pgsql;
mod ping;
mod pop;
mod radius;
mod said;
mod simpletcp;
mod sip;
mod smtp;
mod tls;
mod unasked;

pub use failure::{CheckFailure, FailureKind};
pub use kind::{Ask, Burden, CheckKind, Invalid, NamedBy, Need, Port, TimeLimit, Transport};
pub use mysql::sessions::Sessions;
pub use mysql::wait_timeout as mysql_wait_timeout;

use crate::model::{Advice, Check, Question, Standing};

/// Runs one check to its end, at the latest at its deadline.
///
/// Must run in a tokio runtime with I/O and time enabled; a `ping` needs `CAP_NET_RAW`. Dropping the future ends the
/// check: connections are closed, an external program is killed with its process group.
///
/// Returns what it wants of the director, if anything.
///
/// # Errors
/// Why the real server is not healthy. [`FailureKind::Internal`] when the question could not be asked from here.
pub async fn run(check: &Check) -> Result<Option<Advice>, CheckFailure> {
    let alone = [&*check.question.standing];
    let nothing = || Err(CheckFailure::new(FailureKind::Internal, check.question.kind, "ended without an answer"));
    run_for(check, &alone, &Sessions::default()).await.pop().unwrap_or_else(nothing)
}

/// As [`run`], once for all who want the server to stand like one of these. What the question itself says of that counts for
/// nothing. The answers have the order of the standings. A check may begin with the session that it has kept.
pub async fn run_for(
    check: &Check,
    standings: &[&Standing],
    sessions: &Sessions,
) -> Vec<Result<Option<Advice>, CheckFailure>> {
    let name = check.question.kind;
    let answer = match CheckKind::find(name).and_then(|kind| kind.ask) {
        Some(Ask::YesOrNo(ask)) => ask(check).await.map(|()| None),
        Some(Ask::Advice(ask)) => ask(check).await,
        Some(Ask::Standing(ask)) => return ask(check, standings, sessions).await,
        None => Err(CheckFailure::new(FailureKind::Internal, name, "cannot be checked yet")),
    };
    vec![answer; standings.len()]
}

/// The check that a combined one makes between two of its questions; `None` where it is none.
pub fn between(check: &Check) -> Option<Check> {
    let between = check.between.as_deref()?;
    let mut target = check.target;
    if !CheckKind::find(between.kind).is_some_and(CheckKind::asks_a_port) {
        target.set_port(0);
    }
    Some(Check { question: Question::of(between.kind).into(), target, timeout: between.timeout, between: None })
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests;
