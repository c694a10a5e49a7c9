//! This node at one moment: where its addresses are, and what is not as an instance wants it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::wanted::{RealServerClaim, Wanted, no_such_interface};
use super::{devices, settings};
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{Link, ObservedAddress};
use crate::ocf::Failure;
use crate::plan::{self, AddressState};

/// The interfaces and addresses of this node.
pub struct RealServerNode {
    /// The interfaces.
    pub links: Vec<Link>,
    /// The addresses on the interfaces, as the kernel describes them.
    pub observed: Vec<ObservedAddress>,
    /// The same addresses, without what no parameter can choose.
    pub addresses: Vec<InterfaceAddress>,
    by_identity: HashMap<(IpAddr, u32), Vec<InterfaceAddress>>,
    /// The addresses on interfaces that are not devices of real servers.
    elsewhere: HashSet<IpAddr>,
}

impl RealServerNode {
    /// Reads the interfaces and addresses.
    pub fn look(route: &mut Route) -> Result<Self, Failure> {
        let links = route.links()?;
        let observed = route.addresses_on(&links)?;
        let addresses: Vec<InterfaceAddress> = observed.iter().map(|held| held.address.clone()).collect();
        let own: Vec<u32> =
            links.iter().filter(|link| devices::ALL.contains(&link.name.as_str())).map(|link| link.index).collect();
        let mut by_identity: HashMap<_, Vec<_>> = HashMap::new();
        for held in &addresses {
            by_identity.entry(held.identity()).or_default().push(held.clone());
        }
        let elsewhere = plan::held_elsewhere(&own, &addresses);
        Ok(Self { links, observed, addresses, by_identity, elsewhere })
    }

    fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// Returns where the address belongs. A missing device has index 0, which no interface has, so that nothing is
    /// found on it.
    pub fn place(&self, claim: &RealServerClaim) -> InterfaceAddress {
        InterfaceAddress {
            address: claim.address,
            prefix_length: plan::host_prefix(claim.address),
            interface: self.link(&claim.device).map_or(0, |link| link.index),
            label: None,
            broadcast: None,
        }
    }

    /// Returns how the address stands on its device.
    pub fn state(&self, claim: &RealServerClaim) -> AddressState {
        plan::address_state(&self.place(claim), self.copies(claim))
    }

    /// Returns the copies of the address on its device, with whatever prefixes.
    pub fn copies(&self, claim: &RealServerClaim) -> &[InterfaceAddress] {
        self.by_identity.get(&self.place(claim).identity()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the copies with another prefix than that of a host. On the loopback, such a copy makes its whole network
    /// the node's own.
    pub fn wide_copies(&self, claim: &RealServerClaim) -> impl Iterator<Item = &InterfaceAddress> {
        let host = plan::host_prefix(claim.address);
        self.copies(claim).iter().filter(move |held| held.prefix_length != host)
    }

    /// Whether the director's resource on this node holds the address.
    pub fn is_director_of(&self, address: IpAddr) -> bool {
        self.elsewhere.contains(&address)
    }

    /// Whether the address is neither on its device, in whatever form, nor on another interface.
    pub fn lacks(&self, claim: &RealServerClaim) -> bool {
        self.state(claim) == AddressState::Missing && !self.is_director_of(claim.address)
    }

    /// Fails with everything that is not as wanted.
    pub fn faults(&self, wanted: &Wanted) -> Result<(), Failure> {
        let devices = wanted.devices();
        let faults = devices.iter().filter_map(|device| self.device_fault(device));
        let faults = faults.chain(wanted.claims.iter().filter_map(|claim| self.address_fault(claim)));
        let faults = faults.map(|text| Err(Failure::generic(text)));
        Failure::collect(faults.chain([settings::check(wanted, &self.links)]))
    }

    fn device_fault(&self, device: &str) -> Option<String> {
        match self.link(device) {
            None => Some(no_such_interface(device)),
            Some(link) if !link.up => Some(format!("nic \"{device}\": is down")),
            Some(_) => None,
        }
    }

    fn address_fault(&self, claim: &RealServerClaim) -> Option<String> {
        let RealServerClaim { address, device } = claim;
        match self.state(claim) {
            AddressState::Different(held) => {
                Some(format!("ip \"{address}\": is {held} on {device}, must be {}", self.place(claim)))
            }
            AddressState::Missing if self.lacks(claim) => Some(format!("ip \"{address}\": missing on {device}")),
            AddressState::Present => {
                let wide = self.wide_copies(claim).next();
                wide.map(|held| format!("ip \"{address}\": is also {held} on {device}, which is more than a host"))
            }
            AddressState::Missing => None,
        }
    }
}
