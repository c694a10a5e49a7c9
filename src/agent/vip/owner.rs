//! Whose an address of this node is: the one answer that start, stop, monitor and a probe act on.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::assignment::{Surroundings, assign_readable, is_device};
use super::parameters::Parameters;
use super::record::{Record, RecordedAddress};
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Ours,
    /// Another resource, an administrator, the node itself.
    Other,
    /// There is no record, no parameter names the interface, and no route tells which one is meant. Such an address is
    /// treated as ours: a second copy of a virtual IP on the network is worse than any other mistake of a stop.
    Unclear,
}

/// What says of an address that it is this instance's.
#[derive(Debug, Clone)]
enum Claim {
    /// On this interface, with whatever prefix: by its index, which stays when it is renamed, or by its name, which stays
    /// when it is made anew. The address on either is proof enough.
    On { interface: u32, nic: String },
    /// On an interface that nothing tells.
    Anywhere,
}

/// Everything that is claimed for this instance.
#[derive(Debug, Default)]
pub struct Claims {
    ours: HashMap<IpAddr, Vec<Claim>>,
    /// What the records of other instances name.
    others: HashMap<IpAddr, Vec<Claim>>,
}

impl From<&RecordedAddress> for Claim {
    fn from(recorded: &RecordedAddress) -> Self {
        Self::On { interface: recorded.interface, nic: recorded.nic.clone() }
    }
}

impl Claim {
    fn covers(&self, held: &InterfaceAddress, link: Option<&Link>) -> bool {
        match self {
            Self::On { interface, nic } => *interface == held.interface || link.is_some_and(|link| link.name == *nic),
            // What a real server has is not announced, and not ours.
            Self::Anywhere => link.is_some_and(|link| !is_device(link)),
        }
    }
}

impl Claims {
    /// Of a record: it names everything that this instance may have put on an interface.
    pub fn recorded(record: &Record) -> Self {
        Self { ours: by_address(record.all()), others: HashMap::new() }
    }

    /// Without a record: what a start with these parameters would put up or take over, but for what the records of
    /// `others` name. An address whose interface is named and missing is nowhere.
    pub fn presumed<'a>(
        parameters: &Parameters,
        surroundings: &Surroundings<'_>,
        others: impl IntoIterator<Item = &'a RecordedAddress>,
    ) -> Self {
        let mut ours: HashMap<IpAddr, Vec<Claim>> = HashMap::new();
        for (entry, link) in assign_readable(parameters, surroundings) {
            let claim = match link {
                Some(link) => Claim::On { interface: link.index, nic: link.name.clone() },
                None if parameters.nic_of(entry).is_some() => continue,
                None => Claim::Anywhere,
            };
            ours.entry(entry.address).or_default().push(claim);
        }
        Self { ours, others: by_address(others) }
    }

    /// `link`: the interface that holds the address.
    pub fn owner(&self, held: &InterfaceAddress, link: Option<&Link>) -> Owner {
        let covering = |claims: &HashMap<IpAddr, Vec<Claim>>| {
            claims.get(&held.address).into_iter().flatten().find(|claim| claim.covers(held, link)).cloned()
        };
        match covering(&self.ours) {
            _ if covering(&self.others).is_some() => Owner::Other,
            None => Owner::Other,
            Some(Claim::On { .. }) => Owner::Ours,
            Some(Claim::Anywhere) => Owner::Unclear,
        }
    }

    /// The addresses of `observed` that this instance answers for, in the same order.
    pub fn of_ours(&self, links: &[Link], observed: &[InterfaceAddress]) -> Vec<InterfaceAddress> {
        let links: HashMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
        let is_ours = |held: &&InterfaceAddress| self.owner(held, links.get(&held.interface).copied()) != Owner::Other;
        observed.iter().filter(is_ours).cloned().collect()
    }
}

fn by_address<'a>(recorded: impl IntoIterator<Item = &'a RecordedAddress>) -> HashMap<IpAddr, Vec<Claim>> {
    let mut claims: HashMap<IpAddr, Vec<Claim>> = HashMap::new();
    for recorded in recorded {
        claims.entry(recorded.address).or_default().push(recorded.into());
    }
    claims
}

/// The wanted addresses that another instance has on this node by its record, each with that instance's name. One that a record
/// names and no interface has is free.
pub fn taken<'a>(
    wanted: &HashSet<(IpAddr, u32)>,
    links: &[Link],
    observed: &[InterfaceAddress],
    others: &'a [(String, Record)],
) -> Vec<(InterfaceAddress, &'a str)> {
    let wanted: Vec<InterfaceAddress> =
        observed.iter().filter(|held| wanted.contains(&held.identity())).cloned().collect();
    let of_one = |(name, record): &'a (String, Record)| {
        let held = Claims::recorded(record).of_ours(links, &wanted);
        held.into_iter().map(move |held| (held, name.as_str()))
    };
    others.iter().flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::vip::assignment::tests::{link, parameters, route};
    use crate::netlink::route::ConnectedRoute;

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
        let record = Record { placed: vec![recorded("192.0.2.9", "eth0", 7)], ..Record::default() };
        let claims = Claims::recorded(&record);
        for (address, link, owner) in [
            (held("192.0.2.9/24", 7), link(7, "renamed"), Owner::Ours),
            (held("192.0.2.9/28", 9), link(9, "eth0"), Owner::Ours),
            (held("192.0.2.9/24", 9), link(9, "eth9"), Owner::Other),
            (held("192.0.2.8/24", 7), link(7, "eth0"), Owner::Other),
        ] {
            assert_eq!(claims.owner(&address, Some(&link)), owner, "{address} {}", link.name);
        }
    }

    #[test]
    fn without_a_record_the_parameters_say_it_and_the_records_of_others() {
        let links = LINKS.map(|(index, name)| link(index, name));
        let other = [recorded("192.0.2.10", "eth0", 2)];
        let networks = [route("192.0.2.0/24", 2, 2)];
        let none: &[ConnectedRoute] = &[];
        for (ip, nic, routes, observed, owner) in [
            ("192.0.2.9", Some("eth0"), none, held("192.0.2.9/28", 2), Owner::Ours),
            ("192.0.2.9/24", Some("eth0-too"), none, held("192.0.2.9/28", 2), Owner::Ours),
            ("192.0.2.9", Some("eth0"), none, held("192.0.2.9/24", 3), Owner::Other),
            // Named and missing: it may have been renamed, but nothing says so.
            ("192.0.2.9", Some("gone"), none, held("192.0.2.9/24", 2), Owner::Other),
            ("192.0.2.9", None, &networks, held("192.0.2.9/32", 2), Owner::Ours),
            ("192.0.2.9", None, &networks, held("192.0.2.9/24", 3), Owner::Other),
            ("192.0.2.9", None, none, held("192.0.2.9/24", 3), Owner::Unclear),
            // That of a real server.
            ("192.0.2.9", None, none, held("192.0.2.9/32", 1), Owner::Other),
            ("192.0.2.10", Some("eth0"), none, held("192.0.2.10/24", 2), Owner::Other),
            ("192.0.2.10", Some("eth1"), none, held("192.0.2.10/24", 3), Owner::Ours),
            ("192.0.2.9", Some("eth0"), none, held("192.0.2.11/24", 2), Owner::Other),
        ] {
            let surroundings = Surroundings { links: &links, routes, held: &[] };
            let claims = Claims::presumed(&parameters(ip, nic), &surroundings, &other);
            let on = links.iter().find(|link| link.index == observed.interface);
            assert_eq!(claims.owner(&observed, on), owner, "{ip} {nic:?} {observed:?}");
        }
    }
}
