//! `ocf:rust:realserver` as pacemaker calls it, in namespaces of each test's own.

#[path = "../common/mod.rs"]
mod common;

use common::{Host, kill};

/// The kernel takes the higher of the values for all interfaces and for the one.
const SETTINGS: [(&str, &str); 2] = [("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2")];

/// A node of which nothing is as the agent needs it.
fn host() -> Host {
    let host = Host::new();
    for (name, _) in SETTINGS {
        host.sh(&format!("echo 0 > /proc/sys/{name}"));
    }
    host
}

fn settings(host: &Host) -> Vec<String> {
    SETTINGS.iter().map(|(name, _)| host.sh(&format!("cat /proc/sys/{name}")).trim().to_owned()).collect()
}

const FORMER: [&str; 2] = ["0", "0"];
const SET: [&str; 2] = ["1", "2"];

#[test]
fn addresses_and_settings_are_set_and_put_back() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9, 2001:db8::9");
    realserver.probe().expect(7).silent();
    realserver.monitor().expect(7).silent();
    for _ in 0..2 {
        realserver.start();
        assert_eq!(host.addresses(), ["lo 192.0.2.9/32", "lo 2001:db8::9/128"]);
        assert_eq!(settings(&host), SET);
        realserver.monitor().expect(0).silent();
        realserver.probe().expect(0).silent();
    }
    for _ in 0..2 {
        realserver.stop();
        assert_eq!(host.addresses(), [""; 0]);
        assert_eq!(settings(&host), FORMER);
        realserver.monitor().expect(7).silent();
    }
    assert_eq!(host.run_files(), [""; 0]);
}

#[test]
fn each_missing_piece_is_found_and_mended() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 192.0.2.10 2001:db8::9");
    realserver.start();
    for (name, value) in SETTINGS {
        host.sh(&format!("echo 0 > /proc/sys/{name}"));
        realserver.monitor().expect(1).says(&format!("{name}: is 0, must be {value}"));
        realserver.start();
        realserver.monitor().expect(0);
    }
    for address in ["192.0.2.9/32", "192.0.2.10/32", "2001:db8::9/128"] {
        host.sh(&format!("ip address del {address} dev lo"));
        let (bare, _) = address.split_once('/').expect("prefix");
        realserver.monitor().expect(1).says(&format!("{bare}: missing on the loopback"));
        realserver.start();
        realserver.monitor().expect(0);
    }
    host.sh("ip address flush dev lo scope global");
    realserver.monitor().expect(7).silent();
    realserver.stop();
    assert_eq!(settings(&host), FORMER);
}

/// The same resource may run once for each service, all for the same kernel settings.
#[test]
fn of_two_instances_the_last_one_puts_the_settings_back() {
    for first_to_go in [0, 1] {
        let host = host();
        let agents = [
            host.agent("realserver").instance("one").param("ip", "192.0.2.9 192.0.2.10"),
            host.agent("realserver").instance("two").param("ip", "192.0.2.10 192.0.2.11"),
        ];
        agents.iter().for_each(|agent| agent.start());
        assert_eq!(host.addresses().len(), 3);
        let [goes, stays] = if first_to_go == 0 { &agents } else { &[agents[1].clone(), agents[0].clone()] };
        goes.stop();
        stays.monitor().expect(0);
        assert_eq!(host.addresses().len(), 2, "{:?}", host.addresses());
        assert_eq!(settings(&host), SET);
        stays.stop();
        assert_eq!(host.addresses(), [""; 0]);
        assert_eq!(settings(&host), FORMER);
    }
}

#[test]
fn a_setting_that_somebody_else_made_stays() {
    let host = host();
    host.sh("echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore");
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    host.sh("echo 1 > /proc/sys/net/ipv4/conf/all/arp_announce");
    realserver.stop();
    assert_eq!(settings(&host), ["1", "1"]);
}

#[test]
fn stop_succeeds_whatever_is_broken() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    for bad in ["", "x", "192.0.2.9/24", "192.0.2.9@eth0"] {
        realserver.start();
        realserver.clone().param("ip", bad).stop();
        assert_eq!((host.addresses(), settings(&host)), (vec![], FORMER.map(String::from).to_vec()), "{bad:?}");
        realserver.clone().param("ip", bad).probe().expect(7);
        realserver.clone().param("ip", bad).stop();
    }
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.stop();
    assert_eq!(host.addresses(), [""; 0]);
}

#[test]
fn a_damaged_record_does_not_keep_the_address() {
    for damage in ["", "{\"addresses\":[\"192", "[]", "\u{0}"] {
        let host = host();
        let realserver = host.agent("realserver").param("ip", "192.0.2.9");
        realserver.start();
        host.write("/run/lvs-agents/realserver/my-realserver.json", damage);
        realserver.stop();
        assert_eq!(host.addresses(), [""; 0], "{damage:?}");
        realserver.start();
        realserver.monitor().expect(0);
    }
}

/// The cluster would start what it believes to be stopped everywhere else, too.
#[test]
fn an_address_whose_record_is_gone_is_still_running() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.monitor().expect(0);
    realserver.probe().expect(0);
    host.agent("realserver").instance("other").param("ip", "192.0.2.9").start();
    realserver.probe().expect(7);
}

#[test]
fn a_start_or_stop_that_was_killed_anywhere_can_be_repeated() {
    for action in ["start", "stop"] {
        let host = host();
        let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
        let prepare = || {
            realserver.stop();
            host.sh("rm -rf /run/lvs-agents");
            if action == "stop" {
                realserver.start();
            }
        };
        kill::at_every_call(&host, &realserver, action, prepare, |index, place| {
            if index % 2 == 0 {
                realserver.start();
                realserver.monitor().expect(0);
            }
            realserver.stop();
            assert_eq!(host.addresses(), [""; 0], "{place}");
            assert_eq!(settings(&host), FORMER, "{place}");
        });
    }
}

#[test]
fn a_monitor_starts_no_process() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    let started = kill::processes_of(&host, |strace| drop(realserver.under(strace).monitor().expect(0)));
    assert_eq!(started, 0);
}
