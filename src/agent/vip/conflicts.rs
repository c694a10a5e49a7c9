//! Does another host have an address of ours (`run_arping`, `OCF_CHECK_LEVEL` 10).

use std::net::IpAddr;

use super::assignment::Assignment;
use super::node::Node;
use super::verdict;
use crate::netlink::announce::Station;
use crate::netlink::conflict;
use crate::netlink::route::Link;
use crate::ocf::Failure;

/// Before a start: an address that another host uses must not come up here. One that is here already is asked for too;
/// who else has it makes it useless.
///
/// # Errors
/// Names every such address and the other host.
pub fn refuse(node: &Node, wanted: &[Assignment]) -> Result<(), Failure> {
    tell(node, wanted)?.map_or(Ok(()), |conflicts| Err(Failure::generic(conflicts)))
}

/// Every address that another host has, and which host, in one text.
///
/// # Errors
/// When the network cannot be asked.
pub fn tell(node: &Node, wanted: &[Assignment]) -> Result<Option<String>, Failure> {
    let question = |wanted: &Assignment| -> Option<(Station, IpAddr)> {
        let at = node.link(wanted.address.interface).filter(|link| link.running).and_then(Link::station)?;
        Some((at, wanted.address.address))
    };
    let questions: Vec<_> = wanted.iter().filter_map(question).collect();
    if questions.is_empty() {
        return Ok(None);
    }
    let own: Vec<[u8; 6]> = node.links.iter().filter_map(|link| link.mac).collect();
    let conflicts = conflict::find(&questions, &own)?;
    let text = |claim: &conflict::Claim| {
        let nic = node.link(claim.interface).map(|link| link.name.as_str()).unwrap_or_default();
        let mac = claim.mac.map(|byte| format!("{byte:02x}")).join(":");
        format!("ip \"{}\": another host on {nic} has it, link-layer address {mac}", claim.address)
    };
    let texts: Vec<String> = conflicts.iter().map(text).collect();
    Ok((!texts.is_empty()).then(|| verdict::summary(&texts)))
}
