//! A director that is a real server too has the address on its loopback (or tunnel) while the other director has it on
//! the network. The address moves aside when it comes to this node's network interface. It comes back when it leaves
//! that interface, and before it leaves: the node's own connections to the address live on.

use foldhash::HashSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::assignment::Assignment;
use super::node::VipNode;
use super::parameters::VipCall;
use super::record::{self, AddressRecord, RecordedAddress};
use crate::agent::realserver::{self, RealServerClaim};
use crate::model::{AddressChange, AddressOptions, InterfaceAddress};
use crate::netlink;
use crate::netlink::route::{AddressRequest, ObservedAddress};
use crate::ocf::Failure;
use crate::plan;
use crate::system::{RunDir, write_private};

/// A loopback address that has made room for one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedAside {
    #[serde(flatten)]
    placed: RecordedAddress,
    /// The kernel's own description of it, with label, scope and broadcast address. It is empty in the record of an
    /// older version.
    #[serde(default)]
    description: Vec<u8>,
}

/// Takes the wanted addresses off the loopback: those that a realserver instance of this node has put there, which
/// brings them back by its own record; with `lvs_support` also others, which our record names. The caller holds the
/// lock of the real servers' folder.
pub fn move_aside(
    call: &VipCall<'_>,
    node: &mut VipNode,
    wanted: &[Assignment],
    record: &mut AddressRecord,
) -> Result<(), Failure> {
    let claims: HashSet<RealServerClaim> = claims(record).into_iter().collect();
    let support = call.parameters.lvs_support;
    if claims.is_empty() && !support {
        return Ok(());
    }
    node.look_again()?;
    let wanted_here: HashSet<(IpAddr, u32)> = wanted.iter().map(|wanted| wanted.address.identity()).collect();
    let wanted_at_all: HashSet<IpAddr> = wanted.iter().map(|wanted| wanted.address.address).collect();
    let (mut going, mut remembered) = (Vec::new(), Vec::new());
    for observed in node.observed.iter().filter(|observed| wanted_at_all.contains(&observed.address.address)) {
        let held = &observed.address;
        let Some(link) = node.link(held.interface).filter(|_| !wanted_here.contains(&held.identity())) else {
            continue;
        };
        if claims.contains(&RealServerClaim { address: held.address, device: link.name.clone() }) {
            going.push(held.clone());
        } else if support && link.loopback {
            let placed = RecordedAddress::new(held.address, held.prefix_length, &link.name, link.index);
            remembered.push(MovedAside { placed, description: observed.description().to_vec() });
            going.push(held.clone());
        }
    }
    if !remembered.is_empty() {
        record.moved_aside.extend(remembered);
        record::write(call, record)?;
    }
    node.delete(call, &going)
}

/// Puts back what had moved aside for the addresses of this instance, whether these are still there or not. What cannot
/// be put back stays in `record`. The caller holds the lock of the real servers' folder.
pub fn restore(
    call: &VipCall<'_>,
    node: &mut VipNode,
    addresses: &HashSet<IpAddr>,
    record: &mut AddressRecord,
) -> Result<(), Failure> {
    let claims = claims(record);
    let claimed = claims.iter().filter(|claim| addresses.contains(&claim.address));
    let claimed = claimed.filter_map(|RealServerClaim { address, device }| {
        addition(node, *address, plan::host_prefix(*address), device)
    });
    let claimed: Vec<AddressChange> = claimed.collect();
    let mut results = node.route.change_addresses(&claimed);
    for aside in std::mem::take(&mut record.moved_aside) {
        let result = put_back(node, &aside);
        if result.is_err() {
            record.moved_aside.push(aside);
        }
        results.push(result);
    }
    let count = results.iter().filter(|result| matches!(result, Ok(true))).count();
    if count > 0 {
        call.log().info(format!("{count} addresses: back to the loopback"));
        // The table is still there, and realserver must not take that for a loop.
        let noted = write_private(&RunDir::system().handed_back(), b"");
        noted.unwrap_or_else(|error| call.log().warning(error));
    }
    Failure::collect(results.into_iter().map(|result| result.map(drop).map_err(Failure::from)))
}

/// Puts an address back as it was. `false` means that it is there already.
fn put_back(node: &mut VipNode, aside: &MovedAside) -> Result<bool, netlink::Error> {
    if let Ok(observed) = ObservedAddress::from_description(&aside.description) {
        return node.route.restore_address(&observed);
    }
    let RecordedAddress { address, prefix_length, nic, .. } = &aside.placed;
    match addition(node, *address, *prefix_length, nic) {
        Some(addition) => execute(node, AddressRequest::change(addition)),
        None => Ok(false),
    }
}

fn execute(node: &mut VipNode, request: AddressRequest) -> Result<bool, netlink::Error> {
    node.route.execute(&[request]).pop().unwrap_or(Ok(false))
}

fn addition(node: &VipNode, address: IpAddr, prefix_length: u8, device: &str) -> Option<AddressChange> {
    let link = node.links.iter().find(|link| link.name == device)?;
    let place = InterfaceAddress { address, prefix_length, interface: link.index, label: None, broadcast: None };
    Some(AddressChange::Add(place, AddressOptions::USABLE_AT_ONCE))
}

/// Returns the addresses of the real servers of this node. They are on the node's own loopback, not on that of a
/// network namespace.
fn claims(record: &AddressRecord) -> Vec<RealServerClaim> {
    if record.namespace.is_some() { Vec::new() } else { realserver::claims() }
}
