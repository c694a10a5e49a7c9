//! What a real server needs that receives packets for an address which is not its own.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::model::{ForwardingMethod, InterfaceAddress, RealServer, ServiceKey};

/// A setting under net/ipv4/conf that exists for each interface and, as `all`, for every one. The higher of the two
/// counts for a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceSetting {
    /// The interface for which it is set, or `all`.
    pub interface: String,
    rule: &'static Rule,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    key: &'static str,
    value: i32,
    /// Other values that suffice as well: an administrator's choice stays.
    also: &'static [i32],
}

/// The node answers ARP requests only for addresses of the interface on which they come. Without it this node answers
/// for the virtual IP, and clients reach it past the director. 2 is stricter, and 8 never answers; the values between
/// them answer.
const ARP_IGNORE: Rule = Rule { key: "arp_ignore", value: 1, also: &[2, 8] };
/// The node asks by ARP with an address of the outgoing interface, never with the virtual IP: the host that is asked
/// learns the address of the one that asks, and the router would send the clients here. The kernel knows no higher
/// value.
const ARP_ANNOUNCE: Rule = Rule { key: "arp_announce", value: 2, also: &[] };
/// The node accepts a packet whose source is routed over another interface: on a tunnel that is every packet, since the
/// answers leave by the network card. Strict (1) drops them all, without a word. Loose (2) on the tunnel suffices
/// whatever `all` says, as it is the highest value. IPv6 has no such filter.
const RP_FILTER: Rule = Rule { key: "rp_filter", value: 2, also: &[] };

impl InterfaceSetting {
    fn new(rule: &'static Rule, interface: &str) -> Self {
        Self { interface: interface.into(), rule }
    }

    /// Returns the setting's path below /proc/sys, with slashes.
    pub fn name(&self) -> String {
        self.name_for(&self.interface)
    }

    /// Returns the path of the same setting for every interface.
    pub fn name_for_all(&self) -> String {
        self.name_for("all")
    }

    /// Returns the path of the same setting for another interface.
    pub fn name_for(&self, interface: &str) -> String {
        format!("net/ipv4/conf/{interface}/{}", self.rule.key)
    }

    /// Returns the value to set.
    pub fn value(&self) -> String {
        self.rule.value.to_string()
    }

    /// Whether `value` suffices.
    pub fn accepts(&self, value: i32) -> bool {
        value == self.rule.value || self.rule.also.contains(&value)
    }
}

/// Returns the settings of a real server. `quiet` are the interfaces on which no host may learn by ARP that this node
/// has the virtual IPs; `tunnels` are the interfaces on which packets for them come out of a tunnel.
pub fn real_server_settings(quiet: &[String], tunnels: &[String]) -> Vec<InterfaceSetting> {
    let quiet = quiet.iter().flat_map(|nic| [&ARP_IGNORE, &ARP_ANNOUNCE].map(|rule| InterfaceSetting::new(rule, nic)));
    quiet.chain(tunnels.iter().map(|nic| InterfaceSetting::new(&RP_FILTER, nic))).collect()
}

/// Returns the addresses that an interface other than `own` holds: this node is their director.
pub fn held_elsewhere(own: &[u32], observed: &[InterfaceAddress]) -> HashSet<IpAddr> {
    observed.iter().filter(|held| !own.contains(&held.interface)).map(|held| held.address).collect()
}

/// Returns the services of an IPVS table that take packets for one of the addresses. A firewall mark has no address.
pub fn services_at<'a>(
    addresses: &'a [IpAddr],
    services: impl IntoIterator<Item = ServiceKey> + 'a,
) -> impl Iterator<Item = ServiceKey> + 'a {
    services.into_iter().filter(|key| matches!(key, ServiceKey::Address { address, .. } if addresses.contains(address)))
}

/// Whether the real server gets packets as they are, with the virtual IP, on another node than this one. `local` is
/// every address of this node.
pub fn passes_on(real: &RealServer, local: &[InterfaceAddress]) -> bool {
    let is_here = real.local || local.iter().any(|held| held.address == real.key.address);
    real.forwarding != ForwardingMethod::Masq && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::real_server;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_quiet_interface_and_each_tunnel_gets_its_settings() {
        let said = |quiet: &[&str], tunnels: &[&str]| -> Vec<String> {
            let settings = real_server_settings(&owned(quiet), &owned(tunnels));
            settings.iter().map(|setting| format!("{}={}", setting.name(), setting.value())).collect()
        };
        assert_eq!(said(&[], &[]), [""; 0]);
        assert_eq!(said(&["all"], &[]), ["net/ipv4/conf/all/arp_ignore=1", "net/ipv4/conf/all/arp_announce=2"]);
        assert_eq!(
            said(&["eth0.7", "eth1"], &["tunl0"]),
            [
                "net/ipv4/conf/eth0.7/arp_ignore=1",
                "net/ipv4/conf/eth0.7/arp_announce=2",
                "net/ipv4/conf/eth1/arp_ignore=1",
                "net/ipv4/conf/eth1/arp_announce=2",
                "net/ipv4/conf/tunl0/rp_filter=2",
            ]
        );
    }

    #[test]
    fn values_that_suffice_are_left_alone() {
        crate::testing::check_rows(
            [("arp_ignore", &[1, 2, 8][..]), ("arp_announce", &[2]), ("rp_filter", &[2])],
            |(key, good)| {
                let settings = real_server_settings(&owned(&["eth0"]), &owned(&["tunl0"]));
                let setting = settings.iter().find(|setting| setting.name().ends_with(key)).expect(key);
                assert_eq!(setting.name_for_all(), format!("net/ipv4/conf/all/{key}"));
                for value in 0..10 {
                    assert_eq!(setting.accepts(value), good.contains(&value), "{key} {value}");
                }
            },
        );
    }

    fn held(interface: u32, last: u8) -> InterfaceAddress {
        let address = IpAddr::from([192, 0, 2, last]);
        InterfaceAddress { address, prefix_length: 24, interface, label: None, broadcast: None }
    }

    #[test]
    fn only_another_interface_makes_this_node_the_director() {
        let elsewhere = |observed: &[InterfaceAddress]| held_elsewhere(&[1, 5], observed);
        let (eight, nine) = (IpAddr::from([192, 0, 2, 8]), IpAddr::from([192, 0, 2, 9]));
        assert_eq!(elsewhere(&[]), HashSet::new());
        assert_eq!(elsewhere(&[held(1, 9), held(5, 9), held(2, 8)]), HashSet::from([eight]));
        assert_eq!(elsewhere(&[held(1, 9), held(2, 9)]), HashSet::from([nine]));
    }

    #[test]
    fn a_packet_is_passed_on_unless_it_stays_here_or_gets_another_address() {
        use ForwardingMethod::{Gate, Ipip, Masq};
        let local = [held(2, 1)];
        crate::testing::check_rows(
            [(2, Gate, true), (2, Ipip, true), (2, Masq, false), (1, Gate, false), (1, Ipip, false)],
            |(host, forwarding, expected)| {
                let real = RealServer { forwarding, ..real_server(host, 1) };
                assert_eq!(passes_on(&real, &local), expected, "{host} {forwarding:?}");
            },
        );
        assert!(!passes_on(&RealServer { local: true, ..real_server(2, 1) }, &local));
    }

    #[test]
    fn services_are_found_by_their_address() {
        let keys = ["tcp 192.0.2.9:80", "udp [2001:db8::9]:53", "tcp 192.0.2.8:80", "fwmark 7"];
        let keys = keys.map(|key| key.parse::<ServiceKey>().expect(key));
        let addresses = ["192.0.2.9", "2001:db8::9"].map(|address| address.parse::<IpAddr>().expect(address));
        assert_eq!(services_at(&addresses, keys).collect::<Vec<_>>(), keys[..2]);
        assert_eq!(services_at(&[], keys).count(), 0);
    }
}
