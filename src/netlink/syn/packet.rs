//! The bytes of a SYN and a RST with their IP header (RFC 9293, RFC 791, RFC 8200), alone or in a tunnel (RFC 2003, RFC 2473,
//! RFC 2784, GUE of draft-ietf-intarea-gue), and of what comes back. Pure.

use std::net::{IpAddr, SocketAddr};

/// The protocol number of TCP.
pub const TCP: u8 = 6;
/// The protocol number of ICMP.
pub const ICMP: u8 = 1;
/// The protocol number of ICMP for IPv6.
pub const ICMPV6: u8 = 58;
const UDP: u8 = 17;
const GRE: u8 = 47;
/// IPv4 and IPv6 within IP.
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// The largest segment that every host takes (RFC 9293 §3.7.1), as an option.
const MSS: [u8; 4] = [2, 4, 0x02, 0x18];
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const GUE_HEADER: usize = 4;
const ICMP_HEADER: usize = 8;

/// A connection that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where the answer goes. It is of the target's family.
    pub source: SocketAddr,
    /// What is connected to.
    pub target: SocketAddr,
    /// The number that an answer to it names, plus one.
    pub sequence: u32,
}

/// How a packet is packed for a tunnel, as IPVS does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tunnel {
    /// IP in IP.
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// The UDP port of the far end.
        port: u16,
        /// Whether the UDP header has a checksum.
        checksum: bool,
    },
    /// Generic routing encapsulation.
    Gre {
        /// Whether its header has a checksum.
        checksum: bool,
    },
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The target that was asked.
    pub target: SocketAddr,
    /// The number of the segment that it answers.
    pub sequence: u32,
    /// What it says.
    pub verdict: Verdict,
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The connection is accepted (SYN/ACK).
    Accepted,
    /// Nothing listens at the target (RST).
    Refused,
    /// A host of the way, or the target, says by ICMP that the packet was not delivered, for this reason.
    Undelivered(&'static str),
}

impl Segment {
    /// Returns the packet that asks for a connection.
    pub fn syn(&self) -> Vec<u8> {
        self.packet(SYN, self.sequence, &MSS)
    }

    /// Returns the packet that gives it up.
    pub fn rst(&self) -> Vec<u8> {
        self.packet(RST, self.sequence.wrapping_add(1), &[])
    }

    fn packet(&self, flags: u8, sequence: u32, options: &[u8]) -> Vec<u8> {
        let mut tcp = Vec::with_capacity(24);
        tcp.extend(self.source.port().to_be_bytes());
        tcp.extend(self.target.port().to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        // No acknowledgement; then the length of the header in units of four bytes.
        tcp.extend([0, 0, 0, 0, (20 + options.len() as u8) << 2, flags]);
        // The window, the checksum, and no urgent data.
        tcp.extend([0x20, 0, 0, 0, 0, 0]);
        tcp.extend(options);
        let ends = [self.source.ip(), self.target.ip()];
        let sum = checksum_with_addresses(ends, TCP, &tcp);
        tcp.splice(16..18, sum.to_be_bytes());
        in_ip(ends, TCP, &tcp)
    }
}

impl Tunnel {
    /// Returns the packet that carries `inner` to the far end (`ends` are this end and the far one). `source_port` is that of
    /// its UDP header, where it has one.
    pub fn pack(self, ends: [IpAddr; 2], source_port: u16, inner: &[u8]) -> Vec<u8> {
        let (protocol, ether_type) = if is_ipv6(inner) { (IPV6, [0x86, 0xdd]) } else { (IPV4, [0x08, 0x00]) };
        match self {
            Self::Ipip => in_ip(ends, protocol, inner),
            Self::Gre { checksum: has_checksum } => {
                let mut gre = vec![if has_checksum { 0x80 } else { 0 }, 0];
                gre.extend(ether_type);
                if has_checksum {
                    gre.extend([0; 4]);
                }
                gre.extend(inner);
                if has_checksum {
                    let sum = checksum(gre.iter().copied());
                    gre.splice(4..6, sum.to_be_bytes());
                }
                in_ip(ends, GRE, &gre)
            }
            Self::Gue { port, checksum: has_checksum } => {
                let mut udp = Vec::with_capacity(UDP_HEADER + GUE_HEADER + inner.len());
                udp.extend(source_port.to_be_bytes());
                udp.extend(port.to_be_bytes());
                udp.extend(((UDP_HEADER + GUE_HEADER + inner.len()) as u16).to_be_bytes());
                // No checksum; then version 0 without options, what is inside, and no flags.
                udp.extend([0, 0, 0, protocol, 0, 0]);
                udp.extend(inner);
                if has_checksum {
                    // 0 would mean that there is none (RFC 768).
                    let sum = checksum_with_addresses(ends, UDP, &udp);
                    udp.splice(6..8, if sum == 0 { [0xff; 2] } else { sum.to_be_bytes() });
                }
                in_ip(ends, UDP, &udp)
            }
        }
    }
}

/// Puts an IP header before a payload of at most some hundred bytes.
fn in_ip(ends: [IpAddr; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let addresses = ends.map(octets).concat();
    let length = payload.len() as u16;
    let mut packet = if ends.iter().all(IpAddr::is_ipv6) {
        let [high, low] = length.to_be_bytes();
        let mut header = vec![6 << 4, 0, 0, 0, high, low, protocol, 64];
        header.extend(addresses);
        header
    } else {
        let [high, low] = (IPV4_HEADER as u16 + length).to_be_bytes();
        // Version and length, no service type, total length, no fragments (0x40), 64 hops.
        let mut header = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
        header.extend(addresses);
        let sum = checksum(header.iter().copied());
        header.splice(10..12, sum.to_be_bytes());
        header
    };
    packet.extend(payload);
    packet
}

/// Reads a packet; `None` for what answers no SYN.
pub fn reply(packet: &[u8]) -> Option<Reply> {
    let Ip { protocol, source, payload, .. } = ip(packet)?;
    match protocol {
        TCP => {
            let from = SocketAddr::new(source, word(payload, 0)?);
            let acknowledged = u32::from_be_bytes(*payload.get(8..)?.first_chunk()?);
            let verdict = match payload.get(13)? & (SYN | RST | ACK | FIN) {
                flags if flags == SYN | ACK => Verdict::Accepted,
                flags if flags == RST | ACK => Verdict::Refused,
                _ => return None,
            };
            Some(Reply { target: from, sequence: acknowledged.wrapping_sub(1), verdict })
        }
        ICMP | ICMPV6 => {
            let reason = undelivered(protocol, *payload.first()?, *payload.get(1)?)?;
            let (target, sequence) = quoted_syn(payload.get(ICMP_HEADER..)?)?;
            Some(Reply { target, sequence, verdict: Verdict::Undelivered(reason) })
        }
        _ => None,
    }
}

/// What an ICMP message says of a packet that was not delivered (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1 and §3.4).
fn undelivered(protocol: u8, kind: u8, code: u8) -> Option<&'static str> {
    match (protocol, kind, code) {
        (ICMP, 3, 3) | (ICMPV6, 1, 4) => Some("port unreachable"),
        // RFC 4443: an unknown next header is a parameter problem.
        (ICMP, 3, 2) | (ICMPV6, 4, 1) => Some("protocol unreachable"),
        (ICMP, 3, 9 | 10 | 13) | (ICMPV6, 1, 1 | 5 | 6) => Some("administratively prohibited"),
        // It says that a shorter packet would be delivered.
        (ICMP, 3, 4) => None,
        (ICMP, 3, _) | (ICMPV6, 1, _) => Some("host unreachable"),
        _ => None,
    }
}

/// Finds the SYN that an ICMP message quotes, in whatever tunnel: its target and its number.
fn quoted_syn(mut packet: &[u8]) -> Option<(SocketAddr, u32)> {
    /// One tunnel, and the SYN in it.
    const DEPTH: usize = 2;
    for _ in 0..DEPTH {
        let Ip { protocol, target, payload, .. } = ip(packet)?;
        packet = match protocol {
            TCP => {
                let number = u32::from_be_bytes(*payload.get(4..)?.first_chunk()?);
                return Some((SocketAddr::new(target, word(payload, 2)?), number));
            }
            IPV4 | IPV6 => payload,
            UDP => payload.get(UDP_HEADER + GUE_HEADER..)?,
            GRE => payload.get(if payload.first()? & 0x80 == 0 { 4 } else { 8 }..)?,
            _ => return None,
        };
    }
    None
}

/// A packet behind its IP header.
struct Ip<'a> {
    protocol: u8,
    source: IpAddr,
    target: IpAddr,
    payload: &'a [u8],
}

fn ip(packet: &[u8]) -> Option<Ip<'_>> {
    if is_ipv6(packet) {
        let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<16>()?));
        let payload = packet.get(IPV6_HEADER..)?;
        return Some(Ip { protocol: *packet.get(6)?, source: address(8)?, target: address(24)?, payload });
    }
    let first = packet.first().filter(|byte| **byte >> 4 == 4)?;
    let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<4>()?));
    let payload = packet.get(usize::from(first & 0x0f) * 4..)?;
    Some(Ip { protocol: *packet.get(9)?, source: address(12)?, target: address(16)?, payload })
}

fn is_ipv6(packet: &[u8]) -> bool {
    packet.first().is_some_and(|byte| byte >> 4 == 6)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The checksum of what stands behind an IP header with these addresses (RFC 9293 §3.1, RFC 8200 §8.1): the same for both
/// families, since the zeros of IPv6 count for nothing.
fn checksum_with_addresses(ends: [IpAddr; 2], protocol: u8, payload: &[u8]) -> u16 {
    let mut pseudo = ends.map(octets).concat();
    pseudo.extend([0, protocol]);
    pseudo.extend((payload.len() as u16).to_be_bytes());
    checksum(pseudo.iter().chain(payload).copied())
}

/// The Internet checksum (RFC 1071) of an even number of bytes, at most some hundred.
fn checksum(bytes: impl Iterator<Item = u8>) -> u16 {
    let sum = bytes
        .enumerate()
        .fold(0_u32, |sum, (at, byte)| sum + if at % 2 == 0 { u32::from(byte) << 8 } else { byte.into() });
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests;
