//! Finds out whether another host has an address of ours (`run_arping`, `OCF_CHECK_LEVEL` 10).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::assignment::Assignment;
use super::node::VipNode;
use super::parameters::VipCall;
use super::verdict;
use crate::agent::announcer;
use crate::netlink::announce::Station;
use crate::netlink::conflict::{self, Manner};
use crate::netlink::route::Link;
use crate::ocf::Failure;

/// Refuses to start an address that another host uses. An address that is here already is asked for too: another host
/// that has it makes it useless.
///
/// # Errors
/// The failure names every such address and the other host.
pub fn refuse(call: &VipCall<'_>, node: &VipNode, wanted: &[Assignment]) -> Result<(), Failure> {
    find(call, node, wanted)?.map_or(Ok(()), |conflicts| Err(Failure::generic(conflicts)))
}

/// Returns every address that another host has, and which host, in one text. The questions leave at the node's pace,
/// and take half of the action's time at most.
///
/// # Errors
/// It fails when the network cannot be asked, or not about all of the addresses in that time.
pub fn find(call: &VipCall<'_>, node: &VipNode, wanted: &[Assignment]) -> Result<Option<String>, Failure> {
    let question = |wanted: &Assignment| -> Option<(Station, IpAddr)> {
        let at = node.link(wanted.address.interface).filter(|link| link.running).and_then(Link::station)?;
        Some((at, wanted.address.address))
    };
    let questions: Vec<_> = wanted.iter().filter_map(question).collect();
    if questions.is_empty() {
        return Ok(None);
    }
    let own: Vec<[u8; 6]> = node.links.iter().filter_map(|link| link.mac).collect();
    let (mut pace, deadline) = (announcer::pace_of_questions(), Instant::now() + call.timeout / 2);
    let manner = Manner { own: &own, pace: &mut || pace.wait(Duration::ZERO), deadline };
    let conflicts = conflict::find(&questions, manner)?;
    let text = |claim: &conflict::ForeignClaim| {
        let nic = node.link(claim.interface).map(|link| link.name.as_str()).unwrap_or_default();
        let mac = claim.mac.map(|byte| format!("{byte:02x}")).join(":");
        format!("ip \"{}\": another host on {nic} has it, link-layer address {mac}", claim.address)
    };
    let texts: Vec<String> = conflicts.iter().map(text).collect();
    Ok((!texts.is_empty()).then(|| verdict::summary(&texts)))
}
