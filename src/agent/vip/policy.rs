//! Keeps IPv6 addresses from being the source of this node's own connections, by a label of their own in the kernel's
//! address selection policy (`lvs_ipv6_addrlabel`).

use foldhash::HashSet;
use std::net::{IpAddr, Ipv6Addr};

use super::assignment::Assignment;
use super::node::VipNode;
use super::parameters::VipCall;
use super::record::{self, AddressRecord};
use super::verdict;
use crate::netlink::route::PolicyLabel;
use crate::ocf::Failure;

fn ipv6<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> Vec<Ipv6Addr> {
    let only = |address: &IpAddr| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    };
    addresses.into_iter().filter_map(only).collect()
}

fn addresses(wanted: &[Assignment]) -> Vec<Ipv6Addr> {
    ipv6(wanted.iter().map(|wanted| &wanted.address.address))
}

fn recorded(record: &AddressRecord) -> Vec<Ipv6Addr> {
    ipv6(record.all().map(|placed| &placed.address))
}

/// Labels the wanted addresses as the parameters say now, and removes what an earlier call with other parameters has
/// left.
pub fn apply(
    call: &VipCall<'_>,
    node: &mut VipNode,
    wanted: &[Assignment],
    record: &mut AddressRecord,
) -> Result<(), Failure> {
    let addresses = addresses(wanted);
    if addresses.is_empty() && record.policy_label.is_none() {
        return Ok(());
    }
    let label = call.parameters.policy_label.filter(|_| !addresses.is_empty());
    let known: HashSet<&Ipv6Addr> = addresses.iter().collect();
    let stays = |address: &Ipv6Addr| record.policy_label == label && known.contains(address);
    let outdated: Vec<Ipv6Addr> = recorded(record).into_iter().filter(|address| !stays(address)).collect();
    remove_from(call, node, &outdated, record.policy_label);
    record.policy_label = label;
    record::write(call, record)?;
    let Some(label) = label else { return Ok(()) };
    let added = unlabelled(&addresses, node).and_then(|addresses| {
        let label = |address| PolicyLabel { address, label };
        Failure::collect(addresses.into_iter().map(|address| Ok(node.route.add_policy_label(&label(address))?)))
    });
    // Clients are served without the label, and monitor will report it.
    added.unwrap_or_else(|failure| call.log().warning(failure));
    Ok(())
}

/// Returns the addresses without a label of their own. A label that another program has given serves as well.
fn unlabelled(addresses: &[Ipv6Addr], node: &mut VipNode) -> Result<Vec<Ipv6Addr>, Failure> {
    let known: HashSet<Ipv6Addr> = node.route.policy_labels()?.into_iter().map(|label| label.address).collect();
    Ok(addresses.iter().copied().filter(|address| !known.contains(address)).collect())
}

/// Removes the labels. One that is left over does no harm: a label without its address chooses nothing.
pub fn remove(call: &VipCall<'_>, node: &mut VipNode, record: &AddressRecord) {
    remove_from(call, node, &recorded(record), record.policy_label);
}

/// Removes the labels of this value only: a label of another value belongs to another program.
fn remove_from(call: &VipCall<'_>, node: &mut VipNode, addresses: &[Ipv6Addr], label: Option<u32>) {
    let Some(label) = label.filter(|_| !addresses.is_empty()) else { return };
    let addresses: HashSet<Ipv6Addr> = addresses.iter().copied().collect();
    let removed = node.route.policy_labels().and_then(|known| {
        let mut ours = known.iter().filter(|known| known.label == label && addresses.contains(&known.address));
        ours.try_for_each(|label| node.route.remove_policy_label(label))
    });
    removed.unwrap_or_else(|error| call.log().warning(error));
}

/// Returns what is wrong with the labels, where something is.
pub fn fault(call: &VipCall<'_>, node: &mut VipNode, wanted: &[Assignment]) -> Result<Option<String>, Failure> {
    let (Some(label), addresses) = (call.parameters.policy_label, addresses(wanted)) else { return Ok(None) };
    if addresses.is_empty() {
        return Ok(None);
    }
    let text = |address| format!("ip \"{address}\": has not address label {label}; start sets it");
    let missing: Vec<String> = unlabelled(&addresses, node)?.into_iter().map(text).collect();
    Ok((!missing.is_empty()).then(|| verdict::summary(&missing)))
}
