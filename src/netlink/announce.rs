//! What is said to the neighbours about an address, and what they are asked: gratuitous ARP, unsolicited neighbour
//! advertisements, questions to a gateway, probes.
//!
//! [`frame`] builds the bytes, this sends them. How many and how far apart is the caller's.
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

/// Of one announcer, for all that it sends.
const PATIENCE: Duration = Duration::from_millis(200);
const BROADCAST: [u8; 6] = [0xff; 6];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Where an address is: the index of its interface and the link-layer address that neighbours shall send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Station {
    pub interface: u32,
    pub mac: [u8; 6],
}

/// A socket that sends and receives nothing; for any number of frames on any interface.
#[derive(Debug)]
pub struct Announcer {
    socket: OwnedFd,
    /// What is left of the time that all frames together may wait for room in the links' queues.
    patience: Cell<Duration>,
}

impl Announcer {
    /// # Errors
    /// Needs `CAP_NET_RAW`.
    pub fn open() -> Result<Self> {
        // Protocol 0: this socket receives nothing.
        let opened = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
        let socket = opened.map_err(|errno| Error::from(errno).during("announcements: open a socket"))?;
        Ok(Self { socket, patience: Cell::new(PATIENCE) })
    }

    /// Lets programs that this process starts inherit the socket. The last close of a packet socket waits for all
    /// processors, 10 ms and more: whoever has no time leaves it to another process.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn bequeath(&self) -> Result<()> {
        Ok(fcntl(&self.socket, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)?)
    }

    /// IPv4: a gratuitous ARP request and a reply, because some neighbours heed only one of them. IPv6: one unsolicited
    /// neighbour advertisement, which says whether this node is a router on the link (`is_router`). To every neighbour on
    /// the interface's link.
    ///
    /// # Errors
    /// `ENETDOWN` when the interface is down, `ENXIO` or `ENODEV` when it is gone.
    pub fn announce(&self, at: Station, address: IpAddr, is_router: bool) -> Result<()> {
        let sent = match address {
            IpAddr::V4(ip) => self
                .send_arp(at, &frame::gratuitous_arp_request(ip, at.mac))
                .and_then(|()| self.send_arp(at, &frame::gratuitous_arp_reply(ip, at.mac))),
            IpAddr::V6(ip) => self.send_ipv6(at, ALL_NODES, &frame::unsolicited_advertisement(ip, at.mac, is_router)),
        };
        sent.map_err(|error| error.during(format_args!("{address}: announce on interface {}", at.interface)))
    }

    /// Asks `gateway` for its link-layer address in the name of `address`, so that it learns ours. Gateways that ignore
    /// announcements do heed this. Nothing is sent to a gateway of the other family.
    ///
    /// # Errors
    /// As [`Announcer::announce`].
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

    /// Asks whether anybody has `address`, without claiming it.
    ///
    /// # Errors
    /// As [`Announcer::announce`].
    pub fn probe(&self, at: Station, address: IpAddr) -> Result<()> {
        let sent = match address {
            IpAddr::V4(ip) => self.send_arp(at, &frame::arp_probe(ip, at.mac)),
            IpAddr::V6(ip) => self.send_ipv6(at, frame::solicited_node(ip), &frame::solicitation_probe(ip)),
        };
        sent.map_err(|error| error.during(format_args!("{address}: probe on interface {}", at.interface)))
    }

    fn send_arp(&self, at: Station, packet: &frame::Arp) -> Result<()> {
        self.send(link_address(at.interface, libc::ETH_P_ARP, BROADCAST)?, packet)
    }

    fn send_ipv6(&self, at: Station, group: Ipv6Addr, packet: &[u8]) -> Result<()> {
        self.send(link_address(at.interface, libc::ETH_P_IPV6, multicast_mac(group))?, packet)
    }

    /// In the moment of a fail-over the link's queue may be full; but a link that stays stuck must not use up the time
    /// of an action with hundreds of addresses.
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

/// Of an IPv6 multicast group (RFC 2464 §7).
fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// `protocol` is an `ETH_P_*` number in host order.
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
