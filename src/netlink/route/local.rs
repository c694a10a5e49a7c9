//! The kernel's table of IPv4 addresses that are this node's own, or are broadcast addresses (`RT_TABLE_LOCAL`,
//! include/uapi/linux/rtnetlink.h).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use neli::consts::rtnl::Rtn;
use nix::libc;

use super::connected::{self, entry};
use super::constants::RouteAttribute;
use crate::model::Family;
use crate::netlink::Result;

/// `RT_TABLE_LOCAL`.
const LOCAL_TABLE: u32 = 255;

/// Local and broadcast routes. A question costs as many look-ups as the table has prefix lengths: about three.
#[derive(Debug, Default)]
pub struct LocalTable {
    kinds: HashMap<(u8, u32), RouteKinds>,
    prefix_lengths: BTreeSet<u8>,
}

/// The kinds that the routes to one destination have.
#[derive(Debug, Clone, Copy, Default)]
struct RouteKinds {
    local: bool,
    broadcast: bool,
}

impl LocalTable {
    /// Whether the kernel takes the address for a broadcast one: the longest prefix decides. The answer is false where
    /// a destination is both, which depends on the order in which the two came.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let routes = self.prefix_lengths.iter().rev();
        let longest = routes.into_iter().find_map(|length| self.kinds.get(&(*length, network(address, *length))));
        longest.is_some_and(|kind| kind.broadcast && !kind.local)
    }
}

/// A route as [`decode`] gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalRoute {
    destination: Ipv4Addr,
    prefix_length: u8,
    broadcast: bool,
}

impl FromIterator<LocalRoute> for LocalTable {
    fn from_iter<T: IntoIterator<Item = LocalRoute>>(routes: T) -> Self {
        let mut table = Self::default();
        for route in routes {
            let destination = (route.prefix_length, network(route.destination, route.prefix_length));
            let kind = table.kinds.entry(destination).or_default();
            kind.broadcast |= route.broadcast;
            kind.local |= !route.broadcast;
            table.prefix_lengths.insert(route.prefix_length);
        }
        table
    }
}

fn network(address: Ipv4Addr, prefix_length: u8) -> u32 {
    let host_bits = u32::BITS.saturating_sub(prefix_length.into());
    address.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)
}

/// Builds a question for the IPv4 routes of all tables: kernels before 4.20 cannot be asked for one.
pub(super) fn list() -> Vec<u8> {
    let mut header = [0; connected::HEADER];
    header[0] = libc::AF_INET as u8;
    header.to_vec()
}

/// Reads a route; `None` for a route of another table, and for one of another kind.
pub(super) fn decode(payload: &[u8]) -> Result<Option<LocalRoute>> {
    let Some(route) = entry(payload)?.filter(|route| route.table == LOCAL_TABLE) else { return Ok(None) };
    let broadcast = match route.header.rtm_type() {
        Rtn::Local => false,
        Rtn::Broadcast => true,
        _ => return Ok(None),
    };
    let IpAddr::V4(destination) =
        route.attributes.optional_address(RouteAttribute::Destination, Family::Ipv4)?.unwrap_or([0; 4].into())
    else {
        return Ok(None);
    };
    Ok((route.family == Family::Ipv4).then_some(LocalRoute {
        destination,
        prefix_length: *route.header.rtm_dst_len(),
        broadcast,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: [u8; 4], prefix_length: u8, broadcast: bool) -> LocalRoute {
        LocalRoute { destination: destination.into(), prefix_length, broadcast }
    }

    #[test]
    fn the_longest_prefix_says_what_an_address_is() {
        let table: LocalTable = [
            route([127, 0, 0, 0], 8, false),
            route([127, 255, 255, 255], 32, true),
            route([10, 9, 5, 0], 24, true),
            route([10, 9, 5, 7], 32, false),
            route([10, 9, 6, 255], 32, true),
            route([10, 9, 6, 255], 32, false),
        ]
        .into_iter()
        .collect();
        crate::testing::check_rows(
            [
                ("127.0.0.1", false),
                ("127.255.255.255", true),
                ("10.9.5.1", true),
                ("10.9.5.7", false),
                ("10.9.6.255", false),
                ("10.9.7.255", false),
            ],
            |(address, broadcast)| {
                assert_eq!(table.is_broadcast(address.parse().expect(address)), broadcast, "{address}");
            },
        );
        assert!(!LocalTable::default().is_broadcast([255; 4].into()));
    }
}
