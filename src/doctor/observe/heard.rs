//! The synchronisation of connections: the roles of the resources of this node, and who speaks on their groups.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Facts;
use crate::daemon::GroupSocket;
use crate::doctor::sync::{Heard, Synchronised};
use crate::model::{Family, ServiceKey, SyncChannel};
use crate::ownership::{RoleRecord, ServiceOwner, SyncKnowledge};
use crate::system::{Lock, RunDir};

/// How long is listened: the kernel's daemon sends what is new at least once in a second.
const LISTENING: Duration = Duration::from_millis(1200);
const POLL: Duration = Duration::from_millis(20);

/// Reads what the resources and the health monitors of this node have left.
pub(super) fn look_at_roles(run_dir: &RunDir, facts: &mut Facts) {
    let folder = run_dir.roles();
    for instance in folder.instances().into_iter().filter(|instance| facts.scope.has(instance)).collect::<Vec<_>>() {
        let role: Option<RoleRecord> = folder.read_json(&instance);
        let Some(RoleRecord { promoted, channel: Some(channel), .. }) = role else { continue };
        let interface = carries(&channel, facts);
        facts.sync.resources.push(Synchronised { instance, promoted, channel, interface, has_director: false });
    }
    let knowledge = SyncKnowledge::read(run_dir);
    facts.sync.clash = knowledge.clash;
    facts.sync.hears_no_more = knowledge.hears_no_more;
    if knowledge.coverage.is_none() {
        let monitors = run_dir.monitors().instances();
        let living = monitors.into_iter().filter(|name| Lock::is_held(&run_dir.lock(name)).unwrap_or(false));
        facts.sync.deaf_for = living.filter_map(|name| ServiceOwner::Ldirectord(name).age(run_dir)).max();
    }
}

fn carries(channel: &SyncChannel, facts: &Facts) -> Result<(), String> {
    let link = facts.network.links.iter().find(|link| link.name == channel.interface).ok_or("no such interface")?;
    if !link.up {
        return Err("it is down".into());
    }
    let family = Family::of(channel.group);
    let mut addresses = facts.network.addresses.iter().map(|held| &held.address);
    match addresses.any(|held| held.interface == link.index && Family::of(held.address) == family) {
        true => Ok(()),
        false => Err("it has no address of the group's family".into()),
    }
}

/// Notes for which resources another host answers for an address of their services.
pub(super) fn note_directors(facts: &mut Facts) {
    for one in &mut facts.sync.resources {
        let configured = facts.configured.iter().find(|configured| configured.name == one.instance);
        let services = configured.iter().flat_map(|one| &one.config).flat_map(|config| &config.services);
        one.has_director = services.into_iter().any(|service| match service.service.key {
            ServiceKey::Address { address, .. } => facts.network.claims.iter().any(|claim| claim.address == address),
            ServiceKey::Fwmark { .. } => false,
        });
    }
}

/// Listens on each channel's group, as one more member of it.
pub(super) fn listen(channels: &[SyncChannel], own: &[IpAddr]) -> Result<Vec<Heard>, String> {
    let sockets: Result<Vec<_>, String> = channels
        .iter()
        .map(|channel| {
            let socket = GroupSocket::join(channel, channel.port).map_err(|error| format!("{error:#}"))?;
            Ok((socket, channel.port))
        })
        .collect();
    let (sockets, mut heard) = (sockets?, Vec::new());
    let end = Instant::now() + LISTENING;
    while !sockets.is_empty() && Instant::now() < end {
        for (socket, port) in &sockets {
            while let Some((from, datagram)) = socket.receive() {
                let one = sender(&datagram).map(|id| Heard { from, id, port: *port });
                heard.extend(one.filter(|one| !own.contains(&one.from)));
            }
        }
        std::thread::sleep(POLL);
    }
    heard.sort();
    heard.dedup();
    Ok(heard)
}

/// Returns the number of a message of a kernel's daemon, version 1: a zero, the number, and the datagram's length.
fn sender(datagram: &[u8]) -> Option<u8> {
    let [0, id, high, low, ..] = *datagram else { return None };
    (usize::from(u16::from_be_bytes([high, low])) == datagram.len()).then_some(id)
}
