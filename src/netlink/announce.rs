//! Telling the neighbours where an address is now: gratuitous ARP and unsolicited neighbour advertisements.
//!
//! [`frame`] builds the bytes, this sends them. Nothing here waits: how many and how far apart is the caller's.

pub mod frame;

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket};

use super::{Error, Result};

const BROADCAST: [u8; 6] = [0xff; 6];
/// Of ff02::1 (RFC 2464 §7).
const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// IPv4: a gratuitous ARP request and a reply, because some neighbours heed only one of them. IPv6: one unsolicited
/// neighbour advertisement. To every neighbour on the interface's link.
///
/// # Errors
/// Needs `CAP_NET_RAW`. `ENETDOWN` when the interface is down, `ENXIO` or `ENODEV` when it is gone.
pub fn send_once(interface: u32, mac: [u8; 6], address: IpAddr) -> Result<()> {
    let sent = match address {
        IpAddr::V4(address) => {
            send(interface, libc::ETH_P_ARP, BROADCAST, &frame::gratuitous_arp_request(address, mac))
                .and_then(|()| send(interface, libc::ETH_P_ARP, BROADCAST, &frame::gratuitous_arp_reply(address, mac)))
        }
        IpAddr::V6(address) => {
            send(interface, libc::ETH_P_IPV6, ALL_NODES, &frame::unsolicited_advertisement(address, mac))
        }
    };
    sent.map_err(|error| error.during(format_args!("{address}: announce on interface {interface}")))
}

fn send(interface: u32, protocol: i32, destination: [u8; 6], payload: &[u8]) -> Result<()> {
    // Protocol 0: this socket receives nothing.
    let socket = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let address = link_address(interface, protocol, destination)?;
    let sent = sendto(socket.as_raw_fd(), payload, &address, MsgFlags::empty())?;
    if sent == payload.len() { Ok(()) } else { Err(Error::malformed(format!("{sent} of {} bytes", payload.len()))) }
}

fn link_address(interface: u32, protocol: i32, destination: [u8; 6]) -> Result<LinkAddr> {
    let [a, b, c, d, e, f] = destination;
    let raw = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (protocol as u16).to_be(),
        sll_ifindex: i32::try_from(interface).map_err(|_| Error::malformed("interface index"))?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [a, b, c, d, e, f, 0, 0],
    };
    let length = size_of_val(&raw) as libc::socklen_t;
    // SAFETY: `raw` is a complete sockaddr_ll with its family set and lives through the call, which copies it.
    let address = unsafe { LinkAddr::from_raw((&raw const raw).cast(), Some(length)) };
    address.ok_or_else(|| Error::malformed("a link-layer address cannot be written"))
}

#[cfg(test)]
mod tests;
