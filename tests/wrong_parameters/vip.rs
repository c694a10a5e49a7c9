use super::common::Host;
use super::{Row, check, everywhere, here};

const ROWS: [Row; 32] = [
    everywhere(&[("ip", "")], "ip: required, but not set"),
    everywhere(&[("ip", " , ")], "ip: required, but not set"),
    everywhere(&[("ip", "192.0.2.300")], "ip \"192.0.2.300\": not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "vip.example.org")], "not an IPv4 or IPv6 address"),
    everywhere(&[("ip", "192.0.2.9/33")], "prefix \"33\" is not between 1 and 32"),
    everywhere(&[("ip", "192.0.2.9/0")], "prefix \"0\" is not between 1 and 32"),
    everywhere(&[("ip", "192.0.2.9/")], "prefix \"\" is not between 1 and 32"),
    everywhere(&[("ip", "2001:db8::9/129")], "prefix \"129\" is not between 1 and 128"),
    everywhere(&[("ip", "192.0.2.9@")], "the nic after \"@\" is missing"),
    everywhere(&[("ip", "0.0.0.0")], "not the address of a host"),
    everywhere(&[("ip", "224.0.0.1")], "not the address of a host"),
    everywhere(&[("ip", "ff02::1")], "not the address of a host"),
    everywhere(&[("ip", "192.0.2.9 192.0.2.9")], "ip \"192.0.2.9\": named twice"),
    everywhere(&[("cidr_netmask", "33")], "cidr_netmask: prefix \"33\" is not between 1 and 32"),
    everywhere(&[("cidr_netmask", "0")], "cidr_netmask: prefix \"0\""),
    everywhere(&[("cidr_netmask", "-1")], "cidr_netmask: prefix \"-1\""),
    everywhere(&[("cidr_netmask", "255.0.255.0")], "cidr_netmask: \"255.0.255.0\" is not a netmask"),
    everywhere(&[("cidr_netmask", "255.255.255.0"), ("ip", "2001:db8::9")], "is not between 1 and 128"),
    everywhere(&[("netmask", "24"), ("cidr_netmask", "25")], "two names of one parameter differ"),
    everywhere(&[("iflabel", "vip"), ("ip", "2001:db8::9")], "iflabel: IPv6 addresses have no label"),
    // How long it may be depends on the name of the interface.
    here(&[("iflabel", "much-too-long")], 2, "\"eth0:much-too-long\" is longer than 15 characters"),
    everywhere(&[("broadcast", "all")], "broadcast \"all\": expected +, - or an IPv4 address"),
    everywhere(&[("arp_count", "-1")], "arp_count \"-1\": expected a whole number from 0 to 1000"),
    everywhere(&[("arp_count", "1001")], "arp_count \"1001\""),
    everywhere(&[("arp_count", "5.5")], "arp_count \"5.5\""),
    everywhere(&[("arp_interval", "0")], "arp_interval \"0\": expected a whole number from 1 to 60000"),
    everywhere(&[("nodad", "perhaps")], "nodad \"perhaps\": expected yes or no"),
    everywhere(&[("noprefixroute", "2")], "noprefixroute \"2\": expected yes or no"),
    everywhere(&[("nodad", "x"), ("arp_count", "y")], "arp_count \"y\": expected a whole number"),
    here(&[("nic", "nosuch")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("ip", "192.0.2.9@nosuch")], 5, "nic \"nosuch\": no such interface on this node"),
    here(&[("ip", "198.51.100.9"), ("nic", "")], 1, "ip \"198.51.100.9\": find its interface"),
];

#[test]
fn of_vip() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    // Somebody's own address, which no wrong parameter may cost.
    host.sh("ip address add 192.0.2.8/24 dev eth0");
    check(&host, || host.agent("vip").params(&[("ip", "192.0.2.9"), ("nic", "eth0"), ("arp_count", "1")]), &ROWS);
}
