//! Whatever is broken around vip, stop succeeds, and the monitor answers only what it may.

use super::common::rows::check_rows;
use super::common::{Agent, Host};

const RECORD: &str = "/run/lvs-agents/vip/my-vip.json";

fn started(host: &Host) -> Agent<'_> {
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("nic", "eth0").param("arp_count", "1");
    vip.start();
    vip
}

fn host() -> Host {
    Host::with_eth0(&["192.0.2.1/24"])
}

const NODE: [&str; 1] = ["eth0 192.0.2.1/24"];

#[test]
fn stop_without_parameters_removes_what_the_record_says() {
    let host = host();
    started(&host);
    host.agent("vip").stop();
    assert_eq!(host.addresses(), NODE);
    host.agent("vip").stop();
}

#[test]
fn stop_with_bad_parameters_removes_what_the_record_says() {
    check_rows([("ip", "192.0.2.300"), ("cidr_netmask", "33"), ("arp_count", "x"), ("nic", "nosuch")], |bad| {
        let host = host();
        let vip = started(&host).params(&[bad]);
        let monitored = vip.monitor();
        assert!([Some(1), Some(7)].contains(&monitored.code), "{bad:?}: {:?}", monitored.code);
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{bad:?}");
    });
}

#[test]
fn a_probe_with_bad_parameters_answers_7_where_nothing_runs() {
    let host = host();
    check_rows([("ip", ""), ("ip", "x"), ("cidr_netmask", "33"), ("nodad", "perhaps"), ("nic", "nosuch")], |bad| {
        let vip = host.agent("vip").param("ip", "192.0.2.9").params(&[bad]);
        vip.probe().expect(7);
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{bad:?}");
    });
}

#[test]
fn stop_succeeds_when_the_interface_is_gone() {
    let host = host();
    let vip = started(&host);
    host.sh("ip link del eth0");
    let monitored = vip.monitor();
    assert!([Some(1), Some(7)].contains(&monitored.code), "{:?}", monitored.code);
    vip.probe().expect(7);
    vip.run("start").expect(5).says("nic \"eth0\": no such interface on this node");
    vip.stop();
    assert_eq!(host.addresses(), [""; 0]);
}

#[test]
fn stop_succeeds_when_the_interface_has_another_name() {
    let host = host();
    let vip = started(&host);
    host.sh("ip link set eth0 down && ip link set eth0 name eth7 && ip link set eth7 up");
    vip.stop();
}

#[test]
fn without_the_run_directory_monitor_and_stop_find_the_address() {
    let host = host();
    let vip = started(&host);
    host.sh("rm -r /run/lvs-agents");
    vip.monitor().expect(0);
    vip.stop();
    assert_eq!(host.addresses(), NODE);
    vip.start();
    vip.monitor().expect(0);
}

#[test]
fn with_a_damaged_record_monitor_and_stop_find_the_address() {
    check_rows(["", "{", "[{\"address\":\"192.0.2.9\"}]", "[1,2", "\u{0}\u{0}"], |damage| {
        let host = host();
        let vip = started(&host);
        host.write(RECORD, damage);
        vip.monitor().expect(0);
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{damage:?}");
        vip.start();
        vip.stop();
        assert_eq!(host.addresses(), NODE, "{damage:?}");
    });
}

/// Root's files do not become writable for others because a folder was made in a hurry.
#[test]
fn the_record_is_private() {
    let host = host();
    started(&host);
    assert_eq!(host.sh(&format!("stat -c %a /run/lvs-agents {RECORD}")), "700\n600\n");
}

/// Only what this instance owns is removed: the same address elsewhere belongs to another owner.
#[test]
fn stop_leaves_the_same_address_on_another_interface() {
    let host = host();
    let vip = started(&host);
    host.sh("ip address add 192.0.2.9/32 dev lo");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "lo 192.0.2.9/32"]);
}

#[test]
fn two_instances_do_not_touch_each_other() {
    let host = host();
    let other = host.agent("vip").instance("other").param("ip", "192.0.2.10").param("nic", "eth0");
    let vip = started(&host);
    other.start();
    vip.stop();
    other.monitor().expect(0);
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24", "eth0 192.0.2.10/24"]);
}

/// A whole node's resources start at once after a reboot, so there must be no lock directories and no shared temporary
/// names.
#[test]
fn many_instances_start_and_stop_at_once() {
    let host = host();
    let all = |action: &str| {
        std::thread::scope(|scope| {
            for number in 10..30 {
                let host = &host;
                let vip = host.agent("vip").instance(&format!("vip{number}")).param("nic", "eth0");
                let vip = vip.param("ip", &format!("192.0.2.{number}"));
                scope.spawn(move || vip.run(action).expect(0).silent());
            }
        });
    };
    all("start");
    assert_eq!(host.addresses().len(), 21);
    all("stop");
    assert_eq!(host.addresses(), NODE);
}

/// What cannot be written down is not a reason to keep an address, or the node would be fenced for a full disk.
#[test]
fn stop_removes_the_address_where_nothing_can_be_written() {
    let host = Host::with_eth0(&[]);
    host.sh("mkdir /run/lvs-agents && mount -t tmpfs -o size=64k tmpfs /run/lvs-agents");
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9/24"), ("nic", "eth0"), ("arp_count", "1")]);
    vip.start();
    host.sh("ip address add 192.0.2.1/24 dev eth0");
    host.sh("cat /dev/zero > /run/lvs-agents/fill 2>/dev/null; true");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
    // What stop has removed has made room.
    host.sh("cat /dev/zero >> /run/lvs-agents/fill 2>/dev/null; true");
    vip.run("start").expect(1).says("/run/lvs-agents/vip/my-vip.json: write: No space left on device");
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}

/// The program was replaced while the resource ran.
#[test]
fn a_record_of_an_older_version_is_understood() {
    let host = host();
    let vip = started(&host);
    let record: serde_json::Value = serde_json::from_str(&host.read(RECORD)).expect("record");
    host.write(RECORD, &format!("{{\"placed\":{}}}", record["placed"]));
    vip.monitor().expect(0).silent();
    vip.run("reload-agent").expect(0).silent();
    host.agent("vip").stop();
    assert_eq!(host.addresses(), NODE);
}

/// A stop that fails without a record must leave one, or the next stop would not know of addresses whose routes went
/// with the others.
#[test]
fn a_stop_without_a_record_and_rights_leaves_one_to_the_next() {
    let host = host();
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    let vip = started(&host);
    host.sh("rm -r /run/lvs-agents");
    vip.clone().under(&["setpriv", "--bounding-set", "-net_admin"]).run("stop").expect(1);
    assert_eq!(host.addresses().len(), 2);
    vip.stop();
    assert_eq!(host.addresses(), NODE);
}

#[test]
fn a_reload_without_a_record_knows_the_namespace_and_the_file() {
    let host = host();
    host.sh("mkdir -p /run/netns && ip netns add inner && ip link add eth1 type veth peer name cable1");
    host.sh("ip link set eth1 netns inner && ip link set cable1 up && ip -n inner link set eth1 up");
    host.write("/run/test/vips", "203.0.113.9/24@eth1");
    let vip = host.agent("vip").params(&[("ip_file", "/run/test/vips"), ("network_namespace", "inner")]);
    let vip = vip.param("arp_count", "1");
    vip.start();
    host.sh("rm -r /run/lvs-agents");
    vip.run("reload-agent").expect(0).silent();
    vip.monitor().expect(0).silent();
    host.agent("vip").stop();
    assert!(!host.sh("ip -n inner -4 address show").contains("203.0.113.9"));
}

/// The kernel takes any bytes for a name, and another program's may be anything.
#[test]
fn names_that_are_not_utf_8_break_no_action() {
    let host = host();
    let odd = r"$(printf 'odd\377')";
    host.sh(&format!(
        "ip link add \"{odd}\" type veth peer name odd-end && ip link set odd-end up && ip link set \"{odd}\" up"
    ));
    host.sh(&format!("ip link property add dev eth0 altname \"{odd}-too\""));
    host.sh("ip address add 203.0.113.1/24 dev eth0 label \"$(printf 'eth0:\\377')\"");
    host.sh(&format!("ip address add 203.0.113.2/24 dev \"{odd}\""));
    let before = host.addresses();
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("nic", "eth0"), ("arp_count", "2")]);
    vip.clone().variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(0).silent();
    vip.probe().expect(7);
    vip.start();
    vip.monitor().expect(0).silent();
    vip.run("reload-agent").expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), before);
    // Such an interface is like any other, where a route leads to it.
    let there = host.agent("vip").params(&[("ip", "203.0.113.9"), ("iflabel", "")]).param("proto", "kernel");
    host.sh("ip address del 203.0.113.1/24 dev eth0");
    there.start();
    assert!(host.addresses().iter().any(|line| line.starts_with("odd") && line.contains(" 203.0.113.9/24")));
    there.monitor().expect(0).silent();
    there.stop();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    realserver.monitor().expect(0).silent();
    realserver.stop();
}

/// The files in it say what root removes.
#[test]
fn a_run_directory_that_somebody_else_made_becomes_private() {
    let host = host();
    host.sh(
        "mkdir -p /run/lvs-agents/vip && chmod 777 /run/lvs-agents /run/lvs-agents/vip && chown 1234 /run/lvs-agents",
    );
    started(&host);
    assert_eq!(host.sh("stat -c '%a %u' /run/lvs-agents /run/lvs-agents/vip"), "700 0\n700 0\n");
    host.agent("vip").stop();
    assert_eq!(host.addresses(), NODE);
}
