//! The role of a promotable resource on this node, and the kernel's sync daemon that belongs to it: the one that sends where
//! the resource is promoted, the one that receives elsewhere. Pure.

use std::fmt;

use crate::model::{SyncChannel, SyncDaemon};
use crate::netlink::ipvs::SyncDaemons;
use crate::ocf::{Failure, Status};
use crate::ownership::RoleRecord;

/// One change of the kernel's sync daemons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOrder {
    Stop(SyncDaemon),
    Start(SyncDaemon, SyncChannel),
}

impl fmt::Display for SyncOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop(daemon) => write!(f, "sync daemon {daemon}: stopped"),
            Self::Start(daemon, SyncChannel { interface, id, .. }) => {
                write!(f, "sync daemon {daemon} on {interface} with id {id}: started")
            }
        }
    }
}

fn daemon_of(role: &RoleRecord) -> SyncDaemon {
    if role.promoted { SyncDaemon::Master } else { SyncDaemon::Backup }
}

const BOTH: [SyncDaemon; 2] = [SyncDaemon::Master, SyncDaemon::Backup];

/// Decides what to stop and what to start. A director that becomes the active one stops receiving before it sends: a stale
/// message of the other one could replace connections that it serves by then.
///
/// # Errors
/// It says which daemon of another program is in the way.
pub fn orders(
    record: Option<&RoleRecord>,
    running: &SyncDaemons,
    wanted: &RoleRecord,
) -> Result<Vec<SyncOrder>, String> {
    let is_ours = |channel: &SyncChannel| {
        let own = record.and_then(|record| record.channel.as_ref());
        own.is_some_and(|own| (&own.interface, own.id) == (&channel.interface, channel.id))
    };
    let mut orders = Vec::new();
    for daemon in BOTH {
        let Some(channel) = running.channel(daemon).filter(|channel| is_ours(channel)) else { continue };
        if wanted.channel.as_ref() != Some(channel) || daemon != daemon_of(wanted) {
            orders.push(SyncOrder::Stop(daemon));
        }
    }
    let daemon = daemon_of(wanted);
    match (&wanted.channel, running.channel(daemon)) {
        (None, _) => {}
        (Some(channel), Some(found)) if !is_ours(found) => {
            return Err(format!(
                "sync daemon {daemon} on {} with id {}: start: another program runs one on {} with id {}; stop it \
                 (ipvsadm --stop-daemon {daemon})",
                channel.interface, channel.id, found.interface, found.id
            ));
        }
        (Some(channel), Some(found)) if found == channel => {}
        (Some(channel), _) => orders.push(SyncOrder::Start(daemon, channel.clone())),
    }
    Ok(orders)
}

/// Returns what monitor answers for a resource with this role, whose table was judged already.
pub fn judge(record: &RoleRecord, running: &SyncDaemons, table: Result<Status, Failure>) -> Result<Status, Failure> {
    let wrong = differences(record, running);
    match (record.promoted, table, wrong.is_empty()) {
        // What is left of a table that something has flushed is a sync daemon; recovery ends it.
        (_, Ok(Status::Stopped), true) if record.channel.is_none() => Ok(Status::Stopped),
        (promoted, Ok(Status::Stopped), _) => broken(promoted, "every virtual service is missing".to_owned(), &wrong),
        (promoted, Err(failure), _) => broken(promoted, failure.to_string(), &wrong),
        (true, Ok(Status::Degraded(reason)), true) => Ok(Status::DegradedPromoted(reason)),
        (true, Ok(_), true) => Ok(Status::Promoted),
        (false, Ok(status), true) => Ok(status),
        (promoted, Ok(_), false) => broken(promoted, String::new(), &wrong),
    }
}

/// Adds that another director sends connections under the same number, at this address. Neither of them is broken by that, but
/// the standby gets the connections of both.
pub fn with_clash(status: Status, clash: Option<String>) -> Status {
    let reason = |address: String| {
        format!(
            "{address} sends connections under the same sync_id: give one of the two pairs another one, or see that one \
                 director is promoted only"
        )
    };
    match (status, clash.map(reason)) {
        (Status::Running, Some(reason)) => Status::Degraded(reason),
        (Status::Promoted, Some(reason)) => Status::DegradedPromoted(reason),
        (status, _) => status,
    }
}

fn broken(promoted: bool, reason: String, wrong: &[String]) -> Result<Status, Failure> {
    let reasons: Vec<String> =
        [reason].into_iter().chain(wrong.iter().cloned()).filter(|text| !text.is_empty()).collect();
    let reason = reasons.join("; ");
    if promoted { Ok(Status::FailedPromoted(reason)) } else { Err(Failure::generic(reason)) }
}

/// Returns, in words, what is not as the record says.
fn differences(record: &RoleRecord, running: &SyncDaemons) -> Vec<String> {
    let Some(channel) = &record.channel else { return Vec::new() };
    let of_role = daemon_of(record);
    let difference = |daemon: SyncDaemon| match (running.channel(daemon), daemon == of_role) {
        (None, true) => Some(format!("sync daemon {daemon} on {}: does not run", channel.interface)),
        (Some(found), true) if found != channel => {
            Some(format!("sync daemon {daemon}: runs on {} with id {} instead", found.interface, found.id))
        }
        (Some(found), false) if found == channel => {
            Some(format!("sync daemon {daemon} on {}: still runs", found.interface))
        }
        _ => None,
    };
    BOTH.into_iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests;
