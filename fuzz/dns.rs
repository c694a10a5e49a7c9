//! What a name server answers.

use super::message::{Query, RecordType, Reply, encode_name};
use crate::seeds::Seeds;

#[test]
fn dns_messages() {
    let seeds = Seeds::of("dns_messages");
    let [www, host] = ["www.example.test", "2.0.1.10.in-addr.arpa"].map(|name| encode_name(name).expect(name));
    let queries = [
        Query { id: 0x1234, record_type: RecordType::A, name: www.clone() },
        Query { id: 0x1234, record_type: RecordType::Aaaa, name: www },
        Query { id: 0x1234, record_type: RecordType::Ptr, name: host },
    ];
    bolero::check!(name = "dns_messages").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |bytes| queries.iter().for_each(|query| decode(query, bytes)));
    });
}

/// Each record takes eleven bytes at least, and its text comes from no more than a name has.
fn decode(query: &Query, bytes: &[u8]) {
    if let Ok(Reply::Records(records)) = query.decode_reply(bytes) {
        assert!(records.len() * 11 <= bytes.len(), "{} records of {} bytes", records.len(), bytes.len());
        assert!(records.iter().all(|record| record.is_ascii() && record.len() <= 4 * 255), "{records:?}");
    }
}
