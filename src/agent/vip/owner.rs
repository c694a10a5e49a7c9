//! Decides whose an address of this node is. It is the one answer that start, stop, monitor and a probe act on.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use super::assignment::{Surroundings, assign_readable, is_device};
use super::record::{AddressRecord, RecordedAddress};
use super::requested::RequestedAddresses;
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOwner {
    /// It is this instance's.
    Ours,
    /// It belongs to another resource, an administrator or the node itself.
    Other,
    /// It cannot be decided: there is no record, no parameter names the interface, and no route tells which one is
    /// meant. Such an address is treated as ours: a second copy of a virtual IP on the network is worse than any other
    /// mistake of a stop.
    Unclear,
}

/// What says of an address that it is this instance's.
#[derive(Debug, Clone)]
enum AddressClaim {
    /// The address is on this interface, with whatever prefix. The interface is known by its index, which stays when it
    /// is renamed, or by its name, which stays when it is made anew. Either is proof enough.
    On { interface: u32, nic: String },
    /// The address is on an interface that nothing tells.
    Anywhere,
}

/// Everything that is claimed for this instance.
#[derive(Debug, Default)]
pub struct AddressClaims {
    ours: HashMap<IpAddr, Vec<AddressClaim>>,
    /// What the records of other instances name.
    others: HashMap<IpAddr, Vec<AddressClaim>>,
}

impl From<&RecordedAddress> for AddressClaim {
    fn from(recorded: &RecordedAddress) -> Self {
        Self::On { interface: recorded.interface, nic: recorded.nic.clone() }
    }
}

impl AddressClaim {
    fn covers(&self, held: &InterfaceAddress, link: Option<&Link>) -> bool {
        match self {
            Self::On { interface, nic } => *interface == held.interface || link.is_some_and(|link| link.name == *nic),
            // An address of a real server is not announced, and not ours.
            Self::Anywhere => link.is_some_and(|link| !is_device(link)),
        }
    }
}

impl AddressClaims {
    /// Returns the claims of a record, which names everything that this instance may have put on an interface.
    pub fn recorded(record: &AddressRecord) -> Self {
        Self { ours: by_address(record.all()), others: HashMap::default() }
    }

    /// Returns the claims without a record: what a start with these parameters would put up or take over, but for what
    /// the records of `others` name. An address whose interface is named and missing is nowhere.
    pub fn presumed<'a>(
        requested: &RequestedAddresses,
        surroundings: &Surroundings<'_>,
        others: impl IntoIterator<Item = &'a RecordedAddress>,
    ) -> Self {
        let mut ours: HashMap<IpAddr, Vec<AddressClaim>> = HashMap::default();
        for (entry, link) in assign_readable(requested, surroundings) {
            let claim = match link {
                Some(link) => AddressClaim::On { interface: link.index, nic: link.name.clone() },
                None if requested.nic_of(entry).is_some() => continue,
                None => AddressClaim::Anywhere,
            };
            ours.entry(entry.address).or_default().push(claim);
        }
        Self { ours, others: by_address(others) }
    }

    /// Returns whose the address `held` is. `link` is the interface that holds it.
    pub fn owner(&self, held: &InterfaceAddress, link: Option<&Link>) -> AddressOwner {
        let covering = |claims: &HashMap<IpAddr, Vec<AddressClaim>>| {
            claims.get(&held.address).into_iter().flatten().find(|claim| claim.covers(held, link)).cloned()
        };
        match covering(&self.ours) {
            _ if covering(&self.others).is_some() => AddressOwner::Other,
            None => AddressOwner::Other,
            Some(AddressClaim::On { .. }) => AddressOwner::Ours,
            Some(AddressClaim::Anywhere) => AddressOwner::Unclear,
        }
    }

    /// Returns the addresses of `observed` that this instance answers for, in the same order.
    pub fn of_ours(&self, links: &[Link], observed: &[InterfaceAddress]) -> Vec<InterfaceAddress> {
        let links: HashMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
        let is_ours =
            |held: &&InterfaceAddress| self.owner(held, links.get(&held.interface).copied()) != AddressOwner::Other;
        observed.iter().filter(is_ours).cloned().collect()
    }
}

fn by_address<'a>(recorded: impl IntoIterator<Item = &'a RecordedAddress>) -> HashMap<IpAddr, Vec<AddressClaim>> {
    let mut claims: HashMap<IpAddr, Vec<AddressClaim>> = HashMap::default();
    for recorded in recorded {
        claims.entry(recorded.address).or_default().push(recorded.into());
    }
    claims
}

/// Returns the wanted addresses that another instance has on this node by its record, each with that instance's name.
/// An address that a record names and no interface has is free.
pub fn held_by_others<'a>(
    wanted: &HashSet<(IpAddr, u32)>,
    links: &[Link],
    observed: &[InterfaceAddress],
    others: &'a [(String, AddressRecord)],
) -> Vec<(InterfaceAddress, &'a str)> {
    let wanted: Vec<InterfaceAddress> =
        observed.iter().filter(|held| wanted.contains(&held.identity())).cloned().collect();
    let of_one = |(name, record): &'a (String, AddressRecord)| {
        let held = AddressClaims::recorded(record).of_ours(links, &wanted);
        held.into_iter().map(move |held| (held, name.as_str()))
    };
    others.iter().flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::vip::assignment::tests::{link, requested, route};
    use crate::netlink::route::ConnectedRoute;
    use crate::testing::check_rows;

    fn held(text: &str, interface: u32) -> InterfaceAddress {
        let (address, prefix) = text.split_once('/').expect("prefix");
        InterfaceAddress {
            address: address.parse().expect("address"),
            prefix_length: prefix.parse().expect("length"),
            interface,
            label: None,
            broadcast: None,
        }
    }

    fn recorded(text: &str, nic: &str, interface: u32) -> RecordedAddress {
        RecordedAddress::new(text.parse().expect("address"), 24, nic, interface)
    }

    /// eth0 (2) is on the network of the address, eth1 (3) is not.
    const LINKS: [(u32, &str); 3] = [(1, "lo"), (2, "eth0"), (3, "eth1")];

    #[test]
    fn a_record_says_whose_an_address_is_whatever_its_prefix() {
        let record = AddressRecord { placed: vec![recorded("192.0.2.9", "eth0", 7)], ..AddressRecord::default() };
        let claims = AddressClaims::recorded(&record);
        check_rows(
            [
                (held("192.0.2.9/24", 7), link(7, "renamed"), AddressOwner::Ours),
                (held("192.0.2.9/28", 9), link(9, "eth0"), AddressOwner::Ours),
                (held("192.0.2.9/24", 9), link(9, "eth9"), AddressOwner::Other),
                (held("192.0.2.8/24", 7), link(7, "eth0"), AddressOwner::Other),
            ],
            |(address, link, owner)| {
                assert_eq!(claims.owner(&address, Some(&link)), owner, "{address} {}", link.name);
            },
        );
    }

    #[test]
    fn without_a_record_the_parameters_say_it_and_the_records_of_others() {
        let links = LINKS.map(|(index, name)| link(index, name));
        let other = [recorded("192.0.2.10", "eth0", 2)];
        let networks = [route("192.0.2.0/24", 2, 2)];
        let none: &[ConnectedRoute] = &[];
        check_rows(
            [
                ("192.0.2.9", Some("eth0"), none, held("192.0.2.9/28", 2), AddressOwner::Ours),
                ("192.0.2.9/24", Some("eth0-too"), none, held("192.0.2.9/28", 2), AddressOwner::Ours),
                ("192.0.2.9", Some("eth0"), none, held("192.0.2.9/24", 3), AddressOwner::Other),
                // The interface is named and missing: it may have been renamed, but nothing says so.
                ("192.0.2.9", Some("gone"), none, held("192.0.2.9/24", 2), AddressOwner::Other),
                ("192.0.2.9", None, &networks, held("192.0.2.9/32", 2), AddressOwner::Ours),
                ("192.0.2.9", None, &networks, held("192.0.2.9/24", 3), AddressOwner::Other),
                ("192.0.2.9", None, none, held("192.0.2.9/24", 3), AddressOwner::Unclear),
                // This one belongs to a real server.
                ("192.0.2.9", None, none, held("192.0.2.9/32", 1), AddressOwner::Other),
                ("192.0.2.10", Some("eth0"), none, held("192.0.2.10/24", 2), AddressOwner::Other),
                ("192.0.2.10", Some("eth1"), none, held("192.0.2.10/24", 3), AddressOwner::Ours),
                ("192.0.2.9", Some("eth0"), none, held("192.0.2.11/24", 2), AddressOwner::Other),
            ],
            |(ip, nic, routes, observed, owner)| {
                let surroundings = Surroundings { links: &links, routes, held: &[] };
                let claims = AddressClaims::presumed(&requested(ip, nic), &surroundings, &other);
                let on = links.iter().find(|link| link.index == observed.interface);
                assert_eq!(claims.owner(&observed, on), owner, "{ip} {nic:?} {observed:?}");
            },
        );
    }
}
