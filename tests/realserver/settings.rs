//! For which interface kernel settings are made, which instances share them, and when they are put back.

use super::common::rows::check_rows;
use super::common::{Agent, Host};
use super::{FORMER, SET, addresses, get, host, set, settings, settings_of};

fn one_and_two<'a>(host: &'a Host, one: &[(&str, &str)], two: &[(&str, &str)]) -> [Agent<'a>; 2] {
    [host.agent("realserver").instance("one").params(one), host.agent("realserver").instance("two").params(two)]
}

/// Starts and stops both in every order. Before, between and after, `check` gets which of the two run.
fn in_every_order(agents: &[Agent<'_>; 2], check: impl Fn([bool; 2])) {
    for (first, second) in [(0, 1), (1, 0)] {
        for (goes, stays) in [(0, 1), (1, 0)] {
            check([false, false]);
            agents[first].start();
            check([first == 0, first == 1]);
            agents[second].start();
            check([true, true]);
            agents[goes].stop();
            check([stays == 0, stays == 1]);
            agents[stays].monitor().expect(0).silent();
            agents[stays].stop();
            check([false, false]);
        }
    }
}

/// The same resource may run once for each service, all for the same settings.
#[test]
fn of_two_instances_the_last_one_puts_the_settings_back() {
    let host = host();
    let agents = one_and_two(&host, &[("ip", "192.0.2.9 192.0.2.10")], &[("ip", "192.0.2.10 192.0.2.11")]);
    in_every_order(&agents, |running| {
        let expected = [0, 2, 3][running.iter().filter(|runs| **runs).count()];
        assert_eq!(addresses(&host).len(), expected, "{running:?}: {:?}", addresses(&host));
        assert_eq!(settings(&host), if expected == 0 { FORMER } else { SET }, "{running:?}");
    });
}

#[test]
fn instances_with_different_interfaces_need_different_settings() {
    let host = host();
    let agents = one_and_two(&host, &[("ip", "192.0.2.9"), ("nic", "eth0")], &[("ip", "192.0.2.10")]);
    in_every_order(&agents, |running| {
        let found = ["eth0", "all"].map(|nic| settings_of(&host, nic));
        assert_eq!(found, running.map(|runs| if runs { SET } else { FORMER }), "{running:?}");
    });
}

#[test]
fn each_interface_of_the_list_is_set_compared_and_put_back() {
    let host = host();
    host.sh("ip link add eth1.7 type veth peer name eth2 && ip link property add dev eth2 altname lan");
    let nics = ["eth0", "eth1.7", "eth2"];
    let realserver = host.agent("realserver").params(&[("ip", "192.0.2.9"), ("nic", "eth0, eth1.7 lan")]);
    realserver.start();
    for nic in nics {
        assert_eq!(settings_of(&host, nic), SET);
        set(&host, &format!("{nic}/arp_ignore"), 0);
        realserver.monitor().expect(1).says(&format!("net/ipv4/conf/{nic}/arp_ignore: is 0, must be 1"));
        // The kernel takes the higher value, so this suffices.
        set(&host, "all/arp_ignore", 1);
        realserver.monitor().expect(0).silent();
        set(&host, "all/arp_ignore", 0);
        realserver.start();
    }
    assert_eq!(settings(&host), FORMER);
    realserver.stop();
    assert!(nics.iter().all(|nic| settings_of(&host, nic) == FORMER));
}

#[test]
fn an_interface_that_is_not_there_fails_start_and_never_stop() {
    let host = host();
    host.sh("ip link add eth1 type veth peer name cable1");
    let realserver = host.agent("realserver").params(&[("ip", "192.0.2.9"), ("nic", "eth0 eth1")]);
    realserver.start();
    host.sh("ip link del eth1");
    realserver.monitor().expect(1).says("nic \"eth1\": no such interface on this node");
    realserver.probe().expect(1).says("nic \"eth1\": no such interface on this node");
    realserver.run("start").expect(5).says("nic \"eth1\": no such interface on this node");
    realserver.stop();
    assert_eq!((addresses(&host), settings_of(&host, "eth0")), (vec![], FORMER.map(String::from).to_vec()));
    realserver.probe().expect(7).silent();
    realserver.monitor().expect(7).silent();
}

#[test]
fn a_setting_that_another_program_made_stays() {
    let host = host();
    set(&host, "all/arp_ignore", 1);
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    set(&host, "all/arp_announce", 1);
    realserver.stop();
    assert_eq!(settings(&host), ["1", "1"]);
}

#[test]
fn a_stricter_setting_of_the_administrator_is_left_alone() {
    check_rows([2, 8], |value| {
        let host = host();
        set(&host, "all/arp_ignore", value);
        let realserver = host.agent("realserver").param("ip", "192.0.2.9");
        realserver.start();
        realserver.monitor().expect(0).silent();
        assert_eq!(settings(&host), [value.to_string().as_str(), "2"]);
        realserver.stop();
        assert_eq!(settings(&host), [value.to_string().as_str(), "0"]);
    });
}

/// The values between are not stricter, and the kernel takes the higher one.
#[test]
fn a_higher_value_that_does_not_do_fails_start_and_says_whose_it_is() {
    let host = host();
    set(&host, "all/arp_ignore", 3);
    let realserver = host.agent("realserver").params(&[("ip", "192.0.2.9"), ("nic", "eth0")]);
    realserver.run("start").expect(1).says("net/ipv4/conf/all/arp_ignore: is 3, must be 1");
    assert_eq!(addresses(&host), [""; 0]);
    realserver.stop();
    assert_eq!(get(&host, "eth0/arp_ignore"), "0");
}

/// The interface would answer the client's router for the address: what counts is the higher of its own value and that
/// of all.
#[test]
fn where_all_interfaces_are_meant_the_higher_value_of_one_counts() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    set(&host, "eth0/arp_ignore", 3);
    realserver.run("start").expect(1).says("net/ipv4/conf/eth0/arp_ignore: is 3, must be 1");
    assert_eq!(addresses(&host), [""; 0]);
    set(&host, "eth0/arp_ignore", 0);
    realserver.start();
    realserver.monitor().expect(0).silent();
    set(&host, "eth0/arp_ignore", 3);
    realserver.monitor().expect(1).says("net/ipv4/conf/eth0/arp_ignore: is 3, must be 1");
    // The first value is stricter than wanted, and no host asks the loopback.
    set(&host, "eth0/arp_ignore", 8);
    set(&host, "lo/arp_ignore", 3);
    realserver.monitor().expect(0).silent();
    realserver.stop();
    assert_eq!((settings(&host), get(&host, "eth0/arp_ignore")), (FORMER.map(String::from).to_vec(), "8".into()));
}
