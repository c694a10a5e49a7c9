//! The devices that hold the addresses of a real server.

use std::collections::HashSet;
use std::net::IpAddr;

use super::node::RealServerNode;
use crate::model::{AddressChange, InterfaceAddress};
use crate::netlink::{self, Route};
use crate::ocf::{Call, Failure};
use crate::plan;

/// The device of addresses with forwarding method gate.
pub const LOOPBACK: &str = "lo";
const IPV4_TUNNEL: &str = "tunl0";
const IPV6_TUNNEL: &str = "ip6tnl0";

/// The devices of a real server. An address on any other interface makes this node its director.
pub const ALL: [&str; 3] = [LOOPBACK, IPV4_TUNNEL, IPV6_TUNNEL];

/// Returns the device of an address.
pub fn device_of(address: IpAddr, is_tunnelled: bool) -> &'static str {
    match (is_tunnelled, address) {
        (false, _) => LOOPBACK,
        (true, IpAddr::V4(_)) => IPV4_TUNNEL,
        (true, IpAddr::V6(_)) => IPV6_TUNNEL,
    }
}

/// Returns the kernel module of a device. The kernel makes the device, in every network namespace, when the module is
/// loaded.
fn module_of(device: &str) -> Option<&'static str> {
    match device {
        IPV4_TUNNEL => Some("ipip"),
        IPV6_TUNNEL => Some("ip6_tunnel"),
        _ => None,
    }
}

/// Loads the modules of devices that are missing.
pub fn provide(devices: &[String], route: &mut Route) -> Result<(), Failure> {
    Failure::collect(devices.iter().map(|device| provide_one(device, route)))
}

fn provide_one(device: &str, route: &mut Route) -> Result<(), Failure> {
    if is_there(device, route)? {
        return Ok(());
    }
    let loaded = module_of(device).map(|module| (module, netlink::load_module(module)));
    if is_there(device, route)? {
        return Ok(());
    }
    let reason = match loaded {
        Some((module, Err(said))) => format!("kernel module {module}: {said}"),
        Some((module, Ok(()))) => format!("modprobe {module} did not bring it; net.core.fb_tunnels_only_for_init_net?"),
        None => "no such interface on this node".into(),
    };
    Err(Failure::not_installed(format!("nic {device}: find: {reason}")))
}

fn is_there(device: &str, route: &mut Route) -> Result<bool, Failure> {
    Ok(route.links()?.iter().any(|link| link.name == device))
}

/// Sets the devices up: a device that is down takes nothing out of a tunnel. It stays up after stop. There is one
/// device for all tunnels without a name of their own, and what others have put on it since, routes and IPv6 addresses,
/// would go with it for good.
pub fn set_up(call: &Call, devices: &[String], route: &mut Route) -> Result<(), Failure> {
    for link in route.links()?.into_iter().filter(|link| devices.contains(&link.name) && !link.up) {
        call.log().info(format!("nic {}: set up", link.name));
        route.set_up(link.index)?;
    }
    Ok(())
}

/// Deletes those of the addresses that are there. What the kernel takes along with the first one of a network, and is
/// not to leave, is added again: `before` is the node with all of them.
pub fn remove(
    call: &Call,
    leaving: &[InterfaceAddress],
    before: &RealServerNode,
    route: &mut Route,
) -> Result<(), Failure> {
    let removed = Failure::collect(leaving.iter().map(|held| {
        if route.delete_address(held)? {
            call.log().info(format!("address {held}: deleted from interface {}", held.interface));
        }
        Ok(())
    }));
    let takes_others = |held: &InterfaceAddress| held.address.is_ipv4() && held.prefix_length < 32;
    if leaving.iter().any(takes_others) {
        let restored = restore_others(call, leaving, before, route);
        restored.unwrap_or_else(|failure| call.log().warning(failure));
    }
    removed
}

fn restore_others(
    call: &Call,
    leaving: &[InterfaceAddress],
    before: &RealServerNode,
    route: &mut Route,
) -> Result<(), Failure> {
    let changes: Vec<AddressChange> = leaving.iter().cloned().map(AddressChange::Delete).collect();
    let after = RealServerNode::look(route)?;
    let lost = plan::lost_addresses(&before.addresses, &changes, &after.addresses.iter().collect());
    let lost: HashSet<&InterfaceAddress> = lost.into_iter().collect();
    let lost = before.observed.iter().filter(|observed| lost.contains(&observed.address));
    Failure::collect(lost.map(|observed| {
        call.log().warning(format!("address {}: went with another of its network, added again", observed.address));
        Ok(route.restore_address(observed).map(drop)?)
    }))
}
