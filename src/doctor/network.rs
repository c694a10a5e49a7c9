//! What is wrong between this node, its real servers and the other hosts of their networks. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::finding::Finding;
use super::observe::Configured;
use crate::model::{Family, ForwardingMethod, RealServer, ServiceKey};
use crate::netlink::conflict::ForeignClaim;
use crate::netlink::route::{ConnectedRoute, Link, ObservedAddress, interface_for};
use crate::netlink::syn::SynAnswer;

/// The network as it was found.
#[derive(Debug, Clone, Default)]
pub struct NetworkFacts {
    /// The interfaces of this node.
    pub links: Vec<Link>,
    /// Its addresses.
    pub addresses: Vec<ObservedAddress>,
    /// The networks that it is attached to.
    pub routes: Vec<ConnectedRoute>,
    /// The virtual IPs that are looked at.
    pub virtual_ips: BTreeSet<IpAddr>,
    /// What other hosts have answered for virtual IPs and real servers.
    pub claims: Vec<ForeignClaim>,
    /// Whether real servers accept connections to the virtual IP: of those only that accept them to their own address.
    pub accepts_vip: Vec<(SocketAddr, IpAddr, SynAnswer)>,
    /// Whether masqueraded real servers answer a connection from the virtual IP: of those only that answer this node's own address.
    pub answers_vip: BTreeMap<(IpAddr, SocketAddr), bool>,
    /// Settings of real servers that will not do, with the values that they need: `net/ipv4/conf/all/arp_ignore`, `1`.
    pub wrong_settings: Vec<(String, String)>,
}

/// A real server in its service.
struct Behind<'a> {
    service: ServiceKey,
    real: &'a RealServer,
}

impl NetworkFacts {
    /// Whether the address is one of this node, on whatever interface.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|held| held.address.address == address)
    }

    /// Returns the interface on which this node answers for the address: it directs. Real servers have the virtual IP too, where
    /// no neighbour asks for it: on lo, or on an interface like dummy0.
    pub fn directs(&self, address: IpAddr) -> Option<&Link> {
        let mut held = self.addresses.iter().filter(|held| held.address.address == address);
        held.find_map(|held| self.link(held.address.interface).filter(|link| self.has_neighbours(link)))
    }

    /// Whether hosts of a network reach this node on the interface.
    pub fn has_neighbours(&self, link: &Link) -> bool {
        let is_link_local = |route: &ConnectedRoute| match route.destination {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let mut networks = self.routes.iter().filter(|route| !route.is_of_an_address() && !is_link_local(route));
        link.mac.is_some() && !link.loopback && !link.no_arp && networks.any(|route| route.interface == link.index)
    }

    /// Returns the interface of this index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }

    /// Returns the interface to the network that has the address; `None` where a router is between.
    pub fn link_to(&self, address: IpAddr) -> Option<&Link> {
        let routes = self.routes.iter().filter(|route| !route.is_of_an_address());
        interface_for(address, routes).and_then(|route| self.link(route.interface))
    }

    fn mac_of(&self, address: IpAddr) -> Option<[u8; 6]> {
        self.claims.iter().find(|claim| claim.address == address).map(|claim| claim.mac)
    }
}

/// Returns what is wrong.
pub fn findings(configured: &[Configured], network: &NetworkFacts) -> Vec<Finding> {
    let services = configured.iter().filter_map(|one| one.config.as_ref().ok()).flat_map(|config| &config.services);
    let behind: Vec<Behind> = services
        .flat_map(|service| {
            let key = service.service.key;
            service.real_servers.iter().map(move |real| Behind { service: key, real: &real.real_server })
        })
        .filter(|one| !network.is_own(one.real.key.address))
        .collect();
    let mut found = answered_twice(&behind, network);
    found.extend(refuses_vip(network));
    found.extend(behind.iter().filter_map(|one| behind_router(one, network)));
    found.extend(behind.iter().filter_map(|one| preferred_source(one, network)));
    found.extend(behind.iter().filter_map(|one| too_long(one, network)));
    found.extend(no_way_back(network));
    found.extend(network.wrong_settings.iter().map(|(name, value)| wrong_setting(name, value)));
    found
}

/// One host may answer for a virtual IP: this node where it directs, else the director, wherever it is.
fn answered_twice(behind: &[Behind], network: &NetworkFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    for &vip in &network.virtual_ips {
        let macs: Vec<[u8; 6]> =
            network.claims.iter().filter(|claim| claim.address == vip).map(|claim| claim.mac).collect();
        let directs = network.directs(vip).is_some();
        if macs.len() < if directs { 1 } else { 2 } {
            continue;
        }
        let of_real = |mac: &[u8; 6]| {
            behind.iter().map(|one| one.real.key.address).find(|real| network.mac_of(*real) == Some(*mac))
        };
        let reals: Vec<(IpAddr, [u8; 6])> = macs.iter().filter_map(|mac| Some((of_real(mac)?, *mac))).collect();
        let me = if directs { "this node and " } else { "" };
        let list = macs.iter().map(|mac| written(*mac)).collect::<Vec<_>>().join(" and ");
        let why = "some clients reach the other host: without the director's table, and past the health checks";
        let what = match reals.first() {
            Some((real, _)) => format!("{me}{list} answer for it; real server {real} is among them"),
            None => format!("{me}{list} answer for it"),
        };
        let fix = match reals.first() {
            Some((real, _)) => format!(
                "on {real}: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2  (ocf:rust:realserver does \
                 so)"
            ),
            None => format!(
                "crm_mon -1 says which node the cluster has given it to; on the other one: ip address del {vip}/PREFIX dev \
                 INTERFACE"
            ),
        };
        found.push(Finding::error(format!("address {vip}"), what, why, fix));
    }
    found
}

fn written(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Real servers that are well on their own address and not on the virtual one.
fn refuses_vip(network: &NetworkFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (vip, real, answer) in &network.accepts_vip {
        // The director itself, seen from the standby: it directs what it gets.
        let directs = |claim: &ForeignClaim| claim.address == vip.ip() && Some(claim.mac) == network.mac_of(*real);
        if network.claims.iter().any(directs) {
            continue;
        }
        let what = match answer {
            SynAnswer::Accepted => continue,
            SynAnswer::Refused => {
                format!("it refuses connections to the virtual IP {vip}, and accepts them to its own address")
            }
            SynAnswer::Undelivered(reason) => {
                format!(
                    "it rejects packets to the virtual IP {vip} ({reason}), and accepts connections to its own address"
                )
            }
            SynAnswer::Silence => format!("it does not answer for the virtual IP {vip}, and does for its own address"),
        };
        let why = "checks of its own address succeed, and clients that are sent to it get no answer";
        let bits = Family::of(*real).bits();
        let fix = match answer {
            SynAnswer::Refused => format!("on {real}: ss -ltn  (let the program listen on all addresses)"),
            _ => format!(
                "on {real}: ip address add {}/{bits} dev lo  (ocf:rust:realserver does so; else look for a filter: nft list \
                 ruleset)",
                vip.ip()
            ),
        };
        found.push(Finding::error(format!("real server {real}"), what, why, fix));
    }
    found
}

fn behind_router(one: &Behind, network: &NetworkFacts) -> Option<Finding> {
    let real = one.real.key.address;
    let is_link_local = matches!(real, IpAddr::V6(address) if address.is_unicast_link_local());
    if one.real.forwarding != ForwardingMethod::Gate || is_link_local || real.is_loopback() {
        return None;
    }
    // Without any network nothing can be said.
    if network.routes.is_empty() || network.link_to(real).is_some() {
        return None;
    }
    let what = format!("it is in no network of this node, and {} sends to it by gate", one.service);
    let why = "gate changes the MAC address only: the router sends the packets back to the virtual IP";
    let fix = format!("lvs-agents what-if down {real}; then write \"real={} ipip\" in place of gate", one.real.key);
    Some(Finding::error(format!("real server {real}"), what, why, fix))
}

fn preferred_source(one: &Behind, network: &NetworkFacts) -> Option<Finding> {
    let ServiceKey::Address { address: IpAddr::V6(vip), .. } = one.service else { return None };
    if matches!(one.real.forwarding, ForwardingMethod::Gate | ForwardingMethod::Masq) {
        return None;
    }
    let link = network.directs(vip.into())?;
    let held =
        network.addresses.iter().find(|held| held.address.address == vip && held.address.interface == link.index)?;
    if held.deprecated {
        return None;
    }
    let what = "this node may use it as the source of its tunnels";
    let why = "the real servers have the address too, and drop tunnelled packets that come from it";
    let length = held.address.prefix_length;
    let fix = format!(
        "ip address change {vip}/{length} dev {} preferred_lft 0  (preferred_lft=0 of ocf:rust:vip)",
        link.name
    );
    Some(Finding::error(format!("address {vip}"), what, why, fix))
}

/// A tunnel adds a header to packets that clients send as long as their own network allows.
fn too_long(one: &Behind, network: &NetworkFacts) -> Option<Finding> {
    let header = if one.real.key.address.is_ipv6() { 40 } else { 20 };
    let overhead = match one.real.forwarding {
        ForwardingMethod::Gate | ForwardingMethod::Masq => return None,
        ForwardingMethod::Ipip => header,
        // UDP or GRE, and the tunnel's own header.
        _ => header + 12,
    };
    let ServiceKey::Address { address: vip, .. } = one.service else { return None };
    let (to_real, to_clients) =
        (network.link_to(one.real.key.address)?, network.directs(vip).or_else(|| network.link_to(vip))?);
    // Packets that come and go by one interface are no longer than what the networks between here and the clients carry.
    const USUAL: u32 = 1500;
    let limit = if to_real.index == to_clients.index { USUAL } else { u32::MAX };
    let (mtu, packet) = (to_real.mtu?, to_clients.mtu?.min(limit));
    if mtu >= packet + overhead {
        return None;
    }
    let name = &to_real.name;
    let what = format!(
        "its MTU of {mtu} leaves {} bytes in a tunnel, and clients send up to {packet}",
        mtu - overhead.min(mtu)
    );
    let why = "longer packets are refused by ICMP, which many networks drop: uploads hang";
    let fix = format!(
        "ip link set dev {name} mtu {}  (where its network allows it; else on the real servers: ip route change … advmss {})",
        packet + overhead,
        mtu.saturating_sub(overhead + header + 20)
    );
    Some(Finding::warning(format!("interface {name}"), what, why, fix))
}

fn no_way_back(network: &NetworkFacts) -> Vec<Finding> {
    let silent = network.answers_vip.iter().filter(|(_, answers)| !**answers);
    silent
        .map(|((vip, real), _)| {
            let what = format!("it answers this node's own address, and not the virtual IP {vip}");
            let why = "its answers to clients do not come back through the director: masq has no way back";
            let fix = format!(
                "on {}: ip route replace default via DIRECTOR  (an address that moves with the virtual IP)",
                real.ip()
            );
            Finding::error(format!("real server {}", real.ip()), what, why, fix)
        })
        .collect()
}

fn wrong_setting(name: &str, value: &str) -> Finding {
    let why = match name.rsplit('/').next() {
        Some("rp_filter") => "every packet that comes out of the tunnel is dropped without a word",
        Some("arp_ignore") => "this real server answers ARP for the virtual IP, and clients reach it past the director",
        _ => "this real server asks by ARP in the name of the virtual IP, and neighbours send clients to it",
    };
    let name = name.replace('/', ".");
    Finding::error(
        &name,
        format!("it is not {value}"),
        why,
        format!("sysctl -w {name}={value}  (ocf:rust:realserver does so)"),
    )
}

#[cfg(test)]
mod tests;
