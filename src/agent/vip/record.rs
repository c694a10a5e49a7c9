//! What an instance has put on interfaces: `<run>/vip/<instance>.json`, and what can be told without it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::place::{Placed, Wanted};
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
