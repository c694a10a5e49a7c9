//! Which addresses come, and with which prefix: ip, ip_file, cidr_netmask and its old name, unique_clone_address.

use super::{ParameterRow, boundary, check_all, valid};

const FILE: &str = "/run/test/vips";
const WRITE: &str =
    "printf '# ours\\n192.0.2.10\\n\\n\\t192.0.2.11/32,2001:db8::9 # two\\r\\n192.0.2.12@eth0' >/run/test/vips";
const EMPTY: &str = "printf '# none yet\\n\\n' >/run/test/vips";
const IPV6: &str = "eth0 2001:db8::9/64 nodad";
const LABEL: &str = "label 2001:db8::9/128 99";

pub const IP: [ParameterRow; 17] = [
    valid(&[("ip", "192.0.2.9")], &["eth0 192.0.2.9/24"]),
    valid(&[("ip", "2001:db8::9")], &[IPV6, LABEL]),
    valid(&[("ip", "2001:DB8:0:0::0009")], &[IPV6, LABEL]),
    valid(
        &[("ip", "\n192.0.2.9,192.0.2.10/25 \t2001:db8::9@eth0\n")],
        &["eth0 192.0.2.9/24", "eth0 192.0.2.10/25", "route 192.0.2.0/25 dev eth0", IPV6, LABEL],
    ),
    valid(&[("ip", "192.0.2.9-192.0.2.10")], &["eth0 192.0.2.9/24", "eth0 192.0.2.10/24"]),
    valid(&[("ip", "192.0.2.9@lo")], &["lo 192.0.2.9/32"]),
    valid(&[("ip", "127.0.0.3")], &["lo 127.0.0.3/8"]),
    valid(&[("ip", "fe80::9@eth0")], &["eth0 fe80::9/64 nodad", "label fe80::9/128 99"]),
    boundary(&[("ip", "192.0.2.9-192.0.2.9")], &["eth0 192.0.2.9/24"]),
    boundary(&[("ip", "2001:db8::9-2001:db8::9")], &[IPV6, LABEL]),
    boundary(
        &[("ip", "192.0.2.254-192.0.3.1/22@eth0")],
        &[
            "eth0 192.0.2.254/22",
            "eth0 192.0.2.255/22",
            "eth0 192.0.3.0/22",
            "eth0 192.0.3.1/22",
            "route 192.0.0.0/22 dev eth0",
        ],
    ),
    boundary(
        &[("ip", "2001:db8::ffff-2001:db8::1:0"), ("lvs_ipv6_addrlabel", "no")],
        &["eth0 2001:db8::1:0/64 nodad", "eth0 2001:db8::ffff/64 nodad"],
    ),
    boundary(&[("ip", "198.51.100.9/1@eth0")], &["eth0 198.51.100.9/1", "route 128.0.0.0/1 dev eth0"]),
    boundary(&[("ip", "198.51.100.9/32@eth0")], &["eth0 198.51.100.9/32"]),
    boundary(&[("ip", "2001:db8::9/1@eth0")], &["eth0 2001:db8::9/1 nodad", "route ::/1 dev eth0", LABEL]),
    boundary(&[("ip", "2001:db8::9/128")], &["eth0 2001:db8::9/128 nodad", "route 2001:db8::9 dev eth0", LABEL]),
    boundary(&[("ip", "255.255.255.254/32@eth0")], &["eth0 255.255.255.254/32"]),
];

pub const IP_FILE: [ParameterRow; 5] = [
    valid(
        &[("ip_file", FILE), ("ip", "")],
        &["eth0 192.0.2.10/24", "eth0 192.0.2.11/32", "eth0 192.0.2.12/24", IPV6, LABEL],
    )
    .after(WRITE),
    valid(
        &[("ip_file", FILE)],
        &["eth0 192.0.2.9/24", "eth0 192.0.2.10/24", "eth0 192.0.2.11/32", "eth0 192.0.2.12/24", IPV6, LABEL],
    )
    .after(WRITE),
    valid(
        &[("ip_file", FILE), ("ip", ""), ("cidr_netmask", "30"), ("nic", "eth0")],
        &["eth0 192.0.2.21/30", "eth0 192.0.2.22/30", "route 192.0.2.20/30 dev eth0"],
    )
    .after("echo 192.0.2.21-192.0.2.22 >/run/test/vips"),
    boundary(&[("ip_file", FILE)], &["eth0 192.0.2.9/24"]).after(EMPTY),
    boundary(&[("ip_file", FILE), ("ip", "2001:db8::9")], &[IPV6, LABEL]).after(EMPTY),
];

pub const NETMASK: [ParameterRow; 14] = [
    valid(&[("cidr_netmask", "28")], &["eth0 192.0.2.9/28", "route 192.0.2.0/28 dev eth0"]),
    valid(&[("cidr_netmask", "255.255.255.240")], &["eth0 192.0.2.9/28", "route 192.0.2.0/28 dev eth0"]),
    // An address's own prefix comes first, and what is meant for IPv4 is not for IPv6.
    valid(&[("cidr_netmask", "28"), ("ip", "192.0.2.9/24 2001:db8::9")], &["eth0 192.0.2.9/24", IPV6, LABEL]),
    valid(
        &[("cidr_netmask", "96"), ("ip", "2001:db8::9")],
        &["eth0 2001:db8::9/96 nodad", "route 2001:db8::/96 dev eth0", LABEL],
    ),
    boundary(&[("cidr_netmask", "1"), ("nic", "eth0")], &["eth0 192.0.2.9/1", "route 128.0.0.0/1 dev eth0"]),
    boundary(&[("cidr_netmask", "128.0.0.0"), ("nic", "eth0")], &["eth0 192.0.2.9/1", "route 128.0.0.0/1 dev eth0"]),
    boundary(&[("cidr_netmask", "32")], &["eth0 192.0.2.9/32"]),
    boundary(&[("cidr_netmask", "255.255.255.255")], &["eth0 192.0.2.9/32"]),
    boundary(
        &[("cidr_netmask", "1"), ("ip", "2001:db8::9"), ("nic", "eth0")],
        &["eth0 2001:db8::9/1 nodad", "route ::/1 dev eth0", LABEL],
    ),
    boundary(
        &[("cidr_netmask", "128"), ("ip", "2001:db8::9")],
        &["eth0 2001:db8::9/128 nodad", "route 2001:db8::9 dev eth0", LABEL],
    ),
    valid(&[("netmask", "255.255.255.240")], &["eth0 192.0.2.9/28", "route 192.0.2.0/28 dev eth0"]),
    valid(&[("netmask", "28"), ("cidr_netmask", "28")], &["eth0 192.0.2.9/28", "route 192.0.2.0/28 dev eth0"]),
    boundary(&[("netmask", "32")], &["eth0 192.0.2.9/32"]),
    boundary(
        &[("netmask", "128"), ("ip", "2001:db8::9")],
        &["eth0 2001:db8::9/128 nodad", "route 2001:db8::9 dev eth0", LABEL],
    ),
];

pub const CLONES: [ParameterRow; 8] = [
    valid(
        &[("unique_clone_address", "yes"), ("CRM_meta_clone", "2"), ("CRM_meta_clone_max", "3")],
        &["eth0 192.0.2.11/24"],
    ),
    valid(
        &[("unique_clone_address", "yes"), ("CRM_meta_clone", "1"), ("ip", "192.0.2.9 2001:db8::8")],
        &["eth0 192.0.2.10/24", IPV6, LABEL],
    ),
    valid(&[("unique_clone_address", "no")], &["eth0 192.0.2.9/24"]),
    valid(&[("unique_clone_address", "yes")], &["eth0 192.0.2.9/24"]),
    boundary(
        &[("unique_clone_address", "yes"), ("CRM_meta_clone", "0"), ("CRM_meta_clone_max", "2")],
        &["eth0 192.0.2.9/24"],
    ),
    // IPaddr2 adds to the last byte only, and makes 192.0.2.257 of this.
    boundary(
        &[("unique_clone_address", "yes"), ("CRM_meta_clone", "3"), ("ip", "192.0.2.254/23@eth0")],
        &["eth0 192.0.3.1/23", "route 192.0.2.0/23 dev eth0"],
    ),
    boundary(
        &[("unique_clone_address", "yes"), ("CRM_meta_clone", "1"), ("ip", "2001:db8::ffff")],
        &["eth0 2001:db8::1:0/64 nodad", "label 2001:db8::1:0/128 99"],
    ),
    boundary(
        &[("unique_clone_address", "no"), ("CRM_meta_clone", "0"), ("CRM_meta_clone_max", "1")],
        &["eth0 192.0.2.9/24"],
    ),
];

#[test]
fn start_puts_up_each_form_of_ip() {
    check_all(&IP);
}

/// There are several labels, because of the kernel's replacement: when it is asked to replace a label that is not the
/// first one of its prefix length, it adds a second one, of which a stop removes one (`__ip6addrlbl_add`).
#[test]
fn labels_are_there_once_however_often_it_is_started() {
    check_all(&[valid(
        &[("ip", "2001:db8::9 2001:db8::10")],
        &[IPV6, "eth0 2001:db8::10/64 nodad", LABEL, "label 2001:db8::10/128 99"],
    )]);
}

#[test]
fn start_puts_up_the_addresses_of_ip_file() {
    check_all(&IP_FILE);
}

#[test]
fn start_gives_addresses_the_prefix_of_cidr_netmask() {
    check_all(&NETMASK);
}

#[test]
fn start_adds_the_number_of_the_clone_instance() {
    check_all(&CLONES);
}
