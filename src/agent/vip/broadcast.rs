//! The broadcast address of an address whose parameters name none.

use foldhash::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::model::InterfaceAddress;

/// The IPv4 networks that the interfaces have, with the broadcast addresses there. A question costs a look-up for each
/// prefix length, however many addresses there are.
#[derive(Debug)]
pub struct OwnBroadcasts(HashMap<(u32, u8, u32), Vec<Own>>);

/// An address of an interface, and its broadcast address if it has one.
type Own = (Ipv4Addr, Option<Ipv4Addr>);

impl OwnBroadcasts {
    /// Reads the networks from the addresses that the interfaces have.
    pub fn of(held: &[InterfaceAddress]) -> Self {
        /// The first address of a network counts, or the second one where the first is the wanted address itself.
        const KEPT: usize = 2;
        let mut networks: HashMap<_, Vec<Own>> = HashMap::default();
        for held in held {
            let IpAddr::V4(address) = held.address else { continue };
            let key = (held.interface, held.prefix_length, network(address, held.prefix_length));
            let known = networks.entry(key).or_default();
            if known.len() < KEPT {
                known.push((address, held.broadcast));
            }
        }
        Self(networks)
    }

    /// Returns the broadcast address as IPaddr2 finds it: that of the interface's own address in the smallest network
    /// that has all of the wanted one's. The kernel lists the first address of a network, whose route it is, before the
    /// others.
    pub fn inherited(&self, wanted: &InterfaceAddress) -> Option<Ipv4Addr> {
        let IpAddr::V4(address) = wanted.address else { return None };
        let own_in = |length: u8| {
            let known = self.0.get(&(wanted.interface, length, network(address, length)))?;
            known.iter().find(|(own, _)| *own != address)
        };
        (1..=wanted.prefix_length).rev().find_map(own_in).and_then(|(_, broadcast)| *broadcast)
    }
}

fn network(address: Ipv4Addr, prefix_length: u8) -> u32 {
    let host_bits = u32::BITS.saturating_sub(prefix_length.into());
    address.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    fn address(text: &str, interface: u32, broadcast: Option<[u8; 4]>) -> InterfaceAddress {
        let (address, prefix_length) = text.split_once('/').expect("prefix");
        let (address, prefix_length) = (address.parse().expect("address"), prefix_length.parse().expect("length"));
        InterfaceAddress { address, prefix_length, interface, label: None, broadcast: broadcast.map(Into::into) }
    }

    #[test]
    fn the_nodes_own_address_in_the_nearest_network_says_it() {
        let held = [
            address("10.9.0.1/16", 2, Some([10, 9, 255, 255])),
            address("10.9.5.1/24", 2, Some([10, 9, 5, 254])),
            address("10.9.5.2/24", 2, Some([10, 9, 5, 255])),
            address("10.9.6.1/24", 2, None),
            address("192.0.2.1/24", 3, Some([192, 0, 2, 255])),
            address("2001:db8::1/64", 2, None),
        ];
        let own = OwnBroadcasts::of(&held);
        check_rows(
            [
                ("10.9.5.9/24", 2, Some([10, 9, 5, 254])),
                ("10.9.5.9/32", 2, Some([10, 9, 5, 254])),
                ("10.9.5.9/16", 2, Some([10, 9, 255, 255])),
                ("10.9.5.9/15", 2, None),
                ("10.9.7.9/30", 2, Some([10, 9, 255, 255])),
                // The nearest one has none.
                ("10.9.6.9/24", 2, None),
                // Its own copy says nothing; the next one of the network does.
                ("10.9.5.1/24", 2, Some([10, 9, 5, 255])),
                ("192.0.2.1/24", 3, None),
                ("192.0.2.9/24", 2, None),
                ("2001:db8::9/64", 2, None),
            ],
            |(wanted, interface, expected)| {
                let found = own.inherited(&address(wanted, interface, None));
                assert_eq!(found, expected.map(Ipv4Addr::from), "{wanted} on {interface}");
            },
        );
    }
}
