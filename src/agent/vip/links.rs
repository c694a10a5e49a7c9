//! Interfaces that a start has set up: when it fails, they are set down again.

use foldhash::HashSet;
use std::net::IpAddr;

use super::assignment::Assignment;
use super::node::VipNode;
use super::parameters::VipCall;
use crate::model::InterfaceAddress;
use crate::ocf::Failure;

/// The interfaces of wanted addresses that were down before the start, and the addresses that the node had.
pub struct DownLinks {
    links: HashSet<u32>,
    held: HashSet<InterfaceAddress>,
}

impl DownLinks {
    /// Notes the interfaces of `wanted` that are down, and the addresses that the node has.
    pub fn of(node: &VipNode, wanted: &[Assignment]) -> Self {
        let wanted: HashSet<u32> = wanted.iter().map(|wanted| wanted.address.interface).collect();
        let down = node.links.iter().filter(|link| wanted.contains(&link.index) && !link.up);
        Self { links: down.map(|link| link.index).collect(), held: node.held.iter().cloned().collect() }
    }

    /// Sets the interfaces down, but for those on which an address has come since: another program uses them by now.
    pub fn restore(&self, call: &VipCall<'_>, node: &mut VipNode) {
        if !self.links.is_empty() {
            self.try_to_restore(call, node).unwrap_or_else(|failure| call.log().warning(failure));
        }
    }

    fn try_to_restore(&self, call: &VipCall<'_>, node: &mut VipNode) -> Result<(), Failure> {
        node.look_at_links()?;
        node.look_again()?;
        let is_new = |held: &&InterfaceAddress| !self.held.contains(held) && !is_of_the_link(held.address);
        let used: HashSet<u32> = node.held.iter().filter(is_new).map(|held| held.interface).collect();
        for link in node.links.iter().filter(|link| link.up && self.links.contains(&link.index)) {
            if !used.contains(&link.index) {
                call.log().info(format!("nic {}: set down, as it was before", link.name));
                node.route.set_down(link.index)?;
            }
        }
        Ok(())
    }
}

/// Whether the address is one that the kernel gives to every IPv6 interface that comes up.
fn is_of_the_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
