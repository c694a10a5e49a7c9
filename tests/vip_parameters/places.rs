//! Where addresses go, and in which form: interfaces, labels, broadcast addresses, routes, namespaces, and what only
//! IPv6 has.

use super::{ParameterRow, boundary, check_all, valid};

const FRONT: &str = "ip link property add dev eth0 altname front";
/// The longest name that an interface can have.
const LONG_NAME: &str =
    "ip link set eth0 down && ip link set eth0 name a23456789012345 && ip link set a23456789012345 up";
/// Two interfaces that could have 198.51.100.9, by routes of different protocols.
const TWO: &str = "ip link add eth1 type veth peer name cable1 && ip link set eth1 up && ip link set cable1 up && \
                   ip address add 198.51.100.1/25 dev eth1 && \
                   ip route add 198.51.100.0/24 dev eth0 proto static scope link && \
                   ip route add 203.0.113.0/24 dev eth0 proto 255 scope link && \
                   ip route add 203.0.113.0/25 dev eth1 proto 1 scope link && \
                   ip -6 route add 2001:db8:1::/64 dev eth0 proto static && \
                   ip -6 route add 2001:db8:1::/80 dev eth1 proto dhcp";
const BLUE: &str = "ip netns add blue && ip -n blue link add eth0 type veth peer name cable && \
                    ip -n blue link set cable up && ip -n blue link set eth0 up && \
                    ip -n blue address add 203.0.113.1/24 dev eth0 && \
                    ip -n blue address add 2001:db8:b::1/64 dev eth0 nodad";
const CABLE_DOWN: &str = "ip link set cable down";
const IPV6: &str = "eth0 2001:db8::9/64 nodad";
const LABEL: &str = "label 2001:db8::9/128 99";
const V6: (&str, &str) = ("ip", "2001:db8::9");

pub const INTERFACES: [ParameterRow; 16] = [
    valid(&[("nic", "eth0")], &["eth0 192.0.2.9/24"]),
    valid(&[("nic", "eth0"), V6], &[IPV6, LABEL]),
    valid(&[("nic", "front")], &["eth0 192.0.2.9/24"]).after(FRONT),
    valid(&[("nic", "eth0:db")], &["eth0 192.0.2.9/24 label eth0:db"]),
    // Either half may be empty, as in IPaddr2.
    boundary(&[("nic", "eth0:")], &["eth0 192.0.2.9/24"]),
    boundary(&[("nic", "eth0:"), ("iflabel", "db")], &["eth0 192.0.2.9/24"]),
    boundary(&[("nic", ":db")], &["eth0 192.0.2.9/24 label eth0:db"]),
    valid(&[("nic", "lo"), ("ip", "192.0.2.9@eth0")], &["eth0 192.0.2.9/24"]),
    valid(&[("nic", "lo"), V6], &["lo 2001:db8::9/128 nodad", "route 2001:db8::9 dev lo", LABEL]),
    boundary(&[("nic", "a23456789012345")], &["a23456789012345 192.0.2.9/24"]).after(LONG_NAME),
    valid(&[("iflabel", "db")], &["eth0 192.0.2.9/24 label eth0:db"]),
    valid(&[("iflabel", "db"), ("ip", "192.0.2.9 2001:db8::9")], &["eth0 192.0.2.9/24 label eth0:db", IPV6, LABEL]),
    valid(&[("iflabel", "db"), ("nic", "front")], &["eth0 192.0.2.9/24 label eth0:db"]).after(FRONT),
    // The label in nic wins, as in IPaddr2.
    valid(&[("iflabel", "db"), ("nic", "eth0:x")], &["eth0 192.0.2.9/24 label eth0:x"]),
    boundary(&[("iflabel", "abcdefghij")], &["eth0 192.0.2.9/24 label eth0:abcdefghij"]),
    boundary(&[("nic", "eth0:abcdefghij")], &["eth0 192.0.2.9/24 label eth0:abcdefghij"]),
];

const OWN_BROADCAST: &str = "ip address del 192.0.2.1/24 dev eth0 && ip address add 192.0.2.1/24 broadcast + dev eth0";

pub const BROADCAST: [ParameterRow; 12] = [
    valid(&[("broadcast", "+")], &["eth0 192.0.2.9/24 brd 192.0.2.255"]),
    valid(&[("broadcast", "-")], &["eth0 192.0.2.9/24"]),
    valid(&[("broadcast", "192.0.2.127")], &["eth0 192.0.2.9/24 brd 192.0.2.127"]),
    valid(&[("broadcast", "+"), ("ip", "192.0.2.9 2001:db8::9")], &["eth0 192.0.2.9/24 brd 192.0.2.255", IPV6, LABEL]),
    // The address gets the broadcast address of the node's own address, as in IPaddr2, whatever our prefix.
    valid(&[("broadcast", "")], &["eth0 192.0.2.9/24 brd 192.0.2.255"]).after(OWN_BROADCAST),
    valid(&[("broadcast", ""), ("ip", "192.0.2.9/32")], &["eth0 192.0.2.9/32 brd 192.0.2.255"]).after(OWN_BROADCAST),
    valid(&[("broadcast", ""), ("ip", "192.0.2.9/16@eth0")], &["eth0 192.0.2.9/16", "route 192.0.0.0/16 dev eth0"])
        .after(OWN_BROADCAST),
    valid(&[("broadcast", "")], &["eth0 192.0.2.9/24"]).after("ip address add 192.0.2.8/24 brd + dev eth0"),
    valid(&[("broadcast", "-")], &["eth0 192.0.2.9/24"]).after(OWN_BROADCAST),
    boundary(
        &[("broadcast", "+"), ("ip", "192.0.2.9/30")],
        &["eth0 192.0.2.9/30 brd 192.0.2.11", "route 192.0.2.8/30 dev eth0"],
    ),
    boundary(&[("broadcast", "-"), ("ip", "192.0.2.9/32")], &["eth0 192.0.2.9/32"]),
    boundary(&[("broadcast", "255.255.255.255")], &["eth0 192.0.2.9/24 brd 255.255.255.255"]),
];

/// Such a small network has no broadcast address (RFC 3021), and ip(8) gives none. The one that `+` would make is the
/// address itself, or its neighbour's.
pub const BROADCAST_OF_TINY_NETWORKS: [ParameterRow; 2] = [
    boundary(&[("broadcast", "+"), ("ip", "192.0.2.9/32")], &["eth0 192.0.2.9/32"]),
    boundary(&[("broadcast", "+"), ("ip", "192.0.2.8/31")], &["eth0 192.0.2.8/31", "route 192.0.2.8/31 dev eth0"]),
];

pub const ROUTES: [ParameterRow; 22] = [
    valid(&[("proto", "kernel"), ("ip", "198.51.100.9")], &["eth1 198.51.100.9/25"]).after(TWO),
    valid(&[("proto", "static"), ("ip", "198.51.100.9")], STATIC).after(TWO),
    valid(&[("proto", "4"), ("ip", "198.51.100.9")], STATIC).after(TWO),
    valid(&[("proto", " proto static"), ("ip", "198.51.100.9")], STATIC).after(TWO),
    valid(
        &[("proto", "dhcp"), ("ip", "2001:db8:1::9")],
        &["eth1 2001:db8:1::9/80 nodad", "label 2001:db8:1::9/128 99", "route 2001:db8:1::/80 dev eth1"],
    )
    .after(TWO),
    boundary(&[("proto", "1"), ("ip", "203.0.113.9")], &["eth1 203.0.113.9/25", "route 203.0.113.0/25 dev eth1"])
        .after(TWO),
    boundary(&[("proto", "255"), ("ip", "203.0.113.9")], &["eth0 203.0.113.9/24", "route 203.0.113.0/24 dev eth0"])
        .after(TWO),
    valid(
        &[("metric", "100"), ("ip", "198.51.100.9/24@eth0 2001:db8:1::9/64@eth0")],
        &[
            "eth0 198.51.100.9/24 metric 100",
            "eth0 2001:db8:1::9/64 metric 100 nodad",
            "label 2001:db8:1::9/128 99",
            "route 198.51.100.0/24 dev eth0 metric 100",
            "route 2001:db8:1::/64 dev eth0 metric 100",
        ],
    ),
    boundary(
        &[("metric", "0"), ("ip", "198.51.100.9/24@eth0 2001:db8:1::9/64@eth0")],
        &[
            "eth0 198.51.100.9/24",
            "eth0 2001:db8:1::9/64 nodad",
            "label 2001:db8:1::9/128 99",
            "route 198.51.100.0/24 dev eth0",
            "route 2001:db8:1::/64 dev eth0",
        ],
    ),
    boundary(
        &[("metric", "4294967295"), ("ip", "198.51.100.9/24@eth0 2001:db8:1::9/64@eth0")],
        &[
            "eth0 198.51.100.9/24 metric 4294967295",
            "eth0 2001:db8:1::9/64 metric 4294967295 nodad",
            "label 2001:db8:1::9/128 99",
            "route 198.51.100.0/24 dev eth0 metric 4294967295",
            "route 2001:db8:1::/64 dev eth0 metric 4294967295",
        ],
    ),
    valid(&[("noprefixroute", "yes"), ("ip", "198.51.100.9/24@eth0")], &["eth0 198.51.100.9/24 noprefixroute"]),
    valid(
        &[("noprefixroute", "true"), ("ip", "2001:db8:1::9/64@eth0")],
        &["eth0 2001:db8:1::9/64 nodad noprefixroute", "label 2001:db8:1::9/128 99"],
    ),
    valid(
        &[("noprefixroute", "no"), ("ip", "198.51.100.9/24@eth0")],
        &["eth0 198.51.100.9/24", "route 198.51.100.0/24 dev eth0"],
    ),
    valid(&[("flush_routes", "yes"), ("ip", "192.0.2.9 2001:db8::9")], &["eth0 192.0.2.9/24", IPV6, LABEL]),
    valid(&[("flush_routes", "no")], &["eth0 192.0.2.9/24"]),
    valid(
        &[("network_namespace", "blue"), ("ip", "203.0.113.9 2001:db8:b::9")],
        &["blue: eth0 203.0.113.9/24", "blue: eth0 2001:db8:b::9/64 nodad", "blue: label 2001:db8:b::9/128 99"],
    )
    .after(BLUE),
    valid(&[("network_namespace", "/run/netns/blue"), ("ip", "203.0.113.9")], &["blue: eth0 203.0.113.9/24"])
        .after(BLUE),
    valid(&[("check_link_status", "yes")], &["eth0 192.0.2.9/24"]),
    valid(&[("check_link_status", "no")], &["eth0 192.0.2.9/24"]).after(CABLE_DOWN),
    valid(&[("check_link_status", "no"), V6], &[IPV6, LABEL]),
    valid(&[("lvs_support", "yes")], &["-lo 192.0.2.9/32", "eth0 192.0.2.9/24"])
        .after("ip address add 192.0.2.9/32 dev lo"),
    valid(&[("lvs_support", "no")], &["eth0 192.0.2.9/24"]).after("ip address add 192.0.2.9/32 dev lo"),
];
/// The kernel adds its own route beside the static one.
const STATIC: &[&str] = &["eth0 198.51.100.9/24", "route 198.51.100.0/24 dev eth0"];

pub const IPV6_ONLY: [ParameterRow; 19] = [
    valid(&[("nodad", "yes"), V6], &[IPV6, LABEL]),
    valid(&[("nodad", "no"), V6], &["eth0 2001:db8::9/64", LABEL]),
    valid(&[("optimistic", "yes"), ("nodad", "no"), V6], &["eth0 2001:db8::9/64", LABEL]),
    valid(&[("optimistic", "yes"), V6], &[IPV6, LABEL]),
    valid(&[("optimistic", "no"), V6], &[IPV6, LABEL]),
    valid(&[("preferred_lft", "forever"), V6], &[IPV6, LABEL]),
    // Where the lifetime is not set, the address is never a source, unless the parameters let it be one.
    valid(&[("preferred_lft", ""), V6], &["eth0 2001:db8::9/64 nodad deprecated preferred 0", LABEL]),
    valid(&[("preferred_lft", ""), ("lvs_ipv6_addrlabel", "no"), V6], &[IPV6]),
    valid(&[("preferred_lft", "3600"), V6], &["eth0 2001:db8::9/64 nodad preferred 3600", LABEL]),
    boundary(&[("preferred_lft", "0"), V6], &["eth0 2001:db8::9/64 nodad deprecated preferred 0", LABEL]),
    boundary(&[("preferred_lft", "1"), V6], &["eth0 2001:db8::9/64 nodad deprecated preferred 0", LABEL]),
    // The kernel's own number for "forever".
    boundary(&[("preferred_lft", "4294967295"), V6], &[IPV6, LABEL]),
    valid(&[("lvs_ipv6_addrlabel", "yes"), V6], &[IPV6, LABEL]),
    valid(&[("lvs_ipv6_addrlabel", "no"), V6], &[IPV6]),
    valid(&[("lvs_ipv6_addrlabel_value", "7"), V6], &[IPV6, "label 2001:db8::9/128 7"]),
    valid(&[("lvs_ipv6_addrlabel_value", "7")], &["eth0 192.0.2.9/24"]),
    boundary(&[("lvs_ipv6_addrlabel_value", "1"), V6], &[IPV6, "label 2001:db8::9/128 1"]),
    boundary(&[("lvs_ipv6_addrlabel_value", "4294967294"), V6], &[IPV6, "label 2001:db8::9/128 4294967294"]),
    valid(&[("lvs_support", "yes"), V6], &["-lo 2001:db8::9/128 nodad", "-route 2001:db8::9 dev lo", IPV6, LABEL])
        .after("ip address add 2001:db8::9/128 dev lo nodad"),
];

#[test]
fn start_uses_the_interface_and_the_label_of_the_parameters() {
    check_all(&INTERFACES);
}

#[test]
fn start_sets_the_broadcast_address_of_the_parameters() {
    check_all(&BROADCAST);
}

#[test]
fn networks_without_room_for_a_broadcast_address_have_none() {
    check_all(&BROADCAST_OF_TINY_NETWORKS);
}

#[test]
fn start_follows_the_parameters_of_routes_and_links() {
    check_all(&ROUTES);
}

/// The parameter is IPv6's, as in IPaddr2.
#[test]
fn the_preferred_lifetime_does_not_apply_to_ipv4() {
    check_all(&[valid(
        &[("preferred_lft", "0"), ("ip", "192.0.2.9 2001:db8::9")],
        &["eth0 192.0.2.9/24", "eth0 2001:db8::9/64 nodad deprecated preferred 0", LABEL],
    )]);
}

/// IPaddr2 never reads it there, so it must not stop a resource in the whole cluster that came from IPaddr2.
#[test]
fn what_one_address_family_has_no_use_for_does_no_harm() {
    check_all(&[
        valid(&[("preferred_lft", "perhaps")], &["eth0 192.0.2.9/24"]),
        valid(&[("iflabel", "db"), V6], &[IPV6, LABEL]),
        valid(&[("iflabel", "much-longer-than-a-label"), V6], &[IPV6, LABEL]),
        valid(&[("nic", "eth0:x"), V6], &[IPV6, LABEL]),
    ]);
}

#[test]
fn start_follows_the_parameters_of_ipv6() {
    check_all(&IPV6_ONLY);
}
