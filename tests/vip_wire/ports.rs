//! Interfaces on top of others: a VLAN tags the frames, a bond sends them through its active port only.

use super::capture::{Capture, Frame};
use super::common::Host;
use super::rfc_frames::announcement;
use super::{NODE, address};

/// Makes two machines with two cables: a bond of both with a VLAN on top here, the bare ports there.
fn bonded() -> (Host, Host) {
    let (host, peer) = Host::pair(&[], &["192.0.2.22/24"]);
    for module in ["bonding", "8021q"] {
        host.sh(&format!("modprobe {module}"));
    }
    host.lay_cable("eth1", &peer, "eth1");
    host.sh("ip link add bond7 type bond mode active-backup miimon 50 && \
         for port in eth0 eth1; do ip link set $port down && ip link set $port master bond7 && ip link set $port up; \
         done && ip link set bond7 type bond active_slave eth0 && ip link set bond7 up && \
         ip link add link bond7 name bond7.9 type vlan id 9 && ip link set bond7.9 up && \
         ip address add 192.0.2.1/24 dev bond7.9 && ip address add 2001:db8::1/64 dev bond7.9 nodad");
    peer.sh("ip link set eth1 up && ip address add 192.0.2.23/24 dev eth1");
    (host, peer)
}

fn frames_of(frames: Vec<Frame>, mac: [u8; 6]) -> Vec<Vec<u8>> {
    let ours = frames.into_iter().filter(|frame| frame.is_for_neighbours() && frame.sender() == mac);
    ours.map(|frame| frame.bytes).collect()
}

/// Puts the tag of VLAN 9 behind the link-layer addresses.
fn tagged(mut frame: Vec<u8>) -> Vec<u8> {
    frame.splice(12..12, [0x81, 0, 0, 9]);
    frame
}

#[test]
#[ignore = "needs VLAN and bonding"]
fn frames_leave_tagged_through_the_active_port_only() {
    let (host, peer) = bonded();
    let (active, idle) = (Capture::on(&peer, "eth0"), Capture::on(&peer, "eth1"));
    let mac = host.mac("bond7.9");
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9 2001:db8::9"), ("nodad", "yes"), ("arp_count", "1")]);
    vip.param("arp_repeat_after", "0").start();
    assert!(host.addresses().contains(&"bond7.9 192.0.2.9/24".to_owned()), "{:?}", host.addresses());
    let expected = ["192.0.2.9", "2001:db8::9"].map(|ip| announcement(mac, address(ip)));
    let expected: Vec<Vec<u8>> = expected.into_iter().flatten().map(tagged).collect();
    // What leaves through the idle port would do so before what is marked on the active one.
    assert_eq!(frames_of(active.frames(&host, NODE), mac), expected);
    let through_idle = frames_of(idle.frames(&peer, "192.0.2.23"), mac);
    assert!(!through_idle.iter().any(|frame| expected.contains(frame)), "{through_idle:02x?}");
}
