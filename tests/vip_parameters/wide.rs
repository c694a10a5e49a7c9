//! The limit of 65536 addresses, which need not be started to be counted.

use super::common::Host;

#[test]
fn as_many_addresses_as_are_allowed_and_one_more() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let validate = |ip: &str| host.agent("vip").params(&[("ip", ip), ("nic", "eth0")]).run("validate-all");
    for all in [
        "10.0.0.0-10.0.255.255",
        "2001:db8::-2001:db8::ffff",
        "10.0.0.0-10.0.127.255 10.1.0.0-10.1.127.255",
        "10.0.0.0-10.0.255.254 2001:db8::1",
    ] {
        validate(all).expect(0).silent();
    }
    for (more, says) in [
        ("10.0.0.0-10.1.0.0", "a range of more than 65536 addresses"),
        ("2001:db8::-2001:db8::1:0", "a range of more than 65536 addresses"),
        ("::1-fe00::", "a range of more than 65536 addresses"),
        ("10.0.0.0-10.0.255.255 192.0.2.9", "ip \"192.0.2.9\": more than 65536 addresses in all"),
        ("10.0.0.0-10.0.255.255 2001:db8::1-2001:db8::ffff", "more than 65536 addresses in all"),
    ] {
        validate(more).expect(6).says(says);
    }
}

/// The limit is one of all together, whichever parameter they come from.
#[test]
fn the_limit_counts_the_file_too() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.write("/run/test/vips", "10.0.0.0-10.0.255.255\n");
    let vip = host.agent("vip").params(&[("ip_file", "/run/test/vips"), ("nic", "eth0"), ("cidr_netmask", "16")]);
    let local = |vip: &super::common::Agent<'_>| vip.clone().variable("OCF_CHECK_LEVEL", "10").run("validate-all");
    local(&vip).expect(0).silent();
    let more = vip.param("ip", "192.0.2.9");
    more.run("validate-all").expect(0).silent();
    local(&more).expect(2).says("ip_file /run/test/vips:1: more than 65536 addresses in all");
    assert_eq!(host.addresses(), ["eth0 192.0.2.1/24"]);
}
