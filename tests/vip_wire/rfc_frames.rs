//! The frames that an announcement consists of, byte for byte as the RFCs have them.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::capture::Frame;

type Mac = [u8; 6];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Returns the frames of an announcement. For IPv4 they are RFC 5227's announcement and the same as a reply (RFC 5944,
/// section 4.6), for IPv6 the advertisement of RFC 4861, section 7.2.6.
pub fn announcement(mac: Mac, address: IpAddr) -> Vec<Vec<u8>> {
    match address {
        IpAddr::V4(ip) => vec![arp(1, (mac, ip), ([0; 6], ip)), arp(2, (mac, ip), (mac, ip))],
        // The flag is "override", the option the target's link-layer address.
        IpAddr::V6(ip) => vec![discovery((mac, ip), ALL_NODES, &[136, 0x20, 2], ip)],
    }
}

/// Returns the advertisement of a router (RFC 4861, section 4.4).
pub fn announcement_by_router(mac: Mac, address: Ipv6Addr) -> Vec<u8> {
    discovery((mac, address), ALL_NODES, &[136, 0xa0, 2], address)
}

/// Returns the frame that makes a gateway learn where `address` is: the gateway is asked for its own address in the
/// name of that one.
pub fn question(mac: Mac, address: IpAddr, gateway: IpAddr) -> Vec<u8> {
    match (address, gateway) {
        (IpAddr::V4(ip), IpAddr::V4(gateway)) => arp(1, (mac, ip), ([0; 6], gateway)),
        (IpAddr::V6(ip), IpAddr::V6(gateway)) => {
            let [.., a, b, c] = gateway.octets();
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
            // The option is the source's link-layer address.
            discovery((mac, ip), group, &[135, 0, 1], gateway)
        }
        _ => panic!("{address} and {gateway} are of two families"),
    }
}

fn arp(operation: u8, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let header = [&[0xff; 6][..], &sender.0, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation]].concat();
    [header, [&sender.0[..], &sender.1.octets(), &target.0, &target.1.octets()].concat()].concat()
}

/// Returns a message of neighbour discovery. `[kind, flags, option]` is what differs between the messages.
fn discovery(sender: (Mac, Ipv6Addr), group: Ipv6Addr, [kind, flags, option]: &[u8; 3], target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c, d] = group.octets();
    let ethernet = [&[0x33, 0x33, a, b, c, d][..], &sender.0, &[0x86, 0xdd]].concat();
    // The header announces 32 bytes of ICMPv6 with hop limit 255.
    let addresses = [sender.1.octets(), group.octets()].concat();
    let ipv6 = [&[0x60, 0, 0, 0, 0, 32, 58, 255][..], &addresses].concat();
    let mut message = [&[*kind, 0, 0, 0, *flags, 0, 0, 0][..], &target.octets(), &[*option, 1], &sender.0].concat();
    let sum = checksum(&[&addresses[..], &[0, 0, 0, 32, 0, 0, 0, 58], &message].concat());
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    [ethernet, ipv6, message].concat()
}

/// Returns the checksum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// Returns when each address was announced (its first frame), and asserts that no other frame was sent. Each
/// announcement must be whole and in order, but for one that is being sent.
pub fn series(frames: &[Frame], mac: Mac, addresses: &[IpAddr]) -> BTreeMap<IpAddr, Vec<Duration>> {
    let mut known = HashMap::new();
    for address in addresses {
        let parts = announcement(mac, *address);
        let count = parts.len();
        known.extend(parts.into_iter().enumerate().map(|(part, bytes)| (bytes, (*address, part, count))));
    }
    let (mut times, mut next) = (BTreeMap::<IpAddr, Vec<Duration>>::new(), HashMap::new());
    for frame in frames {
        let Some((address, part, count)) = known.get(&frame.bytes) else { panic!("a stranger: {:02x?}", frame.bytes) };
        let awaited = next.entry(*address).or_insert(0);
        assert_eq!(part, awaited, "{address}: the parts of an announcement are out of order");
        if *part == 0 {
            times.entry(*address).or_default().push(frame.at);
        }
        *awaited = (*part + 1) % count;
    }
    for (address, _) in next.into_iter().filter(|(_, awaited)| *awaited != 0) {
        times.entry(address).and_modify(|times| times.truncate(times.len() - 1));
    }
    times
}
