//! The address record of an instance: what it has put on interfaces (`<run>/vip/<instance>.json`).

use foldhash::{HashMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::assignment::Assignment;
use super::loopback::MovedAside;
use super::parameters::VipCall;
use crate::agent::parameters::AddressEntry;
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;
use crate::ocf::Failure;
use crate::system::{Folder, RunDir, namespace};

/// What this instance has done to this node, written before it is done. A field that a file lacks is empty: an older
/// version of this program, replaced while the resource ran, knew of less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressRecord {
    /// The network namespace of all of it.
    pub namespace: Option<String>,
    /// What identifies that namespace when its name is gone or another one has it.
    pub namespace_identity: Option<u64>,
    /// What the last start that succeeded put up: monitor expects it.
    pub placed: Vec<RecordedAddress>,
    /// What a start that did not succeed, or not yet, may have put up besides: stop removes it too.
    pub unfinished: Vec<RecordedAddress>,
    /// The label of the IPv6 addresses in the address selection policy.
    pub policy_label: Option<u32>,
    /// Interfaces on which `promote_secondaries` is set for the time of a deletion.
    pub promoting: Vec<String>,
    /// Loopback addresses that have made room for ours, to be put back (`lvs_support`).
    pub moved_aside: Vec<MovedAside>,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordedAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix_length: u8,
    /// The name of the interface.
    pub nic: String,
    /// The index of the interface, which stays when it is renamed.
    pub interface: u32,
}

impl RecordedAddress {
    /// Returns an address on interface `nic` with index `interface`.
    pub fn new(address: IpAddr, prefix_length: u8, nic: &str, interface: u32) -> Self {
        Self { address, prefix_length, nic: nic.into(), interface }
    }
}

impl From<&Assignment> for RecordedAddress {
    fn from(Assignment { address, nic }: &Assignment) -> Self {
        Self::new(address.address, address.prefix_length, nic, address.interface)
    }
}

/// Returns the folder of the address records.
pub fn folder() -> Folder {
    RunDir::system().addresses()
}

/// Reads the record of this instance. `None` means that nothing was ever put up, or that the file cannot be understood.
///
/// # Errors
/// It fails when the file is there and cannot be read: it may name addresses of this instance.
pub fn read(call: &VipCall<'_>) -> Result<Option<AddressRecord>, Failure> {
    let text = folder().read(&call.instance)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Returns the records of the other instances whose addresses are in the same network namespace, by their names.
pub fn others(call: &VipCall<'_>) -> Vec<(String, AddressRecord)> {
    let folder = folder();
    let own = folder.file(&call.instance);
    let others = folder.instances().into_iter().filter(|other| folder.file(other) != own);
    let records = others.filter_map(|other| folder.read_json::<AddressRecord>(&other).map(|record| (other, record)));
    records.filter(|(_, record)| record.namespace.as_deref() == call.namespace()).collect()
}

/// Writes the record of this instance.
pub fn write(call: &VipCall<'_>, record: &AddressRecord) -> Result<(), Failure> {
    Ok(folder().write_json(&call.instance, record)?)
}

impl AddressRecord {
    /// Returns a record for addresses that are there, in place of one that is lost.
    pub fn of_what_is_there(call: &VipCall<'_>, links: &[Link], held: &[InterfaceAddress]) -> Self {
        let mut record = Self { placed: recorded(links, held), ..Self::default() };
        record.enter(call.namespace());
        record
    }

    /// Notes the network namespace in which this instance works.
    pub fn enter(&mut self, namespace: Option<&str>) {
        self.namespace = namespace.map(Into::into);
        self.namespace_identity = namespace.and_then(namespace::identity);
    }

    /// Whether the name of its namespace still is that namespace's.
    pub fn has_its_namespace(&self) -> bool {
        let known = self.namespace_identity;
        self.namespace.as_deref().is_none_or(|name| {
            namespace::exists(name) && known.is_none_or(|known| namespace::identity(name) == Some(known))
        })
    }

    /// Notes the wanted addresses before a start touches the kernel.
    pub fn begin(&mut self, wanted: &[Assignment]) {
        let known: HashSet<RecordedAddress> = self.all().cloned().collect();
        self.unfinished.extend(wanted.iter().map(RecordedAddress::from).filter(|placed| !known.contains(placed)));
    }

    /// Returns the record of a start that has succeeded, when what an earlier one with other parameters had put up is
    /// gone.
    pub fn completed(&self, wanted: &[Assignment]) -> Self {
        let placed = wanted.iter().map(RecordedAddress::from).collect();
        Self { placed, unfinished: Vec::new(), ..self.clone() }
    }

    /// Notes addresses that a way back could not take away.
    pub fn add_unfinished(&mut self, links: &[Link], held: &[InterfaceAddress]) {
        self.unfinished.extend(recorded(links, held));
    }

    /// Returns the same record with those addresses only that `other` does not name.
    pub fn without(&self, other: &Self) -> Self {
        let others: HashSet<IpAddr> = other.all().map(|recorded| recorded.address).collect();
        let placed = self.all().filter(|recorded| !others.contains(&recorded.address)).cloned().collect();
        Self { placed, unfinished: Vec::new(), ..self.clone() }
    }

    /// Returns a record of what has moved aside, and where, and of nothing else.
    pub fn to_be_put_back(&self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            namespace_identity: self.namespace_identity,
            moved_aside: self.moved_aside.clone(),
            ..Self::default()
        }
    }

    /// Whether nothing is left to be put in order.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none() && self.promoting.is_empty() && self.moved_aside.is_empty()
    }

    /// Returns every address that may be there.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &RecordedAddress> {
        self.unfinished.iter().chain(&self.placed)
    }

    /// Returns what was placed, as a list of parameters.
    pub fn entries(&self) -> Vec<AddressEntry> {
        let entry = |placed: &RecordedAddress| AddressEntry {
            address: placed.address,
            prefix_length: Some(placed.prefix_length),
            nic: Some(placed.nic.clone()),
        };
        self.placed.iter().map(entry).collect()
    }
}

fn recorded(links: &[Link], held: &[InterfaceAddress]) -> Vec<RecordedAddress> {
    let names: HashMap<u32, &str> = links.iter().map(|link| (link.index, link.name.as_str())).collect();
    let recorded = |held: &InterfaceAddress| {
        let nic = names.get(&held.interface)?;
        Some(RecordedAddress::new(held.address, held.prefix_length, nic, held.interface))
    };
    held.iter().filter_map(recorded).collect()
}
