//! `arp_gateway` asks routers that ignore announcements.

use super::common::rows::check_rows;
use super::rfc_frames::{announcement, question};
use super::{Wire, address};

/// Neither the gateways of the other interface nor one of the other address family are asked.
#[test]
fn each_gateway_on_the_interface_is_asked_after_each_announcement() {
    check_rows(
        [("192.0.2.9", &["192.0.2.2", "192.0.2.254"][..]), ("2001:db8::9", &["2001:db8::2", "fe80::12:3456"])],
        |(ip, gateways)| {
            let wire = Wire::new();
            wire.host.sh("ip link add eth1 type veth peer name cable && ip link set eth1 up && ip link set cable up");
            wire.host.sh("ip address add 203.0.113.1/24 dev eth1 && ip route add default via 203.0.113.254 metric 9");
            for (metric, gateway) in gateways.iter().enumerate() {
                wire.host.sh(&format!("ip route add default via {gateway} dev eth0 metric {}", metric + 1));
            }
            let ask = |ask: &str| wire.vip(ip).params(&[("arp_gateway", ask), ("arp_count", "1")]);
            ask("no").start();
            let announced = announcement(wire.mac, address(ip));
            let told = || -> Vec<Vec<u8>> { wire.sent().into_iter().map(|frame| frame.bytes).collect() };
            assert_eq!(told(), announced, "{ip}: without a question");
            ask("yes").start();
            let told = told().split_off(announced.len());
            let (told, asked) = told.split_at(announced.len());
            assert_eq!(told, announced, "{ip}: first everybody is told");
            let mut expected: Vec<Vec<u8>> =
                gateways.iter().map(|gateway| question(wire.mac, address(ip), address(gateway))).collect();
            let mut asked = asked.to_vec();
            // The order is that in which the kernel lists the routes.
            expected.sort();
            asked.sort();
            assert_eq!(asked, expected, "{ip}");
        },
    );
}

/// The question is for this: the router knows the address by it, whatever it thinks of announcements.
#[test]
fn a_gateway_that_was_asked_knows_the_address() {
    let wire = Wire::new();
    wire.host.sh("ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2");
    let knows = |ip: &str| wire.peer.sh(&format!("ip neigh show {ip} dev eth0")).contains("lladdr");
    let vip = |ask: &str| {
        let vip = wire.vip("192.0.2.9 2001:db8::9");
        vip.params(&[("arp_gateway", ask), ("arp_count", "1")])
    };
    vip("no").start();
    wire.sent();
    // By an announcement, Linux takes no host into its cache that it does not know.
    assert!(!knows("192.0.2.9") && !knows("2001:db8::9"));
    vip("yes").start();
    for ip in ["192.0.2.9", "2001:db8::9"] {
        super::common::until(&format!("{ip} is known"), || knows(ip).then_some(()));
    }
}
