//! `ocf:rust:vip` as pacemaker calls it, in namespaces of each test's own.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod announcements;
mod broken;
mod conflicts;
mod deletion;
mod killed;
mod kinds;
mod links;
mod loopback;
mod many;
mod numbers;
mod proof;
mod reload;
mod tunnel;

use common::rows::check_rows;
use common::{Host, kill};

#[test]
fn start_monitor_and_stop_may_be_repeated() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let before = host.addresses();
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("nic", "eth0");
    vip.probe().expect(7).silent();
    vip.monitor().expect(7).silent();
    for _ in 0..2 {
        vip.start();
        assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "eth0 192.0.2.9/24"]);
        vip.monitor().expect(0).silent();
        vip.probe().expect(0).silent();
    }
    for _ in 0..2 {
        vip.stop();
        assert_eq!(host.addresses(), before);
        vip.monitor().expect(7).silent();
    }
    assert_eq!(host.run_files(), [""; 0]);
}

/// The kernel makes a second address of a network depend on the first one, and takes it away with it.
#[test]
fn a_vip_is_not_lost_with_the_address_of_the_node_nor_the_other_way_round() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("cidr_netmask", "32").param("nic", "eth0");
    vip.start();
    host.sh("ip address del 192.0.2.1/24 dev eth0");
    vip.monitor().expect(0);
    host.sh("ip address add 192.0.2.1/24 dev eth0");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}

#[test]
fn an_address_that_was_there_already_is_taken_over() {
    let host = Host::with_eth0(&["192.0.2.1/24", "192.0.2.9/24"]);
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("nic", "eth0");
    vip.probe().expect(0).silent();
    vip.start();
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}

#[test]
fn another_prefix_is_a_fault_and_start_mends_it() {
    check_rows(
        [("192.0.2.9", "192.0.2.9/32", "eth0 192.0.2.9/24"), ("2001:db8::9", "2001:db8::9/128", "eth0 2001:db8::9/64")],
        |(ip, wrong, right)| {
            let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
            let vip = host.agent("vip").param("ip", ip).param("nic", "eth0").param("nodad", "yes");
            host.sh(&format!("ip address add {wrong} dev eth0 nodad"));
            vip.monitor().expect(1).says(wrong);
            vip.start();
            let addresses = host.addresses();
            assert!(addresses.iter().any(|line| line == right) && addresses.len() == 3, "{addresses:?}");
            vip.monitor().expect(0);
        },
    );
}

#[test]
fn a_part_of_several_addresses_is_a_fault_and_none_is_stopped() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = host.addresses();
    let vip = host.agent("vip").param("ip", "192.0.2.9, 192.0.2.10 2001:db8::9").param("nodad", "true");
    vip.start();
    assert_eq!(host.addresses().len(), before.len() + 3);
    host.sh("ip address del 192.0.2.10/24 dev eth0");
    vip.monitor().expect(1).says("ip \"192.0.2.10\": missing on eth0");
    vip.start();
    vip.monitor().expect(0);
    for address in ["192.0.2.9/24", "192.0.2.10/24", "2001:db8::9/64"] {
        host.sh(&format!("ip address del {address} dev eth0"));
    }
    vip.monitor().expect(7).silent();
    vip.start();
    vip.stop();
    assert_eq!(host.addresses(), before);
}

/// A failed start names what it wanted, and leaves nothing that the stop after it does not remove.
#[test]
fn a_new_list_of_addresses_leaves_none_of_the_old_behind() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let vip = |ip: &str| host.agent("vip").param("nic", "eth0").param("ip", ip);
    vip("192.0.2.9").start();
    vip("192.0.2.10").start();
    vip("192.0.2.10").stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}

#[test]
fn a_monitor_starts_no_process() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("nic", "eth0");
    vip.start();
    let started = kill::processes_of(&host, |strace| drop(vip.under(strace).monitor().expect(0)));
    assert_eq!(started, 0);
}
