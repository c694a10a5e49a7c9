//! Echo packets as bytes. Pure.

use crate::model::Family;

/// Data bytes of a request, as ldirectord's (Net::Ping) and ping(8)'s: firewalls and the eye know the size.
const DATA: usize = 64;
const HEADER: usize = 8;

/// One check's echo: all its requests differ in the sequence number only.
pub struct Echo {
    token: u64,
    pub sequence: u16,
}

impl Echo {
    /// `token` is unique on this host; 16 bits of identifier alone are not, with thousands of checks.
    pub fn new(token: u64) -> Self {
        Self { token, sequence: 0 }
    }

    pub fn request(&self, family: Family) -> Vec<u8> {
        let kind = match family {
            Family::Ipv4 => 8,
            Family::Ipv6 => 128,
        };
        let [.., high, low] = self.token.to_be_bytes();
        let mut packet = vec![kind, 0, 0, 0, high, low];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.token.to_be_bytes());
        packet.resize(HEADER + DATA, 0);
        // ICMPv6 sums a pseudo header too: the kernel fills it in (RFC 3542 section 3.1).
        if family == Family::Ipv4 {
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        packet
    }

    /// Whether `received`, as a raw socket gives it (IPv4 with its IP header), is a reply to any request of this check.
    /// A reply to an earlier request counts: it came before the deadline.
    pub fn is_answered_by(&self, family: Family, received: &[u8]) -> bool {
        let (reply, packet) = match family {
            Family::Ipv4 => (0, without_ip_header(received)),
            Family::Ipv6 => (129, Some(received)),
        };
        let Some((header, data)) = packet.and_then(|packet| packet.split_at_checked(HEADER)) else { return false };
        let wanted = self.request(family);
        header.starts_with(&[reply, 0]) && header.get(4..6) == wanted.get(4..6) && Some(data) == wanted.get(HEADER..)
    }
}

/// RFC 791: the low four bits of the first byte give the header's length in words of four bytes.
fn without_ip_header(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(packet.first()? & 0x0f) * 4;
    if length < 20 { None } else { packet.get(length..) }
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in packet.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(echo: &Echo, family: Family) -> Vec<u8> {
        let mut packet = echo.request(family);
        packet[0] = if family == Family::Ipv4 { 0 } else { 129 };
        match family {
            Family::Ipv4 => [vec![0x46; 24], packet].concat(),
            Family::Ipv6 => packet,
        }
    }

    #[test]
    fn a_packet_sums_to_zero_and_holds_64_data_bytes() {
        let packet = Echo::new(0x1234_5678_9abc_def1).request(Family::Ipv4);
        assert_eq!(packet.len(), 72);
        assert_eq!(checksum(&packet), 0);
        assert_eq!(checksum(&[0x01]), !0x0100);
    }

    #[test]
    fn only_the_reply_to_our_own_request_counts() {
        for family in [Family::Ipv4, Family::Ipv6] {
            let echo = Echo::new(7);
            let good = reply(&echo, family);
            assert!(echo.is_answered_by(family, &good));
            assert!(!Echo::new(8).is_answered_by(family, &good), "another check");
            assert!(!Echo::new((1 << 32) | 7).is_answered_by(family, &good), "another process, same identifier");
            assert!(!echo.is_answered_by(family, &echo.request(family)), "our own request on loopback");
            for length in 0..good.len() {
                assert!(!echo.is_answered_by(family, &good[..length]), "cut at {length}");
            }
        }
        let late = reply(&Echo::new(7), Family::Ipv6);
        assert!(Echo { token: 7, sequence: 3 }.is_answered_by(Family::Ipv6, &late), "reply to an earlier request");
    }
}
