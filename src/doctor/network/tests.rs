use super::*;
use crate::doctor::observe::testing::configured;
use crate::model::InterfaceAddress;
use crate::testing::check_rows;

const DIRECTOR: [u8; 6] = [2, 0, 0, 0, 0, 1];
const REAL: [u8; 6] = [2, 0, 0, 0, 0, 21];
const STRANGER: [u8; 6] = [2, 0, 0, 0, 0, 99];

fn at(text: &str) -> IpAddr {
    text.parse().expect(text)
}

/// A node on 10.9.0.0/24 and 2001:db8::/64 with these further addresses on eth0.
fn node(held: &[&str]) -> NetworkFacts {
    let link = Link {
        index: 2,
        name: "eth0".into(),
        altnames: Vec::new(),
        up: true,
        running: true,
        loopback: false,
        point_to_point: false,
        no_arp: false,
        mac: Some(DIRECTOR),
        mtu: Some(1500),
    };
    let route = |network: &str, prefix_length| ConnectedRoute {
        destination: at(network),
        prefix_length,
        interface: 2,
        metric: 0,
        protocol: 2,
    };
    let observed = |address: &&str| {
        ObservedAddress::for_test(InterfaceAddress {
            address: at(address),
            prefix_length: 24,
            interface: 2,
            label: None,
            broadcast: None,
        })
    };
    let addresses = ["10.9.0.11", "2001:db8::11"].iter().chain(held).map(observed).collect();
    NetworkFacts {
        links: vec![link],
        addresses,
        routes: vec![route("10.9.0.0", 24), route("2001:db8::", 64)],
        virtual_ips: BTreeSet::from([at("10.9.0.100")]),
        ..NetworkFacts::default()
    }
}

fn claims(network: NetworkFacts, claims: &[(&str, [u8; 6])]) -> NetworkFacts {
    let claims = claims.iter().map(|(address, mac)| ForeignClaim { address: at(address), interface: 2, mac: *mac });
    NetworkFacts { claims: claims.collect(), ..network }
}

fn found(forwarding: &str, network: &NetworkFacts) -> Vec<String> {
    let text = format!("virtual=10.9.0.100:80\n\treal=10.9.0.21:80 {forwarding}\n\tchecktype=connect\n");
    of(&text, network)
}

fn of(text: &str, network: &NetworkFacts) -> Vec<String> {
    let found = findings(&[configured("f", text)], network);
    found.into_iter().map(|one| format!("{}: {}", one.object, one.what)).collect()
}

#[test]
fn one_host_answers_for_a_virtual_ip_and_each_other_one_is_named() {
    let vip = "10.9.0.100";
    let (director, standby) = (node(&[vip]), node(&[]));
    let real = ("10.9.0.21", REAL);
    check_rows(
        [
            (claims(director.clone(), &[real]), ""),
            (claims(standby.clone(), &[(vip, STRANGER), real]), ""),
            // A director that is a real server as well.
            (claims(standby.clone(), &[(vip, REAL), real]), ""),
            (
                claims(director.clone(), &[(vip, STRANGER), real]),
                "address 10.9.0.100: this node and 02:00:00:00:00:63 answer for it",
            ),
            (
                claims(director, &[(vip, REAL), real]),
                "address 10.9.0.100: this node and 02:00:00:00:00:15 answer for it; real server 10.9.0.21 is among them",
            ),
            (
                claims(standby, &[(vip, STRANGER), (vip, REAL), real]),
                "address 10.9.0.100: 02:00:00:00:00:63 and 02:00:00:00:00:15 answer for it; real server 10.9.0.21 is among them",
            ),
        ],
        |(network, expected)| assert_eq!(found("gate", &network).join("\n"), expected),
    );
}

#[test]
fn a_real_server_may_have_the_virtual_ip_on_any_interface_on_which_no_neighbour_asks() {
    let with = |change: fn(&mut Link)| {
        let mut network = claims(node(&[]), &[("10.9.0.100", STRANGER)]);
        let mut dummy = Link { index: 3, name: "dummy0".into(), ..network.links[0].clone() };
        change(&mut dummy);
        network.links.push(dummy);
        let vip = InterfaceAddress {
            address: at("10.9.0.100"),
            prefix_length: 32,
            interface: 3,
            label: None,
            broadcast: None,
        };
        network.addresses.push(ObservedAddress::for_test(vip));
        network
    };
    assert_eq!(found("gate", &with(|_| {})), [""; 0], "it has no network of its own");
    let mut own_network = with(|link| link.no_arp = true);
    let route = ConnectedRoute { destination: at("10.9.0.0"), interface: 3, ..own_network.routes[0].clone() };
    own_network.routes.push(route);
    assert_eq!(found("gate", &own_network), [""; 0], "it asks and answers no ARP");
    own_network.links[1].no_arp = false;
    assert_eq!(found("gate", &own_network), ["address 10.9.0.100: this node and 02:00:00:00:00:63 answer for it"]);
}

#[test]
fn a_real_server_that_does_not_answer_for_the_virtual_ip_is_named_unless_it_is_the_director() {
    let asked = |answer| {
        let network = claims(node(&[]), &[("10.9.0.21", REAL), ("10.9.0.100", STRANGER)]);
        NetworkFacts { accepts_vip: vec![("10.9.0.100:80".parse().expect("it"), at("10.9.0.21"), answer)], ..network }
    };
    assert_eq!(found("gate", &asked(SynAnswer::Accepted)), [""; 0]);
    let silent =
        "real server 10.9.0.21: it does not answer for the virtual IP 10.9.0.100:80, and does for its own address";
    assert_eq!(found("gate", &asked(SynAnswer::Silence)), [silent]);
    let refused = "real server 10.9.0.21: it refuses connections to the virtual IP 10.9.0.100:80, and accepts them to its own address";
    assert_eq!(found("gate", &asked(SynAnswer::Refused)), [refused]);
    let director = claims(asked(SynAnswer::Silence), &[("10.9.0.21", REAL), ("10.9.0.100", REAL)]);
    assert_eq!(found("gate", &director), [""; 0]);
}

#[test]
fn gate_needs_a_network_in_common_and_tunnels_need_room_and_another_source() {
    let far = "virtual=10.9.0.100:80\n\treal=10.7.0.1:80 gate\n\tchecktype=connect\n";
    assert_eq!(
        of(far, &node(&[])),
        ["real server 10.7.0.1: it is in no network of this node, and tcp 10.9.0.100:80 sends to it by gate"]
    );
    assert_eq!(of(&far.replace("gate", "masq"), &node(&[])), [""; 0]);
    assert_eq!(of(far, &NetworkFacts::default()), [""; 0], "nothing could be read");
    let own = of(&far.replace("10.7.0.1", "10.9.0.11"), &node(&[]));
    assert_eq!(own, [""; 0]);
    let short = "interface eth0: its MTU of 1500 leaves 1480 bytes in a tunnel, and clients send up to 1500";
    assert_eq!(found("ipip", &node(&["10.9.0.100"])), [short]);
    let mut mended = node(&["10.9.0.100"]);
    mended.links[0].mtu = Some(1520);
    assert_eq!(found("ipip", &mended), [""; 0], "what the fix makes is right");
    let six = "virtual6=[2001:db8::100]:80\n\treal6=[2001:db8::21]:80 ipip\n\tchecktype=connect\n";
    let mut wide = node(&["2001:db8::100"]);
    wide.links[0].mtu = None;
    assert_eq!(of(six, &wide), ["address 2001:db8::100: this node may use it as the source of its tunnels"]);
    wide.addresses.iter_mut().for_each(|held| held.deprecated = true);
    assert_eq!(of(six, &wide), [""; 0]);
}

#[test]
fn masq_without_a_way_back_and_settings_of_a_real_server_are_named() {
    let mut network = node(&[]);
    let real: SocketAddr = "10.9.0.21:80".parse().expect("it");
    network.answers_vip = BTreeMap::from([((at("10.8.0.1"), real), false), ((at("10.8.0.2"), real), true)]);
    network.wrong_settings = vec![("net/ipv4/conf/tunl0/rp_filter".into(), "2".into())];
    let expected = [
        "real server 10.9.0.21: it answers this node's own address, and not the virtual IP 10.8.0.1",
        "net.ipv4.conf.tunl0.rp_filter: it is not 2",
    ];
    assert_eq!(of("", &network), expected);
}
