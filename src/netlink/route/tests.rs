use std::net::IpAddr;

use neli::consts::rtnl::Rtm;
use proptest::prelude::*;

use super::*;
use crate::netlink::testing::{in_namespace, ip, poll};

fn address(text: &str, prefix_length: u8, interface: u32) -> InterfaceAddress {
    let address = text.parse().expect("address");
    InterfaceAddress { address, prefix_length, interface, label: None, broadcast: None }
}

fn link(route: &mut Route, name: &str) -> Link {
    route.links().expect("links").into_iter().find(|link| link.is_called(name)).expect(name)
}

/// Returns the address as the kernel has it now.
fn observe(route: &mut Route, text: &str) -> Option<ObservedAddress> {
    let wanted: IpAddr = text.parse().expect("address");
    route.addresses().expect("addresses").into_iter().find(|observed| observed.address.address == wanted)
}

#[test]
fn links_have_names_states_and_link_layer_addresses() {
    in_namespace(|| {
        ip("link add va address 02:00:00:00:00:0a type veth peer name vb");
        ip("link property add dev va altname lan altname a-second-and-quite-long-name");
        ip("link set va up");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "lan");
        assert_eq!((va.name.as_str(), va.mac), ("va", Some([2, 0, 0, 0, 0, 10])));
        assert_eq!(va.altnames, ["lan", "a-second-and-quite-long-name"]);
        assert!(va.up && !va.running && !va.loopback && !va.no_arp, "{va:?}");
        ip("link set vb up");
        assert!(poll(|| link(&mut route, "va").running), "carrier");
        let lo = link(&mut route, "lo");
        assert!(lo.loopback && !lo.up && lo.mac.is_none(), "{lo:?}");
    });
}

#[test]
fn an_ipv4_address_comes_and_goes_and_both_are_idempotent() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        let vip = InterfaceAddress {
            label: Some("va:vip".into()),
            broadcast: Some("10.9.0.255".parse().expect("broadcast")),
            ..address("10.9.0.1", 24, va)
        };
        assert_eq!(route.add_address(&vip, AddressOptions::default()), Ok(true));
        assert_eq!(route.add_address(&vip, AddressOptions::default()), Ok(false));
        let observed = observe(&mut route, "10.9.0.1").expect("observed");
        assert_eq!(observed.address, vip);
        assert!(observed.permanent && !observed.secondary && !observed.no_prefix_route, "{observed:?}");

        let second = address("10.9.0.2", 24, va);
        let options = AddressOptions { no_prefix_route: true, ..AddressOptions::default() };
        assert_eq!(route.add_address(&second, options), Ok(true));
        let observed = observe(&mut route, "10.9.0.2").expect("observed");
        assert_eq!(observed.address, second, "the default label is none");
        assert!(observed.secondary && observed.no_prefix_route, "{observed:?}");

        assert_eq!(route.delete_address(&second), Ok(true));
        assert_eq!(route.delete_address(&address("10.9.0.1", 25, va)), Ok(false), "another prefix length");
        assert_eq!(route.delete_address(&vip), Ok(true));
        assert_eq!(route.delete_address(&vip), Ok(false));
        assert_eq!(observe(&mut route, "10.9.0.1"), None);
    });
}

#[test]
fn an_ipv6_address_is_tentative_unless_told_otherwise() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        ip("link set vb up");
        ip("link set va up");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        let (slow, fast) = (address("2001:db8::1", 64, va), address("2001:db8::2", 64, va));
        assert_eq!(route.add_address(&slow, AddressOptions::default()), Ok(true));
        assert!(observe(&mut route, "2001:db8::1").expect("observed").tentative);
        let options = AddressOptions { no_dad: true, ..AddressOptions::default() };
        assert_eq!(route.add_address(&fast, options), Ok(true));
        let observed = observe(&mut route, "2001:db8::2").expect("observed");
        assert!(!observed.tentative && observed.permanent, "{observed:?}");
        assert_eq!(observed.address, fast);
        assert_eq!(route.add_address(&fast, options), Ok(false));
        assert!(poll(|| !observe(&mut route, "2001:db8::1").expect("observed").tentative), "detection ends");
        for address in [&slow, &fast] {
            assert_eq!(route.delete_address(address), Ok(true));
            assert_eq!(route.delete_address(address), Ok(false));
        }
    });
}

#[test]
fn a_failed_detection_is_seen() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        ip("link set vb up");
        ip("link set va up");
        ip("-6 addr add 2001:db8::1/64 dev vb nodad");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        route.add_address(&address("2001:db8::1", 64, va), AddressOptions::default()).expect("add");
        let failed = |observed: ObservedAddress| observed.address.interface == va && observed.dad_failed;
        assert!(poll(|| route.addresses().expect("addresses").into_iter().any(failed)));
    });
}

#[test]
fn errors_name_the_address_and_carry_the_kernels_words() {
    in_namespace(|| {
        let mut route = Route::open().expect("open");
        let nowhere = address("10.9.0.1", 24, 99);
        assert_eq!(route.delete_address(&nowhere), Ok(false));
        let error = route.add_address(&nowhere, AddressOptions::default()).expect_err("no interface");
        assert_eq!(error.errno(), Some(19));
        let text = error.to_string();
        assert!(text.starts_with("10.9.0.1/24: add to interface 99: No such device"), "{text}");
        let error = route.add_address(&address("10.9.0.1", 33, 1), AddressOptions::default()).expect_err("prefix");
        assert!(error.to_string().contains("Invalid argument (ipv4: Invalid prefix length)"), "{error}");
    });
}

#[test]
fn a_list_of_many_datagrams_is_complete() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        for number in 0..1000u32 {
            let text = format!("10.8.{}.{}", number / 250, number % 250 + 1);
            assert_eq!(route.add_address(&address(&text, 32, va), AddressOptions::default()), Ok(true));
        }
        let addresses = route.addresses().expect("addresses");
        assert_eq!(addresses.iter().filter(|observed| observed.address.interface == va).count(), 1000);
    });
}

#[test]
fn only_connected_routes_of_the_main_table_count() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        for line in [
            "link set lo up",
            "link set vb up",
            "link set va up",
            "addr add 10.9.0.5/24 dev va",
            "route add default via 10.9.0.1",
            "route add 10.10.0.0/16 via 10.9.0.1",
            "route add 10.11.0.0/16 dev va metric 7",
            "route add unreachable 10.12.0.0/16",
            "route add 10.13.0.0/16 dev va table 77",
            "route add 10.14.0.0/16 dev lo",
            "-6 addr add 2001:db8::5/64 dev va nodad",
        ] {
            ip(line);
        }
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        let routes = route.connected_routes().expect("routes");
        let mut seen: Vec<String> = routes
            .iter()
            .filter(|route| route.interface == va && !route.destination.to_string().starts_with("fe80"))
            .map(|route| format!("{}/{} metric {}", route.destination, route.prefix_length, route.metric))
            .collect();
        seen.sort();
        assert_eq!(seen, ["10.11.0.0/16 metric 7", "10.9.0.0/24 metric 0", "2001:db8::/64 metric 256"]);
        let loopback = link(&mut route, "lo").index;
        assert!(routes.iter().all(|route| route.interface != loopback), "{routes:?}");
        for text in ["10.9.0.97", "2001:db8::97"] {
            let found = interface_for(text.parse().expect("address"), &routes).map(|route| route.interface);
            assert_eq!(found, Some(va), "{text}");
        }
        assert_eq!(interface_for("10.10.0.1".parse().expect("address"), &routes), None);
    });
}

#[test]
fn the_longest_prefix_wins_then_the_lowest_metric_then_the_lowest_index() {
    let route = |text: &str, prefix_length, interface, metric| ConnectedRoute {
        destination: text.parse().expect("address"),
        prefix_length,
        interface,
        metric,
        protocol: 2,
    };
    let routes = [
        route("10.0.0.0", 8, 1, 0),
        route("10.1.0.0", 16, 2, 100),
        route("10.1.0.0", 16, 3, 50),
        route("10.1.2.0", 24, 5, 10),
        route("10.1.2.0", 24, 4, 10),
        route("10.1.2.3", 32, 6, 999),
        route("2001:db8::", 32, 7, 256),
        route("2001:db8:0:1::", 64, 8, 256),
        route("fe80::", 64, 9, 256),
    ];
    crate::testing::check_rows(
        [
            ("10.200.0.1", Some(1)),
            ("10.1.9.9", Some(3)),
            ("10.1.2.4", Some(4)),
            ("10.1.2.3", Some(6)),
            ("11.0.0.1", None),
            ("2001:db8:ffff::1", Some(7)),
            ("2001:db8:0:1::1", Some(8)),
            ("2001:db9::1", None),
            ("::a01:203", None),
            ("fe80::1", None),
        ],
        |(text, interface)| {
            let found = interface_for(text.parse().expect("address"), &routes).map(|route| route.interface);
            assert_eq!(found, interface, "{text}");
        },
    );
    assert_eq!(interface_for("10.0.0.1".parse().expect("address"), &[] as &[ConnectedRoute]), None);
}

#[test]
fn answers_cut_off_anywhere_are_errors_or_lack_their_end() {
    let observed = |bytes: &[u8]| address::decode(bytes);
    let vip = InterfaceAddress { label: Some("eth0:vip".into()), ..address("10.9.0.1", 24, 2) };
    let bytes = address::encode_new(&vip, AddressOptions::default()).expect("encode");
    assert_eq!(observed(&bytes).expect("decode").expect("known family").address, vip);
    let mut errors = 0;
    for length in 0..bytes.len() {
        match observed(&bytes[..length]) {
            Err(_) => errors += 1,
            // Between two attributes only what is missing shows the difference.
            Ok(cut) => assert!(length % 4 == 0 && cut.expect("known family").address.address == vip.address),
        }
    }
    assert!(errors >= bytes.len() - 4, "{errors} of {}", bytes.len());
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
        let _ = link::decode(&bytes);
        let _ = address::decode(&bytes);
        let _ = connected::decode(&bytes);
    }
}

#[test]
fn a_list_that_the_kernel_refuses_is_an_error() {
    let mut route = Route::open().expect("open");
    let refused = route.list(Rtm::UnrecognizedConst(0xfff2), address::HEADER, address::decode);
    assert!(refused.as_ref().is_err_and(|error| error.is(Errno::EOPNOTSUPP)), "{refused:?}");
}

#[test]
fn broadcast_addresses_of_this_node_are_known_by_its_routes() {
    in_namespace(|| {
        ip("link set lo up");
        ip("link add va type veth peer name vb");
        ip("link set va up");
        ip("address add 10.9.5.1/24 brd + dev va");
        ip("route add broadcast 10.9.6.255 dev va table local");
        let table = Route::open().expect("open").local_table().expect("local routes");
        for (address, broadcast) in
            [("10.9.5.255", true), ("10.9.6.255", true), ("10.9.5.1", false), ("10.9.5.2", false), ("127.0.0.1", false)]
        {
            assert_eq!(table.is_broadcast(address.parse().expect(address)), broadcast, "{address}");
        }
    });
}

#[test]
fn the_way_to_an_address_and_the_neighbours_on_it_are_the_kernels() {
    in_namespace(|| {
        ip("link add va type veth peer name vb");
        for order in ["link set va up", "link set vb up", "link set lo up"] {
            ip(order);
        }
        ip("address add 10.9.0.1/24 dev va");
        ip("address add fd09::1/64 dev va nodad");
        ip("route add 10.8.0.0/16 via 10.9.0.254");
        ip("-6 route add fd08::/64 via fd09::254");
        ip("route add unreachable 10.7.0.0/16");
        ip("neigh add 10.9.0.21 lladdr 02:00:00:00:00:21 dev va");
        ip("neigh add fd09::21 lladdr 02:00:00:00:00:21 dev va");
        let mut route = Route::open().expect("open");
        let va = link(&mut route, "va").index;
        let (on_link, by_router) = (Some(Hop::Link { interface: va }), Some(Hop::Router { interface: va }));
        crate::testing::check_rows(
            [
                ("10.9.0.21", on_link),
                ("fd09::21", on_link),
                ("10.8.1.1", by_router),
                ("fd08::1", by_router),
                ("10.9.0.1", Some(Hop::Own)),
                ("fd09::1", Some(Hop::Own)),
                ("10.7.0.1", None),
                ("192.0.2.1", None),
                ("2001:db8::1", None),
            ],
            |(address, expected)| {
                assert_eq!(route.hop_to(address.parse().expect(address)), Ok(expected), "{address}");
            },
        );
        let mut neighbours = route.neighbours().expect("neighbours");
        // The kernel's own talk with all hosts.
        neighbours.retain(|one| !one.address.is_multicast());
        neighbours.sort_by_key(|one| one.address);
        let mac = [2, 0, 0, 0, 0, 0x21];
        let expected = ["10.9.0.21", "fd09::21"].map(|address| {
            let address = address.parse().expect(address);
            Neighbour { address, interface: va, mac }
        });
        assert_eq!(neighbours, expected);
        let wanted = "10.9.0.22".parse().expect("address");
        assert_eq!(route.look_for_neighbour(wanted, va), Ok(()));
        assert!(route.look_for_neighbour(wanted, 4711).is_err(), "no such interface");
    });
}
