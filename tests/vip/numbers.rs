//! How many addresses, and how long the kernel takes for them.

use std::time::{Duration, Instant};

use super::common::rows::check_rows;
use super::common::{Agent, Host};

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("nic", "eth0"), ("arp_count", "0")])
}

#[test]
fn more_addresses_than_were_measured_are_refused_and_nothing_is_changed() {
    let host = Host::with_eth0(&[]);
    check_rows(
        [
            ("10.60.0.1-10.60.64.1/16", "ip: 16385 IPv4 addresses: one resource has at most 16384"),
            ("2001:db8::1-2001:db8::1001/64", "ip: 4097 IPv6 addresses: one resource has at most 4096"),
        ],
        |(ip, words)| {
            vip(&host, ip).run("validate-all").expect(6).says(words);
            vip(&host, ip).run("start").expect(6).says(words);
            assert_eq!(host.addresses(), [""; 0]);
        },
    );
    vip(&host, "10.60.0.1-10.60.64.0/16 2001:db8::1-2001:db8::1000/64").run("validate-all").expect(0).silent();
}

/// The kernel sends six probes, a second each, after a random delay of up to one second.
#[test]
fn start_waits_as_long_as_the_kernel_asks_for_duplicates() {
    let host = Host::with_eth0(&[]);
    host.sh("echo 6 > /proc/sys/net/ipv6/conf/eth0/dad_transmits");
    let vip = vip(&host, "2001:db8::9/64");
    vip.start();
    assert!(!host.sh("ip -6 address show dev eth0 to 2001:db8::9").contains("tentative"));
    vip.monitor().expect(0).silent();
}

#[test]
fn start_gives_up_within_its_time_limit_and_takes_the_address_back() {
    let host = Host::with_eth0(&[]);
    host.sh("echo 100 > /proc/sys/net/ipv6/conf/eth0/dad_transmits");
    let began = Instant::now();
    let hopeless = vip(&host, "2001:db8::9/64").timeout(3);
    hopeless.run("start").expect(1).says("duplicate address detection has not ended after 2.4 s");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(host.addresses(), [""; 0]);
}
