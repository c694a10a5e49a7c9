//! Waits for the connections of real servers to end, as the kernel of the director counts them.

use std::collections::BTreeSet;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::CONNECTIONS_LEFT;
use crate::cli::{ExitStatus, SUCCESS};
use crate::model::{OrderSubject, Protocol, RealServerKey, ServiceKey};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::Connections;
use crate::ownership::{Registry, RoleRecord, ServiceOwner};
use crate::system::RunDir;

/// How often the kernel is asked.
const LOOK: Duration = Duration::from_millis(250);

/// What the kernel holds of the real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    connections: u32,
    /// One of them gets new connections.
    serves: bool,
}

/// The connections of a standby are copies, which end later than those of the director.
///
/// # Errors
/// Fails when this node does not direct one of the services.
pub fn refuse_on_standby(run_dir: &RunDir, targets: &BTreeSet<(ServiceKey, RealServerKey)>) -> anyhow::Result<()> {
    let registry = Registry::read(run_dir);
    for (service, _) in targets {
        let Some(ServiceOwner::Lvs(instance)) = registry.owner_of(service) else { continue };
        let role: Option<RoleRecord> = run_dir.roles().read_json(instance);
        if role.is_some_and(|role| !role.promoted) {
            bail!("this node is a standby for {service}: give the order where lvs resource \"{instance}\" is promoted");
        }
    }
    Ok(())
}

/// Waits until the kernel sends no new connection there and counts none any more, or the time is over. Prints the count
/// whenever it changes.
///
/// # Errors
/// Fails when the kernel cannot be asked.
pub fn until_empty(
    subject: &OrderSubject,
    targets: &BTreeSet<(ServiceKey, RealServerKey)>,
    limit: Duration,
    out: &mut impl Write,
) -> anyhow::Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    let mut said = None;
    loop {
        let seen = look(targets).with_context(|| format!("{subject}: count connections"))?;
        if seen == Seen::default() {
            writeln!(out, "{subject}: no connection is left")?;
            return Ok(SUCCESS);
        }
        if Instant::now() >= deadline {
            let unheard =
                if seen.serves { ", and its weight in the kernel is not 0: see lvs-agents status" } else { "" };
            writeln!(out, "{subject}: the time is over, {} left{unheard}", counted(seen.connections))?;
            return Ok(CONNECTIONS_LEFT);
        }
        if said != Some(seen) {
            writeln!(out, "{subject}: {}", counted(seen.connections))?;
            said = Some(seen);
        }
        thread::sleep(LOOK);
    }
}

fn counted(connections: u32) -> String {
    if connections == 1 { "1 connection".into() } else { format!("{connections} connections") }
}

fn look(targets: &BTreeSet<(ServiceKey, RealServerKey)>) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let Some(mut ipvs) = Ipvs::open_loaded()? else { return Ok(seen) };
    for service in targets.iter().map(|(service, _)| service).collect::<BTreeSet<_>>() {
        if ipvs.service(service)?.is_none() {
            continue;
        }
        for one in ipvs.real_servers_in_use(service)? {
            if targets.contains(&(*service, one.real_server.key)) {
                seen.serves |= one.real_server.weight > 0;
                seen.connections = seen.connections.saturating_add(open(service, one.connections));
            }
        }
    }
    Ok(seen)
}

/// A TCP connection that is being closed needs its real server no more. Of UDP, and of what a mark stands for, the kernel
/// does not tell which ones are in use.
fn open(service: &ServiceKey, connections: Connections) -> u32 {
    match service {
        ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. } => connections.active,
        _ => connections.open(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_being_closed_count_only_where_the_kernel_knows_no_others() {
        let connections = Connections { active: 2, inactive: 5, persistent: 9 };
        crate::testing::check_rows(
            [("tcp 192.0.2.1:80", 2), ("sctp 192.0.2.1:80", 2), ("udp 192.0.2.1:53", 7), ("fwmark 7", 7)],
            |(service, expected)| assert_eq!(open(&service.parse().expect("key"), connections), expected),
        );
    }
}
