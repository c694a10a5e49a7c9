//! Wrong values. The first parameter of a row is what is wrong.

use super::common::Host;
use super::common::rows::check_rows;
use super::common::wrong::{WrongRow, check, everywhere, here};

/// Three lines of addresses, of which the second is wrong.
const WRONG_FILE: &str = "/run/test/wrong";
const EMPTY_FILE: &str = "/run/test/empty";
const DOUBLE_FILE: &str = "/run/test/double";
const GOOD_FILE: &str = "/run/test/good";

pub const OF_IP_AND_MASK: [WrongRow; 38] = [
    everywhere(&[("ip", "")], "ip: required, but not set"),
    everywhere(&[("ip", " , ")], "ip: required, but not set"),
    everywhere(&[("ip", "192.0.2.300")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "vip.example.org")], "not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "192.0.2.9/33")], "the prefix is not between 1 and 32"),
    everywhere(&[("ip", "192.0.2.9/0")], "the prefix is not between 1 and 32"),
    everywhere(&[("ip", "192.0.2.9/")], "the prefix is not between 1 and 32"),
    everywhere(&[("ip", "2001:db8::9/129")], "the prefix is not between 1 and 128"),
    everywhere(&[("ip", "192.0.2.9@")], "the nic after \"@\" is missing"),
    everywhere(&[("ip", "0.0.0.0")], "not the address of a host"),
    everywhere(&[("ip", "224.0.0.1")], "not the address of a host"),
    everywhere(&[("ip", "ff02::1")], "not the address of a host"),
    everywhere(&[("ip", "192.0.2.9 192.0.2.9")], "ip \"192.0.2.9\": named twice"),
    everywhere(&[("cidr_netmask", "33")], "cidr_netmask \"33\": the prefix is not between 1 and 32"),
    everywhere(&[("cidr_netmask", "0")], "cidr_netmask \"0\": the prefix is not"),
    everywhere(&[("cidr_netmask", "-1")], "cidr_netmask \"-1\": the prefix is not"),
    everywhere(&[("cidr_netmask", "255.0.255.0")], "cidr_netmask \"255.0.255.0\": not a netmask"),
    everywhere(&[("cidr_netmask", "255.255.255.0"), ("ip", "2001:db8::9")], "is not between 1 and 128"),
    everywhere(&[("netmask", "24"), ("cidr_netmask", "25")], "two names of one parameter differ"),
    here(&[("ip", "192.0.2.9@nosuch")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("ip", "198.51.100.9"), ("nic", "")], 1, "ip \"198.51.100.9\": find its interface"),
    everywhere(&[("ip", "192.0.2.9-")], "ip \"192.0.2.9-\": not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "192.0.2.10-192.0.2.9")], "the last address is before the first"),
    everywhere(&[("ip", "192.0.2.9-2001:db8::9")], "a range from one address family to the other"),
    everywhere(&[("ip", "192.0.2.9-192.0.2.12 192.0.2.12")], "ip \"192.0.2.12\": named twice"),
    everywhere(&[("ip", "192.0.2.9/24 192.0.2.9/32")], "ip \"192.0.2.9/32\": named twice"),
    everywhere(&[("ip", "::")], "not the address of a host"),
    everywhere(&[("ip", "fe80::9"), ("nic", "")], "name its interface"),
    everywhere(&[("ip", "192.0.2.9 192.0.2.300 2001:db8::g")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
    everywhere(&[("netmask", "33")], "cidr_netmask \"33\": the prefix is not between 1 and 32"),
    everywhere(&[("netmask", "255.0.255.0")], "not a netmask"),
    everywhere(&[("cidr_netmask", "129"), ("ip", "2001:db8::9")], "cidr_netmask \"129\": the prefix is not"),
    everywhere(&[("cidr_netmask", "0.0.0.0")], "not a netmask"),
    here(&[("ip_file", "/run/test/nosuch")], 2, "ip_file /run/test/nosuch: read: No such file"),
    here(&[("ip_file", "/run/test")], 2, "ip_file /run/test: read: "),
    here(&[("ip_file", WRONG_FILE)], 2, "ip_file /run/test/wrong:2: not an IPv4 or IPv6 address"),
    here(&[("ip_file", DOUBLE_FILE)], 2, "ip_file /run/test/double:1: named twice"),
    everywhere(&[("ip_file", GOOD_FILE), ("ip", "192.0.2.300")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
];

pub const OF_PLACES: [WrongRow; 25] = [
    // How long a label may be depends on the name of the interface.
    here(&[("iflabel", "much-too-long")], 2, "\"eth0:much-too-long\" is longer than 15 characters"),
    everywhere(&[("broadcast", "all")], "broadcast \"all\": expected +, - or an IPv4 address"),
    everywhere(&[("noprefixroute", "2")], "noprefixroute \"2\": expected yes or no"),
    here(&[("nic", "nosuch")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("nic", "eth0/1")], 5, "nic \"eth0/1\": no such interface on this node"),
    here(&[("nic", "a234567890123456")], 5, "nic \"a234567890123456\": no such interface on this node"),
    here(&[("nic", "nosuch:db")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("nic", "eth0:abcdefghijk")], 2, "\"eth0:abcdefghijk\" is longer than 15 characters"),
    // Both words mean the same interface, the first one by default: only the machine knows that.
    here(&[("nic", "eth0"), ("ip", "192.0.2.9 192.0.2.9@eth0")], 6, "ip \"192.0.2.9\": named twice for eth0"),
    here(&[("iflabel", "abcdefghijk")], 2, "\"eth0:abcdefghijk\" is longer than 15 characters"),
    everywhere(&[("broadcast", "2001:db8::ff")], "broadcast \"2001:db8::ff\": expected +, - or an IPv4 address"),
    everywhere(&[("proto", "nosuch")], "proto \"nosuch\": expected a number to 255 or one of redirect, kernel"),
    everywhere(&[("proto", "256")], "proto \"256\": expected a number to 255"),
    everywhere(&[("proto", "-1")], "proto \"-1\": expected a number to 255"),
    here(&[("proto", "static"), ("nic", "")], 1, "ip \"192.0.2.9\": find its interface"),
    everywhere(&[("metric", "-1")], "metric \"-1\": expected a whole number from 0 to 4294967295"),
    everywhere(&[("metric", "4294967296")], "metric \"4294967296\": expected a whole number"),
    everywhere(&[("flush_routes", "perhaps")], "flush_routes \"perhaps\": expected yes or no"),
    here(&[("network_namespace", "nosuch")], 5, "network_namespace \"nosuch\": find: there is none of that name"),
    here(&[("network_namespace", "/run/netns/nosuch")], 5, "network_namespace \"/run/netns/nosuch\": find"),
    everywhere(&[("check_link_status", "perhaps")], "check_link_status \"perhaps\": expected yes or no"),
    here(&[("check_link_status", "yes"), ("ip", "198.51.100.9/24@dark")], 1, "nic dark: use: no carrier"),
    everywhere(&[("lvs_support", "perhaps")], "lvs_support \"perhaps\": expected yes or no"),
    everywhere(&[("unique_clone_address", "perhaps")], "unique_clone_address \"perhaps\": expected yes or no"),
    everywhere(&[("unique_clone_address", "no"), ("CRM_meta_clone_max", "2")], "clone: run one instance"),
];

pub const OF_NUMBERS_AND_TIMES: [WrongRow; 30] = [
    everywhere(&[("arp_count", "-1")], "arp_count \"-1\": expected a whole number from 0 to 1000"),
    everywhere(&[("arp_count", "1001")], "arp_count \"1001\""),
    everywhere(&[("arp_count", "5.5")], "arp_count \"5.5\""),
    everywhere(&[("arp_interval", "0")], "arp_interval \"0\": expected a whole number from 1 to 60000"),
    everywhere(&[("nodad", "perhaps")], "nodad \"perhaps\": expected yes or no"),
    everywhere(&[("nodad", "x"), ("arp_count", "y")], "arp_count \"y\": expected a whole number"),
    everywhere(&[("arp_count_refresh", "-1")], "arp_count_refresh \"-1\": expected a whole number from 0 to 1000"),
    everywhere(&[("arp_count_refresh", "1001")], "arp_count_refresh \"1001\""),
    everywhere(&[("arp_interval", "60001")], "arp_interval \"60001\": expected a whole number from 1 to 60000"),
    everywhere(&[("arp_interval", "200ms")], "arp_interval \"200ms\": expected a whole number"),
    everywhere(&[("arp_repeat_after", "-1")], "arp_repeat_after \"-1\": expected"),
    everywhere(&[("arp_repeat_after", "5 parsec")], "arp_repeat_after \"5 parsec\": expected"),
    everywhere(&[("arp_repeat_after", "1.5s")], "arp_repeat_after \"1.5s\": expected"),
    everywhere(&[("arp_repeat_after", "18446744073709551616")], "arp_repeat_after \"18446744073709551616\": expected"),
    everywhere(&[("arp_gateway", "perhaps")], "arp_gateway \"perhaps\": expected yes or no"),
    everywhere(&[("run_arping", "perhaps")], "run_arping \"perhaps\": expected yes or no"),
    everywhere(&[("optimistic", "perhaps")], "optimistic \"perhaps\": expected yes or no"),
    everywhere(
        &[("preferred_lft", "-1"), ("ip", "2001:db8::9")],
        "preferred_lft \"-1\": expected forever or a number of seconds",
    ),
    everywhere(
        &[("preferred_lft", "4294967296"), ("ip", "2001:db8::9")],
        "preferred_lft \"4294967296\": expected forever",
    ),
    everywhere(&[("preferred_lft", "never"), ("ip", "2001:db8::9")], "preferred_lft \"never\": expected forever"),
    everywhere(&[("lvs_ipv6_addrlabel", "perhaps")], "lvs_ipv6_addrlabel \"perhaps\": expected yes or no"),
    everywhere(&[("lvs_ipv6_addrlabel_value", "0")], "lvs_ipv6_addrlabel_value \"0\": expected a whole number from 1"),
    // The kernel's own mark for "no label".
    everywhere(&[("lvs_ipv6_addrlabel_value", "4294967295")], "lvs_ipv6_addrlabel_value \"4294967295\""),
    everywhere(&[("mac", "02:00:00:00:00:01")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_hash", "sourceip")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_hash_seed", "0")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_firewall", "iptables")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_table", "t")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_chain", "c")], "ocf:rust:lvs"),
    everywhere(&[("clusterip_mac_mangle", "m")], "ocf:rust:lvs"),
];

fn host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    // This is another program's address, which no wrong parameter may cost.
    host.sh("ip address add 192.0.2.8/24 dev eth0");
    host.sh("ip link add dark type veth peer name end && ip link set dark up");
    host.write(WRONG_FILE, "# ours\n192.0.2.300\n192.0.2.10\n");
    host.write(EMPTY_FILE, "# none\n");
    host.write(DOUBLE_FILE, "192.0.2.9\n");
    host.write(GOOD_FILE, "192.0.2.10\n");
    host
}

fn check_here(rows: &[WrongRow]) {
    let host = host();
    let right = || host.agent("vip").params(&[("ip", "192.0.2.9"), ("nic", "eth0"), ("arp_count", "1")]);
    check(&host, right, rows);
    // At the level that looks at this machine, validate-all says what start would, but for what only shows when it is
    // done.
    check_rows(rows.iter().filter(|(_, start, ..)| *start != 1), |(parameters, start, _, says)| {
        let local = right().params(parameters).variable("OCF_CHECK_LEVEL", "10");
        local.run("validate-all").expect(*start).says(says);
    });
}

#[test]
fn start_refuses_wrong_addresses_and_masks() {
    check_here(&OF_IP_AND_MASK);
}

#[test]
fn start_refuses_wrong_interfaces_and_routes() {
    check_here(&OF_PLACES);
}

#[test]
fn start_refuses_wrong_numbers_and_times() {
    check_here(&OF_NUMBERS_AND_TIMES);
}

/// Files differ from node to node: what is missing in one must not keep the addresses from all of them (6).
#[test]
fn an_empty_file_is_wrong_on_this_node_only() {
    check_here(&[here(&[("ip_file", EMPTY_FILE), ("ip", "")], 2, "ip_file /run/test/empty: ")]);
}

/// Each caller has another working directory.
#[test]
fn a_file_whose_path_is_not_absolute_is_refused() {
    check_here(&[everywhere(&[("ip_file", "run/test/good")], "ip_file \"run/test/good\": ")]);
}

/// The address reaches all hosts of the link at once.
#[test]
fn the_broadcast_address_of_all_hosts_is_refused() {
    check_here(&[everywhere(&[("ip", "255.255.255.255")], "not the address of a host")]);
}

/// The number of the clone must not make an address that would be refused when it was written.
#[test]
fn a_clone_has_the_address_of_a_host_too() {
    check_rows(["223.255.255.255/32", "255.255.255.255/32", "255.255.255.254/32"], |ip| {
        let host = host();
        let clone = [("unique_clone_address", "yes"), ("CRM_meta_clone", "1"), ("nic", "eth0"), ("ip", ip)];
        let vip = host.agent("vip").params(&clone);
        vip.run("start").expect(6).says("not the address of a host");
        vip.stop();
    });
}

/// `ip netns` leaves the file where a namespace was when it was made on another mount. Nothing of ours can be in it, so
/// a stop that fails would fence the node for nothing.
#[test]
fn start_refuses_a_file_that_is_not_a_network_namespace() {
    check_here(&[here(&[("network_namespace", GOOD_FILE)], 5, "network_namespace \"/run/test/good\": ")]);
    let host = host();
    host.write("/run/netns/left", "");
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("network_namespace", "left")]);
    vip.run("start").expect(5);
    vip.probe().expect(7);
    vip.stop();
}

/// The reason goes into the cluster's configuration, which more people can read than a file of root's.
#[test]
fn a_file_that_is_not_a_list_of_addresses_is_never_quoted() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.write("/run/test/shadow", "root:$6$salt$secret/hash:19000:0:99999:7:::\n192.0.2.9/secret\n");
    let vip = host.agent("vip").param("ip_file", "/run/test/shadow");
    let start = vip.run("start").expect(2).says("ip_file /run/test/shadow:1: not an IPv4 or IPv6 address");
    let level = vip.clone().variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(2);
    for outcome in [&start, &level] {
        assert!(!outcome.reason().contains("secret") && !outcome.reason().contains("salt"), "{}", outcome.reason());
    }
    assert!(!host.read(super::common::agent::AGENT_LOG).contains("secret"));
    vip.stop();
    // A device or a pipe may have no end.
    host.sh("mkfifo /run/test/pipe");
    check_rows(["/dev/zero", "/run/test/pipe"], |endless| {
        let vip = host.agent("vip").param("ip_file", endless);
        vip.run("start").expect(2).says(&format!("ip_file {endless}: read: not a regular file"));
        vip.stop();
    });
}
