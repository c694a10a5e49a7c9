//! Many addresses in one resource, from lists, ranges and files: all of them come or none.

use super::common::rows::check_rows;
use super::common::{Agent, Host};

const FILE: &str = "/run/test/vips";

fn host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    host.sh("ip link add eth1 type veth peer name cable1 && ip link set eth1 up && ip link set cable1 up");
    host.sh("ip address add 198.51.100.1/24 dev eth1");
    host
}

const NODE: [&str; 3] = ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64", "eth1 198.51.100.1/24"];

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("nodad", "yes"), ("arp_count", "1"), ("arp_repeat_after", "0")])
}

#[test]
fn a_list_of_every_form_is_put_up_and_removed() {
    let host = host();
    let list = "192.0.2.9, 192.0.2.10/32\n2001:db8::9@eth0 198.51.100.10-198.51.100.12 192.0.2.254-192.0.3.1/16@eth1";
    let vip = vip(&host, list);
    vip.start();
    let expected = [
        "eth0 192.0.2.1/24",
        "eth0 192.0.2.10/32",
        "eth0 192.0.2.9/24",
        "eth0 2001:db8::1/64",
        "eth0 2001:db8::9/64",
        "eth1 192.0.2.254/16",
        "eth1 192.0.2.255/16",
        "eth1 192.0.3.0/16",
        "eth1 192.0.3.1/16",
        "eth1 198.51.100.1/24",
        "eth1 198.51.100.10/24",
        "eth1 198.51.100.11/24",
        "eth1 198.51.100.12/24",
    ];
    assert_eq!(host.addresses(), expected);
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), NODE);
}

#[test]
fn hundreds_come_and_go_and_each_missing_one_is_noticed() {
    let host = host();
    let vip = vip(&host, "10.1.0.1-10.1.1.144 2001:db8::1:0-2001:db8::1:63").params(&[("cidr_netmask", "32")]);
    let vip = vip.param("nic", "eth0");
    vip.start();
    assert_eq!(host.addresses().len(), NODE.len() + 400 + 100);
    vip.monitor().expect(0).silent();
    host.sh("ip address del 10.1.1.1/32 dev eth0");
    vip.monitor().expect(1).says("ip \"10.1.1.1\": missing on eth0");
    host.sh("for i in $(seq 2 99); do ip address del 10.1.1.$i/32 dev eth0; done");
    vip.monitor().expect(1).says("and 96 more");
    vip.start();
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), NODE);
}

/// The kernel refuses an IPv6 address where IPv6 is switched off.
#[test]
fn when_one_cannot_be_added_none_is_and_what_was_there_is_as_before() {
    let host = host();
    host.sh("ip address add 192.0.2.10/32 dev eth0 && echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6");
    let before = host.addresses();
    let vip = vip(&host, "192.0.2.9 192.0.2.10/24 2001:db8:1::9/64@eth1 192.0.2.11");
    vip.run("start").expect(1).says("2001:db8:1::9/64: add to interface");
    assert_eq!(host.addresses(), before);
    // The address that was there is the resource's own now, by its name.
    vip.stop();
    assert_eq!(host.addresses().len(), before.len() - 1);
    vip.monitor().expect(7);
}

#[test]
fn when_another_host_has_one_none_stays() {
    let (host, _peer) = Host::pair(&["2001:db8::1/64"], &["2001:db8::a/64"]);
    let vip = host.agent("vip").param("ip", "2001:db8::9 2001:db8::a 2001:db8::b");
    vip.run("start").expect(1).says("ip \"2001:db8::a\": add to eth0: another host on the link has it");
    assert_eq!(host.addresses(), ["eth0 2001:db8::1/64"]);
    vip.stop();
}

#[test]
fn a_file_adds_to_the_list() {
    let host = host();
    host.write(FILE, "# of the web team\n192.0.2.20-192.0.2.21\n\n192.0.2.30/32 # alone\n");
    check_rows([("192.0.2.9", 4), ("", 3)], |(ip, expected)| {
        let vip = vip(&host, ip).param("ip_file", FILE);
        vip.run("validate-all").expect(0).silent();
        vip.start();
        assert_eq!(host.addresses().len(), NODE.len() + expected);
        vip.monitor().expect(0).silent();
        vip.stop();
        assert_eq!(host.addresses(), NODE);
    });
}

/// Clients must not lose hundreds of addresses because a file was saved.
#[test]
fn an_edited_file_is_reported_and_start_applies_the_difference() {
    let host = host();
    host.write(FILE, "192.0.2.20 192.0.2.21");
    let vip = vip(&host, "").param("ip_file", FILE);
    vip.start();
    host.replace(FILE, "192.0.2.21 192.0.2.22 192.0.2.23");
    vip.monitor().expect(190).says("edited, 2 addresses to add or change, 1 to remove");
    host.replace(FILE, "192.0.2.21 x");
    vip.monitor().expect(190).says(&format!("ip_file {FILE}:1: not an IPv4 or IPv6 address"));
    host.sh(&format!("rm {FILE}"));
    vip.monitor().expect(190).says("No such file");
    vip.probe().expect(190);
    host.write(FILE, "192.0.2.21 192.0.2.22");
    let events = host.follow("ip -o monitor address");
    vip.start();
    vip.monitor().expect(0).silent();
    let seen = events.until_contains("192.0.2.22");
    assert!(!seen.contains("192.0.2.21"), "the address that stays was touched: {seen}");
    let expected = ["eth0 192.0.2.1/24", "eth0 192.0.2.21/24", "eth0 192.0.2.22/24"];
    assert_eq!(host.addresses()[..3], expected.map(String::from));
    host.sh(&format!("rm {FILE}"));
    vip.run("start").expect(2).says("No such file");
    vip.stop();
    assert_eq!(host.addresses(), NODE);
}

#[test]
fn a_failed_change_of_the_list_forgets_nothing() {
    let host = host();
    vip(&host, "192.0.2.9").start();
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6");
    let changed = vip(&host, "192.0.2.10 2001:db8:1::9/64@eth1");
    changed.run("start").expect(1);
    assert!(host.addresses().contains(&"eth0 192.0.2.9/24".into()), "{:?}", host.addresses());
    changed.stop();
    assert_eq!(host.addresses(), NODE);
}

/// Another prefix or interface of the same address is another place.
#[test]
fn another_prefix_or_interface_counts_as_an_edit() {
    let host = host();
    host.write(FILE, "192.0.2.20/24");
    let vip = vip(&host, "").param("ip_file", FILE);
    vip.start();
    vip.monitor().expect(0).silent();
    for edited in ["192.0.2.20/25", "192.0.2.20/24@eth1"] {
        host.replace(FILE, edited);
        vip.monitor().expect(190).says("edited, 1 addresses to add or change, 1 to remove");
    }
    host.replace(FILE, "192.0.2.20");
    vip.monitor().expect(0).silent();
}

#[test]
fn an_alternative_name_of_an_interface_does_not_count_as_an_edit() {
    let host = host();
    host.sh("ip link property add dev eth0 altname front");
    host.write(FILE, "192.0.2.20@front 192.0.2.21");
    let vip = vip(&host, "").params(&[("ip_file", FILE), ("nic", "front")]);
    vip.start();
    vip.monitor().expect(0).silent();
}

/// What serves goes on serving, whatever a start made of an edited file.
#[test]
fn a_start_that_fails_after_an_edit_does_not_make_the_monitor_fail() {
    let host = host();
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6");
    host.write(FILE, "192.0.2.20");
    let vip = vip(&host, "").param("ip_file", FILE);
    vip.start();
    host.replace(FILE, "192.0.2.20 2001:db8:1::9/64@eth1");
    vip.run("start").expect(1);
    vip.monitor().expect(190).says("edited, 1 addresses to add");
    host.replace(FILE, "192.0.2.20");
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), NODE);
}

/// The kernel takes the others of a subnet with its first address, as if they had been deleted on purpose.
#[test]
fn the_first_address_of_a_subnet_takes_nothing_along() {
    check_rows(["0", "1"], |promotes| {
        let host = Host::with_eth0(&[]);
        host.sh(&format!("echo {promotes} > /proc/sys/net/ipv4/conf/all/promote_secondaries"));
        host.write(FILE, "192.0.2.20/24@eth0 192.0.2.21/24@eth0");
        let vip = vip(&host, "").param("ip_file", FILE);
        vip.start();
        host.sh("ip address add 192.0.2.1/24 dev eth0 && ip route add default via 192.0.2.254 src 192.0.2.1");
        host.replace(FILE, "192.0.2.21/24@eth0 192.0.2.22/24@eth0");
        vip.start();
        vip.monitor().expect(0).silent();
        let here = ["eth0 192.0.2.1/24", "eth0 192.0.2.21/24", "eth0 192.0.2.22/24"];
        assert_eq!(host.addresses(), here, "promote_secondaries={promotes}");
        vip.stop();
        assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
        assert_eq!(host.sh("ip route show default"), "default via 192.0.2.254 dev eth0 src 192.0.2.1 \n");
    });
}

/// Other resources come and go at the same time, and the kernel interrupts every list that it gives.
#[test]
fn start_monitor_and_stop_work_while_other_addresses_come_and_go() {
    let host = host();
    // These are more than fit into one message of a list, so that a list can change while it is read.
    let crowd = host.agent("vip").instance("crowd").params(&[("ip", "10.1.0.1-10.1.7.208"), ("cidr_netmask", "32")]);
    crowd.params(&[("nic", "eth1"), ("arp_count", "0")]).start();
    let unrest = "while :; do ip address add 10.2.0.1/32 dev eth1; ip address del 10.2.0.1/32 dev eth1; done";
    host.sh(&format!("({unrest}) >/dev/null 2>&1 & echo $! > /run/test/unrest"));
    let vip = vip(&host, "192.0.2.9");
    for _ in 0..3 {
        vip.start();
        vip.monitor().expect(0).silent();
        vip.probe().expect(0).silent();
        vip.stop();
        vip.monitor().expect(7).silent();
    }
    host.sh("kill $(cat /run/test/unrest)");
}

/// What a killed start has put up must be stopped before the cluster starts it elsewhere.
#[test]
fn a_probe_after_a_start_that_was_killed_says_that_something_is_there() {
    let host = host();
    host.write(FILE, "192.0.2.20 192.0.2.21");
    let vip = vip(&host, "").param("ip_file", FILE);
    // The second rename of a record completes it.
    let kill = ["strace", "-o", "/dev/null", "-e", "trace=rename", "-e", "inject=rename:signal=KILL:when=2"];
    assert_eq!(vip.clone().under(&kill).run("start").code, None);
    assert!(host.addresses().contains(&"eth0 192.0.2.20/24".into()), "{:?}", host.addresses());
    vip.probe().expect(1).says("left by a start that did not end");
    vip.stop();
    vip.probe().expect(7).silent();
}
