//! Connected routes, and which interface an address belongs on: `struct rtmsg` and `RTA_*`
//! (include/uapi/linux/rtnetlink.h).

use std::io::Cursor;
use std::net::IpAddr;

use neli::FromBytesWithInput;
use neli::consts::rtnl::{RtAddrFamily, Rtn};
use neli::rtnl::Rtmsg;

use super::constants::RouteAttribute;
use crate::model::Family;
use crate::netlink::attribute::Attributes;
use crate::netlink::{Error, Result};

/// Size of `struct rtmsg`.
pub(super) const HEADER: usize = 12;
/// `RT_TABLE_MAIN`.
const MAIN_TABLE: u32 = 254;

/// A network that an interface is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedRoute {
    pub destination: IpAddr,
    /// 1..=32 or 1..=128.
    pub prefix_length: u8,
    /// Index of the interface.
    pub interface: u32,
    /// The lower wins. IPv4: 0 unless somebody set it; IPv6: 256.
    pub metric: u32,
}

impl ConnectedRoute {
    fn covers(&self, address: IpAddr) -> bool {
        match (self.destination, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                share_prefix(network.to_bits().into(), address.to_bits().into(), 32, self.prefix_length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                share_prefix(network.to_bits(), address.to_bits(), 128, self.prefix_length)
            }
            _ => false,
        }
    }
}

fn share_prefix(one: u128, other: u128, bits: u32, prefix_length: u8) -> bool {
    let ignored = bits.saturating_sub(prefix_length.into());
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

/// The route whose interface an address belongs on: the longest prefix, then the lowest metric, then the lowest
/// interface index. `None` for an IPv6 link-local address: every interface has that network.
pub fn interface_for(address: IpAddr, routes: &[ConnectedRoute]) -> Option<&ConnectedRoute> {
    if matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()) {
        return None;
    }
    let rank = |route: &&ConnectedRoute| (u8::MAX - route.prefix_length, route.metric, route.interface);
    routes.iter().filter(|route| route.covers(address)).min_by_key(rank)
}

/// `None` for a route that is not connected, or not of the main table.
pub(super) fn decode(payload: &[u8]) -> Result<Option<ConnectedRoute>> {
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
    let has_gateway = [RouteAttribute::Gateway, RouteAttribute::Via, RouteAttribute::Multipath]
        .iter()
        .any(|kind| attributes.optional(*kind).is_some());
    let is_default = *header.rtm_dst_len() == 0;
    if table != MAIN_TABLE || *header.rtm_type() != Rtn::Unicast || has_gateway || is_default {
        return Ok(None);
    }
    let Some(interface) = attributes.optional_u32(RouteAttribute::OutputInterface)? else {
        return Ok(None);
    };
    Ok(Some(ConnectedRoute {
        destination: attributes.required_address(RouteAttribute::Destination, family)?,
        prefix_length: *header.rtm_dst_len(),
        interface,
        metric: attributes.optional_u32(RouteAttribute::Priority)?.unwrap_or(0),
    }))
}
