//! Connected routes, and which interface an address belongs on: `struct rtmsg` and `RTA_*`
//! (include/uapi/linux/rtnetlink.h).

use std::io::Cursor;
use std::net::IpAddr;

use neli::FromBytesWithInput;
use neli::consts::rtnl::{RtAddrFamily, Rtn};
use neli::rtnl::Rtmsg;
use neli::types::Buffer;
use nix::libc;

use super::constants::RouteAttribute;
use crate::model::Family;
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::{Error, Result};

/// Size of `struct rtmsg`.
pub(super) const HEADER: usize = 12;
/// `RT_TABLE_MAIN`.
const MAIN_TABLE: u32 = 254;

/// A network that an interface is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedRoute {
    /// The network's address.
    pub destination: IpAddr,
    /// The network's prefix length: 1..=32 or 1..=128.
    pub prefix_length: u8,
    /// The index of the interface.
    pub interface: u32,
    /// The lower one wins. For IPv4 it is 0 unless it was set, for IPv6 256.
    pub metric: u32,
    /// The origin (`RTPROT_*`, include/uapi/linux/rtnetlink.h): 2 is the kernel with an address, 4 an administrator ...
    pub protocol: u8,
}

/// The next hop of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gateway {
    /// The address of the next hop.
    pub address: IpAddr,
    /// The index of the interface to it.
    pub interface: u32,
}

/// Where the kernel sends what is for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// The address is this node's own.
    Own,
    /// To a host of the interface's link, which is the address itself.
    Link {
        /// The index of the interface.
        interface: u32,
    },
    /// To a router on the interface's link.
    Router {
        /// The index of the interface.
        interface: u32,
    },
}

impl ConnectedRoute {
    /// Whether this is the kernel's own route to a single address, which comes with that address (IPv6) and says of no
    /// network where it is.
    pub fn is_of_an_address(&self) -> bool {
        /// `RTPROT_KERNEL`.
        const KERNEL: u8 = 2;
        self.protocol == KERNEL && self.prefix_length == Family::of(self.destination).bits()
    }

    fn covers(&self, address: IpAddr) -> bool {
        is_in_network(address, self.destination, self.prefix_length)
    }
}

/// Whether the address is in the network of another one, which has this prefix length.
pub fn is_in_network(address: IpAddr, network: IpAddr, prefix_length: u8) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            share_prefix(network.to_bits().into(), address.to_bits().into(), 32, prefix_length)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            share_prefix(network.to_bits(), address.to_bits(), 128, prefix_length)
        }
        _ => false,
    }
}

fn share_prefix(one: u128, other: u128, bits: u32, prefix_length: u8) -> bool {
    let ignored = bits.saturating_sub(prefix_length.into());
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

/// Returns the route whose interface an address belongs on: the longest prefix, then the lowest metric, then the lowest
/// interface index. `None` stands for an IPv6 link-local address: every interface has that network.
pub fn interface_for<'a>(
    address: IpAddr,
    routes: impl IntoIterator<Item = &'a ConnectedRoute>,
) -> Option<&'a ConnectedRoute> {
    if matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()) {
        return None;
    }
    let rank = |route: &&ConnectedRoute| (u8::MAX - route.prefix_length, route.metric, route.interface);
    routes.into_iter().filter(|route| route.covers(address)).min_by_key(rank)
}

/// Reads a connected route; `None` for a route that is not connected, or not of the main table.
pub(super) fn decode(payload: &[u8]) -> Result<Option<ConnectedRoute>> {
    let Some(route) = main_route(payload)? else { return Ok(None) };
    let has_gateway = [RouteAttribute::Gateway, RouteAttribute::Via, RouteAttribute::Multipath]
        .iter()
        .any(|kind| route.attributes.optional(*kind).is_some());
    let prefix_length = *route.header.rtm_dst_len();
    let (Some(interface), false, 1..) = (route.interface()?, has_gateway, prefix_length) else { return Ok(None) };
    Ok(Some(ConnectedRoute {
        destination: route.attributes.required_address(RouteAttribute::Destination, route.family)?,
        prefix_length,
        interface,
        metric: route.attributes.optional_u32(RouteAttribute::Priority)?.unwrap_or(0),
        protocol: u8::from(*route.header.rtm_protocol()),
    }))
}

/// Builds a question for the route to one address.
pub(super) fn encode_route_to(address: IpAddr) -> Result<Vec<u8>> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let mut header = vec![0; HEADER];
    header.splice(..2, [family as u8, Family::of(address).bits()]);
    let mut message = AttributeWriter::after(header);
    message.put(RouteAttribute::Destination, Buffer::from(octets))?;
    Ok(message.into_bytes())
}

/// Reads the route to one address; `None` where nothing can be sent there.
pub(super) fn decode_hop(payload: &[u8]) -> Result<Option<Hop>> {
    let Some(route) = entry(payload)? else { return Ok(None) };
    let has_router =
        [RouteAttribute::Gateway, RouteAttribute::Via].iter().any(|kind| route.attributes.optional(*kind).is_some());
    let interface = route.interface()?;
    Ok(match (*route.header.rtm_type(), interface) {
        (Rtn::Local, _) => Some(Hop::Own),
        (Rtn::Unicast, Some(interface)) if has_router => Some(Hop::Router { interface }),
        (Rtn::Unicast, Some(interface)) => Some(Hop::Link { interface }),
        _ => None,
    })
}

/// Reads a next hop; `None` for a route without a gateway of its own family, or with several, or not of the main table.
pub(super) fn decode_gateway(payload: &[u8]) -> Result<Option<Gateway>> {
    let Some(route) = main_route(payload)? else { return Ok(None) };
    let address = route.attributes.optional_address(RouteAttribute::Gateway, route.family)?;
    Ok(address.zip(route.interface()?).map(|(address, interface)| Gateway { address, interface }))
}

/// A route of any kind, of any table.
pub(super) struct RouteEntry {
    pub header: Rtmsg,
    pub family: Family,
    pub table: u32,
    pub attributes: Attributes<RouteAttribute>,
}

impl RouteEntry {
    fn interface(&self) -> Result<Option<u32>> {
        self.attributes.optional_u32(RouteAttribute::OutputInterface)
    }
}

/// Reads a unicast route of the main table.
fn main_route(payload: &[u8]) -> Result<Option<RouteEntry>> {
    let is_of_main = |entry: &RouteEntry| entry.table == MAIN_TABLE && *entry.header.rtm_type() == Rtn::Unicast;
    Ok(entry(payload)?.filter(is_of_main))
}

/// Reads a route; `None` for one that is neither IPv4 nor IPv6.
pub(super) fn entry(payload: &[u8]) -> Result<Option<RouteEntry>> {
    let attributes = payload.get(HEADER..).ok_or_else(|| Error::malformed("a route header is cut off"))?;
    let header = Rtmsg::from_bytes_with_input(&mut Cursor::new(payload), HEADER)?;
    let attributes = Attributes::<RouteAttribute>::decode(attributes)?;
    let table = attributes.optional_u32(RouteAttribute::Table)?;
    let table = table.unwrap_or_else(|| u8::from(*header.rtm_table()).into());
    let family = match header.rtm_family() {
        RtAddrFamily::Inet => Family::Ipv4,
        RtAddrFamily::Inet6 => Family::Ipv6,
        _ => return Ok(None),
    };
    Ok(Some(RouteEntry { header, family, table, attributes }))
}
