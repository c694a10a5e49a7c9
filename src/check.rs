//! Asks one real server one question and says why the answer is not good enough. Called by the daemon's loop.
//!
//! One file per kind of check, one row per kind in the table ([`kind`]). Nothing here knows when a check is due or what follows from its result; there is no state
//! except caches (compiled patterns, the machine's trust store), the list of MySQL threads that still hang, and what
//! [`lag`] is told of the thread that runs the checks.
//!
//! Every wait of a check ends at the same instant, its deadline (`attempt`): a server that sends one byte now and
//! then cannot stretch a check.

mod attempt;
mod connect;
mod external;
mod failure;
mod http;
mod kind;
pub mod lag;
mod mysql;
mod pattern;
mod ping;
mod tls;
mod unasked;
mod unsupported;

pub use failure::{CheckFailure, FailureKind};
pub use kind::{Burden, CheckKind, Invalid, NamedBy, Need, Port};

use crate::model::Check;

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

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests;
