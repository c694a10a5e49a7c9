use proptest::prelude::*;

use super::*;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 213, 97);

fn v6(text: &str) -> Ipv6Addr {
    text.parse().expect(text)
}

#[test]
fn a_gratuitous_request_has_the_bytes_of_rfc_5227() {
    #[rustfmt::skip]
    let expected = [
        0, 1, 8, 0, 6, 4, 0, 1,
        0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
        0, 0, 0, 0, 0, 0, 192, 168, 213, 97,
    ];
    assert_eq!(gratuitous_arp_request(VIP, MAC), expected);
}

#[test]
fn a_gratuitous_reply_has_the_bytes_of_rfc_5944() {
    #[rustfmt::skip]
    let expected = [
        0, 1, 8, 0, 6, 4, 0, 2,
        0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
        0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
    ];
    assert_eq!(gratuitous_arp_reply(VIP, MAC), expected);
}

#[test]
fn a_question_names_its_asker_and_a_probe_does_not() {
    #[rustfmt::skip]
    let question = [
        0, 1, 8, 0, 6, 4, 0, 1,
        0x52, 0x54, 0, 0xab, 0xcd, 0xef, 192, 168, 213, 97,
        0, 0, 0, 0, 0, 0, 192, 168, 213, 1,
    ];
    assert_eq!(arp_question(VIP, MAC, Ipv4Addr::new(192, 168, 213, 1)), question);
    #[rustfmt::skip]
    let probe = [
        0, 1, 8, 0, 6, 4, 0, 1,
        0x52, 0x54, 0, 0xab, 0xcd, 0xef, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 192, 168, 213, 97,
    ];
    assert_eq!(arp_probe(VIP, MAC), probe);
}

#[test]
fn an_advertisement_overrides_caches_and_says_whether_this_node_is_a_router() {
    #[rustfmt::skip]
    let expected = [
        0x60, 0, 0, 0, 0, 32, 58, 255,
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x97,
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        136, 0, 0xd9, 0x10, 0x20, 0, 0, 0,
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x97,
        2, 1, 0x52, 0x54, 0, 0xab, 0xcd, 0xef,
    ];
    assert_eq!(unsolicited_advertisement(v6("2001:db8::97"), MAC, false), expected);
    let by_router = unsolicited_advertisement(v6("2001:db8::97"), MAC, true);
    assert_eq!((&by_router[..42], &by_router[42..45]), (&expected[..42], &[0x59, 0x10, 0xa0][..]));
    assert_eq!(by_router[45..], expected[45..]);
}

#[test]
fn a_solicitation_probe_has_no_source_address() {
    #[rustfmt::skip]
    let expected = [
        0x60, 0, 0, 0, 0, 24, 58, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x97,
        135, 0, 0x4b, 0xc1, 0, 0, 0, 0,
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x97,
    ];
    assert_eq!(solicitation_probe(v6("2001:db8::97")), expected);
}

#[test]
fn a_claim_is_read_from_announcements_and_answers_only() {
    let ip = v6("2001:db8::97");
    assert_eq!(claim(&gratuitous_arp_reply(VIP, MAC)), Some((VIP.into(), MAC)));
    assert_eq!(claim(&arp_question(VIP, MAC, Ipv4Addr::LOCALHOST)), Some((VIP.into(), MAC)));
    assert_eq!(claim(&arp_probe(VIP, MAC)), Some((Ipv4Addr::UNSPECIFIED.into(), MAC)));
    assert_eq!(claim(&unsolicited_advertisement(ip, MAC, true)), Some((ip.into(), MAC)));
    assert_eq!(claim(&solicitation_probe(ip)), None);
    assert_eq!(claim(&solicitation(ip, MAC, v6("2001:db8::1"))), None);
}

#[test]
fn nothing_is_claimed_by_what_is_cut_off() {
    for packet in [gratuitous_arp_reply(VIP, MAC).to_vec(), unsolicited_advertisement(v6("2001:db8::97"), MAC, false)] {
        let needed = if packet.len() == 28 { 18 } else { packet.len() };
        for length in 0..needed {
            assert_eq!(claim(&packet[..length]), None, "{length} bytes");
        }
    }
}

proptest! {
    /// A receiver does this (RFC 4443, section 2.3): with the checksum in place, the sum is all ones.
    #[test]
    fn every_checksum_adds_up(source: u128, target: u128, mac: [u8; 6]) {
        let (source, target) = (Ipv6Addr::from_bits(source), Ipv6Addr::from_bits(target));
        for packet in [
            unsolicited_advertisement(source, mac, false),
            solicitation(source, mac, target),
            solicitation_probe(target),
        ] {
            let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).expect("16 bytes"));
            prop_assert_eq!(checksum(address(8), address(24), &packet[40..]), 0);
        }
    }

    #[test]
    fn no_packet_makes_the_reader_panic(packet in proptest::collection::vec(any::<u8>(), 0..96)) {
        let _ = claim(&packet);
    }
}
