//! How one path is asked, from what this node knows of its networks. Pure but for the reading of that.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::model::{ForwardingMethod, PathCheck, TunnelChecksum};
use crate::netlink::announce::Station;
use crate::netlink::route::{Hop, Link, ObservedAddress, is_in_network};
use crate::netlink::syn::{SynQuestion, Tunnel, Way, is_link_local, own_source};
use crate::netlink::{Result, Route};

/// What this node knows of its networks.
#[derive(Debug, Default)]
pub struct Surroundings {
    links: Vec<Link>,
    addresses: Vec<ObservedAddress>,
    /// The link-layer addresses of hosts, by their address and the interface to them.
    neighbours: HashMap<(IpAddr, u32), [u8; 6]>,
}

/// What becomes of a path check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is asked.
    Ask(SynQuestion),
    /// It cannot be asked now.
    Hindered {
        /// Why.
        cause: String,
        /// The host of the interface's link whose link-layer address is to be found out.
        look_for: Option<(IpAddr, u32)>,
    },
    /// It need not be asked: no packet gets there, for this reason.
    Broken(&'static str),
    /// There is nothing to be learnt.
    Pointless,
}

impl Surroundings {
    /// Reads what the kernel knows.
    ///
    /// # Errors
    /// Fails as a whole.
    pub fn read(route: &mut Route) -> Result<Self> {
        let links = route.links()?;
        let addresses = route.addresses_on(&links)?;
        let neighbours = route.neighbours()?;
        let neighbours = neighbours.into_iter().map(|one| ((one.address, one.interface), one.mac)).collect();
        Ok(Self { links, addresses, neighbours })
    }

    /// Whether there is such an interface.
    pub fn has_interface(&self, index: u32) -> bool {
        self.links.iter().any(|link| link.index == index)
    }

    /// Whether the address is one of this node.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|held| held.address.address == address)
    }

    /// Whether this node answers the hosts of a network for the address, and so gets what is for it. Who only serves it has it on lo.
    pub fn directs(&self, address: IpAddr) -> bool {
        let answers = |link: &Link| link.mac.is_some() && !link.loopback && !link.no_arp;
        let mut held = self.addresses.iter().map(|held| &held.address).filter(|held| held.address == address);
        held.any(|held| self.links.iter().any(|link| link.index == held.interface && answers(link)))
    }

    /// Whether a network of the interface has the address, apart from that which the address brings with it.
    fn is_on_link(&self, address: IpAddr, interface: u32) -> bool {
        let on_link = self.addresses.iter().map(|held| &held.address).filter(|held| held.interface == interface);
        let mut others = on_link.filter(|held| held.address != address);
        others.any(|held| is_in_network(address, held.address, held.prefix_length))
    }
}

/// Decides how the path is asked. `hop` is where the kernel sends what is for the real server, and no question comes from one of
/// `virtual_ips`.
pub fn plan(path: &PathCheck, hop: Option<Hop>, known: &Surroundings, virtual_ips: &BTreeSet<IpAddr>) -> Plan {
    let (vip, real) = (path.vip.ip(), path.real.ip());
    let hindered = |cause: String| Plan::Hindered { cause, look_for: None };
    let (interface, is_behind_router) = match hop {
        None => return hindered(format!("no route to {real}")),
        // The kernel hands the packet to its own program, past all of this.
        Some(Hop::Own) => return Plan::Pointless,
        Some(Hop::Link { interface }) => (interface, false),
        Some(Hop::Router { interface }) => (interface, true),
    };
    let Some(link) = known.links.iter().find(|link| link.index == interface).filter(|link| link.up) else {
        return hindered(format!("the interface to {real} is down"));
    };
    let at = Station { interface, mac: link.mac.unwrap_or_default() };
    let tunnel = tunnel(path.forwarding);
    let source_to = |target| {
        let source = own_source(&known.addresses, interface, target, virtual_ips);
        // The answer to one that came through a tunnel has no link to be local to.
        let source = source.filter(|source| tunnel.is_none() || !is_link_local(*source));
        source.ok_or_else(|| hindered(format!("{} has no address of this node but virtual IPs", link.name)))
    };
    let (source, target) = match path.forwarding {
        // Where the virtual IP is elsewhere the answer would go there; in its own network the real server needs no way.
        ForwardingMethod::Masq if is_behind_router || !known.has_address(vip) || known.is_on_link(vip, interface) => {
            return Plan::Pointless;
        }
        ForwardingMethod::Masq => (vip, path.real),
        ForwardingMethod::Gate if is_behind_router => {
            return Plan::Broken("the real server is behind a router, which sends what is for the virtual IP back");
        }
        _ => match source_to(vip) {
            Ok(source) => (source, path.vip),
            Err(plan) => return plan,
        },
    };
    let mac_of = |address| known.neighbours.get(&(address, interface));
    // The director that has the virtual IP now: it directs what it gets, and maybe to this node. What a node that directs has once
    // learnt of the one before it counts no more.
    if target == path.vip && !known.directs(vip) && mac_of(real).is_some_and(|mac| mac_of(vip) == Some(mac)) {
        return Plan::Pointless;
    }
    let way = match tunnel {
        Some(tunnel) => match source_to(real) {
            Ok(own) => Way::Tunnel(tunnel, [own, real]),
            Err(plan) => return plan,
        },
        None => match mac_of(real) {
            Some(mac) => Way::Link(*mac),
            None => {
                let cause = format!("the link-layer address of {real} on {} is not known", link.name);
                return Plan::Hindered { cause, look_for: Some((real, interface)) };
            }
        },
    };
    Plan::Ask(SynQuestion { at, way, source, target })
}

/// The tunnel of a forwarding method, as IPVS fills it: it asks for a remote checksum only where the packet has none yet.
fn tunnel(forwarding: ForwardingMethod) -> Option<Tunnel> {
    let has_checksum = |checksum| checksum == TunnelChecksum::Outer;
    match forwarding {
        ForwardingMethod::Gate | ForwardingMethod::Masq => None,
        ForwardingMethod::Ipip => Some(Tunnel::Ipip),
        ForwardingMethod::Gue { port, checksum } => Some(Tunnel::Gue { port, checksum: has_checksum(checksum) }),
        ForwardingMethod::Gre { checksum } => Some(Tunnel::Gre { checksum: has_checksum(checksum) }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::model::InterfaceAddress;
    use crate::testing::check_rows;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 21];
    const OUTER: TunnelChecksum = TunnelChecksum::Outer;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    /// Interface 2 leads to the real servers, 3 to the clients; 4 is down.
    fn known() -> Surroundings {
        let link = |index: u32, up| Link {
            index,
            name: format!("eth{index}"),
            altnames: Vec::new(),
            up,
            running: up,
            loopback: false,
            point_to_point: false,
            no_arp: false,
            mac: Some([2, 0, 0, 0, 0, 11]),
            mtu: None,
        };
        let held = |address: &str, prefix_length, interface| {
            let address = ip(address);
            ObservedAddress::for_test(InterfaceAddress {
                address,
                prefix_length,
                interface,
                label: None,
                broadcast: None,
            })
        };
        Surroundings {
            links: vec![link(2, true), link(3, true), link(4, false)],
            addresses: vec![
                held("10.9.0.11", 24, 2),
                held("fd09::11", 64, 2),
                held("10.9.0.100", 32, 2),
                held("192.0.2.100", 24, 3),
                held("192.0.2.101", 32, 3),
            ],
            neighbours: [ip("10.9.0.21"), ip("fd09::21")].map(|real| ((real, 2), MAC)).into(),
        }
    }

    fn planned(vip: &str, real: &str, forwarding: ForwardingMethod, hop: Option<Hop>) -> Plan {
        let [vip, real]: [SocketAddr; 2] = [vip, real].map(|text| text.parse().expect(text));
        let path = PathCheck { vip, real, forwarding, timeout: Duration::from_secs(5) };
        let vips = ["10.9.0.100", "192.0.2.100", "192.0.2.101"].map(ip).into();
        plan(&path, hop, &known(), &vips)
    }

    fn asked(way: Way, source: &str, target: &str) -> Plan {
        let at = Station { interface: 2, mac: [2, 0, 0, 0, 0, 11] };
        Plan::Ask(SynQuestion { at, way, source: ip(source), target: target.parse().expect(target) })
    }

    const LINK: Option<Hop> = Some(Hop::Link { interface: 2 });
    const ROUTER: Option<Hop> = Some(Hop::Router { interface: 2 });
    const V4: (&str, &str) = ("10.9.0.100:80", "10.9.0.21:80");
    const V6: (&str, &str) = ("[fd09::100]:80", "[fd09::21]:80");

    #[test]
    fn each_method_is_asked_as_the_kernel_forwards_by_it() {
        use ForwardingMethod as Method;
        let (gue, gre) = (|checksum| Method::Gue { port: 6080, checksum }, |checksum| Method::Gre { checksum });
        let packed = |checksum| Tunnel::Gue { port: 6080, checksum };
        check_rows(
            [
                (Method::Gate, Way::Link(MAC)),
                (Method::Ipip, Way::Tunnel(Tunnel::Ipip, [ip("10.9.0.11"), ip("10.9.0.21")])),
                (gue(OUTER), Way::Tunnel(packed(true), [ip("10.9.0.11"), ip("10.9.0.21")])),
                (gue(TunnelChecksum::Remote), Way::Tunnel(packed(false), [ip("10.9.0.11"), ip("10.9.0.21")])),
                (gre(OUTER), Way::Tunnel(Tunnel::Gre { checksum: true }, [ip("10.9.0.11"), ip("10.9.0.21")])),
            ],
            |(method, way)| assert_eq!(planned(V4.0, V4.1, method, LINK), asked(way, "10.9.0.11", V4.0), "{method}"),
        );
        assert_eq!(planned(V6.0, V6.1, Method::Gate, LINK), asked(Way::Link(MAC), "fd09::11", V6.0));
        let tunnel = Way::Tunnel(Tunnel::Ipip, [ip("fd09::11"), ip("fd09::21")]);
        assert_eq!(planned(V6.0, V6.1, Method::Ipip, LINK), asked(tunnel, "fd09::11", V6.0));
        // A tunnel may lead through routers.
        assert_eq!(planned(V6.0, V6.1, Method::Ipip, ROUTER), asked(tunnel, "fd09::11", V6.0));
        let back = asked(Way::Link(MAC), "192.0.2.100", V4.1);
        assert_eq!(planned("192.0.2.100:80", V4.1, Method::Masq, LINK), back);
    }

    #[test]
    fn where_nothing_can_be_shown_nothing_is_asked() {
        use ForwardingMethod::{Gate, Masq};
        check_rows(
            [
                // Its own program; the way back of masq in one network, on a standby, and behind a router.
                (planned(V4.0, "10.9.0.11:80", Gate, Some(Hop::Own)), Plan::Pointless),
                (planned(V4.0, V4.1, Masq, LINK), Plan::Pointless),
                (planned("198.51.100.1:80", V4.1, Masq, LINK), Plan::Pointless),
                (planned("192.0.2.100:80", V4.1, Masq, ROUTER), Plan::Pointless),
                // IPVS would send to the router.
                (
                    planned(V4.0, V4.1, Gate, ROUTER),
                    Plan::Broken("the real server is behind a router, which sends what is for the virtual IP back"),
                ),
            ],
            |(planned, expected)| assert_eq!(planned, expected),
        );
    }

    #[test]
    fn the_other_director_directs_what_it_gets() {
        let vip: SocketAddr = "10.9.0.105:80".parse().expect("it");
        let mut known = known();
        let asks = |known: &Surroundings, forwarding| {
            let path = PathCheck {
                vip,
                real: "10.9.0.21:80".parse().expect("it"),
                forwarding,
                timeout: Duration::from_secs(5),
            };
            plan(&path, LINK, known, &BTreeSet::new()) != Plan::Pointless
        };
        for (mac, expected) in [([2, 0, 0, 0, 0, 22], true), (MAC, false)] {
            known.neighbours.insert((vip.ip(), 2), mac);
            assert_eq!(asks(&known, ForwardingMethod::Gate), expected, "{mac:?}");
            assert_eq!(asks(&known, ForwardingMethod::Ipip), expected, "{mac:?}");
        }
    }

    /// The kernel keeps what it has learnt of the director before this one, and neither our address nor its announcement changes it.
    #[test]
    fn a_node_that_directs_asks_whoever_had_the_virtual_ip_before_it() {
        let mut known = known();
        let vip: SocketAddr = V4.0.parse().expect("it");
        known.neighbours.insert((vip.ip(), 2), MAC);
        assert!(known.directs(vip.ip()));
        for forwarding in [ForwardingMethod::Gate, ForwardingMethod::Ipip] {
            let path = PathCheck { vip, real: V4.1.parse().expect("it"), forwarding, timeout: Duration::from_secs(5) };
            let plan = plan(&path, LINK, &known, &BTreeSet::from([vip.ip()]));
            assert!(matches!(plan, Plan::Ask(_)), "{plan:?}");
        }
    }

    #[test]
    fn what_this_node_lacks_is_said_and_is_no_fault_of_the_real_server() {
        use ForwardingMethod::{Gate, Ipip};
        let at = |interface| Some(Hop::Link { interface });
        let unknown = Some((ip("10.9.0.22"), 2));
        check_rows(
            [
                (planned(V4.0, V4.1, Gate, None), "no route to 10.9.0.21", None),
                (planned(V4.0, V4.1, Gate, at(4)), "the interface to 10.9.0.21 is down", None),
                (planned(V4.0, V4.1, Gate, at(5)), "the interface to 10.9.0.21 is down", None),
                (planned(V4.0, V4.1, Ipip, at(3)), "eth3 has no address of this node but virtual IPs", None),
                (planned(V6.0, V6.1, Gate, at(3)), "eth3 has no address of this node but virtual IPs", None),
                (
                    planned(V4.0, "10.9.0.22:80", Gate, LINK),
                    "the link-layer address of 10.9.0.22 on eth2 is not known",
                    unknown,
                ),
            ],
            |(planned, cause, look_for)| assert_eq!(planned, Plan::Hindered { cause: cause.into(), look_for }),
        );
    }
}
