//! What the neighbours are told about an address, and what they are asked: gratuitous ARP, unsolicited neighbour
//! advertisements, questions to a gateway, ARP probes.
//!
//! [`frame`] builds the bytes, and this module sends them. The caller decides how many frames leave and how far apart.
//!
//! A frame goes out through the interface that has the address, whatever lies below: a VLAN adds its tag, a bond chooses
//! the port that is active (on its own, the kernel repeats announcements when another port takes over).

pub mod frame;

use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket};

use super::{Error, Result};

/// The time that all frames of one announcer together may wait for room in the links' queues.
const PATIENCE: Duration = Duration::from_millis(200);
const BROADCAST: [u8; 6] = [0xff; 6];

/// Where an address is: the index of its interface and the link-layer address that neighbours shall send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Station {
    /// The index of the interface.
    pub interface: u32,
    /// The link-layer address.
    pub mac: [u8; 6],
}

/// A socket that sends any number of frames on any interface, and receives nothing.
#[derive(Debug)]
pub struct Announcer {
    socket: OwnedFd,
    /// What is left of the time that all frames together may wait for room in the links' queues.
    patience: Cell<Duration>,
}

impl Announcer {
    /// Opens the socket.
    ///
    /// # Errors
    /// Fails without `CAP_NET_RAW`.
    pub fn open() -> Result<Self> {
        // With protocol 0 the socket receives nothing.
        let opened = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
        let socket = opened.map_err(|errno| Error::from(errno).during("announcements: open a socket"))?;
        Ok(Self { socket, patience: Cell::new(PATIENCE) })
    }

    /// Lets programs that this process starts inherit the socket. The last close of a packet socket waits for all
    /// processors, 10 ms and more: a process that has no time leaves it to another one.
    ///
    /// # Errors
    /// Fails when the kernel refuses.
    pub fn bequeath(&self) -> Result<()> {
        Ok(fcntl(&self.socket, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)?)
    }

    /// Announces an address to every neighbour on the interface's link. For IPv4 it sends a gratuitous ARP request and
    /// a reply, because some neighbours heed only one of them. For IPv6 it sends one unsolicited neighbour
    /// advertisement, which says whether this node is a router on the link (`is_router`).
    ///
    /// # Errors
    /// Fails with `ENETDOWN` when the interface is down, and with `ENXIO` or `ENODEV` when it is gone.
    pub fn announce(&self, at: Station, address: IpAddr, is_router: bool) -> Result<()> {
        let sent = match address {
            IpAddr::V4(ip) => self
                .send_arp(at, &frame::gratuitous_arp_request(ip, at.mac))
                .and_then(|()| self.send_arp(at, &frame::gratuitous_arp_reply(ip, at.mac))),
            IpAddr::V6(ip) => {
                self.send_ipv6(at, frame::ALL_NODES, &frame::unsolicited_advertisement(ip, at.mac, is_router))
            }
        };
        sent.map_err(|error| error.during(format_args!("{address}: announce on interface {}", at.interface)))
    }

    /// Asks `gateway` for its link-layer address in the name of `address`, so that it learns ours. Gateways that ignore
    /// announcements do heed this. Nothing is sent to a gateway of the other family.
    ///
    /// # Errors
    /// Fails as [`Announcer::announce`] does.
    pub fn ask_gateway(&self, at: Station, address: IpAddr, gateway: IpAddr) -> Result<()> {
        let sent = match (address, gateway) {
            (IpAddr::V4(ip), IpAddr::V4(gateway)) => self.send_arp(at, &frame::arp_question(ip, at.mac, gateway)),
            (IpAddr::V6(ip), IpAddr::V6(gateway)) => {
                self.send_ipv6(at, frame::solicited_node(gateway), &frame::solicitation(ip, at.mac, gateway))
            }
            _ => Ok(()),
        };
        sent.map_err(|error| error.during(format_args!("{address}: tell gateway {gateway}")))
    }

    /// Asks whether another host has `address`, without claiming it.
    ///
    /// # Errors
    /// Fails as [`Announcer::announce`] does.
    pub fn probe(&self, at: Station, address: IpAddr) -> Result<()> {
        let sent = match address {
            IpAddr::V4(ip) => self.send_arp(at, &frame::arp_probe(ip, at.mac)),
            IpAddr::V6(ip) => self.send_ipv6(at, frame::solicited_node(ip), &frame::solicitation_probe(ip)),
        };
        sent.map_err(|error| error.during(format_args!("{address}: probe on interface {}", at.interface)))
    }

    /// Sends a packet that has its IP header to a host of the interface's link.
    ///
    /// # Errors
    /// Fails as [`Announcer::announce`] does.
    pub(super) fn send_ip(&self, at: Station, mac: [u8; 6], packet: &[u8]) -> Result<()> {
        let protocol =
            if packet.first().is_some_and(|byte| byte >> 4 == 6) { libc::ETH_P_IPV6 } else { libc::ETH_P_IP };
        self.send(link_address(at.interface, protocol, mac)?, packet)
    }

    fn send_arp(&self, at: Station, packet: &frame::Arp) -> Result<()> {
        self.send(link_address(at.interface, libc::ETH_P_ARP, BROADCAST)?, packet)
    }

    fn send_ipv6(&self, at: Station, group: Ipv6Addr, packet: &[u8]) -> Result<()> {
        self.send(link_address(at.interface, libc::ETH_P_IPV6, multicast_mac(group))?, packet)
    }

    /// Sends when the link's queue has room. It may be full in the moment of a fail-over; but a link that stays stuck
    /// must not use up the time of an action with hundreds of addresses.
    fn send_when_there_is_room(&self, destination: &LinkAddr, packet: &[u8]) -> Result<usize> {
        const PAUSE: Duration = Duration::from_millis(1);
        loop {
            match sendto(self.socket.as_raw_fd(), packet, destination, MsgFlags::empty()) {
                Err(Errno::ENOBUFS) if !self.patience.get().is_zero() => {
                    self.patience.set(self.patience.get().saturating_sub(PAUSE));
                    std::thread::sleep(PAUSE);
                }
                sent => return Ok(sent?),
            }
        }
    }

    fn send(&self, destination: LinkAddr, packet: &[u8]) -> Result<()> {
        let sent = self.send_when_there_is_room(&destination, packet)?;
        if sent == packet.len() { Ok(()) } else { Err(Error::malformed(format!("{sent} of {} bytes", packet.len()))) }
    }
}

/// Returns the link-layer address of an IPv6 multicast group (RFC 2464 §7).
fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// Builds the address of a packet socket. `protocol` is an `ETH_P_*` number in host order.
#[expect(unsafe_code, reason = "nix makes a link-layer address from no other form")]
pub(super) fn link_address(interface: u32, protocol: i32, destination: [u8; 6]) -> Result<LinkAddr> {
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
