//! Stop succeeds and leaves nothing, whatever became of parameters and records.

use super::common::rows::check_rows;
use super::{FORMER, addresses, host, settings};

#[test]
fn stop_succeeds_whatever_is_broken() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    let wrong = [
        ("ip", ""),
        ("ip", "x"),
        ("ip", "192.0.2.9/24"),
        ("ip", "192.0.2.9@eth0"),
        ("forwarding", "x"),
        ("nic", "nosuch"),
        ("nic", "../x"),
        ("nic", ","),
    ];
    check_rows(wrong, |(name, bad)| {
        realserver.start();
        realserver.clone().param(name, bad).stop();
        assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()), "{bad:?}");
        realserver.clone().param(name, bad).probe().expect(7);
        realserver.clone().param(name, bad).stop();
    });
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.stop();
    assert_eq!(addresses(&host), [""; 0]);
}

#[test]
fn a_damaged_record_does_not_keep_the_address() {
    let strange = "{\"wanted\":{\"claims\":[{\"address\":\"192.0.2.9\",\"device\":\"nosuch\"}],\"nics\":[\"../x\"]},\
                   \"former\":[[\"../../../run/x\",\"1\"],[\"net/ipv4/conf/nosuch/arp_ignore\",\"0\"]]}";
    check_rows(["", "{\"wanted\":{\"cl", "[]", "\u{0}", strange], |damage| {
        let host = host();
        let realserver = host.agent("realserver").param("ip", "192.0.2.9");
        realserver.start();
        host.write("/run/lvs-agents/realserver/my-realserver.json", damage);
        realserver.stop();
        if damage != strange {
            assert_eq!(addresses(&host), [""; 0], "{damage:?}");
        }
        realserver.start();
        realserver.monitor().expect(0).silent();
    });
}

#[test]
fn a_damaged_record_of_another_instance_counts_as_none() {
    let host = host();
    host.write("/run/lvs-agents/realserver/other.json", "{");
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    realserver.monitor().expect(0).silent();
    realserver.stop();
    assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()));
}

/// The cluster would start what it believes to be stopped everywhere else, too.
#[test]
fn an_address_whose_record_is_gone_is_still_running() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.monitor().expect(0).silent();
    realserver.probe().expect(0).silent();
    host.agent("realserver").instance("other").param("ip", "192.0.2.9").start();
    realserver.probe().expect(7).silent();
}

/// A clean-up that leaves a copy of the address behind leaves a real server that takes all packets for it, or for the
/// whole network, for its own.
#[test]
fn stop_removes_the_address_from_its_device_whatever_its_prefix() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
    check_rows(
        [
            "ip address add 192.0.2.9/24 dev lo",
            "ip address del 192.0.2.9/32 dev lo && ip address add 192.0.2.9/24 dev lo",
            "ip address del 2001:db8::9/128 dev lo && ip address add 2001:db8::9/64 dev lo",
        ],
        |wide| {
            realserver.start();
            host.sh(wide);
            realserver.monitor().expect(1).says("/");
            realserver.stop();
            assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()), "{wide}");
            // A start leaves only the address of a host, too.
            realserver.start();
            host.sh(wide);
            realserver.start();
            realserver.monitor().expect(0).silent();
            assert_eq!(addresses(&host), ["lo 192.0.2.9/32", "lo 2001:db8::9/128"], "{wide}");
            realserver.stop();
        },
    );
}

/// The kernel takes the other addresses of a network along with its first one.
#[test]
fn what_others_have_on_the_device_stays() {
    let host = host();
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/lo/promote_secondaries");
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    host.sh("ip address del 192.0.2.9/32 dev lo && ip address add 192.0.2.9/24 dev lo");
    host.sh("ip address add 192.0.2.10/24 dev lo label lo:own");
    realserver.stop();
    assert_eq!(addresses(&host), ["lo 192.0.2.10/24 lo:own"]);
}

#[test]
fn the_address_of_the_loopback_itself_is_refused() {
    let host = host();
    check_rows(["127.0.0.1", "127.0.0.7", "::1", "192.0.2.9 127.0.0.1"], |own| {
        let realserver = host.agent("realserver").param("ip", own);
        realserver.run("start").expect(6).says("is the loopback address of every host, and no virtual IP");
        realserver.run("validate-all").expect(6);
        realserver.stop();
    });
    host.sh("ip -o address show dev lo | grep -q 127.0.0.1/8 && ip -6 -o address show dev lo | grep -q ::1/128");
    assert_eq!(addresses(&host), [""; 0]);
}

/// What can be read of the parameters is enough to leave nothing.
#[test]
fn without_a_record_one_wrong_parameter_does_not_keep_the_addresses() {
    let host = host();
    check_rows(
        [("nic", "../x"), ("ip", "192.0.2.9 x 2001:db8::9"), ("ip", "192.0.2.9 2001:db8::9 192.0.2.1/24")],
        |(name, bad)| {
            let realserver = host.agent("realserver").param("ip", "192.0.2.9 2001:db8::9");
            realserver.start();
            host.sh("rm -r /run/lvs-agents");
            realserver.param(name, bad).stop();
            assert_eq!(addresses(&host), [""; 0], "{name}={bad:?}");
        },
    );
}
