//! What an instance has put on interfaces: `<run>/vip/<instance>.json`, and what can be told without it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::loopback::MovedAside;
use super::place::{Placed, Wanted};
use crate::agent::parameters::AddressEntry;
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure};
use crate::system::{Folder, RunDir};

/// What this instance has done to this node, written before it is done. What a file lacks is empty: an older version of
/// this program, replaced while the resource ran, knew of less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The network namespace of all of it.
    pub namespace: Option<String>,
    /// What the last start that succeeded put up: what monitor expects.
    pub placed: Vec<Placed>,
    /// What a start that did not succeed, or not yet, may have put up besides: stop removes it too.
    pub unfinished: Vec<Placed>,
    /// The label of the IPv6 addresses in the address selection policy.
    pub policy_label: Option<u32>,
    /// Interfaces on which `promote_secondaries` is set for the time of a deletion.
    pub promoting: Vec<String>,
    /// Loopback addresses that have made room for ours, to be put back (`lvs_support`).
    pub moved_aside: Vec<MovedAside>,
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
    /// In place of one that is lost, for addresses that are there.
    pub fn of_what_is_there(call: &Call, links: &[Link], held: &[InterfaceAddress]) -> Self {
        let placed = |place: &InterfaceAddress| {
            let link = links.iter().find(|link| link.index == place.interface)?;
            Some(Placed::new(place.address, place.prefix_length, &link.name, link.index))
        };
        let namespace = call.text("network_namespace").map(Into::into);
        Self { namespace, placed: held.iter().filter_map(placed).collect(), ..Self::default() }
    }

    /// Before a start touches the kernel.
    pub fn begin(&mut self, wanted: &[Wanted]) {
        let known: HashSet<Placed> = self.all().cloned().collect();
        self.unfinished.extend(wanted.iter().map(Placed::from).filter(|placed| !known.contains(placed)));
    }

    /// When it has succeeded, and what an earlier one with other parameters had put up is gone.
    pub fn complete(&mut self, wanted: &[Wanted]) {
        self.placed = wanted.iter().map(Placed::from).collect();
        self.unfinished.clear();
    }

    /// Everything that may be there.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Placed> {
        self.unfinished.iter().chain(&self.placed)
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
        for placed in self.all() {
            known.entry(placed.address).or_default().push(placed);
        }
        let names: HashMap<u32, &str> = links.iter().map(|link| (link.index, link.name.as_str())).collect();
        let is_ours = |held: &&InterfaceAddress| {
            let name = names.get(&held.interface).copied();
            known.get(&held.address).into_iter().flatten().any(|placed| placed.is_on(held.interface, name))
        };
        observed.iter().filter(is_ours).cloned().collect()
    }
}
