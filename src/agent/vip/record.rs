//! What an instance has put on interfaces: `<run>/vip/<instance>.json`, and what can be told without it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::place::Wanted;
use crate::agent::parameters::AddressEntry;
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure};
use crate::system::{Folder, RunDir};

/// What this instance has done to this node, written before it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The network namespace of all of it.
    pub namespace: Option<String>,
    pub placed: Vec<Placed>,
    /// The label of the IPv6 addresses in the address selection policy.
    pub policy_label: Option<u32>,
    /// Loopback addresses that have made room for ours, to be put back (`lvs_support`).
    pub moved_aside: Vec<Placed>,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placed {
    pub address: IpAddr,
    pub prefix_length: u8,
    pub nic: String,
    /// Index of the interface, which stays when it is renamed.
    interface: u32,
}

impl Placed {
    pub fn new(address: IpAddr, prefix_length: u8, nic: &str, interface: u32) -> Self {
        Self { address, prefix_length, nic: nic.into(), interface }
    }

    /// By the interface's name, or by its index when nothing has that name any more.
    fn is_on(&self, interface: u32, links: &[Link]) -> bool {
        match links.iter().find(|link| link.name == self.nic) {
            Some(link) => link.index == interface,
            None => self.interface == interface,
        }
    }
}

impl From<&Wanted> for Placed {
    fn from(Wanted { place, nic }: &Wanted) -> Self {
        Self::new(place.address, place.prefix_length, nic, place.interface)
    }
}

pub fn folder() -> Folder {
    RunDir::system().addresses()
}

/// `None`: nothing was ever placed, or nobody remembers.
pub fn read(call: &Call) -> Option<Record> {
    folder().read_json(&call.instance)
}

pub fn write(call: &Call, record: &Record) -> Result<(), Failure> {
    Ok(folder().write_json(&call.instance, record)?)
}

impl Record {
    /// Adds to what is there: an address of an earlier start with other parameters must still be removed by the next
    /// stop.
    pub fn add(&mut self, wanted: &[Wanted]) {
        let known: HashSet<Placed> = self.placed.iter().cloned().collect();
        self.placed.extend(wanted.iter().map(Placed::from).filter(|placed| !known.contains(placed)));
    }

    /// When the others are gone for good.
    pub fn forget_all_but(&mut self, call: &Call, wanted: &[Wanted]) -> Result<(), Failure> {
        let wanted: HashSet<Placed> = wanted.iter().map(Placed::from).collect();
        let before = self.placed.len();
        self.placed.retain(|placed| wanted.contains(placed));
        if self.placed.len() < before { write(call, self) } else { Ok(()) }
    }

    /// What was placed, as a list of parameters.
    pub fn entries(&self) -> Vec<AddressEntry> {
        let entry = |placed: &Placed| AddressEntry {
            address: placed.address,
            prefix_length: Some(placed.prefix_length),
            nic: Some(placed.nic.clone()),
        };
        self.placed.iter().map(entry).collect()
    }

    /// Those of the addresses in `observed` that are this instance's, whatever their prefixes.
    pub fn held(&self, links: &[Link], observed: &[InterfaceAddress]) -> Vec<InterfaceAddress> {
        let mut known: HashMap<IpAddr, Vec<&Placed>> = HashMap::new();
        for placed in &self.placed {
            known.entry(placed.address).or_default().push(placed);
        }
        let is_ours = |held: &&InterfaceAddress| {
            known.get(&held.address).into_iter().flatten().any(|placed| placed.is_on(held.interface, links))
        };
        observed.iter().filter(is_ours).cloned().collect()
    }
}

/// Without a record: those of the addresses in `observed` that a start with these parameters would have led to. A second
/// copy of a virtual IP on the network is worse than any other mistake of a stop.
pub fn presumed(parameters: &Parameters, links: &[Link], observed: &[InterfaceAddress]) -> Vec<InterfaceAddress> {
    let mut known: HashMap<IpAddr, Vec<&AddressEntry>> = HashMap::new();
    for entry in &parameters.entries {
        known.entry(entry.address).or_default().push(entry);
    }
    // An interface that was named and is gone may have been renamed.
    let may_be_on = |nic: &str, link: &Link| link.is_called(nic) || !links.iter().any(|link| link.is_called(nic));
    let is_ours = |held: &&InterfaceAddress| {
        let Some(link) = links.iter().find(|link| link.index == held.interface) else { return false };
        known.get(&held.address).into_iter().flatten().any(|entry| {
            let prefix_fits = entry.prefix_length.is_none_or(|length| length == held.prefix_length);
            // Loopback is where a real server has the address, unless it was asked for.
            prefix_fits && parameters.nic_of(entry).map_or(!link.loopback, |nic| may_be_on(nic, link))
        })
    };
    observed.iter().filter(is_ours).cloned().collect()
}
