use proptest::prelude::*;

use super::*;
use crate::testing::check_rows;

fn segment(source: &str, target: &str) -> Segment {
    Segment { source: source.parse().expect(source), target: target.parse().expect(target), sequence: 0x0102_0304 }
}

fn v4() -> Segment {
    segment("10.9.0.11:40000", "10.9.0.100:3306")
}

fn v6() -> Segment {
    segment("[2001:db8::1]:40000", "[2001:db8::9]:80")
}

fn ends(from: &str, to: &str) -> [IpAddr; 2] {
    [from, to].map(|address| address.parse().expect(address))
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

const SYN_V4: &str = "4500 002c 0000 4000 4006 264c 0a09 000b 0a09 0064
                      9c40 0cea 0102 0304 0000 0000 6002 2000 ba11 0000 0204 0218";
const SYN_V6: &str =
    "6000 0000 0018 0640 2001 0db8 0000 0000 0000 0000 0000 0001 2001 0db8 0000 0000 0000 0000 0000 0009
                      9c40 0050 0102 0304 0000 0000 6002 2000 7fb0 0000 0204 0218";
const RST_V4: &str = "4500 0028 0000 4000 4006 2650 0a09 000b 0a09 0064
                      9c40 0cea 0102 0305 0000 0000 5004 2000 ce2e 0000";
/// The addresses behind the first bytes of an IPv6 header.
const ENDS_V6: &str = "fd09 0000 0000 0000 0000 0000 0000 0011 fd09 0000 0000 0000 0000 0000 0000 0021";

/// The checksums were computed by another program.
#[test]
fn a_syn_and_a_rst_are_these_bytes() {
    check_rows([(v4().syn(), SYN_V4), (v6().syn(), SYN_V6), (v4().rst(), RST_V4)], |(packet, expected)| {
        assert_eq!(packet, hex(expected));
    });
}

/// Each carries the SYN above; either family in either.
#[test]
fn a_tunnel_puts_these_headers_before_a_packet() {
    let (a, b) = (ends("10.9.0.11", "10.9.0.21"), ends("fd09::11", "fd09::21"));
    let gue = |checksum| Tunnel::Gue { port: 6080, checksum };
    let gre = |checksum| Tunnel::Gre { checksum };
    check_rows(
        [
            (Tunnel::Ipip, a, v4(), "4500 0040 0000 4000 4004 2689 0a09 000b 0a09 0015", ""),
            (Tunnel::Ipip, a, v6(), "4500 0054 0000 4000 4029 2650 0a09 000b 0a09 0015", ""),
            (Tunnel::Ipip, b, v6(), "6000 0000 0040 2940", ""),
            (Tunnel::Ipip, b, v4(), "6000 0000 002c 0440", ""),
            (gue(false), a, v4(), "4500 004c 0000 4000 4011 2670 0a09 000b 0a09 0015", "9c40 17c0 0038 0000 0004 0000"),
            (gue(true), a, v4(), "4500 004c 0000 4000 4011 2670 0a09 000b 0a09 0015", "9c40 17c0 0038 4be7 0004 0000"),
            (gue(false), b, v6(), "6000 0000 004c 1140", "9c40 17c0 004c 0000 0029 0000"),
            (gue(true), b, v6(), "6000 0000 004c 1140", "9c40 17c0 004c eaac 0029 0000"),
            (gre(false), a, v4(), "4500 0044 0000 4000 402f 265a 0a09 000b 0a09 0015", "0000 0800"),
            (gre(true), a, v4(), "4500 0048 0000 4000 402f 2656 0a09 000b 0a09 0015", "8000 0800 8c9e 0000"),
            (gre(false), b, v6(), "6000 0000 0044 2f40", "0000 86dd"),
            (gre(true), b, v6(), "6000 0000 0048 2f40", "8000 86dd 92e7 0000"),
        ],
        |(tunnel, ends, segment, ip, between)| {
            let addresses = if ends == b { ENDS_V6 } else { "" };
            let expected = [hex(ip), hex(addresses), hex(between), segment.syn()].concat();
            assert_eq!(tunnel.pack(ends, 40000, &segment.syn()), expected, "{tunnel:?}");
        },
    );
}

/// A packet of the target to us with these flags, which acknowledges the SYN.
fn answer(asked: Segment, flags: u8) -> Vec<u8> {
    let back = Segment { source: asked.target, target: asked.source, sequence: 7 };
    let mut packet = back.packet(flags, 7, &[]);
    let header = packet.len() - 20;
    packet.splice(header + 8..header + 12, asked.sequence.wrapping_add(1).to_be_bytes());
    packet
}

#[test]
fn only_what_answers_a_syn_is_an_answer() {
    for asked in [v4(), v6()] {
        let expected = |verdict| Some(Reply { target: asked.target, sequence: asked.sequence, verdict });
        check_rows(
            [
                (SYN | ACK, expected(Verdict::Accepted)),
                (RST | ACK, expected(Verdict::Refused)),
                (ACK, None),
                (SYN, None),
                (RST, None),
                (SYN | FIN | ACK, None),
            ],
            |(flags, expected)| assert_eq!(reply(&answer(asked, flags)), expected, "{flags:#x}"),
        );
        for flags in [SYN | ACK, RST | ACK] {
            let whole = answer(asked, flags);
            // Up to the flags, without which it says nothing.
            for length in 0..whole.len() - 6 {
                assert_eq!(reply(&whole[..length]), None, "{length} of {} bytes", whole.len());
            }
        }
    }
}

/// An IPv4 header may have options.
#[test]
fn an_answer_behind_options_of_its_header_is_read() {
    let mut packet = answer(v4(), SYN | ACK);
    packet[0] = 0x46;
    packet.splice(20..20, [1; 4]);
    assert_eq!(reply(&packet).map(|reply| reply.verdict), Some(Verdict::Accepted));
}

fn icmp(ends: [IpAddr; 2], kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let protocol = if ends[0].is_ipv6() { ICMPV6 } else { ICMP };
    in_ip(ends, protocol, &[&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat())
}

#[test]
fn an_icmp_message_counts_by_the_syn_that_it_quotes_in_whatever_tunnel() {
    let (a, b) = (ends("10.9.0.21", "10.9.0.11"), ends("fd09::21", "fd09::11"));
    let tunnels = [
        None,
        Some(Tunnel::Ipip),
        Some(Tunnel::Gue { port: 6080, checksum: true }),
        Some(Tunnel::Gre { checksum: false }),
        Some(Tunnel::Gre { checksum: true }),
    ];
    for (asked, back, [kind, code]) in [(v4(), a, [3, 3]), (v6(), b, [1, 4])] {
        let forth = [back[1], back[0]];
        for tunnel in tunnels {
            let sent = tunnel.map_or(asked.syn(), |tunnel| tunnel.pack(forth, 40000, &asked.syn()));
            // RFC 792 asks for eight bytes behind the innermost header, which hold the number.
            let shortest = sent.len() - asked.syn().len() + asked.syn().len() - 16;
            for quoted in [&sent[..], &sent[..shortest]] {
                let expected = Reply {
                    target: asked.target,
                    sequence: asked.sequence,
                    verdict: Verdict::Undelivered("port unreachable"),
                };
                assert_eq!(reply(&icmp(back, kind, code, quoted)), Some(expected), "{tunnel:?}");
            }
            for length in 0..shortest {
                assert_eq!(reply(&icmp(back, kind, code, &sent[..length])), None, "{tunnel:?}: {length}");
            }
        }
    }
}

#[test]
fn an_icmp_message_says_why() {
    let (a, b) = (ends("10.9.0.21", "10.9.0.11"), ends("fd09::21", "fd09::11"));
    check_rows(
        [
            (a, 3, 1, Some("host unreachable")),
            (a, 3, 2, Some("protocol unreachable")),
            (a, 3, 3, Some("port unreachable")),
            (a, 3, 4, None),
            (a, 3, 13, Some("administratively prohibited")),
            (a, 0, 0, None),
            (a, 11, 0, None),
            (b, 1, 1, Some("administratively prohibited")),
            (b, 1, 3, Some("host unreachable")),
            (b, 4, 1, Some("protocol unreachable")),
            (b, 4, 0, None),
            (b, 135, 0, None),
        ],
        |(ends, kind, code, expected)| {
            let quoted = if ends == a { v4().syn() } else { v6().syn() };
            let said = reply(&icmp(ends, kind, code, &quoted)).map(|reply| reply.verdict);
            assert_eq!(said, expected.map(Verdict::Undelivered), "{kind} {code}");
        },
    );
}

proptest! {
    /// Whatever arrives, and whatever of a packet is changed: nothing is read that is not there.
    #[test]
    fn no_packet_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = reply(&bytes);
    }

    #[test]
    fn a_changed_byte_is_no_harm(at in 0_usize..96, value in any::<u8>(), tunnelled in any::<bool>()) {
        let sent = v4().syn();
        let sent = if tunnelled { Tunnel::Ipip.pack(ends("10.9.0.11", "10.9.0.21"), 1, &sent) } else { sent };
        let mut packet = icmp(ends("10.9.0.21", "10.9.0.11"), 3, 3, &sent);
        if let Some(byte) = packet.get_mut(at) {
            *byte = value;
        }
        let _ = reply(&packet);
    }

    /// What was asked is what is answered, whatever the addresses, ports and numbers.
    #[test]
    fn the_number_of_an_answer_is_that_of_its_question(
        (from, to) in prop_oneof![
            any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
            any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        ],
        ports in any::<(u16, u16)>(),
        sequence in any::<u32>(),
    ) {
        let asked =
            Segment { source: SocketAddr::new(from, ports.0), target: SocketAddr::new(to, ports.1), sequence };
        let expected = Reply { target: asked.target, sequence, verdict: Verdict::Accepted };
        prop_assert_eq!(reply(&answer(asked, SYN | ACK)), Some(expected));
    }
}
