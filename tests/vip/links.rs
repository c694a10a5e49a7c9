//! Interfaces that are down, without carrier, or in another namespace.

use super::common::{Agent, Host, until};

fn two_interfaces() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip link add eth1 type veth peer name cable1 && ip link set eth1 up && ip link set cable1 up");
    host.sh("ip address add 198.51.100.1/24 dev eth1");
    host
}

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("arp_count", "0")])
}

#[test]
fn an_interface_that_is_down_is_set_up_by_start_and_a_failure_of_monitor() {
    let host = two_interfaces();
    host.sh("ip link set eth0 down");
    let vip = vip(&host, "192.0.2.9/24@eth0");
    vip.start();
    vip.monitor().expect(0).silent();
    host.sh("ip link set eth0 down");
    vip.monitor().expect(1).says("nic eth0 is down");
    vip.start();
    vip.monitor().expect(0).silent();
}

#[test]
fn without_any_carrier_start_and_monitor_fail_unless_told_that_it_does_not_matter() {
    let host = two_interfaces();
    let vip = vip(&host, "192.0.2.9 192.0.2.10");
    vip.start();
    host.sh("ip link set cable down");
    let lost = until("no carrier", || Some(vip.monitor()).filter(|answer| answer.code != Some(0)));
    lost.expect(1).says("nic eth0 has no carrier");
    vip.clone().param("check_link_status", "no").monitor().expect(0).silent();
    vip.stop();
    let placed = vip.clone().param("ip", "192.0.2.9/24@eth0");
    placed.clone().timeout(2).run("start").expect(1).says("nic eth0: use: no carrier");
    assert!(!host.addresses().iter().any(|address| address.contains("192.0.2.9")), "{:?}", host.addresses());
    placed.param("check_link_status", "no").start();
}

#[test]
fn one_interface_without_carrier_among_several_is_degraded() {
    let host = two_interfaces();
    let vip = vip(&host, "192.0.2.9 198.51.100.9");
    vip.start();
    host.sh("ip link set cable1 down");
    let lost = until("no carrier", || Some(vip.monitor()).filter(|answer| answer.code != Some(0)));
    lost.expect(190).says("ip \"198.51.100.9\": nic eth1 has no carrier");
    vip.probe().expect(190);
    host.sh("ip link set cable1 up");
    until("carrier", || (vip.monitor().code == Some(0)).then_some(()));
}

#[test]
fn start_waits_for_a_carrier_that_is_on_its_way() {
    let host = two_interfaces();
    host.sh("ip link set cable down");
    std::thread::scope(|scope| {
        let started = scope.spawn(|| vip(&host, "192.0.2.9/24@eth0").timeout(20).start());
        until("start waits", || (!host.processes_with("start").is_empty()).then_some(()));
        host.sh("ip link set cable up");
        started.join().expect("start");
    });
}

/// A node without the namespace is one on which nothing runs.
#[test]
fn addresses_come_and_go_in_a_network_namespace() {
    let host = two_interfaces();
    host.sh(
        "mkdir -p /run/netns && ip netns add inner && ip link set eth1 netns inner && ip link set cable1 netns inner",
    );
    host.sh("ip -n inner link set eth1 up && ip -n inner link set cable1 up && ip -n inner address add 203.0.113.1/24 dev eth1");
    let inside = || host.sh("ip -n inner -o -4 address show dev eth1");
    let vip = vip(&host, "203.0.113.9").param("network_namespace", "inner");
    vip.probe().expect(7).silent();
    vip.start();
    assert!(inside().contains("203.0.113.9/24"), "{}", inside());
    vip.monitor().expect(0).silent();
    // This stop knows the place from the record, since nothing else says where the address is.
    host.agent("vip").stop();
    assert!(!inside().contains("203.0.113.9"), "{}", inside());
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);

    vip.start();
    host.sh("ip netns del inner");
    let answer = vip.monitor();
    assert!([Some(1), Some(7)].contains(&answer.code), "{:?}", answer.code);
    vip.probe().expect(7);
    vip.run("start").expect(5).says("network_namespace \"inner\"");
    vip.stop();
    assert_eq!(host.run_files(), [""; 0]);
}

/// An address without a carrier cannot end its duplicate address detection, and keeps the others from nothing.
#[test]
fn an_ipv6_address_without_carrier_is_degraded_too() {
    let host = two_interfaces();
    host.sh("ip link set cable1 down");
    let vip = vip(&host, "192.0.2.9 2001:db8:1::9/64@eth1");
    vip.start();
    vip.monitor().expect(190).says("ip \"2001:db8:1::9\": nic eth1 has no carrier");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "eth1 198.51.100.1/24"]);
}

/// udev may rename the interface, for instance, and give its name to another one.
#[test]
fn stop_finds_the_interface_by_its_index_when_another_one_has_its_name() {
    let host = two_interfaces();
    let vip = vip(&host, "192.0.2.9/24").param("nic", "eth0");
    vip.start();
    host.sh("ip link set eth0 down && ip link set eth0 name old && ip link set old up");
    host.sh("ip link set eth1 down && ip link set eth1 name eth0 && ip link set eth0 up");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 198.51.100.1/24", "old 192.0.2.1/24"]);
}

/// The next start may be on another node, and an interface that stays up without a purpose carries what no
/// administrator expects.
#[test]
fn a_start_that_fails_sets_down_again_what_it_has_set_up() {
    let host = two_interfaces();
    host.sh("ip link add eth2 type veth peer name cable2 && ip link set eth2 up");
    let flags = |nic: &str| host.sh(&format!("ip -o link show {nic}"));
    let is_up = |nic: &str| flags(nic).contains("UP");
    // The kernel does not know the carrier of a new interface at once.
    until("no carrier", || flags("eth2").contains("NO-CARRIER").then_some(()));
    host.sh("ip link set eth2 down");
    // The start fails without a carrier, and, later, where announcements are refused.
    vip(&host, "203.0.113.9/24@eth2").timeout(2).run("start").expect(1).says("nic eth2: use: no carrier");
    assert!(!is_up("eth2"));
    host.sh("ip link set cable2 up");
    let refused = vip(&host, "203.0.113.9/24@eth2 192.0.2.9").param("arp_count", "1");
    refused.under(&["setpriv", "--bounding-set", "-net_raw"]).run("start").expect(4);
    assert!(!is_up("eth2") && is_up("eth0"));
    // An interface that another program uses stays up, and so does one that was up before.
    host.sh("ip address add 203.0.113.1/24 dev eth2 && ip link set eth2 up");
    let refused = vip(&host, "203.0.113.9/24@eth2").param("arp_count", "1");
    refused.under(&["setpriv", "--bounding-set", "-net_raw"]).run("start").expect(4);
    assert!(is_up("eth2"));
    vip(&host, "203.0.113.9/24@eth2").start();
    assert!(is_up("eth2"));
}
