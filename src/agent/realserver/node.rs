//! This node at one moment: where its addresses are, and what is not as an instance wants it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::wanted::{Claim, Wanted, no_such_interface};
use super::{devices, settings};
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{Link, ObservedAddress};
use crate::ocf::Failure;
use crate::plan::{self, AddressState};

pub struct Node {
    pub links: Vec<Link>,
    pub observed: Vec<ObservedAddress>,
    /// The same, without what nobody can choose.
    pub addresses: Vec<InterfaceAddress>,
    by_identity: HashMap<(IpAddr, u32), Vec<InterfaceAddress>>,
    /// On another interface than those of real servers.
    elsewhere: HashSet<IpAddr>,
}

impl Node {
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

    /// Where the address belongs. No interface has index 0: nothing is found on a device that is not there.
    pub fn place(&self, claim: &Claim) -> InterfaceAddress {
        InterfaceAddress {
            address: claim.address,
            prefix_length: plan::host_prefix(claim.address),
            interface: self.link(&claim.device).map_or(0, |link| link.index),
            label: None,
            broadcast: None,
        }
    }

    pub fn state(&self, claim: &Claim) -> AddressState {
        plan::address_state(&self.place(claim), self.copies(claim))
    }

    /// The address on its device, with whatever prefixes.
    pub fn copies(&self, claim: &Claim) -> &[InterfaceAddress] {
        self.by_identity.get(&self.place(claim).identity()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those with another prefix than that of a host. On the loopback, one makes its whole network the node's own.
    pub fn wide_copies(&self, claim: &Claim) -> impl Iterator<Item = &InterfaceAddress> {
        let host = plan::host_prefix(claim.address);
        self.copies(claim).iter().filter(move |held| held.prefix_length != host)
    }

    /// The director's resource on this node holds it.
    pub fn is_director_of(&self, address: IpAddr) -> bool {
        self.elsewhere.contains(&address)
    }

    /// Neither on its device, in whatever form, nor on another interface.
    pub fn lacks(&self, claim: &Claim) -> bool {
        self.state(claim) == AddressState::Missing && !self.is_director_of(claim.address)
    }

    /// Everything that is not as wanted.
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

    fn address_fault(&self, claim: &Claim) -> Option<String> {
        let Claim { address, device } = claim;
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
