//! What a neighbour hears on its interface eth0.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

use super::Host;

/// Records every frame from its creation on.
pub struct Ear(OwnedFd);

impl Ear {
    pub fn on(host: &Host) -> Self {
        let open = || {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).expect("packet socket")
        };
        Self(host.enter(open))
    }

    /// Returns how often each address was announced since the last look.
    pub fn announced(&self) -> BTreeMap<IpAddr, usize> {
        let mut counts = BTreeMap::new();
        let mut frame = [0; 2048];
        while let Ok(length) = recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            if let Some(address) = frame.get(..length).and_then(announcement) {
                *counts.entry(address).or_insert(0) += 1;
            }
        }
        counts
    }
}

/// Returns the address that a gratuitous ARP request (RFC 5227: sender and target are the same) or an unsolicited
/// neighbour advertisement to all nodes (RFC 4861, section 7.2.6) is about. Each ARP request is followed by a reply
/// that says the same, which is not counted.
fn announcement(frame: &[u8]) -> Option<IpAddr> {
    let (kind, packet) = (frame.get(12..14)?, frame.get(14..)?);
    match kind {
        [8, 6] => {
            let address = |at: usize| packet.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
            let is_request = packet.get(6..8) == Some(&[0, 1]);
            address(14)
                .filter(|sender| is_request && address(24) == Some(*sender))
                .map(|sender| Ipv4Addr::from(sender).into())
        }
        [0x86, 0xdd] => {
            let (next_header, destination) = (*packet.get(6)?, packet.get(24..40)?);
            let all_nodes = destination == "ff02::1".parse::<Ipv6Addr>().ok()?.octets();
            let target: [u8; 16] = packet.get(48..64)?.try_into().ok()?;
            (next_header == 58 && *packet.get(40)? == 136 && all_nodes).then(|| Ipv6Addr::from(target).into())
        }
        _ => None,
    }
}
