//! `reload-agent`: announcements and labels change, addresses stay.

use super::common::rows::check_rows;
use super::common::{Agent, Host};

fn host() -> Host {
    Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"])
}

fn vip<'a>(host: &'a Host, label: &str, policy: &str) -> Agent<'a> {
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9 192.0.2.10/32 2001:db8::9"), ("nodad", "yes")]);
    vip.params(&[("iflabel", label), ("lvs_ipv6_addrlabel_value", policy), ("arp_count", "0")])
}

fn policy(host: &Host) -> String {
    host.sh("ip addrlabel list | grep 2001:db8::9 | sed 's/ *dev.*//' || true").trim().into()
}

#[test]
fn labels_change_and_no_address_is_missing_for_a_moment() {
    let host = host();
    vip(&host, "one", "99").start();
    assert!(host.addresses().contains(&"eth0 192.0.2.9/24 eth0:one".into()), "{:?}", host.addresses());
    assert_eq!(policy(&host), "prefix 2001:db8::9/128 label 99");

    let changed = vip(&host, "two", "98");
    changed.monitor().expect(1).says("ip \"192.0.2.9\": has eth0:one on eth0, must have eth0:two");
    let events = host.follow("ip -o monitor route address");
    changed.run("reload-agent").expect(0).silent();
    let expected = [
        "eth0 192.0.2.1/24",
        "eth0 192.0.2.10/32 eth0:two",
        "eth0 192.0.2.9/24 eth0:two",
        "eth0 2001:db8::1/64",
        "eth0 2001:db8::9/64",
    ];
    assert_eq!(host.addresses(), expected);
    assert_eq!(policy(&host), "prefix 2001:db8::9/128 label 98");
    changed.monitor().expect(0).silent();
    host.sh("ip address add 192.0.2.99/32 dev eth0");
    for address in ["192.0.2.9", "192.0.2.10"] {
        assert_eq!(events.fewest_local_routes(address, 1, "192.0.2.99"), 1, "{address}");
    }
    let seen = events.until_contains("192.0.2.99");
    assert!(!seen.contains("2001:db8::9/64"), "an address without a label was touched: {seen}");
    // The setting of another program is not taken for ours.
    host.sh("echo 1 > /proc/sys/net/ipv4/conf/eth0/promote_secondaries");
    changed.stop();
    assert_eq!(policy(&host), "");
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries"), "1\n");
}

#[test]
fn reload_starts_nothing() {
    let host = host();
    let before = host.addresses();
    vip(&host, "one", "99").run("reload-agent").expect(7).says("none of them is there");
    assert_eq!(host.addresses(), before);
    vip(&host, "one", "99").start();
    vip(&host, "much-too-long", "99").run("reload-agent").expect(2).says("longer than 15 characters");
    vip(&host, "one", "99").monitor().expect(0).silent();
}

/// Without its label the address works, but the node may use it as a source.
#[test]
fn a_missing_address_label_is_reported_and_set_again_by_start() {
    let host = host();
    let vip = vip(&host, "", "99");
    vip.start();
    host.sh("ip addrlabel del prefix 2001:db8::9/128 label 99");
    vip.monitor().expect(190).says("ip \"2001:db8::9\": has not address label 99");
    vip.start();
    vip.monitor().expect(0).silent();
}

/// The last address that was added would be chosen otherwise, which the label prevents.
#[test]
fn the_node_does_not_use_the_address_as_a_source() {
    let host = host();
    check_rows(
        [("yes", "forever", false), ("no", "0", false), ("no", "forever", true)],
        |(label, lifetime, is_source)| {
            let vip = host.agent("vip").params(&[("ip", "2001:db8::2"), ("nodad", "yes"), ("arp_count", "0")]);
            let vip = vip.params(&[("lvs_ipv6_addrlabel", label), ("preferred_lft", lifetime)]);
            vip.start();
            vip.monitor().expect(0).silent();
            let source = host.sh("ip -6 route get 2001:db8::3");
            assert_eq!(source.contains("src 2001:db8::2 "), is_source, "{label} {lifetime}: {source}");
            vip.stop();
        },
    );
}

/// An administrator's own label serves as well, and stays.
#[test]
fn a_label_of_another_program_is_left_alone() {
    let host = host();
    host.sh("ip addrlabel add prefix 2001:db8::9/128 label 7");
    let vip = vip(&host, "", "99");
    vip.start();
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(policy(&host), "prefix 2001:db8::9/128 label 7");
}

/// monitor reports a file that has gone bad; the file keeps nothing else from being changed.
#[test]
fn a_bad_file_does_not_keep_labels_from_being_changed() {
    let host = host();
    host.write("/run/test/vips", "192.0.2.9 2001:db8::9");
    let vip = |label: &str| {
        let vip = host.agent("vip").params(&[("ip_file", "/run/test/vips"), ("iflabel", label), ("nodad", "yes")]);
        vip.param("arp_count", "0")
    };
    vip("one").start();
    host.sh("rm /run/test/vips");
    vip("two").run("reload-agent").expect(0).silent();
    assert!(host.addresses().contains(&"eth0 192.0.2.9/24 eth0:two".into()), "{:?}", host.addresses());
    vip("two").monitor().expect(190).says("No such file");
    // An address that leaves the list takes its label along.
    host.write("/run/test/vips", "192.0.2.9");
    vip("two").start();
    assert_eq!(policy(&host), "");
}
