use super::*;
use crate::model::AddressOptions;
use crate::testing::check_rows;

pub(in crate::agent::vip) fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.into(),
        altnames: vec![format!("{name}-too")],
        up: true,
        running: true,
        loopback: name == "lo",
        point_to_point: false,
        no_arp: false,
        mac: None,
        mtu: Some(1500),
    }
}

pub(in crate::agent::vip) fn route(network: &str, interface: u32, protocol: u8) -> ConnectedRoute {
    let (destination, prefix) = network.split_once('/').expect("prefix");
    ConnectedRoute {
        destination: destination.parse().expect("destination"),
        prefix_length: prefix.parse().expect("prefix"),
        interface,
        metric: 0,
        protocol,
    }
}

pub(in crate::agent::vip) fn requested(ip: &str, nic: Option<&str>) -> RequestedAddresses {
    let mut list = crate::agent::parameters::AddressList::default();
    list.read_text("ip", ip);
    RequestedAddresses {
        entries: list.finish().expect("entries"),
        nic: nic.map(Into::into),
        label: None,
        broadcast: Broadcast::None,
        route_protocol: None,
        options: AddressOptions::default(),
    }
}

/// Assigns on a machine with two interfaces, of which the second is also attached to a part of the first one's network.
fn assigned(requested: &RequestedAddresses) -> Result<Vec<String>, Failure> {
    let links = [link(1, "lo"), link(2, "eth0"), link(3, "eth1"), link(4, "ip6tnl0")];
    let routes = [
        // These come with addresses of a real server and of this node.
        route("2001:db8::9/128", 4, 2),
        route("2001:db8:0:1::9/128", 2, 2),
        route("2001:db8::/32", 4, 4),
        route("192.0.2.0/24", 2, 2),
        route("192.0.2.128/25", 3, 2),
        route("2001:db8::/48", 2, 2),
        route("2001:db8:0:1::/64", 3, 2),
        route("198.51.100.0/24", 3, 4),
        route("203.0.113.7/32", 3, 4),
    ];
    let wanted = assign_all(requested, &Surroundings { links: &links, routes: &routes, held: &[] })?;
    Ok(wanted.iter().map(|wanted| format!("{} {}", wanted.nic, wanted.address)).collect())
}

#[test]
fn every_address_gets_one_interface_or_a_reason_why_not() {
    check_rows(
        [
            ("192.0.2.9", None, Ok("eth0 192.0.2.9/24")),
            ("192.0.2.130", None, Ok("eth1 192.0.2.130/25")),
            ("192.0.2.130", Some("eth0"), Ok("eth0 192.0.2.130/24")),
            ("192.0.2.130@eth0-too", None, Ok("eth0 192.0.2.130/24")),
            ("192.0.2.9/32", None, Ok("eth0 192.0.2.9/32")),
            (
                "192.0.2.9/16",
                None,
                Err("ip \"192.0.2.9\": find its interface: no connected route covers 192.0.2.9/16;"),
            ),
            ("192.0.2.9/16", Some("eth1"), Ok("eth1 192.0.2.9/16")),
            ("192.0.2.130/24", None, Ok("eth0 192.0.2.130/24")),
            (
                "192.0.2.9",
                Some("eth1"),
                Err("ip \"192.0.2.9\": find its prefix: no connected route of eth1 covers it;"),
            ),
            ("10.0.0.1", None, Err("ip \"10.0.0.1\": find its interface:")),
            ("2001:db8::9", None, Ok("eth0 2001:db8::9/48")),
            ("2001:db8:0:1::9", None, Ok("eth1 2001:db8:0:1::9/64")),
            ("2001:db8:0:1::9/80", None, Ok("eth1 2001:db8:0:1::9/80")),
            ("2001:db9::9", Some("eth0"), Err("ip \"2001:db9::9\": find its prefix:")),
            ("fe80::9", Some("eth0"), Ok("eth0 fe80::9/64")),
            ("127.0.0.3", None, Ok("lo 127.0.0.3/8")),
            ("192.0.2.9", Some("lo"), Ok("lo 192.0.2.9/32")),
            ("203.0.113.7", None, Ok("eth1 203.0.113.7/32")),
            ("192.0.2.9", Some("nosuch"), Err("nic \"nosuch\": no such interface on this node")),
            ("192.0.2.9 192.0.2.9@eth0", None, Err("ip \"192.0.2.9\": named twice for eth0")),
        ],
        |(ip, nic, expected)| {
            let placed = assigned(&requested(ip, nic)).map_err(|failure| failure.to_string());
            match expected {
                Ok(expected) => assert_eq!(placed, Ok(vec![expected.to_owned()]), "{ip} {nic:?}"),
                Err(start) => assert!(placed.clone().unwrap_err().starts_with(start), "{ip} {nic:?}: {placed:?}"),
            }
        },
    );
}

#[test]
fn routes_of_another_protocol_do_not_count() {
    let of = |protocol| RequestedAddresses { route_protocol: Some(protocol), ..requested("198.51.100.9", None) };
    assert_eq!(assigned(&of(4)).map_err(|failure| failure.to_string()), Ok(vec!["eth1 198.51.100.9/24".to_owned()]));
    assert!(assigned(&of(2)).is_err());
}

#[test]
fn every_address_without_an_interface_is_named() {
    let failure = assigned(&requested("10.0.0.1 192.0.2.9 10.0.0.2@nosuch", None)).unwrap_err();
    assert_eq!(failure.problems().len(), 2);
}

#[test]
fn what_was_placed_before_stays_where_it_is() {
    let links = [link(1, "lo"), link(2, "eth0"), link(3, "eth1")];
    let placed = |nic: &str| RecordedAddress::new("192.0.2.9".parse().expect("address"), 28, nic, 3);
    check_rows(
        [
            ("192.0.2.9", None, "eth1", "eth1 192.0.2.9/28"),
            ("192.0.2.9/24", None, "eth1", "eth1 192.0.2.9/24"),
            ("192.0.2.9", Some("eth0"), "eth1", "eth0 192.0.2.9/24"),
            ("192.0.2.9", None, "gone", "eth0 192.0.2.9/24"),
            ("192.0.2.10", None, "eth1", "eth0 192.0.2.10/24"),
            ("192.0.2.9", Some("eth1-too"), "eth1", "eth1 192.0.2.9/28"),
            ("192.0.2.9", Some("eth0-too"), "eth1", "eth0 192.0.2.9/24"),
        ],
        |(ip, nic, record, expected)| {
            let mut requested = requested(ip, nic);
            remember(&mut requested, [placed(record)].iter(), &links);
            assert_eq!(assigned(&requested).expect(ip), [expected], "{ip} {nic:?} {record}");
        },
    );
}

#[test]
fn routes_are_asked_for_only_where_something_is_open() {
    check_rows(
        [
            ("192.0.2.9", None, true),
            ("192.0.2.9/24", None, true),
            ("192.0.2.9@eth0", None, true),
            ("192.0.2.9/24@eth0", None, false),
            ("192.0.2.9/24", Some("eth0"), false),
            ("192.0.2.9/24 192.0.2.10", Some("eth0"), true),
        ],
        |(ip, nic, expected)| {
            assert_eq!(needs_routes(&requested(ip, nic)), expected, "{ip} {nic:?}");
        },
    );
}

#[test]
fn the_broadcast_address_follows_the_parameter_and_the_prefix() {
    let vip = |prefix_length| InterfaceAddress {
        address: [192, 0, 2, 9].into(),
        prefix_length,
        interface: 2,
        label: None,
        broadcast: None,
    };
    let node = InterfaceAddress { address: [192, 0, 2, 1].into(), broadcast: Some([192, 0, 2, 255].into()), ..vip(24) };
    let of = |kind, place: &InterfaceAddress| {
        broadcast_address(kind, place, &OwnBroadcasts::of(std::slice::from_ref(&node)))
            .map(|broadcast| broadcast.to_string())
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(of(Broadcast::Derived, &vip(24)), text("192.0.2.255"));
    assert_eq!(of(Broadcast::Derived, &vip(30)), text("192.0.2.11"));
    assert_eq!(of(Broadcast::Derived, &vip(31)), None);
    assert_eq!(of(Broadcast::Derived, &vip(32)), None);
    assert_eq!(of(Broadcast::Inherited, &vip(24)), text("192.0.2.255"));
    // IPaddr2 takes the broadcast address of the node's own address too, for a part of its network as well, and not for
    // more than that.
    assert_eq!(of(Broadcast::Inherited, &vip(32)), text("192.0.2.255"));
    assert_eq!(of(Broadcast::Inherited, &vip(25)), text("192.0.2.255"));
    assert_eq!(of(Broadcast::Inherited, &vip(23)), None);
    assert_eq!(of(Broadcast::Inherited, &node), None);
    assert_eq!(of(Broadcast::Inherited, &InterfaceAddress { interface: 3, ..vip(24) }), None);
    assert_eq!(of(Broadcast::None, &vip(24)), None);
    assert_eq!(of(Broadcast::Given([192, 0, 2, 7].into()), &vip(24)), text("192.0.2.7"));
    let v6 = InterfaceAddress { address: "2001:db8::9".parse().expect("v6"), ..vip(64) };
    assert_eq!(of(Broadcast::Derived, &v6), None);
}

#[test]
fn a_label_must_fit_into_the_kernels_field() {
    assert_eq!(full_label("eth0", "vip"), Ok("eth0:vip".into()));
    assert!(full_label("eth0", "0123456789").is_ok());
    assert!(full_label("eth0", "01234567890").is_err());
}
