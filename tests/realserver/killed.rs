//! kill -9 of start and stop at each of their system calls.

use super::common::kill;
use super::{FORMER, addresses, host, settings_of};

fn after_each_kill(action: &str, nic: &str) {
    let host = host();
    host.sh("ip link add eth1 type veth peer name cable1");
    let realserver = host.agent("realserver").params(&[("ip", "192.0.2.9 2001:db8::9"), ("nic", nic)]);
    let prepare = || {
        realserver.stop();
        host.forget_records();
        if action == "stop" {
            realserver.start();
        }
    };
    kill::at_every_call(&host, &realserver, action, prepare, |index, place| {
        if index % 2 == 0 {
            realserver.start();
            realserver.monitor().expect(0).silent();
        }
        realserver.stop();
        assert_eq!(addresses(&host), [""; 0], "{place}");
        for nic in ["all", "eth0", "eth1"] {
            assert_eq!(settings_of(&host, nic), FORMER, "{nic}: {place}");
        }
    });
}

#[test]
fn a_start_for_every_interface_that_was_killed_anywhere_can_be_stopped() {
    after_each_kill("start", "all");
}

#[test]
fn a_start_for_some_interfaces_that_was_killed_anywhere_can_be_stopped() {
    after_each_kill("start", "eth0 eth1");
}

#[test]
fn a_stop_for_every_interface_that_was_killed_anywhere_can_be_repeated() {
    after_each_kill("stop", "all");
}

#[test]
fn a_stop_for_some_interfaces_that_was_killed_anywhere_can_be_repeated() {
    after_each_kill("stop", "eth0 eth1");
}

/// The former values go to the instance that stays.
#[test]
fn a_stop_that_was_killed_anywhere_hands_the_former_values_over() {
    let host = host();
    let goes = host.agent("realserver").instance("goes").param("ip", "192.0.2.9");
    let stays = host.agent("realserver").instance("stays").param("ip", "192.0.2.10");
    let prepare = || {
        goes.stop();
        stays.stop();
        host.forget_records();
        goes.start();
        stays.start();
    };
    kill::at_every_call(&host, &goes, "stop", prepare, |index, place| {
        stays.monitor().expect(0).silent();
        let order = if index % 2 == 0 { [&goes, &stays] } else { [&stays, &goes] };
        order.iter().for_each(|agent| agent.stop());
        assert_eq!(addresses(&host), [""; 0], "{place}");
        assert_eq!(settings_of(&host, "all"), FORMER, "{place}");
    });
}
