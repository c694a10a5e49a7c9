//! What comes from a RADIUS server's address.

use super::packet::Reply;
use super::packet::tests::nemo;
use crate::seeds::Seeds;

#[test]
fn radius_packets() {
    let seeds = Seeds::of("radius_packets");
    // The example of RFC 2865 section 7.1, whose answer is a seed.
    let request = nemo();
    bolero::check!(name = "radius_packets").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |bytes| {
            if let Some(Reply::Reject(text)) = request.decode_reply(bytes) {
                assert!(text.len() <= 3 * bytes.len());
            }
        });
    });
}
