//! Decides where each address goes: on which interface, with which prefix, label and broadcast address. It is decided
//! from the parameters and from what this machine has.

use std::net::{IpAddr, Ipv4Addr};

use foldhash::{HashMap, HashSet};

use super::broadcast::OwnBroadcasts;
use super::record::RecordedAddress;
use super::requested::{Broadcast, RequestedAddresses};
use crate::agent::parameters::AddressEntry;
use crate::agent::realserver;
use crate::model::InterfaceAddress;
use crate::netlink::route::{ConnectedRoute, Link, interface_for};
use crate::ocf::{Failure, Problems};
use crate::plan;

/// The longest name and label: the kernel's `IFNAMSIZ` without its final NUL.
pub const LONGEST_LABEL: usize = 15;

/// An address of the parameters as it shall be on this machine.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The address with its interface, prefix, label and broadcast address.
    pub address: InterfaceAddress,
    /// The name of the interface, as links have it.
    pub nic: String,
}

/// What this machine has.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The interfaces.
    pub links: &'a [Link],
    /// The connected routes, which only count where [`needs_routes`] says so.
    pub routes: &'a [ConnectedRoute],
    /// The addresses on the interfaces.
    pub held: &'a [InterfaceAddress],
}

/// Fills in what the parameters leave open from where the address went at the start: routes may have changed since, but
/// the address has not moved.
pub fn remember<'a>(
    requested: &mut RequestedAddresses,
    record: impl Iterator<Item = &'a RecordedAddress>,
    links: &[Link],
) {
    let links: HashMap<&str, &Link> = links.iter().map(|link| (link.name.as_str(), link)).collect();
    let mut known: HashMap<IpAddr, Vec<&RecordedAddress>> = HashMap::default();
    for placed in record.filter(|placed| links.contains_key(placed.nic.as_str())) {
        known.entry(placed.address).or_default().push(placed);
    }
    // The parameters may have an alternative name; a record has the proper one.
    let is_called =
        |placed: &RecordedAddress, name: &str| links.get(placed.nic.as_str()).is_some_and(|link| link.is_called(name));
    let nic = requested.nic.clone();
    for entry in &mut requested.entries {
        let nic = entry.nic.as_ref().or(nic.as_ref());
        let mut candidates = known.get(&entry.address).into_iter().flatten();
        if let Some(placed) = candidates.rfind(|placed| nic.is_none_or(|nic| is_called(placed, nic))) {
            entry.nic = Some(placed.nic.clone());
            entry.prefix_length.get_or_insert(placed.prefix_length);
        }
    }
}

/// Whether the routes have to be asked for. They are not asked for otherwise: a router's table has a million entries,
/// and changes while it is read.
pub fn needs_routes(requested: &RequestedAddresses) -> bool {
    let is_open = |entry: &AddressEntry| entry.prefix_length.is_none() || requested.nic_of(entry).is_none();
    requested.entries.iter().any(is_open)
}

/// Assigns each address to an interface: the one that is named, else that of the longest connected route.
///
/// # Errors
/// The failure names every address that no interface was found for.
pub fn assign_all(requested: &RequestedAddresses, surroundings: &Surroundings<'_>) -> Result<Vec<Assignment>, Failure> {
    let search = Search::new(requested, surroundings);
    let mut problems = Problems::default();
    let assigned = |entry| problems.keep(search.assign(entry));
    let wanted: Vec<Assignment> = requested.entries.iter().filter_map(assigned).collect();
    let mut identities = HashSet::default();
    for Assignment { address, nic } in &wanted {
        // The list may name an address once with and once without its interface; the parser cannot know that these are
        // the same.
        if !identities.insert(address.identity()) {
            let text = format!("ip \"{}\": named twice for {nic}", address.address);
            problems.keep(Err::<(), _>(Failure::bad_parameter(text)));
        }
    }
    problems.finish()?;
    Ok(wanted)
}

/// Returns each address with its interface, where one is named that is there or a route tells it, whatever else is
/// wrong.
pub fn assign_readable<'a>(
    requested: &'a RequestedAddresses,
    surroundings: &Surroundings<'a>,
) -> impl Iterator<Item = (&'a AddressEntry, Option<&'a Link>)> {
    let search = Search::new(requested, surroundings);
    requested.entries.iter().map(move |entry| (entry, search.link(entry).ok()))
}

/// What is looked up again for each of thousands of addresses.
struct Search<'a> {
    requested: &'a RequestedAddresses,
    links: &'a [Link],
    /// The links by name and by alternative name.
    links_by_name: HashMap<&'a str, &'a Link>,
    routes: Vec<&'a ConnectedRoute>,
    broadcasts: OwnBroadcasts,
}

fn routes_that_count<'a>(requested: &RequestedAddresses, surroundings: &Surroundings<'a>) -> Vec<&'a ConnectedRoute> {
    // The loopback and the tunnels of a real server lead nowhere, and an address's own route says only where the
    // address is.
    let devices: Vec<u32> = surroundings.links.iter().filter(|link| is_device(link)).map(|link| link.index).collect();
    let counts = |route: &&ConnectedRoute| {
        requested.route_protocol.is_none_or(|only| route.protocol == only)
            && !devices.contains(&route.interface)
            && !route.is_of_an_address()
    };
    surroundings.routes.iter().filter(counts).collect()
}

impl<'a> Search<'a> {
    fn new(requested: &'a RequestedAddresses, surroundings: &Surroundings<'a>) -> Self {
        let names = |link: &'a Link| {
            let names = std::iter::once(&link.name).chain(&link.altnames);
            names.map(move |name| (name.as_str(), link))
        };
        Self {
            requested,
            links: surroundings.links,
            links_by_name: surroundings.links.iter().flat_map(names).collect(),
            routes: routes_that_count(requested, surroundings),
            broadcasts: OwnBroadcasts::of(surroundings.held),
        }
    }

    fn assign(&self, entry: &AddressEntry) -> Result<Assignment, Failure> {
        let address = entry.address;
        let link = self.link(entry)?;
        let prefix_length = match entry.prefix_length {
            Some(length) => length,
            // Every host has this prefix for its loopback addresses, and so has IPaddr2.
            None if address.is_loopback() && address.is_ipv4() => 8,
            None if is_device(link) => plan::host_prefix(address),
            None => self.prefix_of_route(address, link)?,
        };
        let label = self.requested.label.as_ref().filter(|_| address.is_ipv4());
        let label = label.map(|label| full_label(&link.name, label)).transpose()?;
        let mut address = InterfaceAddress { address, prefix_length, interface: link.index, label, broadcast: None };
        address.broadcast = broadcast_address(self.requested.broadcast, &address, &self.broadcasts);
        Ok(Assignment { address, nic: link.name.clone() })
    }

    fn link(&self, entry: &AddressEntry) -> Result<&'a Link, Failure> {
        if let Some(name) = self.requested.nic_of(entry) {
            let named = self.links_by_name.get(name).copied();
            return named
                .ok_or_else(|| Failure::not_installed(format!("nic \"{name}\": no such interface on this node")));
        }
        if entry.address.is_loopback()
            && let Some(loopback) = self.links.iter().find(|link| link.loopback)
        {
            return Ok(loopback);
        }
        // A prefix shorter than the network's own would take hosts for neighbours that are none, so it is used only
        // where the interface is named.
        let covers = |route: &&&ConnectedRoute| entry.prefix_length.is_none_or(|length| route.prefix_length <= length);
        let route = interface_for(entry.address, self.routes.iter().filter(covers).copied());
        route.and_then(|route| self.links.iter().find(|link| link.index == route.interface)).ok_or_else(|| {
            let network = match entry.prefix_length {
                Some(length) => format!("{}/{length}", entry.address),
                None => entry.address.to_string(),
            };
            let reason = format!("no connected route covers {network}; name the interface with nic");
            // Routes come and go, so the action may work next time.
            Failure::generic(format!("ip \"{}\": find its interface: {reason}", entry.address))
        })
    }

    /// Returns the prefix length of the network that has the address. Without one, the address is more likely misspelt
    /// than meant; IPaddr2 refuses it too.
    fn prefix_of_route(&self, address: IpAddr, link: &Link) -> Result<u8, Failure> {
        let on_link = || self.routes.iter().copied().filter(|route| route.interface == link.index);
        // A host route tells less: it may be that of the address itself, put there with the wrong prefix.
        let is_network = |route: &&ConnectedRoute| route.prefix_length < plan::host_prefix(address);
        let network =
            interface_for(address, on_link().filter(is_network)).or_else(|| interface_for(address, on_link()));
        match (network, address) {
            (Some(route), _) => Ok(route.prefix_length),
            // Every interface has the network fe80::/64, whatever the routes say.
            (None, IpAddr::V6(local)) if local.is_unicast_link_local() => Ok(64),
            (None, _) => Err(Failure::generic(format!(
                "ip \"{address}\": find its prefix: no connected route of {} covers it; give one with cidr_netmask",
                link.name
            ))),
        }
    }
}

/// Whether the link is a device on which a real server has addresses that it does not announce.
pub fn is_device(link: &Link) -> bool {
    link.loopback || realserver::DEVICES.contains(&link.name.as_str())
}

/// Returns `nic:label`, as ip(8) and ifconfig show it. How long the label may be depends on the node's name of the
/// interface.
fn full_label(nic: &str, label: &str) -> Result<String, Failure> {
    let full = format!("{nic}:{label}");
    if full.len() > LONGEST_LABEL {
        let text = format!("iflabel \"{label}\": \"{full}\" is longer than {LONGEST_LABEL} characters");
        return Err(Failure::bad_here(text));
    }
    Ok(full)
}

fn broadcast_address(broadcast: Broadcast, wanted: &InterfaceAddress, own: &OwnBroadcasts) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = wanted.address else { return None };
    let host_bits = u32::MAX.checked_shr(wanted.prefix_length.into()).unwrap_or(0);
    // A network of one or two addresses has no broadcast address to spare (RFC 3021).
    let last = (wanted.prefix_length < 31).then(|| Ipv4Addr::from(u32::from(address) | host_bits));
    match broadcast {
        Broadcast::None => None,
        Broadcast::Given(given) => Some(given),
        Broadcast::Derived => last,
        Broadcast::Inherited => own.inherited(wanted),
    }
}

#[cfg(test)]
pub(super) mod tests;
