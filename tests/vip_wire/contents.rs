//! The frames of one address, ours and IPaddr2's.

use std::time::Duration;

use super::capture::{Frame, needs, now};
use super::common::rows::check_rows;
use super::common::{Agent, Host, until, until_equal};
use super::rfc_frames::{announcement, announcement_by_router, series};
use super::{Wire, address};

const SCRIPT: &str = "/usr/lib/ocf/resource.d/heartbeat/IPaddr2";

/// The sender of IPaddr2 in the background keeps the action's output open.
fn ipaddr2(host: &Host) -> Agent<'_> {
    needs(host, SCRIPT, "resource-agents");
    host.sh(&format!("mkdir -p /run/resource-agents && ln -sf {SCRIPT} {}/IPaddr2", super::common::AGENTS));
    host.agent("IPaddr2").under(&["sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"])
}

/// Returns what IPaddr2 sends from its start on.
fn theirs(wire: &Wire, ip: &str) -> Vec<Vec<u8>> {
    let theirs = ipaddr2(&wire.host).params(&[("ip", ip), ("nic", "eth0"), ("nodad", "yes")]);
    let before = wire.sent().len();
    drop(theirs.run("start").expect(0));
    let returned = now();
    let count = 5 * announcement(wire.mac, address(ip)).len();
    let frames =
        until("all of IPaddr2's frames", || Some(wire.sent().split_off(before)).filter(|sent| sent.len() >= count));
    let senders = || wire.host.processes().into_iter().filter(|(_, line)| line.contains("send_arp ")).count();
    until_equal("its sender has ended", &0, senders);
    print_times("IPaddr2", ip, &frames, returned);
    drop(theirs.run("stop").expect(0));
    assert_eq!(wire.sent().len(), before + count, "{ip}: more than {count} frames");
    frames.into_iter().map(|frame| without_flow_label(frame.bytes)).collect()
}

fn ours(wire: &Wire, ip: &str) -> Vec<Frame> {
    let (vip, before) = (wire.vip(ip), wire.sent().len());
    vip.start();
    let returned = now();
    until_equal("the helper has ended", &vec![], || wire.host.processes_with("announce"));
    let frames = wire.sent().split_off(before);
    print_times("ours", ip, &frames, returned);
    vip.stop();
    assert_eq!(wire.sent().len(), before + frames.len(), "{ip}: stop says something");
    let whole = announcement(wire.mac, address(ip)).len();
    assert!(frames[..whole].iter().all(|frame| frame.at < returned), "{ip}: start returned before the first frames");
    frames
}

/// Prints the times, which are shown with --nocapture.
fn print_times(who: &str, ip: &str, frames: &[Frame], returned: Duration) {
    let micros = |time: Duration| time.as_micros() as i64;
    let times: Vec<i64> = frames.iter().map(|frame| micros(frame.at) - micros(returned)).collect();
    println!("{who} {ip}: {} frames, microseconds after start has returned: {times:?}", frames.len());
}

/// The kernel gives each socket a flow of its own; see the comment of this program.
fn without_flow_label(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.get(12..14) == Some(&[0x86, 0xdd]) {
        bytes[15] &= 0xf0;
        bytes[16..18].fill(0);
    }
    bytes
}

#[test]
fn the_frames_of_one_address_are_those_of_ipaddr2() {
    let wire = Wire::new();
    check_rows(["192.0.2.9", "2001:db8::9"], |ip| {
        let (theirs, ours) = (theirs(&wire, ip), ours(&wire, ip));
        assert_eq!(series(&ours, wire.mac, &[address(ip)])[&address(ip)].len(), 5, "{ip}");
        let ours: Vec<Vec<u8>> = ours.into_iter().map(|frame| frame.bytes).collect();
        // The order is the same, though IPaddr2 sends them in turns and ours in pairs.
        assert_eq!(ours, theirs, "{ip}");
    });
}

/// Hosts that use the address as their router give up their default route when an advertisement says that it is not a
/// router (RFC 4861, section 7.2.5).
#[test]
fn where_the_node_forwards_ipv6_its_advertisements_say_that_it_is_a_router() {
    let wire = Wire::new();
    wire.host.sh("echo 1 > /proc/sys/net/ipv6/conf/eth0/forwarding");
    let before = wire.sent().len();
    let vip = wire.vip("fe80::9").params(&[("arp_count", "2"), ("arp_interval", "50")]);
    vip.start();
    until_equal("the helper has ended", &vec![], || wire.host.processes_with("announce"));
    let frames: Vec<Vec<u8>> = wire.sent().split_off(before).into_iter().map(|frame| frame.bytes).collect();
    let expected = announcement_by_router(wire.mac, "fe80::9".parse().expect("address"));
    let ours: Vec<&Vec<u8>> = frames.iter().filter(|frame| frame.get(54) == Some(&136)).collect();
    assert_eq!(ours, [&expected, &expected], "the first one by start, the second one by its helper");
    vip.stop();
}
