//! Executes changes: in batches, with one result for each, and with what to do when the kernel is already further or
//! behind.

use std::collections::BTreeSet;
use std::fmt;

use nix::errno::Errno;

use crate::model::{Change, VirtualService};
use crate::netlink::socket::BATCH;
use crate::netlink::{Error, Result};

/// A change that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFailure {
    /// The change.
    pub change: Change,
    /// Object, attempt and cause.
    pub error: Error,
}

impl ChangeFailure {
    /// Whether the virtual service of the change is not there (any more).
    pub fn is_about_a_missing_service(&self) -> bool {
        self.error.is(Errno::ESRCH)
    }
}

impl fmt::Display for ChangeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// Executes the changes. `send` executes those that it is given, in order, and answers with one result for each.
pub(super) fn run(changes: &[Change], mut send: impl FnMut(&[&Change]) -> Vec<Result<()>>) -> Vec<ChangeFailure> {
    let mut failures = Vec::new();
    for batch in changes.chunks(BATCH) {
        let all: Vec<&Change> = batch.iter().collect();
        let results = send(&all);
        // Services that turned out to be gone and were added again after the batch: changes of their real servers,
        // executed before that, found no service and are executed once more.
        let mut restored = BTreeSet::new();
        for (change, result) in batch.iter().zip(results) {
            let result = if restored.contains(change.service()) { send_one(&mut send, change) } else { result };
            let was_gone =
                matches!(change, Change::EditService(_)) && matches!(&result, Err(error) if error.is(Errno::ESRCH));
            match retry_as_equivalent(change, result, &mut send) {
                Ok(()) if was_gone => {
                    restored.insert(change.service());
                }
                Ok(()) => {}
                Err(error) => failures.push(ChangeFailure { change: change.clone(), error: explain(change, error) }),
            }
        }
    }
    failures
}

/// Makes a second attempt where the first one's error says that the change has an equivalent.
fn retry_as_equivalent(
    change: &Change,
    result: Result<()>,
    send: &mut impl FnMut(&[&Change]) -> Vec<Result<()>>,
) -> Result<()> {
    let Err(error) = result else { return Ok(()) };
    match equivalent(change, &error) {
        Equivalent::Done => Ok(()),
        Equivalent::Instead(instead) => send_one(send, &instead),
        Equivalent::None => Err(error),
    }
}

fn send_one(send: &mut impl FnMut(&[&Change]) -> Vec<Result<()>>, change: &Change) -> Result<()> {
    send(&[change]).pop().unwrap_or_else(|| Err(Error::malformed("no result")))
}

#[derive(Debug, PartialEq, Eq)]
enum Equivalent {
    Done,
    Instead(Change),
    None,
}

/// Returns what amounts to the same as a change that failed. A missing service is ESRCH and a missing real server
/// ENOENT, but the latter also stands for a missing scheduler (net/netfilter/ipvs/ip_vs_ctl.c).
fn equivalent(change: &Change, error: &Error) -> Equivalent {
    match change {
        Change::AddService(service) if error.is(Errno::EEXIST) => {
            Equivalent::Instead(Change::EditService(service.clone()))
        }
        Change::EditService(service) if error.is(Errno::ESRCH) => {
            Equivalent::Instead(Change::AddService(service.clone()))
        }
        Change::AddRealServer(key, real) if error.is(Errno::EEXIST) => {
            Equivalent::Instead(Change::EditRealServer(*key, real.clone()))
        }
        Change::EditRealServer(key, real) if error.is(Errno::ENOENT) => {
            Equivalent::Instead(Change::AddRealServer(*key, real.clone()))
        }
        Change::DeleteService(_) | Change::DeleteRealServer(..)
            if error.is(Errno::ENOENT) || error.is(Errno::ESRCH) =>
        {
            Equivalent::Done
        }
        _ => Equivalent::None,
    }
}

/// Names the modules that the service needs: the kernel does not say which of them it has not found.
fn missing_module(service: &VirtualService) -> String {
    let scheduler = format!("is the scheduler module ip_vs_{} available?", service.scheduler);
    match service.persistence.and_then(|persistence| persistence.engine) {
        Some(engine) => format!("{scheduler} Or that of the persistence engine, ip_vs_pe_{}?", engine.name()),
        None => scheduler,
    }
}

/// Adds the next step to errors whose text alone misleads.
fn explain(change: &Change, error: Error) -> Error {
    let error = error.during(change);
    match change {
        Change::AddService(service) | Change::EditService(service) if error.is(Errno::ENOENT) => {
            error.hinting(missing_module(service))
        }
        Change::AddRealServer(..) | Change::EditRealServer(..) if error.is(Errno::ESRCH) => {
            error.hinting("the virtual service does not exist")
        }
        Change::AddRealServer(..) | Change::EditRealServer(..) if error.is(Errno::ERANGE) => {
            error.hinting("weights reach to 2147483647, and a lower threshold to the upper one")
        }
        Change::AddRealServer(..) | Change::EditRealServer(..) if error.is(Errno::EINVAL) => {
            error.hinting("it must be a unicast address, of the virtual service's family unless sent through a tunnel")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests;
