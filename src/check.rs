//! Asks one real server one question and says why the answer is not good enough. Called by the daemon's loop.
//!
//! One file per kind of check, one row per kind in the table (`kind`). Nothing here knows when a check is due or what
//! follows from its result; there is no state except caches (compiled patterns, the machine's trust store), the list of
//! MySQL threads that still hang, and what [`lag`] is told of the thread that runs the checks.
//!
//! Every wait of a check ends at the same instant, its deadline (`attempt`): a server that sends one byte now and
//! then cannot stretch a check.

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
mod pattern;
mod pgsql;
mod ping;
mod pop;
mod radius;
mod simpletcp;
mod sip;
mod smtp;
mod tls;
mod unasked;

pub use failure::{CheckFailure, FailureKind};
pub use kind::{Burden, CheckKind, Invalid, NamedBy, Need, Port, TimeLimit, Transport};

use crate::model::{Check, Question};

/// Runs one check to its end, at the latest at its deadline.
///
/// Must run in a tokio runtime with I/O and time enabled; a `ping` needs `CAP_NET_RAW`. Dropping the future ends the
/// check: connections are closed, an external program is killed with its process group.
///
/// # Errors
/// Why the real server is not healthy. [`FailureKind::Internal`] when the question could not be asked from here.
pub async fn run(check: &Check) -> Result<(), CheckFailure> {
    let name = check.question.kind;
    match CheckKind::find(name).and_then(|kind| kind.ask) {
        Some(ask) => ask(check).await,
        None => Err(CheckFailure::new(FailureKind::Internal, name, "cannot be checked yet")),
    }
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
