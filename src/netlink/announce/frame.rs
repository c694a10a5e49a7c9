//! The bytes of ARP and neighbour discovery, without the Ethernet header, which the kernel writes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An ARP packet for Ethernet and IPv4 (RFC 826).
pub type Arp = [u8; 28];

const ARP_REQUEST: u8 = 1;
const ARP_REPLY: u8 = 2;
const ICMPV6: u8 = 58;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Lets caches take the new link-layer address in place of the old one (RFC 4861 §4.4).
const OVERRIDE: u8 = 0x20;
/// The sender is a router (RFC 4861 §4.4).
const ROUTER: u8 = 0x80;
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
/// The multicast group of all nodes of the link (RFC 4291 §2.7.1).
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The length of an IPv6 header.
const IPV6_HEADER: usize = 40;

/// Builds an ARP announcement (RFC 5227 §2.3): "who has `ip`", asked by its own holder.
pub fn gratuitous_arp_request(ip: Ipv4Addr, mac: [u8; 6]) -> Arp {
    arp(ARP_REQUEST, (ip, mac), (ip, [0; 6]))
}

/// Builds the same as an unasked answer; the target's link-layer address is the new one (RFC 5944 §4.6).
pub fn gratuitous_arp_reply(ip: Ipv4Addr, mac: [u8; 6]) -> Arp {
    arp(ARP_REPLY, (ip, mac), (ip, mac))
}

/// Builds "who has `target`", asked by `ip`: the target takes the asker into its cache, whatever it thinks of
/// announcements (RFC 826, "Packet Reception").
pub fn arp_question(ip: Ipv4Addr, mac: [u8; 6], target: Ipv4Addr) -> Arp {
    arp(ARP_REQUEST, (ip, mac), (target, [0; 6]))
}

/// Builds "who has `ip`", asked without a sender address: no cache learns from it (RFC 5227 §2.1.1).
pub fn arp_probe(ip: Ipv4Addr, mac: [u8; 6]) -> Arp {
    arp(ARP_REQUEST, (Ipv4Addr::UNSPECIFIED, mac), (ip, [0; 6]))
}

fn arp(operation: u8, sender: (Ipv4Addr, [u8; 6]), target: (Ipv4Addr, [u8; 6])) -> Arp {
    let mut packet = [0; 28];
    // The first bytes are Ethernet, IPv4, and the lengths of their addresses.
    packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    packet[8..14].copy_from_slice(&sender.1);
    packet[14..18].copy_from_slice(&sender.0.octets());
    packet[18..24].copy_from_slice(&target.1);
    packet[24..].copy_from_slice(&target.0.octets());
    packet
}

/// Builds an unasked neighbour advertisement from `ip` to all nodes of the link (RFC 4861 §7.2.6). `is_router` says
/// whether this node forwards what comes in there. A host that hears "no router" from an address that it uses as one
/// gives up its default route through it (§7.2.5).
pub fn unsolicited_advertisement(ip: Ipv6Addr, mac: [u8; 6], is_router: bool) -> Vec<u8> {
    let flags = if is_router { OVERRIDE | ROUTER } else { OVERRIDE };
    let message = neighbour_message(NEIGHBOUR_ADVERTISEMENT, flags, ip, Some((TARGET_LINK_LAYER_ADDRESS, mac)));
    icmpv6(ip, ALL_NODES, message)
}

/// Builds "who has `target`", asked by `ip`: the target takes the asker into its cache (RFC 4861 §7.2.3).
pub fn solicitation(ip: Ipv6Addr, mac: [u8; 6], target: Ipv6Addr) -> Vec<u8> {
    let message = neighbour_message(NEIGHBOUR_SOLICITATION, 0, target, Some((SOURCE_LINK_LAYER_ADDRESS, mac)));
    icmpv6(ip, solicited_node(target), message)
}

/// Builds "who has `ip`", asked without a sender address, as duplicate address detection does (RFC 4862 §5.4.2).
pub fn solicitation_probe(ip: Ipv6Addr) -> Vec<u8> {
    let message = neighbour_message(NEIGHBOUR_SOLICITATION, 0, ip, None);
    icmpv6(Ipv6Addr::UNSPECIFIED, solicited_node(ip), message)
}

/// Returns the multicast group of every host whose address ends like this one (RFC 4291 §2.7.1).
pub fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | (ip.to_bits() & 0x00ff_ffff))
}

/// Returns which host claims which address in a received ARP packet or neighbour advertisement: the sender's protocol
/// and link-layer address, or the target that is advertised. `None` stands for anything else, and for link-layer
/// addresses that are not Ethernet's.
pub fn claim(packet: &[u8]) -> Option<(IpAddr, [u8; 6])> {
    if packet.starts_with(&[0, 1, 8, 0, 6, 4]) {
        let mac = packet.get(8..14)?.try_into().ok()?;
        let sender: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
        return Some((Ipv4Addr::from(sender).into(), mac));
    }
    let (header, message) = packet.split_first_chunk::<IPV6_HEADER>()?;
    if header[0] >> 4 != 6 || header[6] != ICMPV6 || *message.first()? != NEIGHBOUR_ADVERTISEMENT {
        return None;
    }
    let target: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    let option = message.get(24..26)?;
    let mac = message.get(26..32)?.try_into().ok()?;
    (option == [TARGET_LINK_LAYER_ADDRESS, 1]).then_some((Ipv6Addr::from(target).into(), mac))
}

/// Builds a solicitation or advertisement (RFC 4861 §4.3, §4.4), without its checksum.
fn neighbour_message(kind: u8, flags: u8, target: Ipv6Addr, option: Option<(u8, [u8; 6])>) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, flags, 0, 0, 0];
    message.extend(target.octets());
    if let Some((number, mac)) = option {
        // The option's length counts units of 8 bytes.
        message.extend([number, 1]);
        message.extend(mac);
    }
    message
}

fn icmpv6(source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(source, destination, &message);
    message.splice(2..4, checksum.to_be_bytes());
    // Hop limit 255: receivers drop anything less, which would have come through a router (RFC 4861 §7.1).
    let mut packet = vec![6 << 4, 0, 0, 0, 0, message.len() as u8, ICMPV6, 255];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(message);
    packet
}

/// Computes the checksum over the pseudo header and the message, whose own checksum field is zero (RFC 4443 §2.3, RFC
/// 8200 §8.1).
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let words = source.segments().into_iter().chain(destination.segments());
    // Messages have an even length: a multiple of 8.
    let (pairs, _) = message.as_chunks::<2>();
    let words = words.chain(pairs.iter().map(|pair| u16::from_be_bytes(*pair)));
    let mut sum: u32 = words.map(u32::from).sum::<u32>() + message.len() as u32 + u32::from(ICMPV6);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests;
