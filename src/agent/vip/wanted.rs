//! Parameters to addresses: which address, with which prefix and label, on which interface.

use std::net::{IpAddr, Ipv4Addr};

use super::record::{self, Placed};
use crate::agent::parameters::{self, AddressEntry};
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::netlink::route::{ConnectedRoute, Link, interface_for};
use crate::ocf::{Call, Failure};
use crate::plan;

/// The kernel's `IFNAMSIZ` without its final NUL: longest name and label.
const LONGEST_LABEL: usize = 15;

/// The parameters, checked without a look at this machine.
#[derive(Debug, Clone)]
pub struct Parameters {
    entries: Vec<AddressEntry>,
    nic: Option<String>,
    label: Option<String>,
    broadcast: Broadcast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broadcast {
    None,
    /// `+`: all host bits set.
    Derived,
    Given(Ipv4Addr),
}

/// An address and its place on this machine.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub place: InterfaceAddress,
    /// Name of the interface, as links have it.
    pub nic: String,
}

impl Wanted {
    /// The same address on the same interface.
    pub fn is(&self, held: &InterfaceAddress) -> bool {
        held.address == self.place.address && held.interface == self.place.interface
    }
}

pub fn parse(call: &Call) -> Result<Parameters, Failure> {
    let mut failures = Vec::new();
    let mut entries = parameters::address_list(call).unwrap_or_else(|failure| {
        failures.push(Err(failure));
        Vec::new()
    });
    if let Some(text) = call.text("cidr_netmask") {
        // Of a mixed list it means the IPv4 addresses: 32 would put a whole provider's IPv6 block on the link.
        let has_ipv4 = entries.iter().any(|entry| entry.address.is_ipv4());
        let meant = |entry: &&mut AddressEntry| entry.prefix_length.is_none() && entry.address.is_ipv4() == has_ipv4;
        for entry in entries.iter_mut().filter(meant) {
            match parameters::prefix_length(entry.address, text) {
                Ok(length) => entry.prefix_length = Some(length),
                Err(reason) => failures.push(Err(Failure::bad_parameter(format!("cidr_netmask: {reason}")))),
            }
        }
    }
    let broadcast = broadcast(call).unwrap_or_else(|failure| {
        failures.push(Err(failure));
        Broadcast::None
    });
    let label = call.text("iflabel").map(Into::into);
    if label.is_some() && entries.iter().any(|entry| entry.address.is_ipv6()) {
        failures.push(Err(Failure::bad_parameter("iflabel: IPv6 addresses have no label")));
    }
    Failure::collect(failures)?;
    Ok(Parameters { entries, nic: call.text("nic").map(Into::into), label, broadcast })
}

fn broadcast(call: &Call) -> Result<Broadcast, Failure> {
    match call.text("broadcast") {
        None | Some("-") => Ok(Broadcast::None),
        Some("+") => Ok(Broadcast::Derived),
        Some(text) => text
            .parse()
            .map(Broadcast::Given)
            .map_err(|_| Failure::bad_parameter(format!("broadcast \"{text}\": expected +, - or an IPv4 address"))),
    }
}

impl Parameters {
    /// What is not said goes where it went at the start: routes may have changed since, the address has not moved.
    fn remember(&mut self, record: &[Placed], links: &[Link]) {
        for entry in &mut self.entries {
            let nic = entry.nic.as_ref().or(self.nic.as_ref());
            let is_same = |placed: &&Placed| {
                placed.address == entry.address
                    && nic.is_none_or(|nic| *nic == placed.nic)
                    && links.iter().any(|link| link.name == placed.nic)
            };
            if let Some(placed) = record.iter().rfind(is_same) {
                entry.nic = Some(placed.nic.clone());
                entry.prefix_length.get_or_insert(placed.prefix_length);
            }
        }
    }

    /// Whether a start with these parameters would have led to `held` on `link`. An interface that was named and is
    /// gone may have been renamed.
    pub fn may_have_placed(&self, held: &InterfaceAddress, link: &Link, links: &[Link]) -> bool {
        let named_here = |nic: &String| link.is_called(nic) || !links.iter().any(|link| link.is_called(nic));
        let placed_here = |entry: &AddressEntry| {
            let nic = entry.nic.as_ref().or(self.nic.as_ref());
            let prefix_fits = entry.prefix_length.is_none_or(|length| length == held.prefix_length);
            // Loopback is where a real server has the address, unless it was asked for.
            entry.address == held.address && prefix_fits && nic.map_or(!link.loopback, named_here)
        };
        self.entries.iter().any(placed_here)
    }
}

/// Finds the interface of each address: the one that is named, else that of an earlier start, else that of the longest
/// connected route.
pub fn locate(call: &Call, links: &[Link], route: &mut Route) -> Result<Vec<Wanted>, Failure> {
    let mut parameters = parse(call)?;
    parameters.remember(&record::read(call).unwrap_or_default(), links);
    let open = |entry: &AddressEntry| entry.prefix_length.is_none() || entry.nic.is_none() && parameters.nic.is_none();
    // Only when needed: a router's table has a million entries, and changes while it is read.
    let routes = if parameters.entries.iter().any(open) { route.connected_routes()? } else { Vec::new() };
    let located = parameters.entries.iter().map(|entry| place(&parameters, entry, links, &routes));
    let (wanted, failures): (Vec<_>, Vec<_>) = located.partition(Result::is_ok);
    Failure::collect(failures.into_iter().map(|failure| failure.map(|_| ())))?;
    Ok(wanted.into_iter().flatten().collect())
}

fn place(
    parameters: &Parameters,
    entry: &AddressEntry,
    links: &[Link],
    routes: &[ConnectedRoute],
) -> Result<Wanted, Failure> {
    let link = link(parameters, entry, links, routes)?;
    let address = entry.address;
    // A host route tells no prefix: it may be that of the address itself, put there with the wrong one.
    let is_network = |route: &&ConnectedRoute| route.prefix_length < plan::host_prefix(address);
    let on_link = routes.iter().filter(|route| route.interface == link.index).filter(is_network);
    let on_link: Vec<ConnectedRoute> = on_link.cloned().collect();
    let of_route = || interface_for(address, &on_link).map(|route| route.prefix_length);
    let prefix_length = entry.prefix_length.or_else(of_route).unwrap_or_else(|| plan::host_prefix(address));
    let label = parameters.label.as_ref().map(|label| full_label(&link.name, label)).transpose()?;
    let broadcast = broadcast_address(parameters.broadcast, address, prefix_length);
    let place = InterfaceAddress { address, prefix_length, interface: link.index, label, broadcast };
    Ok(Wanted { place, nic: link.name.clone() })
}

fn link<'a>(
    parameters: &Parameters,
    entry: &AddressEntry,
    links: &'a [Link],
    routes: &[ConnectedRoute],
) -> Result<&'a Link, Failure> {
    if let Some(name) = entry.nic.as_ref().or(parameters.nic.as_ref()) {
        let named = links.iter().find(|link| link.is_called(name));
        return named.ok_or_else(|| Failure::not_installed(format!("nic \"{name}\": no such interface on this node")));
    }
    let route = interface_for(entry.address, routes);
    let link = route.and_then(|route| links.iter().find(|link| link.index == route.interface));
    link.ok_or_else(|| {
        let reason = "no interface of this node is connected to its network; name one with nic";
        Failure::not_installed(format!("ip \"{}\": find its interface: {reason}", entry.address))
    })
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

fn broadcast_address(broadcast: Broadcast, address: IpAddr, prefix_length: u8) -> Option<Ipv4Addr> {
    match (broadcast, address) {
        (Broadcast::Given(given), IpAddr::V4(_)) => Some(given),
        (Broadcast::Derived, IpAddr::V4(address)) => {
            let host_bits = u32::MAX.checked_shr(prefix_length.into()).unwrap_or(0);
            Some(Ipv4Addr::from(u32::from(address) | host_bits))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_broadcast_address_has_all_host_bits_set() {
        let derive = |prefix| broadcast_address(Broadcast::Derived, [192, 0, 2, 9].into(), prefix);
        assert_eq!(derive(24), Some([192, 0, 2, 255].into()));
        assert_eq!(derive(32), Some([192, 0, 2, 9].into()));
        assert_eq!(broadcast_address(Broadcast::Derived, "2001:db8::1".parse().expect("v6"), 64), None);
    }

    #[test]
    fn a_label_must_fit_into_the_kernels_field() {
        assert_eq!(full_label("eth0", "vip"), Ok("eth0:vip".into()));
        assert!(full_label("eth0", "0123456789").is_ok());
        assert!(full_label("eth0", "01234567890").is_err());
    }
}
