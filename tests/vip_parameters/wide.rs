//! The limits of 16,384 IPv4 and 4,096 IPv6 addresses, which need not be started to be counted.

use super::common::Host;
use super::common::rows::check_rows;

#[test]
fn as_many_addresses_as_are_allowed_are_accepted_and_one_more_is_refused() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let validate = |ip: &str| host.agent("vip").params(&[("ip", ip), ("nic", "eth0")]).run("validate-all");
    check_rows(
        [
            "10.0.0.0-10.0.63.255",
            "2001:db8::-2001:db8::fff",
            "10.0.0.0-10.0.31.255 10.1.0.0-10.1.31.255",
            "10.0.0.0-10.0.63.255 2001:db8::-2001:db8::fff",
        ],
        |all| {
            validate(all).expect(0).silent();
        },
    );
    check_rows(
        [
            ("10.0.0.0-10.0.64.0", "ip: 16385 IPv4 addresses: one resource has at most 16384"),
            ("2001:db8::-2001:db8::1000", "ip: 4097 IPv6 addresses: one resource has at most 4096"),
            ("10.0.0.0-10.0.63.255 192.0.2.9", "ip: 16385 IPv4 addresses"),
            ("192.0.2.9 2001:db8::-2001:db8::fff 2001:db9::", "ip: 4097 IPv6 addresses"),
            // These are more than can be counted.
            ("10.0.0.0-10.1.0.0", "a range of more than 65536 addresses"),
            ("::1-fe00::", "a range of more than 65536 addresses"),
            ("10.0.0.0-10.0.255.255 2001:db8::1-2001:db8::ffff", "more than 65536 addresses in all"),
        ],
        |(more, says)| {
            validate(more).expect(6).says(says);
        },
    );
}

/// The limit holds for all addresses together, whichever parameter they come from. What only a file has is wrong on
/// this node only.
#[test]
fn the_limit_counts_the_file_too() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.write("/run/test/vips", "10.0.0.0-10.0.63.255\n");
    let vip = host.agent("vip").params(&[("ip_file", "/run/test/vips"), ("nic", "eth0"), ("cidr_netmask", "16")]);
    let local = |vip: &super::common::Agent<'_>| vip.clone().variable("OCF_CHECK_LEVEL", "10").run("validate-all");
    local(&vip).expect(0).silent();
    let more = vip.param("ip", "192.0.2.9");
    more.run("validate-all").expect(0).silent();
    local(&more).expect(2).says("ip, ip_file /run/test/vips: 16385 IPv4 addresses: one resource has at most 16384");
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}
