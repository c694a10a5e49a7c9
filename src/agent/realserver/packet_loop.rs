//! Tells when a packet may go round between directors that are real servers of each other.
//!
//! The active one sends it here, where the address is on lo or on a tunnel. If this node's table has the service too,
//! the packet is directed again instead of being taken, maybe straight back, until its TTL ends.

use std::net::IpAddr;

use crate::model::{InterfaceAddress, ServiceKey};
use crate::netlink::Ipvs;
use crate::ocf::Failure;
use crate::plan;
use crate::system::sysctl;

/// `addresses`: those that this node answers for without being their director. `local`: all that it has.
pub fn danger(addresses: &[IpAddr], local: &[InterfaceAddress]) -> Result<Option<String>, Failure> {
    if addresses.is_empty() {
        return Ok(None);
    }
    let Some(mut ipvs) = Ipvs::open_loaded()? else { return Ok(None) };
    let keys: Vec<ServiceKey> = ipvs.services()?.into_iter().map(|service| service.key).collect();
    let mut risky = Vec::new();
    for key in plan::services_at(addresses, keys) {
        let entry = ipvs.service(&key)?;
        if entry.is_some_and(|entry| entry.real_servers.values().any(|real| plan::passes_on(real, local))) {
            risky.push(key.to_string());
        }
    }
    if risky.is_empty() || stands_by(&mut ipvs)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "virtual service {}: in the table of this node, which is not its director: packets may go round between the \
         directors; keep the table on the active one, or run here, with net.ipv4.vs.backup_only=1, \
         ipvsadm --start-daemon backup",
        risky.join(", ")
    )))
}

/// The kernel directs nothing here.
fn stands_by(ipvs: &mut Ipvs) -> Result<bool, Failure> {
    let backup_only = sysctl::read("net/ipv4/vs/backup_only").is_ok_and(|value| value != "0");
    Ok(backup_only && ipvs.sync_daemons()?.backup)
}
