//! Neighbours: `struct ndmsg` and `NDA_*` (include/uapi/linux/neighbour.h).

use std::net::IpAddr;

use neli::types::Buffer;
use nix::libc;

use super::constants::NeighbourAttribute;
use crate::model::Family;
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::{Error, Result};

/// Size of `struct ndmsg`.
pub(super) const HEADER: usize = 12;
/// The states in which the kernel sends to a neighbour (`NUD_VALID`): reachable, stale, delay, probe, without ARP, permanent.
const VALID: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
/// `NTF_USE`: as if a packet were to be sent there.
const USE: u8 = 0x01;

/// A host of a link that the kernel can send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The address that it was asked for.
    pub address: IpAddr,
    /// The index of the interface to its link.
    pub interface: u32,
    /// Its link-layer address.
    pub mac: [u8; 6],
}

/// Reads a neighbour; `None` for one whose link-layer address is not known, or is none of Ethernet.
pub(super) fn decode(payload: &[u8]) -> Result<Option<Neighbour>> {
    let cut_off = || Error::malformed("the header of a neighbour is cut off");
    let header: &[u8; HEADER] = payload.first_chunk().ok_or_else(cut_off)?;
    let [family, _, _, _, a, b, c, d, state_a, state_b, ..] = *header;
    let family = match i32::from(family) {
        libc::AF_INET => Family::Ipv4,
        libc::AF_INET6 => Family::Ipv6,
        _ => return Ok(None),
    };
    if u16::from_ne_bytes([state_a, state_b]) & VALID == 0 {
        return Ok(None);
    }
    let attributes = Attributes::<NeighbourAttribute>::decode(payload.get(HEADER..).unwrap_or_default())?;
    let mac = attributes.optional(NeighbourAttribute::LinkLayer).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let address = attributes.optional_address(NeighbourAttribute::Destination, family)?;
    let interface = u32::from_ne_bytes([a, b, c, d]);
    Ok(address.zip(mac).map(|(address, mac)| Neighbour { address, interface, mac }))
}

/// Builds an order to find out the link-layer address of a neighbour.
pub(super) fn encode_use(address: IpAddr, interface: u32) -> Result<Vec<u8>> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    // Family and padding, the interface, no state, the flag and no type.
    let mut header = vec![family as u8, 0, 0, 0];
    header.extend(interface.to_ne_bytes());
    header.extend([0, 0, USE, 0]);
    let mut message = AttributeWriter::after(header);
    message.put(NeighbourAttribute::Destination, Buffer::from(octets))?;
    Ok(message.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    fn message(family: i32, state: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![family as u8, 0, 0, 0];
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend(state.to_ne_bytes());
        bytes.extend([0, 1]);
        for (number, value) in attributes {
            bytes.extend((4 + value.len() as u16).to_ne_bytes());
            bytes.extend(number.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn only_a_neighbour_that_the_kernel_would_send_to_is_one() {
        let (address, mac): (&[u8], &[u8]) = (&[10, 9, 0, 21], &[2, 0, 0, 0, 0, 21]);
        let both = [(1, address), (2, mac)];
        let found = Some(Neighbour { address: [10, 9, 0, 21].into(), interface: 7, mac: [2, 0, 0, 0, 0, 21] });
        check_rows(
            [
                (message(libc::AF_INET, 0x02, &both), found),
                (message(libc::AF_INET, 0x04, &both), found),
                (message(libc::AF_INET, 0x80, &both), found),
                // Incomplete and failed.
                (message(libc::AF_INET, 0x01, &both[..1]), None),
                (message(libc::AF_INET, 0x20, &both), None),
                // Of InfiniBand, and of a bridge.
                (message(libc::AF_INET, 0x02, &[(1, address), (2, &[0; 20])]), None),
                (message(libc::AF_BRIDGE, 0x02, &both), None),
            ],
            |(payload, expected)| assert_eq!(decode(&payload), Ok(expected), "{payload:?}"),
        );
        let whole = message(libc::AF_INET, 0x02, &both);
        assert!((0..HEADER).all(|length| decode(&whole[..length]).is_err()));
        let short: [(u16, &[u8]); 2] = [(1, &address[..3]), (2, mac)];
        assert!(decode(&message(libc::AF_INET, 0x02, &short)).is_err());
    }
}
