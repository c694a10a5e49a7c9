//! What comes from a RADIUS server's address.

use super::packet::{Reply, Request};
use crate::seeds::Seeds;

#[test]
fn radius_packets() {
    let seeds = Seeds::of("radius_packets");
    // The example of RFC 2865 section 7.1, whose answer is a seed.
    let request = Request {
        id: 0,
        authenticator: *b"\x0f\x40\x3f\x94\x73\x97\x80\x57\xbd\x83\xd5\xcb\x98\xf4\x22\x7a",
        login: "nemo",
        passwd: "arctangent",
        secret: "xyzzy5461",
        client: [192, 168, 1, 16].into(),
    };
    bolero::check!(name = "radius_packets").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |bytes| {
            if let Some(Reply::Reject(text)) = request.decode_reply(bytes) {
                assert!(text.len() <= 3 * bytes.len());
            }
        });
    });
}
