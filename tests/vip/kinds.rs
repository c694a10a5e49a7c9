//! The forms of an address: prefixes, interfaces, labels, broadcast addresses, IPv6.

use super::common::Host;
use super::common::rows::check_rows;

#[test]
fn an_address_gets_its_own_prefix_or_that_of_the_parameter_or_that_of_the_route() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    check_rows(
        [
            ("192.0.2.9/28", "", "eth0 192.0.2.9/28"),
            ("192.0.2.9/28", "24", "eth0 192.0.2.9/28"),
            ("192.0.2.9", "32", "eth0 192.0.2.9/32"),
            ("192.0.2.9", "255.255.255.240", "eth0 192.0.2.9/28"),
            ("192.0.2.9", "", "eth0 192.0.2.9/24"),
            ("198.51.100.9", "32", "eth0 198.51.100.9/32"),
            ("2001:db8::9", "", "eth0 2001:db8::9/64"),
            ("2001:db8::9", "128", "eth0 2001:db8::9/128"),
            ("2001:db8::9/96", "", "eth0 2001:db8::9/96"),
            ("2001:db8:1::9/128", "", "eth0 2001:db8:1::9/128"),
        ],
        |(ip, mask, expected)| {
            let vip =
                host.agent("vip").params(&[("ip", ip), ("cidr_netmask", mask), ("nic", "eth0"), ("nodad", "yes")]);
            vip.start();
            assert!(host.addresses().contains(&expected.to_owned()), "{ip} {mask}: {:?}", host.addresses());
            vip.monitor().expect(0);
            vip.stop();
            assert_eq!(host.addresses().len(), 2, "{ip} {mask}");
        },
    );
}

#[test]
fn netmask_is_read_as_cidr_netmask() {
    let host = Host::with_eth0(&[]);
    host.agent("vip").params(&[("ip", "192.0.2.9"), ("netmask", "255.255.255.0"), ("nic", "eth0")]).start();
    assert_eq!(host.addresses(), ["eth0 192.0.2.9/24"]);
}

#[test]
fn the_interface_is_that_of_the_most_specific_route() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/48"]);
    host.sh("ip link add eth1 type veth peer name cable1 && ip link set eth1 up && ip link set cable1 up");
    host.sh("ip address add 192.0.2.129/25 dev eth1; ip address add 2001:db8:0:1::1/64 dev eth1 nodad");
    check_rows(
        [
            ("192.0.2.9", "eth0 192.0.2.9/24"),
            ("192.0.2.130", "eth1 192.0.2.130/25"),
            ("2001:db8::9", "eth0 2001:db8::9/48"),
            ("2001:db8:0:1::9", "eth1 2001:db8:0:1::9/64"),
            ("192.0.2.130@eth0", "eth0 192.0.2.130/24"),
        ],
        |(ip, expected)| {
            let vip = host.agent("vip").param("ip", ip).param("nodad", "yes");
            vip.start();
            assert!(host.addresses().contains(&expected.to_owned()), "{ip}: {:?}", host.addresses());
            vip.stop();
        },
    );
    let nowhere = host.agent("vip").param("ip", "198.51.100.9");
    nowhere.run("start").expect(1).says("ip \"198.51.100.9\": find its interface");
    nowhere.probe().expect(7).silent();
}

/// crmsh users write the alias of an interface as often as its name.
#[test]
fn an_alternative_name_of_the_interface_is_understood() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip link property add dev eth0 altname front");
    let vip = host.agent("vip").param("ip", "192.0.2.9").param("nic", "front");
    vip.start();
    assert!(host.addresses().contains(&"eth0 192.0.2.9/24".to_owned()));
    vip.monitor().expect(0);
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}

/// Without a prefix of its own, the address keeps the one that it was started with.
#[test]
fn a_new_route_does_not_move_an_address_whose_interface_has_an_alternative_name() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip link property add dev eth0 altname front");
    check_rows([("192.0.2.9", "front"), ("192.0.2.9@front", "")], |(ip, nic)| {
        let vip = host.agent("vip").param("ip", ip).param("nic", nic);
        vip.start();
        host.sh("ip route add 192.0.2.0/25 dev eth0");
        vip.monitor().expect(0).silent();
        host.sh("ip route del 192.0.2.0/25 dev eth0");
        vip.stop();
    });
}

#[test]
fn labels_and_broadcast_addresses_are_set_as_the_parameters_say() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    check_rows(
        [
            ("db", "", "eth0 192.0.2.9/24 eth0:db"),
            ("", "+", "eth0 192.0.2.9/24 brd 192.0.2.255"),
            ("", "-", "eth0 192.0.2.9/24"),
            ("db", "192.0.2.127", "eth0 192.0.2.9/24 eth0:db brd 192.0.2.127"),
        ],
        |(label, broadcast, expected)| {
            let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("iflabel", label), ("broadcast", broadcast)]);
            vip.start();
            assert!(host.addresses().contains(&expected.to_owned()), "{label} {broadcast}: {:?}", host.addresses());
            vip.monitor().expect(0);
            vip.stop();
            assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
        },
    );
}

#[test]
fn noprefixroute_lets_no_connected_route_come() {
    let host = Host::with_eth0(&[]);
    let vip = |no: &str| {
        host.agent("vip").params(&[("ip", "192.0.2.9/24 2001:db8::9/64"), ("nic", "eth0"), ("noprefixroute", no)])
    };
    let routes = || host.sh("ip route show dev eth0; ip -6 route show dev eth0 | grep 2001 || true");
    vip("yes").param("nodad", "yes").start();
    assert_eq!(routes(), "");
    vip("yes").stop();
    vip("no").param("nodad", "yes").start();
    assert!(routes().contains("192.0.2.0/24") && routes().contains("2001:db8::/64"), "{}", routes());
}

/// start returns when clients can use the address: not while the kernel still asks for duplicates.
#[test]
fn duplicate_address_detection_is_waited_for_or_skipped() {
    let (host, _peer) = Host::pair(&["2001:db8::1/64"], &["2001:db8::2/64"]);
    let vip = |nodad: &str| host.agent("vip").params(&[("ip", "2001:db8::9"), ("nodad", nodad)]);
    vip("no").start();
    let state = || host.sh("ip -6 address show dev eth0 to 2001:db8::9");
    assert!(state().contains("2001:db8::9/64") && !state().contains("tentative"), "{}", state());
    vip("no").stop();
    // A start that waited for this would fail.
    host.sh("echo 100 >/proc/sys/net/ipv6/conf/eth0/dad_transmits");
    vip("yes").start();
    assert!(state().contains("nodad"), "{}", state());
}

#[test]
fn an_address_that_a_neighbour_has_is_an_error_that_says_so() {
    let (host, _peer) = Host::pair(&["2001:db8::1/64"], &["2001:db8::9/64"]);
    let vip = host.agent("vip").param("ip", "2001:db8::9");
    vip.run("start").expect(1).says("another host on the link has it");
    vip.monitor().expect(7).silent();
    assert_eq!(host.addresses(), ["eth0 2001:db8::1/64"]);
    vip.stop();
}
