//! Keeps IPv6 addresses from being the source of this node's own connections, by a label of their own in the kernel's
//! address selection policy (`lvs_ipv6_addrlabel`).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};

use super::node::Node;
use super::place::Wanted;
use super::record::{self, Record};
use super::verdict;
use crate::netlink::route::PolicyLabel;
use crate::ocf::{Call, Failure};

/// The label that the parameters ask for, if any.
fn wanted_label(call: &Call) -> Option<u32> {
    call.number("lvs_ipv6_addrlabel_value").filter(|_| call.boolean("lvs_ipv6_addrlabel"))
}

fn ipv6<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> Vec<Ipv6Addr> {
    let only = |address: &IpAddr| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    };
    addresses.into_iter().filter_map(only).collect()
}

fn addresses(wanted: &[Wanted]) -> Vec<Ipv6Addr> {
    ipv6(wanted.iter().map(|wanted| &wanted.place.address))
}

/// Labels the wanted addresses as the parameters say now, and removes what an earlier call with others has left.
pub fn apply(call: &Call, node: &mut Node, wanted: &[Wanted], record: &mut Record) -> Result<(), Failure> {
    let (label, addresses) = (wanted_label(call), addresses(wanted));
    if addresses.is_empty() {
        return Ok(());
    }
    if record.policy_label.is_some() && record.policy_label != label {
        remove(call, node, record);
    }
    record.policy_label = label;
    record::write(call, record)?;
    let Some(label) = label else { return Ok(()) };
    // One that is there already would be there twice: the kernel looks at the first of its kind only.
    let added = missing(label, &addresses, node).and_then(|missing| {
        Failure::collect(missing.iter().map(|label| node.route.add_policy_label(label).map_err(Failure::from)))
    });
    // Clients are served without it; monitor will tell.
    added.unwrap_or_else(|failure| call.log().warning(failure));
    Ok(())
}

fn missing(label: u32, addresses: &[Ipv6Addr], node: &mut Node) -> Result<Vec<PolicyLabel>, Failure> {
    let known: HashSet<PolicyLabel> = node.route.policy_labels()?.into_iter().collect();
    let wanted = addresses.iter().map(|address| PolicyLabel { address: *address, label });
    Ok(wanted.filter(|label| !known.contains(label)).collect())
}

/// What is left over harms nobody: a label without its address chooses nothing.
pub fn remove(call: &Call, node: &mut Node, record: &Record) {
    let Some(label) = record.policy_label else { return };
    for address in ipv6(record.placed.iter().map(|placed| &placed.address)) {
        if let Err(error) = node.route.remove_policy_label(&PolicyLabel { address, label }) {
            call.log().warning(error);
        }
    }
}

/// What is wrong with the labels, where something is.
pub fn fault(call: &Call, node: &mut Node, wanted: &[Wanted]) -> Result<Option<String>, Failure> {
    let (Some(label), addresses) = (wanted_label(call), addresses(wanted)) else { return Ok(None) };
    if addresses.is_empty() {
        return Ok(None);
    }
    let text =
        |PolicyLabel { address, label }| format!("ip \"{address}\": has not address label {label}; start sets it");
    let missing: Vec<String> = missing(label, &addresses, node)?.into_iter().map(text).collect();
    Ok((!missing.is_empty()).then(|| verdict::summary(&missing)))
}
