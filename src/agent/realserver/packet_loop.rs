//! Warns when a packet may go round between directors that are real servers of each other.
//!
//! The active director sends the packet here, where the address is on lo or on a tunnel. If this node's table has the
//! service too, the packet is directed again instead of being taken, maybe straight back, until its TTL ends.
//!
//! A director that comes has the table before the address, and one that goes has it longer than the address. That is
//! not a fault, and lasts for seconds.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{InterfaceAddress, ServiceKey};
use crate::netlink::Ipvs;
use crate::ocf::Failure;
use crate::ownership::Registry;
use crate::plan;
use crate::system::{self, RunDir, sysctl};

/// The time for which a group of lvs, health monitor and vip may be on its way. It is longer than the start of a health
/// monitor waits for the first checks.
const ON_THE_WAY: Duration = Duration::from_secs(30);

/// Returns a warning where packets may go round. `addresses` are those that this node answers for without being their
/// director, `local` are all that it has.
pub fn warning(addresses: &[IpAddr], local: &[InterfaceAddress]) -> Result<Option<String>, Failure> {
    if addresses.is_empty() {
        return Ok(None);
    }
    let Some(mut ipvs) = Ipvs::open_loaded()? else { return Ok(None) };
    let keys: Vec<ServiceKey> = ipvs.services()?.into_iter().map(|service| service.key).collect();
    let mut risky = Vec::new();
    for key in plan::services_at(addresses, keys) {
        let entry = ipvs.service(&key)?;
        if entry.is_some_and(|entry| entry.real_servers.values().any(|real| plan::passes_on(real, local))) {
            risky.push(key);
        }
    }
    if risky.is_empty() || stands_by(&mut ipvs)? {
        return Ok(None);
    }
    let lasting: Vec<String> = lasting(risky, &RunDir::system()).iter().map(ToString::to_string).collect();
    Ok((!lasting.is_empty()).then(|| format!(
        "virtual service {}: in the table of this node, which is not its director: packets may go round between the \
         directors; keep the table on the active one, or run here, with net.ipv4.vs.backup_only=1, \
         ipvsadm --start-daemon backup",
        lasting.join(", ")
    )))
}

/// Returns those services that no director on its way explains.
fn lasting(mut services: Vec<ServiceKey>, run_dir: &RunDir) -> Vec<ServiceKey> {
    let registry = Registry::read(run_dir);
    let handed_back = system::age(&run_dir.handed_back());
    services.retain(|key| {
        let owned = registry.owner_of(key).and_then(|owner| owner.age(run_dir));
        !is_on_the_way(owned, handed_back)
    });
    services
}

/// Whether a node that has a service and not its address is about to become the director, or has just been it. `owned`
/// is the time since the start of the resource that owns the service; `None` means that none owns it, and then nothing
/// says where the service belongs. `handed_back` is the time since an address of a director was given back to the real
/// server of this node.
fn is_on_the_way(owned: Option<Duration>, handed_back: Option<Duration>) -> bool {
    owned.is_some_and(|owned| owned < ON_THE_WAY || handed_back.is_some_and(|ago| ago < ON_THE_WAY))
}

/// Whether the kernel directs nothing here.
fn stands_by(ipvs: &mut Ipvs) -> Result<bool, Failure> {
    let backup_only = sysctl::read("net/ipv4/vs/backup_only").is_ok_and(|value| value != "0");
    Ok(backup_only && ipvs.sync_daemons()?.backup.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn only_an_owner_that_came_just_now_or_an_address_that_left_just_now_explains_a_service_without_address() {
        const BRIEF: Option<Duration> = Some(Duration::from_secs(29));
        const LONG: Option<Duration> = Some(Duration::from_secs(30));
        let table = [
            (BRIEF, None, true),
            (BRIEF, LONG, true),
            (BRIEF, BRIEF, true),
            (LONG, BRIEF, true),
            (LONG, LONG, false),
            (LONG, None, false),
            (None, None, false),
            (None, LONG, false),
            (None, BRIEF, false),
        ];
        check_rows(table, |(owned, handed_back, expected)| {
            assert_eq!(is_on_the_way(owned, handed_back), expected, "owned {owned:?}, handed back {handed_back:?}");
        });
    }
}
