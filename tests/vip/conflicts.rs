//! Another host has the address.

use super::common::rows::check_rows;
use super::common::{Agent, Host, PATIENCE};
use std::time::Instant;

fn pair() -> (Host, Host) {
    Host::pair(&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.2/24", "2001:db8::2/64"])
}

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("nodad", "yes"), ("arp_count", "0")])
}

#[test]
fn start_is_refused_and_names_the_other_host() {
    let (host, peer) = pair();
    let mac = peer.mac_text("eth0");
    check_rows([("192.0.2.9", "192.0.2.9/24"), ("2001:db8::9", "2001:db8::9/64")], |(ip, other)| {
        peer.sh(&format!("ip address add {other} dev eth0 nodad"));
        let vip = vip(&host, &format!("192.0.2.10 {ip}")).param("run_arping", "yes");
        let before = host.addresses();
        vip.run("start").expect(1).says(&format!("ip \"{ip}\": another host on eth0 has it, link-layer address {mac}"));
        assert_eq!(host.addresses(), before);
        // Without the question, the address comes up.
        let unasked = vip.clone().param("run_arping", "no");
        unasked.start();
        unasked.stop();
        peer.sh(&format!("ip address del {other} dev eth0"));
        vip.start();
        vip.stop();
    });
}

/// No host answers for what this node has itself, and no answer is waited for for long.
#[test]
fn a_start_of_what_is_here_already_finds_no_conflict() {
    let (host, _peer) = pair();
    let vip = vip(&host, "192.0.2.9 2001:db8::9").param("run_arping", "yes");
    let began = Instant::now();
    vip.start();
    vip.start();
    assert!(began.elapsed() < PATIENCE);
}

/// A restart would not make the other host go, so the cluster shows the conflict and does nothing.
#[test]
fn a_monitor_of_level_10_asks_the_network() {
    let (host, peer) = pair();
    let vip = vip(&host, "192.0.2.9 2001:db8::9");
    let deep = vip.clone().variable("OCF_CHECK_LEVEL", "10");
    vip.start();
    deep.monitor().expect(0).silent();
    let mac = peer.mac_text("eth0");
    for other in ["192.0.2.9/24", "2001:db8::9/64"] {
        peer.sh(&format!("ip address add {other} dev eth0 nodad"));
        vip.monitor().expect(0).silent();
        let (ip, _) = other.split_once('/').expect("prefix");
        deep.monitor().expect(190).says(&format!("ip \"{ip}\": another host on eth0 has it, link-layer address {mac}"));
        peer.sh(&format!("ip address del {other} dev eth0"));
    }
    deep.monitor().expect(0).silent();
}

/// All announcements and questions of a node take their moments from one file: thousands of broadcasts at once would be
/// a storm on every host of the link.
#[test]
fn the_questions_of_start_and_monitor_leave_at_the_pace_of_the_node() {
    const PACE: &str = "/run/lvs-agents/.announcements.lock";
    /// The gap is 125 microseconds for each question; the credit is what may be made up for at a time.
    const GAP: u128 = 125_000;
    const CREDIT: u128 = 10_000_000;
    let (host, _peer) = pair();
    let vip = vip(&host, "192.0.2.10-192.0.2.250");
    let moment = || -> Option<u128> {
        let bytes = std::fs::read(host.path(PACE)).ok()?;
        bytes.try_into().ok().map(u128::from_ne_bytes)
    };
    vip.clone().param("run_arping", "yes").start();
    let first = moment().expect("the start has asked");
    vip.variable("OCF_CHECK_LEVEL", "10").monitor().expect(0).silent();
    let last = moment().expect("the monitor has asked");
    assert!(last + CREDIT >= first + 3 * 241 * GAP, "three rounds: {} us", (last - first) / 1000);
}
