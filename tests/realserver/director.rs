//! A node is director and real server in one: `ocf:rust:vip` has an address while the node directs.

use super::common::Host;
use super::{FORMER, SET, addresses, host, settings};

const VIPS: [(&str, &str); 2] = [("192.0.2.9", "192.0.2.9/24"), ("2001:db8::9", "2001:db8::9/64")];

/// Puts the addresses where the director's resource would.
fn address_comes(host: &Host) {
    VIPS.iter().for_each(|(_, vip)| drop(host.sh(&format!("ip address add {vip} dev eth0 nodad"))));
}

fn address_goes(host: &Host) {
    VIPS.iter().for_each(|(_, vip)| drop(host.sh(&format!("ip address del {vip} dev eth0"))));
}

#[test]
fn what_another_interface_has_is_left_there_and_counts_as_present() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
    address_comes(&host);
    realserver.start();
    let held = ["eth0 192.0.2.9/24", "eth0 2001:db8::9/64"];
    assert_eq!((addresses(&host), settings(&host)), (held.map(String::from).to_vec(), SET.map(String::from).to_vec()));
    realserver.monitor().expect(0).silent();
    realserver.probe().expect(0).silent();
    realserver.stop();
    assert_eq!(
        (addresses(&host), settings(&host)),
        (held.map(String::from).to_vec(), FORMER.map(String::from).to_vec())
    );
}

#[test]
fn without_a_record_an_address_of_another_interface_is_no_sign_of_the_instance() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
    address_comes(&host);
    realserver.probe().expect(7).silent();
    realserver.monitor().expect(7).silent();
    // An address on lo is a sign; the other one is then taken for the director's.
    host.sh("ip address add 192.0.2.9/32 dev lo");
    realserver.probe().expect(1).says("arp_ignore: is 0");
    realserver.stop();
    assert_eq!(addresses(&host), ["eth0 192.0.2.9/24", "eth0 2001:db8::9/64"]);
}

#[test]
fn a_director_that_comes_and_goes_never_fails_the_monitor() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
    realserver.start();
    for _ in 0..2 {
        address_comes(&host);
        realserver.monitor().expect(0).silent();
        VIPS.iter().for_each(|(vip, _)| drop(host.sh(&format!("ip address del {vip} dev lo"))));
        realserver.monitor().expect(0).silent();
        realserver.start();
        assert_eq!(addresses(&host), ["eth0 192.0.2.9/24", "eth0 2001:db8::9/64"]);
        address_goes(&host);
        realserver.monitor().expect(7).silent();
        realserver.start();
        realserver.monitor().expect(0).silent();
    }
    realserver.stop();
    assert_eq!(addresses(&host), [""; 0]);
}

#[test]
fn one_address_of_several_may_be_the_directors() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 192.0.2.10");
    host.sh("ip address add 192.0.2.9/24 dev eth0");
    realserver.start();
    assert_eq!(addresses(&host), ["eth0 192.0.2.9/24", "lo 192.0.2.10/32"]);
    realserver.monitor().expect(0).silent();
    host.sh("ip address del 192.0.2.10/32 dev lo");
    realserver.monitor().expect(1).says("ip \"192.0.2.10\": missing on lo");
    realserver.stop();
    assert_eq!(addresses(&host), ["eth0 192.0.2.9/24"]);
}
