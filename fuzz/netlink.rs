//! Datagrams of the kernel, and packets of the network.

use super::Error;
use super::announce::frame;
use super::message::{Collector, Ending};
use crate::seeds::Seeds;

#[test]
fn netlink_messages() {
    let seeds = Seeds::of("netlink_messages");
    bolero::check!(name = "netlink_messages").for_each(|bytes: &[u8]| seeds.each(bytes, messages));
}

/// Every question has one answer, and nothing is kept that was not sent.
fn messages(datagram: &[u8]) {
    for ending in [Ending::Acknowledgement, Ending::Done] {
        let mut collector = Collector::new(1, 3, ending);
        let fed = collector.feed(datagram);
        let replies = collector.finish(&Error::malformed("missing"));
        assert_eq!(replies.len(), 3, "{fed:?}");
        let payloads = replies.iter().flatten().flat_map(|reply| &reply.payloads);
        assert!(payloads.map(Vec::len).sum::<usize>() <= datagram.len(), "{replies:?}");
    }
}

#[test]
fn frames() {
    let seeds = Seeds::of("frames");
    bolero::check!(name = "frames").for_each(|bytes: &[u8]| seeds.each(bytes, claim));
}

/// Ethernet pads short frames, which changes nothing of what they say.
fn claim(packet: &[u8]) {
    let padded = [packet, &[0; 18]].concat();
    if let Some(claim) = frame::claim(packet) {
        assert_eq!(frame::claim(&padded), Some(claim));
    }
}
