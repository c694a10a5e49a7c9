//! What an instance has put on interfaces: `<run>/vip/<instance>.json`, and what can be told without it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::wanted::{Parameters, Wanted};
use crate::model::InterfaceAddress;
use crate::netlink::route::{Link, ObservedAddress};
use crate::ocf::{Call, Failure};
use crate::system::{Folder, RunDir};

/// An address that this instance has put on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub address: IpAddr,
    pub prefix_length: u8,
    pub nic: String,
    /// Index of the interface, which stays when it is renamed.
    interface: u32,
}

pub fn folder() -> Folder {
    RunDir::system().addresses()
}

/// `None`: nothing was ever placed, or nobody remembers.
pub fn read(call: &Call) -> Option<Vec<Placed>> {
    folder().read_json(&call.instance)
}

/// Adds to what is there: an address of an earlier start with other parameters must still be removed by the next stop.
pub fn add(call: &Call, wanted: &[Wanted]) -> Result<(), Failure> {
    let mut record = read(call).unwrap_or_default();
    for Wanted { place, nic } in wanted {
        let (address, prefix_length, interface) = (place.address, place.prefix_length, place.interface);
        let placed = Placed { address, prefix_length, nic: nic.clone(), interface };
        if !record.contains(&placed) {
            record.push(placed);
        }
    }
    Ok(folder().write_json(&call.instance, &record)?)
}

/// Those of the addresses in `observed` that are this instance's: by its record; without one, by what can be read of
/// its parameters. A second copy of a virtual IP on the network is worse than any other mistake of a stop.
pub fn held(
    record: Option<&[Placed]>,
    parameters: Option<&Parameters>,
    links: &[Link],
    observed: &[ObservedAddress],
) -> Vec<InterfaceAddress> {
    let link_of = |address: &InterfaceAddress| links.iter().find(|link| link.index == address.interface);
    let is_ours = |held: &&InterfaceAddress| match (record, parameters) {
        (Some(record), _) => record.iter().any(|placed| placed.is(held, link_of(held), links)),
        (None, Some(parameters)) => link_of(held).is_some_and(|link| parameters.may_have_placed(held, link, links)),
        (None, None) => false,
    };
    observed.iter().map(|held| &held.address).filter(is_ours).cloned().collect()
}

impl Placed {
    /// By the interface's name, or by its index when nothing has that name any more.
    fn is(&self, held: &InterfaceAddress, link: Option<&Link>, links: &[Link]) -> bool {
        let is_gone = || !links.iter().any(|link| link.name == self.nic);
        let same_interface =
            link.is_some_and(|link| link.name == self.nic) || (held.interface == self.interface && is_gone());
        same_interface && held.address == self.address && held.prefix_length == self.prefix_length
    }
}
