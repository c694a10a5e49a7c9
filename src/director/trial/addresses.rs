//! Which addresses the kernel takes for a real server: `__ip_vs_update_dest` of net/netfilter/ipvs/ip_vs_ctl.c.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::netlink::Route;
use crate::netlink::route::LocalTable;

/// What this node knows about addresses. It is empty where it cannot be read: the rest is judged by the address alone.
#[derive(Debug, Default)]
pub struct Addresses {
    broadcast: LocalTable,
    own_ipv6: HashSet<Ipv6Addr>,
}

impl Addresses {
    /// Reads as much as it takes to judge these: two lists at most, however many they are.
    pub fn of_this_node(mut judged: impl Iterator<Item = IpAddr> + Clone) -> Self {
        let Ok(mut route) = Route::open() else { return Self::default() };
        let mut known = Self::default();
        if judged.clone().any(|address| address.is_ipv4()) {
            known.broadcast = route.local_table().unwrap_or_default();
        }
        if judged.any(is_link_local) {
            known.own_ipv6 =
                route.addresses().into_iter().flatten().filter_map(|own| ipv6(own.address.address)).collect();
        }
        known
    }

    /// Returns what the kernel objects to; `None` when it takes the address.
    pub fn objection(&self, address: IpAddr) -> Option<&'static str> {
        match address {
            IpAddr::V4(address) => ipv4_objection(address)
                .or_else(|| self.broadcast.is_broadcast(address).then_some("a broadcast address of this node")),
            IpAddr::V6(address) if self.own_ipv6.contains(&address) => None,
            IpAddr::V6(address) => ipv6_objection(address),
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn ipv6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

/// Judges like `inet_addr_type`, as far as the address alone decides. 240.0.0.0/4 is unicast to it, and so is the rest
/// of 0.0.0.0/8 since Linux 5.3.
fn ipv4_objection(address: Ipv4Addr) -> Option<&'static str> {
    match address {
        Ipv4Addr::UNSPECIFIED => Some("the unspecified address"),
        Ipv4Addr::BROADCAST => Some("the broadcast address"),
        _ if address.is_multicast() => Some("a multicast address"),
        _ => None,
    }
}

/// Judges like `ipv6_addr_type`, for an address that is not this node's own.
fn ipv6_objection(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_unicast_link_local() {
        Some("a link-local address of another host, which is of no network")
    } else if address.to_ipv4_mapped().is_some() {
        Some("an IPv4 address written as IPv6")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_takes_unicast_addresses_and_its_own() {
        let addresses = Addresses { own_ipv6: ["fe80::1".parse().expect("address")].into(), ..Addresses::default() };
        crate::testing::check_rows(
            [
                ("10.9.0.21", None),
                ("127.0.0.1", None),
                ("0.0.0.0", Some("the unspecified address")),
                ("0.0.0.1", None),
                ("223.255.255.255", None),
                ("224.0.0.0", Some("a multicast address")),
                ("239.255.255.255", Some("a multicast address")),
                ("240.0.0.1", None),
                ("255.255.255.254", None),
                ("255.255.255.255", Some("the broadcast address")),
                ("2001:db8::21", None),
                ("fd00::21", None),
                ("::1", None),
                ("::", Some("the unspecified address")),
                ("ff02::1", Some("a multicast address")),
                ("fe80::1", None),
                ("fe80::2", Some("a link-local address of another host, which is of no network")),
                ("::ffff:10.9.0.21", Some("an IPv4 address written as IPv6")),
            ],
            |(address, objection)| {
                assert_eq!(addresses.objection(address.parse().expect(address)), objection, "{address}");
            },
        );
    }
}
