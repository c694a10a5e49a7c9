//! The director is a real server too: `lvs_support`, and `ocf:rust:realserver` on the same node.

use super::common::rows::check_rows;
use super::common::{Agent, Host, kill};

fn host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip address add 192.0.2.9/32 dev lo && ip address add 192.0.2.10/32 dev lo");
    host
}

const STANDBY: [&str; 3] = ["eth0 192.0.2.1/24", "lo 192.0.2.10/32", "lo 192.0.2.9/32"];
const DIRECTOR: [&str; 3] = ["eth0 192.0.2.1/24", "eth0 192.0.2.9/24", "lo 192.0.2.10/32"];

fn vip(host: &Host) -> Agent<'_> {
    host.agent("vip").params(&[("ip", "192.0.2.9"), ("arp_count", "0")])
}

#[test]
fn the_copy_on_the_loopback_moves_aside_and_comes_back() {
    let host = host();
    let vip = vip(&host).param("lvs_support", "yes");
    // The address is on the loopback only, so this node does not direct.
    vip.probe().expect(7).silent();
    for _ in 0..2 {
        vip.start();
        assert_eq!(host.addresses(), DIRECTOR);
        vip.monitor().expect(0).silent();
    }
    for _ in 0..2 {
        vip.stop();
        assert_eq!(host.addresses(), STANDBY);
        vip.monitor().expect(7).silent();
    }
}

#[test]
fn without_lvs_support_the_copy_on_the_loopback_stays() {
    let host = host();
    let vip = vip(&host);
    vip.start();
    assert!(host.addresses().contains(&"lo 192.0.2.9/32".into()));
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), STANDBY);
}

#[test]
fn what_was_not_there_before_does_not_come() {
    let host = host();
    host.sh("ip address del 192.0.2.9/32 dev lo");
    let vip = vip(&host).param("lvs_support", "yes");
    vip.start();
    vip.stop();
    assert_eq!(host.addresses(), STANDBY[..2]);
}

/// The address must not be missing even for a moment: the node's own connections to it, and those of its clients, would
/// be reset.
#[test]
fn the_address_is_local_all_the_time() {
    let host = host();
    let vip = vip(&host).param("lvs_support", "yes");
    let events = host.follow("ip -o monitor route");
    vip.start();
    vip.stop();
    host.sh("ip address add 192.0.2.11/32 dev eth0");
    assert_eq!(events.fewest_local_routes("192.0.2.9", 1, "192.0.2.11"), 1);
}

#[test]
fn a_start_or_stop_that_was_killed_anywhere_brings_it_back_in_the_end() {
    for action in ["start", "stop"] {
        let host = host();
        let vip = vip(&host).param("lvs_support", "yes");
        let prepare = || {
            host.forget_records();
            host.sh("ip address replace 192.0.2.9/32 dev lo");
            if action == "stop" {
                vip.start();
            }
        };
        kill::at_every_call(&host, &vip, action, prepare, |index, place| {
            if index % 2 == 0 {
                vip.start();
                assert_eq!(host.addresses(), DIRECTOR, "{place}");
            }
            vip.stop();
            assert_eq!(host.addresses(), STANDBY, "{place}");
        });
    }
}

const VIPS: &str = "192.0.2.9 2001:db8::9";

fn both(host: &Host) -> [Agent<'_>; 2] {
    let vip = host.agent("vip").params(&[("ip", VIPS), ("nodad", "yes"), ("arp_count", "0")]);
    [vip, host.agent("realserver").param("ip", VIPS)]
}

fn node() -> Host {
    Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"])
}

const ALONE: [&str; 2] = ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64"];
const SERVING: [&str; 4] = ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64", "lo 192.0.2.9/32", "lo 2001:db8::9/128"];
const DIRECTING: [&str; 4] = ["eth0 192.0.2.1/24", "eth0 192.0.2.9/24", "eth0 2001:db8::1/64", "eth0 2001:db8::9/64"];

#[test]
fn a_realserver_on_the_node_steps_aside_and_comes_back_and_never_fails() {
    let host = node();
    let [vip, realserver] = both(&host);
    realserver.start();
    assert_eq!(host.addresses(), SERVING);
    let events = host.follow("ip -o monitor route");
    for _ in 0..3 {
        vip.start();
        assert_eq!(host.addresses(), DIRECTING);
        realserver.monitor().expect(0).silent();
        vip.monitor().expect(0).silent();
        vip.stop();
        assert_eq!(host.addresses(), SERVING);
        realserver.monitor().expect(0).silent();
        vip.monitor().expect(7).silent();
    }
    host.sh("ip address add 192.0.2.11/32 dev eth0 && ip address del 192.0.2.11/32 dev eth0");
    assert_eq!(events.fewest_local_routes("192.0.2.9", 1, "192.0.2.11"), 1);
    realserver.stop();
    assert_eq!(host.addresses(), ALONE);
}

/// Whichever of the two comes first or goes first, what is left is what the other one alone would have.
#[test]
fn in_any_order_vip_and_realserver_leave_what_the_other_one_alone_would_have() {
    check_rows(["no", "yes"], |lvs_support| {
        let host = node();
        let [vip, realserver] = both(&host);
        let vip = vip.param("lvs_support", lvs_support);
        vip.start();
        realserver.start();
        assert_eq!(host.addresses(), DIRECTING);
        vip.stop();
        assert_eq!(host.addresses(), SERVING);
        vip.start();
        realserver.stop();
        assert_eq!(host.addresses(), DIRECTING);
        vip.monitor().expect(0).silent();
        vip.stop();
        assert_eq!(host.addresses(), ALONE, "lvs_support={lvs_support}");
    });
}

#[test]
fn a_stop_that_was_killed_anywhere_leaves_nobody_without_the_address() {
    let host = node();
    let [vip, realserver] = both(&host);
    let prepare = || {
        realserver.start();
        vip.start();
    };
    kill::at_every_change(&host, &vip, "stop", prepare, |_, place| {
        realserver.monitor().expect(0);
        vip.stop();
        assert_eq!(host.addresses(), SERVING, "{place}");
        realserver.monitor().expect(0);
    });
}

/// The cluster may only ask this node, or the interface may be missing here: what the real server has is not ours.
#[test]
fn without_a_record_the_address_of_the_real_server_is_left_alone() {
    let host = node();
    let [vip, realserver] = both(&host);
    realserver.start();
    check_rows(["nosuch", "", "eth0"], |nic| {
        let vip = vip.clone().param("nic", nic);
        vip.probe().expect(7);
        vip.stop();
        assert_eq!(host.addresses(), SERVING, "nic={nic}");
    });
    // Where no network has the address, the route of its own copy leads nowhere.
    host.sh("ip address del 192.0.2.1/24 dev eth0 && ip address del 2001:db8::1/64 dev eth0");
    vip.run("start").expect(1).says("find its interface");
    vip.probe().expect(7);
    vip.stop();
    assert_eq!(host.addresses(), SERVING[2..]);
}

/// The real server's loopback is that of the node, not that of a network namespace.
#[test]
fn a_namespace_gets_nothing_back() {
    let host = node();
    host.sh("mkdir -p /run/netns && ip netns add inner && ip -n inner link set lo up");
    host.sh("ip link add eth1 type veth peer name cable1 && ip link set eth1 netns inner && ip link set cable1 up");
    host.sh("ip -n inner link set eth1 up");
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9/24"), ("nic", "eth1"), ("network_namespace", "inner")]);
    realserver.start();
    vip.start();
    vip.stop();
    assert!(!host.sh("ip -n inner -4 address show").contains("192.0.2.9"));
    realserver.monitor().expect(0).silent();
}

/// What had the address before has it again.
#[test]
fn a_start_that_fails_late_gives_the_address_back() {
    let host = node();
    let [vip, realserver] = both(&host);
    realserver.start();
    // Announcements need a socket that is refused; the addresses are up by then.
    let refused = vip.clone().under(&["setpriv", "--bounding-set", "-net_raw"]).param("arp_count", "1");
    refused.run("start").expect(4).says("announcements: open a socket");
    assert_eq!(host.addresses(), SERVING);
    realserver.monitor().expect(0).silent();
}

/// An administrator's script may give it a label, scope and broadcast address, so that no other host sees it.
#[test]
fn what_moved_aside_comes_back_as_it_was() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip address add 192.0.2.9/32 broadcast 192.0.2.9 scope host label lo:0 dev lo");
    let before = host.sh("ip -o address show dev lo");
    let vip = vip(&host).param("lvs_support", "yes");
    for _ in 0..2 {
        vip.start();
        assert!(!host.sh("ip -o address show dev lo").contains("192.0.2.9"));
        vip.stop();
        assert_eq!(host.sh("ip -o address show dev lo"), before);
    }
}

/// The address is gone from the network, which is all that the cluster must know; but what moved aside is not
/// forgotten.
#[test]
fn what_cannot_be_put_back_now_is_put_back_by_the_next_stop() {
    let host = node();
    host.sh("ip address add 2001:db8::9/128 dev lo");
    let vip = host.agent("vip").params(&[("ip", "2001:db8::9"), ("nodad", "yes"), ("arp_count", "0")]);
    let vip = vip.param("lvs_support", "yes");
    vip.start();
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
    vip.stop();
    assert_eq!(host.addresses(), ALONE);
    vip.monitor().expect(7).silent();
    vip.probe().expect(7).silent();
    host.sh("echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64", "lo 2001:db8::9/128"]);
    assert_eq!(host.run_files(), [""; 0]);
}

/// The record is that of a version that did not know of labels.
#[test]
fn what_moved_aside_under_an_older_version_comes_back() {
    let host = host();
    let vip = vip(&host).param("lvs_support", "yes");
    vip.start();
    let path = "/run/lvs-agents/vip/my-vip.json";
    let mut record: serde_json::Value = serde_json::from_str(&host.read(path)).expect("record");
    record["moved_aside"][0].as_object_mut().expect("one").remove("description");
    host.write(path, &record.to_string());
    vip.stop();
    assert_eq!(host.addresses(), STANDBY);
}
