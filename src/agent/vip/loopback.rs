//! A director that is a real server too has the address on its loopback (or tunnel) while the other director has it on
//! the network. It moves aside when the address comes to this node, and comes back when the address leaves, before it
//! leaves: the node's own connections to the address live on.

use std::collections::HashSet;
use std::net::IpAddr;

use super::node::Node;
use super::place::{Placed, Wanted};
use super::record::{self, Record};
use crate::agent::realserver::{self, Claim};
use crate::model::{AddressOptions, InterfaceAddress};
use crate::ocf::{Call, Failure, Problems};
use crate::plan;

/// Takes the wanted addresses off the loopback: those that a realserver instance of this node has put there, which
/// brings them back by its own record; with `lvs_support` also others, which ours remembers.
pub fn move_aside(call: &Call, node: &mut Node, wanted: &[Wanted], record: &mut Record) -> Result<(), Failure> {
    let claims = realserver::claims();
    let support = call.boolean("lvs_support");
    if claims.is_empty() && !support {
        return Ok(());
    }
    node.look_again()?;
    let is_ours = |held: &InterfaceAddress| {
        let elsewhere =
            |wanted: &Wanted| wanted.place.address == held.address && wanted.place.interface != held.interface;
        wanted.iter().any(elsewhere) && !wanted.iter().any(|wanted| wanted.place.identity() == held.identity())
    };
    let (mut going, mut remembered) = (Vec::new(), false);
    for held in node.held.iter().filter(|held| is_ours(held)) {
        let Some(link) = node.link(held.interface) else { continue };
        if claims.iter().any(|claim| claim.address == held.address && claim.device == link.name) {
            going.push(held.clone());
        } else if support && link.loopback {
            let placed = Placed::new(held.address, held.prefix_length, &link.name, link.index);
            if !record.moved_aside.contains(&placed) {
                record.moved_aside.push(placed);
                remembered = true;
            }
            going.push(held.clone());
        }
    }
    if remembered {
        record::write(call, record)?;
    }
    node.delete(call, &going)
}

/// Puts back what had moved aside for the addresses of this instance, whether these are still there or not.
pub fn come_back(call: &Call, node: &mut Node, addresses: &HashSet<IpAddr>, record: &Record) -> Result<(), Failure> {
    let claims = realserver::claims();
    let claimed = claims.iter().filter(|claim| addresses.contains(&claim.address));
    let claimed = claimed.map(|Claim { address, device }| (*address, plan::host_prefix(*address), device.as_str()));
    let aside = record.moved_aside.iter().map(|placed| (placed.address, placed.prefix_length, placed.nic.as_str()));
    let mut problems = Problems::default();
    for (address, prefix_length, device) in claimed.chain(aside) {
        let Some(link) = node.links.iter().find(|link| link.name == device) else { continue };
        let place = InterfaceAddress { address, prefix_length, interface: link.index, label: None, broadcast: None };
        if problems.keep(node.route.add_address(&place, AddressOptions::USABLE_AT_ONCE).map_err(Failure::from))
            == Some(true)
        {
            call.log().info(format!("address {place}: back to {device}"));
        }
    }
    problems.finish()
}
