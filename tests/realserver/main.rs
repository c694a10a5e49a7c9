//! `ocf:rust:realserver` as pacemaker calls it, in namespaces of each test's own.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod broken;
mod director;
mod killed;
mod locks;
mod neighbours;
mod packet_loop;
mod settings;
mod tunnel;

use common::{Host, kill};

/// The kernel takes the higher of the values for all interfaces and for the one.
const SETTINGS: [(&str, &str); 2] = [("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2")];
const FORMER: [&str; 2] = ["0", "0"];
const SET: [&str; 2] = ["1", "2"];

/// Makes a node of which nothing is as the agent needs it.
fn host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    for nic in ["all", "default", "eth0"] {
        set(&host, &format!("{nic}/arp_ignore"), 0);
        set(&host, &format!("{nic}/arp_announce"), 0);
    }
    host
}

/// Sets a setting below net/ipv4/conf.
fn set(host: &Host, name: &str, value: u8) {
    host.sh(&format!("echo {value} > /proc/sys/net/ipv4/conf/{name}"));
}

fn get(host: &Host, name: &str) -> String {
    host.sh(&format!("cat /proc/sys/net/ipv4/conf/{name}")).trim().to_owned()
}

fn settings_of(host: &Host, nic: &str) -> Vec<String> {
    ["arp_ignore", "arp_announce"].map(|key| get(host, &format!("{nic}/{key}"))).to_vec()
}

fn settings(host: &Host) -> Vec<String> {
    settings_of(host, "all")
}

/// Returns all addresses but those that the node has of its own.
fn addresses(host: &Host) -> Vec<String> {
    let own = ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64"];
    host.addresses().into_iter().filter(|address| !own.contains(&address.as_str())).collect()
}

#[test]
fn addresses_and_settings_are_set_and_put_back() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9, 2001:db8::9");
    realserver.probe().expect(7).silent();
    realserver.monitor().expect(7).silent();
    for _ in 0..2 {
        realserver.start();
        assert_eq!(addresses(&host), ["lo 192.0.2.9/32", "lo 2001:db8::9/128"]);
        assert_eq!(settings(&host), SET);
        realserver.monitor().expect(0).silent();
        realserver.probe().expect(0).silent();
    }
    for _ in 0..2 {
        realserver.stop();
        assert_eq!(addresses(&host), [""; 0]);
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
        realserver.monitor().expect(0).silent();
    }
    for address in ["192.0.2.9/32", "192.0.2.10/32", "2001:db8::9/128"] {
        host.sh(&format!("ip address del {address} dev lo"));
        let (bare, _) = address.split_once('/').expect("prefix");
        realserver.monitor().expect(1).says(&format!("ip \"{bare}\": missing on lo"));
        realserver.start();
        realserver.monitor().expect(0).silent();
    }
    for (address, prefix, other) in [("192.0.2.9", 32, 24), ("2001:db8::9", 128, 64)] {
        host.sh(&format!("ip address del {address}/{prefix} dev lo && ip address add {address}/{other} dev lo"));
        let says = format!("ip \"{address}\": is {address}/{other} on lo, must be {address}/{prefix}");
        realserver.monitor().expect(1).says(&says);
        realserver.start();
        realserver.monitor().expect(0).silent();
    }
    host.sh("ip link set lo down");
    realserver.monitor().expect(1).says("nic \"lo\": is down");
    realserver.start();
    realserver.monitor().expect(0).silent();
    host.sh("ip address flush dev lo scope global");
    realserver.monitor().expect(7).silent();
    realserver.stop();
    assert_eq!(settings(&host), FORMER);
}

/// Pacemaker stops the resource first; an administrator may not.
#[test]
fn a_start_with_other_parameters_leaves_nothing_of_the_earlier_one() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 192.0.2.10");
    realserver.start();
    let other = host.agent("realserver").params(&[("ip", "192.0.2.10"), ("nic", "eth0")]);
    other.start();
    assert_eq!(addresses(&host), ["lo 192.0.2.10/32"]);
    assert_eq!(
        (settings(&host), settings_of(&host, "eth0")),
        (FORMER.map(String::from).to_vec(), SET.map(String::from).to_vec())
    );
    other.monitor().expect(0).silent();
    other.stop();
    assert_eq!((addresses(&host), settings_of(&host, "eth0")), (vec![], FORMER.map(String::from).to_vec()));
}

#[test]
fn without_an_ipv4_address_no_setting_changes() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "2001:db8::9");
    realserver.start();
    realserver.monitor().expect(0).silent();
    assert_eq!(settings(&host), FORMER);
    realserver.stop();
}

#[test]
fn a_monitor_starts_no_process() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    let started = kill::processes_of(&host, |strace| drop(realserver.under(strace).monitor().expect(0)));
    assert_eq!(started, 0);
}
