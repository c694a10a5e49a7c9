//! The bytes of announcements, without the Ethernet header: the kernel writes that.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An ARP packet for Ethernet and IPv4 (RFC 826).
pub type Arp = [u8; 28];
/// An IPv6 header, a neighbour advertisement and one option.
pub type Advertisement = [u8; 72];

const ARP_REQUEST: u8 = 1;
const ARP_REPLY: u8 = 2;
const ICMPV6: u8 = 58;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Lets caches take the new link-layer address in place of the old one (RFC 4861 §4.4).
const OVERRIDE: u8 = 0x20;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// An ARP announcement (RFC 5227 §2.3): "who has `ip`", asked by its own holder.
pub fn gratuitous_arp_request(ip: Ipv4Addr, mac: [u8; 6]) -> Arp {
    arp(ARP_REQUEST, ip, mac, [0; 6])
}

/// The same as an answer that nobody asked for; the target's link-layer address is the new one (RFC 5944 §4.6).
pub fn gratuitous_arp_reply(ip: Ipv4Addr, mac: [u8; 6]) -> Arp {
    arp(ARP_REPLY, ip, mac, mac)
}

fn arp(operation: u8, ip: Ipv4Addr, sender: [u8; 6], target: [u8; 6]) -> Arp {
    let mut packet = [0; 28];
    // Ethernet, IPv4, lengths of their addresses.
    packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    packet[8..14].copy_from_slice(&sender);
    packet[14..18].copy_from_slice(&ip.octets());
    packet[18..24].copy_from_slice(&target);
    packet[24..].copy_from_slice(&ip.octets());
    packet
}

/// A neighbour advertisement that nobody asked for, from `ip` to all nodes of the link (RFC 4861 §7.2.6).
pub fn unsolicited_advertisement(ip: Ipv6Addr, mac: [u8; 6]) -> Advertisement {
    let mut message = [0; 32];
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = OVERRIDE;
    message[8..24].copy_from_slice(&ip.octets());
    // The option's length counts units of 8 bytes.
    message[24..26].copy_from_slice(&[TARGET_LINK_LAYER_ADDRESS, 1]);
    message[26..].copy_from_slice(&mac);
    let checksum = checksum(ip, ALL_NODES, &message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());

    let mut packet = [0; 72];
    packet[0] = 6 << 4;
    packet[5] = message.len() as u8;
    packet[6] = ICMPV6;
    // Receivers drop anything less: it would have come through a router (RFC 4861 §7.1.2).
    packet[7] = 255;
    packet[8..24].copy_from_slice(&ip.octets());
    packet[24..40].copy_from_slice(&ALL_NODES.octets());
    packet[40..].copy_from_slice(&message);
    packet
}

/// Over the pseudo header and the message, whose own checksum field is zero (RFC 4443 §2.3, RFC 8200 §8.1).
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8; 32]) -> u16 {
    let words = source.segments().into_iter().chain(destination.segments());
    let (pairs, _) = message.as_chunks::<2>();
    let words = words.chain(pairs.iter().map(|pair| u16::from_be_bytes(*pair)));
    let mut sum: u32 = words.map(u32::from).sum::<u32>() + message.len() as u32 + u32::from(ICMPV6);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];

    #[test]
    fn arp_request_bytes() {
        #[rustfmt::skip]
        let expected = [
            0, 1, 8, 0, 6, 4, 0, 1,
            0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
            0, 0, 0, 0, 0, 0, 192, 168, 213, 97,
        ];
        assert_eq!(gratuitous_arp_request(Ipv4Addr::new(192, 168, 213, 97), MAC), expected);
    }

    #[test]
    fn arp_reply_bytes() {
        #[rustfmt::skip]
        let expected = [
            0, 1, 8, 0, 6, 4, 0, 2,
            0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
            0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
        ];
        assert_eq!(gratuitous_arp_reply(Ipv4Addr::new(192, 168, 213, 97), MAC), expected);
    }

    #[test]
    fn advertisement_bytes() {
        let ip: Ipv6Addr = "2001:db8::97".parse().expect("address");
        #[rustfmt::skip]
        let expected = [
            0x60, 0, 0, 0, 0, 32, 58, 255,
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x97,
            0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            136, 0, 0xd9, 0x10, 0x20, 0, 0, 0,
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x97,
            2, 1, 0x52, 0x54, 0, 0xab, 0xcd, 0xef,
        ];
        assert_eq!(unsolicited_advertisement(ip, MAC), expected);
    }
}
