use proptest::prelude::*;

use super::*;

/// Returns a record of 10.9.0.31:40000 to 10.9.0.100:3306 at 10.9.0.21:3306, by gate.
fn record4() -> SyncRecord {
    let end = |text: &str, port| (text.parse().expect("address"), port);
    SyncRecord {
        protocol: 6,
        flags: 3,
        state: 1,
        ends: Endpoints {
            client: end("10.9.0.31", 40000),
            service: end("10.9.0.100", 3306),
            real_server: end("10.9.0.21", 3306),
        },
        fwmark: 7,
        timeout: 900,
    }
}

fn record6() -> SyncRecord {
    let end = |text: &str, port| (text.parse().expect("address"), port);
    let ends = Endpoints {
        client: end("2001:db8::31", 40000),
        service: end("2001:db8::100", 53),
        real_server: end("2001:db8::21", 5353),
    };
    SyncRecord { protocol: 17, flags: 0x100, state: 0, ends, fwmark: 0, timeout: 300 }
}

const GOLDEN: &str = "\
    00 05 00 74 02 01 00 00 \
    00 06 00 24 00 00 00 03 00 01 9c 40 0c ea 0c ea 00 00 00 07 00 00 03 84 \
    0a 09 00 1f 0a 09 00 64 0a 09 00 15 \
    01 11 00 48 00 00 01 00 00 00 9c 40 00 35 14 e9 00 00 00 00 00 00 01 2c \
    20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 31 \
    20 01 0d b8 00 00 00 00 00 00 00 00 00 00 01 00 \
    20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 21";

fn golden() -> Vec<u8> {
    GOLDEN.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect()
}

fn datagrams(records: &[SyncRecord], maxlen: u16) -> Vec<Vec<u8>> {
    let mut writer = MessageWriter::new(5, maxlen);
    let mut datagrams: Vec<_> = records.iter().filter_map(|record| writer.add(record)).collect();
    datagrams.extend(writer.finish());
    datagrams
}

#[test]
fn a_message_is_the_bytes_that_the_kernel_takes() {
    assert_eq!(datagrams(&[record4(), record6()], 1472), [golden()]);
    let message = SyncMessage::decode(&golden());
    assert_eq!(message, Ok(SyncMessage { sync_id: 5, records: vec![record4(), record6()] }));
}

#[test]
fn a_message_that_is_cut_anywhere_is_refused() {
    let whole = golden();
    for length in 0..whole.len() {
        assert_eq!(SyncMessage::decode(&whole[..length]), Err(Malformed), "{length}");
        // Even when its header says that it is to be as short as that.
        let mut shorter = whole[..length].to_vec();
        if let Some(field) = shorter.get_mut(2..4) {
            field.copy_from_slice(&(length as u16).to_be_bytes());
        }
        assert_eq!(SyncMessage::decode(&shorter), Err(Malformed), "{length}");
    }
}

#[test]
fn what_another_version_or_program_sends_is_refused() {
    let changed = |at: usize, value: u8| {
        let mut bytes = golden();
        bytes[at] = value;
        SyncMessage::decode(&bytes)
    };
    crate::testing::check_rows(
        [
            (0, 1, "the first byte is the sync id of version 0"),
            (3, 0x75, "the length is not the datagram's"),
            (4, 3, "more records than there are"),
            (5, 0, "the version"),
            (6, 1, "the spare bytes"),
            (8, 0x80, "a type of record that is not known"),
            (10, 0x10, "another version of the record"),
            (11, 0x20, "a record shorter than its fields"),
        ],
        |(at, value, why)| assert_eq!(changed(at, value), Err(Malformed), "{why}"),
    );
}

#[test]
fn options_behind_a_record_are_skipped() {
    let (mut first, second) = (golden()[8..44].to_vec(), golden()[44..].to_vec());
    // The sequence numbers of a masqueraded connection: parameter 1, with two bytes in place of the 24.
    first[3] = 40;
    first.extend([1, 2, 0, 0]);
    let length = (8 + first.len() + second.len()) as u16;
    let bytes = [vec![0, 5, 0, length as u8, 2, 1, 0, 0], first, second].concat();
    let message = SyncMessage::decode(&bytes).expect("a message");
    assert_eq!(message.records, [record4(), record6()]);
}

#[test]
fn a_datagram_is_as_long_as_the_receiver_takes_and_no_longer() {
    crate::testing::check_rows(
        [(1472, 40), (65535, 40), (1500, 40), (0, 2), (80, 2), (1000, 27)],
        |(maxlen, expected)| {
            let sent = datagrams(&vec![record4(); 100], maxlen);
            assert!(sent.iter().all(|datagram| datagram.len() <= usize::from(maxlen).clamp(80, 1472)), "{maxlen}");
            assert_eq!(SyncMessage::decode(&sent[0]).expect("a message").records.len(), expected, "{maxlen}");
            let all: usize = sent.iter().map(|datagram| SyncMessage::decode(datagram).expect("").records.len()).sum();
            assert_eq!(all, 100, "{maxlen}");
        },
    );
}

#[test]
fn ends_of_two_families_have_no_record() {
    let mut mixed = record4();
    mixed.ends.real_server.0 = record6().ends.real_server.0;
    let mut writer = MessageWriter::new(5, 1472);
    assert_eq!((writer.add(&mixed), writer.finish()), (None, None));
}

prop_compose! {
    /// Any three ends of one family.
    pub(crate) fn ends()(
        is_ipv6: bool,
        addresses in any::<[[u8; 16]; 3]>(),
        ports in any::<[u16; 3]>(),
    ) -> Endpoints {
        let [client, service, real_server] = addresses.map(|octets| match (is_ipv6, octets.first_chunk::<4>()) {
            (false, Some(octets)) => IpAddr::from(*octets),
            _ => IpAddr::from(octets),
        });
        let [from, to, at] = ports;
        Endpoints { client: (client, from), service: (service, to), real_server: (real_server, at) }
    }
}

prop_compose! {
    /// Any record.
    pub(crate) fn record()(
        ends in ends(),
        protocol: u8,
        flags: u32,
        state: u16,
        fwmark: u32,
        timeout: u32,
    ) -> SyncRecord {
        SyncRecord { protocol, flags, state, ends, fwmark, timeout }
    }
}

proptest! {
    #[test]
    fn every_record_reads_back_in_its_place(
        records in prop::collection::vec(record(), 0..600),
        maxlen in 80u16..2000,
    ) {
        let sent = datagrams(&records, maxlen);
        let messages: Vec<SyncMessage> =
            sent.iter().map(|datagram| SyncMessage::decode(datagram).expect("a message")).collect();
        prop_assert!(messages.iter().all(|message| message.sync_id == 5 && !message.records.is_empty()));
        let read: Vec<SyncRecord> = messages.into_iter().flat_map(|message| message.records).collect();
        prop_assert_eq!(read, records);
    }
}
