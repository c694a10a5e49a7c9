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

/// Whether a sync daemon belongs to the resource with this record. Another `ttl` or `maxlen` makes it no other one's.
pub fn is_ours(record: &RoleRecord, channel: &SyncChannel) -> bool {
    record.channel.as_ref().is_some_and(|own| (&own.interface, own.id) == (&channel.interface, channel.id))
}

/// Whether the sync daemon was started on another interface than the one that has the name now, or before it had an address. The
/// kernel lets it run on, without its group and its address, and says nothing. `index` is that of the interface, if it can carry
/// connections: before that, another daemon would be no better.
fn is_orphan(record: &RoleRecord, index: Option<u32>) -> bool {
    index.is_some() && record.interface_index != index
}

/// Decides what to stop and what to start. A director that becomes the active one stops receiving before it sends: a stale
/// message of the other one could replace connections that it serves by then. The daemon of another program is left alone; one
/// that does exactly what is wanted is adopted, as a service of the table is.
pub fn orders(record: Option<&RoleRecord>, running: &SyncDaemons, wanted: &RoleRecord) -> Vec<SyncOrder> {
    let is_ours = |channel: &SyncChannel| {
        wanted.channel.as_ref() == Some(channel) || record.is_some_and(|record| is_ours(record, channel))
    };
    let of_role = daemon_of(wanted);
    let is_orphan = record.is_some_and(|record| is_orphan(record, wanted.interface_index));
    let is_right = |daemon, channel| daemon == of_role && wanted.channel.as_ref() == Some(channel) && !is_orphan;
    let ours = BOTH
        .into_iter()
        .filter_map(|daemon| Some((daemon, running.channel(daemon).filter(|channel| is_ours(channel))?)));
    let stops =
        ours.filter(|(daemon, channel)| !is_right(*daemon, *channel)).map(|(daemon, _)| SyncOrder::Stop(daemon));
    let is_free = running.channel(of_role).is_none_or(|found| is_ours(found) && !is_right(of_role, found));
    let start = wanted.channel.clone().filter(|_| is_free).map(|channel| SyncOrder::Start(of_role, channel));
    stops.chain(start).collect()
}

/// Returns why this node would direct nothing: the kernel leaves all packets alone while a backup daemon runs, unless it is told
/// otherwise (`backup_only`). It may be that of another program, or of another resource.
pub fn in_the_way(running: &SyncDaemons, backup_only: bool) -> Option<String> {
    let SyncChannel { interface, id, .. } = running.backup.as_ref().filter(|_| backup_only)?;
    Some(format!(
        "a sync daemon backup runs on {interface} with id {id}, and with net.ipv4.vs.backup_only=1 this node directs nothing \
         meanwhile: stop it (ipvsadm --stop-daemon backup), or move what has started it to the other director"
    ))
}

/// What is seen of the synchronisation.
#[derive(Debug, Default)]
pub struct Sight {
    /// The daemons that run.
    pub running: SyncDaemons,
    /// The index of the interface that the channel names, if it can carry connections.
    pub interface_index: Option<u32>,
    /// Whether the kernel leaves all packets alone while a backup daemon runs.
    pub backup_only: bool,
    /// What else is wrong with it, in words.
    pub troubles: Vec<String>,
}

/// Returns what monitor answers for a resource with this role, whose table was judged already. A synchronisation that does not
/// work is shown: it is no reason to end what serves, and each monitor tries it again.
pub fn judge(record: &RoleRecord, sight: Sight, table: Result<Status, Failure>) -> Result<Status, Failure> {
    let Sight { running, interface_index, backup_only, mut troubles } = sight;
    let one_is_left =
        BOTH.into_iter().filter_map(|daemon| running.channel(daemon)).any(|channel| is_ours(record, channel));
    troubles.splice(0..0, differences(record, &running, interface_index));
    let blocked = in_the_way(&running, backup_only).filter(|_| record.promoted);
    match (table, blocked) {
        (Ok(Status::Stopped), _) if !one_is_left => Ok(Status::Stopped),
        (Ok(Status::Stopped), _) => broken(record, "every virtual service is missing".to_owned()),
        (Err(failure), _) => broken(record, failure.to_string()),
        (Ok(_), Some(reason)) => broken(record, reason),
        (Ok(Status::Degraded(reason)), None) => Ok(working(record, [vec![reason], troubles].concat())),
        (Ok(_), None) => Ok(working(record, troubles)),
    }
}

fn broken(record: &RoleRecord, reason: String) -> Result<Status, Failure> {
    if record.promoted { Ok(Status::FailedPromoted(reason)) } else { Err(Failure::generic(reason)) }
}

fn working(record: &RoleRecord, troubles: Vec<String>) -> Status {
    match (record.promoted, troubles.is_empty()) {
        (false, true) => Status::Running,
        (false, false) => Status::Degraded(troubles.join("; ")),
        (true, true) => Status::Promoted,
        (true, false) => Status::DegradedPromoted(troubles.join("; ")),
    }
}

/// Returns, in words, how the kernel's sync daemons are not as the record says.
pub fn sync_faults(record: &RoleRecord, running: &SyncDaemons) -> Vec<String> {
    differences(record, running, None)
}

/// Returns, in words, what is not as the record says.
fn differences(record: &RoleRecord, running: &SyncDaemons, interface_index: Option<u32>) -> Vec<String> {
    let Some(channel) = &record.channel else { return Vec::new() };
    let of_role = daemon_of(record);
    let difference = |daemon: SyncDaemon| match (running.channel(daemon), daemon == of_role) {
        (None, true) => Some(format!("sync daemon {daemon} on {}: does not run", channel.interface)),
        (Some(found), true) if !is_ours(record, found) => Some(format!(
            "sync daemon {daemon} on {} with id {}: not started: another program runs one on {} with id {}; stop it (ipvsadm \
             --stop-daemon {daemon})",
            channel.interface, channel.id, found.interface, found.id
        )),
        (Some(found), true) if found != channel => {
            Some(format!("sync daemon {daemon} on {}: runs with another group, port, ttl or maxlen", channel.interface))
        }
        (Some(_), true) if is_orphan(record, interface_index) => Some(format!(
            "sync daemon {daemon} on {}: was started before this interface was there with its address, and works no more",
            channel.interface
        )),
        (Some(found), false) if is_ours(record, found) => {
            Some(format!("sync daemon {daemon} on {}: still runs", found.interface))
        }
        _ => None,
    };
    BOTH.into_iter().filter_map(difference).collect()
}

/// Says that another director sends connections under the same number, at this address. Neither of them is broken by that, but
/// the standby gets the connections of both.
pub fn clash_text(address: &str) -> String {
    format!(
        "{address} sends connections under the same sync_id: give one of the two pairs another one, or see that one director is \
         promoted only"
    )
}

#[cfg(test)]
mod tests;
