//! Where each address goes: on which interface, with which prefix, label and broadcast address. Decided from the
//! parameters and from what this machine has.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::broadcast::OwnBroadcasts;
use super::parameters::{Broadcast, Parameters};
use crate::agent::parameters::AddressEntry;
use crate::agent::realserver;
use crate::model::InterfaceAddress;
use crate::netlink::route::{ConnectedRoute, Link, interface_for};
use crate::ocf::{Failure, Problems};
use crate::plan;

/// The kernel's `IFNAMSIZ` without its final NUL: longest name and label.
const LONGEST_LABEL: usize = 15;

/// An address and its place on this machine.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub place: InterfaceAddress,
    /// Name of the interface, as links have it.
    pub nic: String,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placed {
    pub address: IpAddr,
    pub prefix_length: u8,
    pub nic: String,
    /// Index of the interface, which stays when it is renamed.
    interface: u32,
}

impl Placed {
    pub fn new(address: IpAddr, prefix_length: u8, nic: &str, interface: u32) -> Self {
        Self { address, prefix_length, nic: nic.into(), interface }
    }

    /// By the interface's index, which stays when it is renamed, or by its name, which stays when it is made anew. The
    /// address on either is proof enough.
    pub fn is_on(&self, interface: u32, name: Option<&str>) -> bool {
        self.interface == interface || name == Some(&self.nic)
    }
}

impl From<&Wanted> for Placed {
    fn from(Wanted { place, nic }: &Wanted) -> Self {
        Self::new(place.address, place.prefix_length, nic, place.interface)
    }
}

/// What this machine has.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub links: &'a [Link],
    /// Not looked at unless [`needs_routes`].
    pub routes: &'a [ConnectedRoute],
    pub held: &'a [InterfaceAddress],
}

/// What is looked up for each address.
struct Known<'a> {
    /// Those that count.
    routes: Vec<&'a ConnectedRoute>,
    broadcasts: OwnBroadcasts,
}

/// What is not said goes where it went at the start: routes may have changed since, the address has not moved.
pub fn remember<'a>(parameters: &mut Parameters, record: impl Iterator<Item = &'a Placed>, links: &[Link]) {
    let is_there = |placed: &&Placed| links.iter().any(|link| link.name == placed.nic);
    let mut known: HashMap<IpAddr, Vec<&Placed>> = HashMap::new();
    for placed in record.filter(is_there) {
        known.entry(placed.address).or_default().push(placed);
    }
    let nic = parameters.nic.clone();
    for entry in &mut parameters.entries {
        let nic = entry.nic.as_ref().or(nic.as_ref());
        let mut candidates = known.get(&entry.address).into_iter().flatten();
        if let Some(placed) = candidates.rfind(|placed| nic.is_none_or(|nic| *nic == placed.nic)) {
            entry.nic = Some(placed.nic.clone());
            entry.prefix_length.get_or_insert(placed.prefix_length);
        }
    }
}

/// Only then are they to be asked for: a router's table has a million entries, and changes while it is read.
pub fn needs_routes(parameters: &Parameters) -> bool {
    let is_open = |entry: &AddressEntry| entry.prefix_length.is_none() || parameters.nic_of(entry).is_none();
    parameters.entries.iter().any(is_open)
}

/// Finds the place of each address: on the interface that is named, else on that of the longest connected route.
///
/// # Errors
/// Every address without a place.
pub fn place_all(parameters: &Parameters, surroundings: &Surroundings<'_>) -> Result<Vec<Wanted>, Failure> {
    // The loopback and the tunnels of a real server lead nowhere, and an address's own route says only where it is.
    let devices: Vec<u32> = surroundings.links.iter().filter(|link| is_device(link)).map(|link| link.index).collect();
    let counts = |route: &&ConnectedRoute| {
        parameters.route_protocol.is_none_or(|only| route.protocol == only)
            && !devices.contains(&route.interface)
            && !route.is_of_an_address()
    };
    let routes: Vec<&ConnectedRoute> = surroundings.routes.iter().filter(counts).collect();
    let mut problems = Problems::default();
    let known = Known { routes, broadcasts: OwnBroadcasts::of(surroundings.held) };
    let place = |entry| problems.keep(place(parameters, entry, surroundings, &known));
    let wanted: Vec<Wanted> = parameters.entries.iter().filter_map(place).collect();
    let mut places = HashSet::new();
    for Wanted { place, nic } in &wanted {
        // Once with and once without its nic; the parser cannot know that these are the same.
        if !places.insert((place.address, place.interface)) {
            let text = format!("ip \"{}\": named twice for {nic}", place.address);
            problems.keep(Err::<(), _>(Failure::bad_parameter(text)));
        }
    }
    problems.finish()?;
    Ok(wanted)
}

fn place(
    parameters: &Parameters,
    entry: &AddressEntry,
    surroundings: &Surroundings<'_>,
    known: &Known<'_>,
) -> Result<Wanted, Failure> {
    let address = entry.address;
    let link = link(parameters, entry, surroundings.links, &known.routes)?;
    let prefix_length = match entry.prefix_length {
        Some(length) => length,
        // As on every host, and as IPaddr2 has it.
        None if address.is_loopback() && address.is_ipv4() => 8,
        None if is_device(link) => plan::host_prefix(address),
        None => prefix_of_route(address, link, &known.routes)?,
    };
    let label = parameters.label.as_ref().filter(|_| address.is_ipv4());
    let label = label.map(|label| full_label(&link.name, label)).transpose()?;
    let mut place = InterfaceAddress { address, prefix_length, interface: link.index, label, broadcast: None };
    place.broadcast = broadcast_address(parameters.broadcast, &place, &known.broadcasts);
    Ok(Wanted { place, nic: link.name.clone() })
}

/// Where a real server has addresses that it does not announce.
pub fn is_device(link: &Link) -> bool {
    link.loopback || realserver::DEVICES.contains(&link.name.as_str())
}

fn link<'a>(
    parameters: &Parameters,
    entry: &AddressEntry,
    links: &'a [Link],
    routes: &[&ConnectedRoute],
) -> Result<&'a Link, Failure> {
    if let Some(name) = parameters.nic_of(entry) {
        let named = links.iter().find(|link| link.is_called(name));
        return named.ok_or_else(|| Failure::not_installed(format!("nic \"{name}\": no such interface on this node")));
    }
    if entry.address.is_loopback()
        && let Some(loopback) = links.iter().find(|link| link.loopback)
    {
        return Ok(loopback);
    }
    // A prefix shorter than the network's own would take hosts for neighbours that are none: only by order.
    let covers = |route: &&&ConnectedRoute| entry.prefix_length.is_none_or(|length| route.prefix_length <= length);
    let route = interface_for(entry.address, routes.iter().filter(covers).copied());
    route.and_then(|route| links.iter().find(|link| link.index == route.interface)).ok_or_else(|| {
        let network = match entry.prefix_length {
            Some(length) => format!("{}/{length}", entry.address),
            None => entry.address.to_string(),
        };
        let reason = format!("no connected route covers {network}; name the interface with nic");
        // Routes come and go: it may work next time.
        Failure::generic(format!("ip \"{}\": find its interface: {reason}", entry.address))
    })
}

/// Without a network that has the address, it is more likely misspelt than meant; IPaddr2 refuses it too.
fn prefix_of_route(address: IpAddr, link: &Link, routes: &[&ConnectedRoute]) -> Result<u8, Failure> {
    let on_link = || routes.iter().copied().filter(|route| route.interface == link.index);
    // A host route tells less: it may be that of the address itself, put there with the wrong prefix.
    let is_network = |route: &&ConnectedRoute| route.prefix_length < plan::host_prefix(address);
    let network = interface_for(address, on_link().filter(is_network)).or_else(|| interface_for(address, on_link()));
    match (network, address) {
        (Some(route), _) => Ok(route.prefix_length),
        // The network of fe80::/64 is there on every interface, whatever the routes say.
        (None, IpAddr::V6(local)) if local.is_unicast_link_local() => Ok(64),
        (None, _) => Err(Failure::generic(format!(
            "ip \"{address}\": find its prefix: no connected route of {} covers it; give one with cidr_netmask",
            link.name
        ))),
    }
}

/// `nic:label`, as ip(8) and ifconfig show it. How long the label may be depends on the node's name of the interface.
fn full_label(nic: &str, label: &str) -> Result<String, Failure> {
    let full = format!("{nic}:{label}");
    if full.len() > LONGEST_LABEL {
        let text = format!("iflabel \"{label}\": \"{full}\" is longer than {LONGEST_LABEL} characters");
        return Err(Failure::bad_here(text));
    }
    Ok(full)
}

fn broadcast_address(broadcast: Broadcast, place: &InterfaceAddress, own: &OwnBroadcasts) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = place.address else { return None };
    let host_bits = u32::MAX.checked_shr(place.prefix_length.into()).unwrap_or(0);
    // A network of one or two addresses has none to spare (RFC 3021).
    let last = (place.prefix_length < 31).then(|| Ipv4Addr::from(u32::from(address) | host_bits));
    match broadcast {
        Broadcast::None => None,
        Broadcast::Given(given) => Some(given),
        Broadcast::Derived => last,
        Broadcast::Inherited => own.inherited(place),
    }
}

#[cfg(test)]
mod tests;
