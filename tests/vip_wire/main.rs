//! What is on the wire when `ocf:rust:vip` starts, as tcpdump records it at the other end of the cable, beside what
//! ocf:heartbeat:IPaddr2 sends.
//!
//! IPaddr2 of resource-agents 4.12, as these tests record it (`arp_count` 5, `arp_interval` 200):
//! - IPv4: 5 ARP requests and 5 replies, to everybody, in turns, 100 ms from one to the next. The first is on the wire
//!   0.7 ms (idle machine) to 19 ms (busy) after start has returned, the last 0.9 s later.
//! - IPv6 (`nodad=yes`): 5 neighbour advertisements, 200 ms from one to the next, all of them before start returns, which
//!   takes 1.1 s of it.
//!
//! Ours are the same frames but for the flow label of IPv6, which the kernel chooses for IPaddr2 and which is zero in
//! ours: without a connection there is no flow. The times are different on purpose: request and reply leave together,
//! the first ones before start returns, and all of it once more after `arp_repeat_after`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod capture;
mod contents;
mod gateway;
mod many;
mod ports;
mod rfc_frames;
mod series;

use std::net::IpAddr;

use capture::{Capture, Frame};
use common::{Agent, Host};

/// The node, its neighbour, and what the neighbour hears from the beginning.
struct Wire {
    host: Host,
    peer: Host,
    capture: Capture,
    mac: [u8; 6],
}

const NODE: &str = "192.0.2.1";

impl Wire {
    fn new() -> Self {
        let (host, peer) = Host::pair(&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.2/24", "2001:db8::2/64"]);
        let (capture, mac) = (Capture::on(&peer, "eth0"), host.mac("eth0"));
        Self { host, peer, capture, mac }
    }

    /// Returns the agent without a repetition, unless a test asks for one.
    fn vip(&self, ip: &str) -> Agent<'_> {
        let own = [("ip", ip), ("nic", "eth0"), ("nodad", "yes"), ("arp_repeat_after", "0")];
        self.host.agent("vip").params(&own)
    }

    /// Returns every frame of ARP and neighbour discovery that the node has sent so far.
    fn sent(&self) -> Vec<Frame> {
        let frames = self.capture.frames(&self.host, NODE);
        frames.into_iter().filter(|frame| frame.is_for_neighbours() && frame.sender() == self.mac).collect()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}
