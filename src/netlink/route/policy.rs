//! Labels of the IPv6 address selection policy (RFC 6724 §2.1): `struct ifaddrlblmsg` and `IFAL_*`
//! (include/uapi/linux/if_addrlabel.h).
//!
//! The source of a connection is chosen among the addresses whose label is that of the destination. A virtual IP with a
//! label that no destination has is chosen only when there is nothing else.

use std::net::{IpAddr, Ipv6Addr};

use neli::types::Buffer;
use nix::libc;

use super::constants::PolicyAttribute;
use crate::model::Family;
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::{Error, Result};

/// Size of `struct ifaddrlblmsg`.
const HEADER: usize = 12;
const HOST: u8 = 128;

/// The label of one address, on whatever interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyLabel {
    /// The address.
    pub address: Ipv6Addr,
    /// The label's number.
    pub label: u32,
}

/// Builds a question for the whole list. The kernel keeps it for IPv6 only and wants to be asked for that.
pub(super) fn list() -> Vec<u8> {
    header(0)
}

/// Reads a label; `None` for labels of networks, which are not ours.
pub(super) fn decode(payload: &[u8]) -> Result<Option<PolicyLabel>> {
    let (Some(attributes), Some(prefix_length)) = (payload.get(HEADER..), payload.get(2)) else {
        return Err(Error::malformed("the header of an address label is cut off"));
    };
    let attributes = Attributes::<PolicyAttribute>::decode(attributes)?;
    match attributes.required_address(PolicyAttribute::Address, Family::Ipv6)? {
        IpAddr::V6(address) if *prefix_length == HOST => {
            Ok(Some(PolicyLabel { address, label: attributes.required_u32(PolicyAttribute::Label)? }))
        }
        _ => Ok(None),
    }
}

pub(super) fn encode(label: &PolicyLabel) -> Result<Vec<u8>> {
    let mut message = AttributeWriter::after(header(HOST));
    message.put(PolicyAttribute::Address, Buffer::from(label.address.octets().to_vec()))?;
    message.put(PolicyAttribute::Label, label.label)?;
    Ok(message.into_bytes())
}

/// Builds a header of family, padding, prefix length and flags; interface and sequence number stay 0.
fn header(prefix_length: u8) -> Vec<u8> {
    let mut header = [0; HEADER];
    header[0] = libc::AF_INET6 as u8;
    header[2] = prefix_length;
    header.to_vec()
}
