//! Path checks (`checkpath=yes`): real servers whose own address is well, and that clients would not reach.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::common::server::Server;
use super::common::{Host, PATIENCE, schema, until, until_equal};
use super::{CONFIG, ldirectord};

/// The forwarding method of each port, for both families; `masq` has virtual IPs in a network of its own.
const METHODS: [(u16, &str, &str); 5] = [
    (80, "gate", "gate"),
    (81, "ipip", "ipip"),
    (82, "gue", "gue 1 tun-csum"),
    (83, "gre", "gre"),
    (84, "masq", "masq"),
];

/// What a real server is said to be, by its service: `gate 4`.
type Reasons = BTreeMap<String, String>;

/// Makes a director, and a real server that takes packets by every method.
fn pair() -> (Host, Host) {
    let (director, real) = Host::pair(&["10.9.0.11/24", "fd09::11/64"], &["10.9.0.21/24", "fd09::21/64"]);
    director.sh("ip link add wan type veth peer name cable && ip link set wan up && ip link set cable up; \
                 ip address add 10.9.0.100/32 dev eth0; ip address add fd09::100/128 dev eth0 nodad preferred_lft 0; \
                 ip address add 192.0.2.100/24 dev wan; ip address add 2001:db8::100/64 dev wan nodad");
    real.sh("modprobe -a ipip ip6_tunnel fou fou6 ip_gre ip6_gre; \
             ip address add 10.9.0.100/32 dev lo; ip address add fd09::100/128 dev lo; \
             for nic in tunl0 ip6tnl0 gre0 ip6gre0; do ip link set $nic up; done; \
             for nic in all eth0 tunl0 gre0; do echo 0 >/proc/sys/net/ipv4/conf/$nic/rp_filter; done; \
             echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit");
    real.sh(HEAL_TUNNELS);
    (director, real)
}

const HEAL_TUNNELS: &str = "ip fou add port 6080 gue; ip fou add port 6080 gue -6; \
                            ip link set ip6tnl0 up; ip link set gre0 up; ip link set ip6gre0 up; \
                            echo 0 >/proc/sys/net/ipv4/conf/tunl0/rp_filter; \
                            ip route add default via 10.9.0.11; ip -6 route add default via fd09::11";

fn config() -> String {
    let mut text = "checkinterval=1\nchecktimeout=1\ncheckpath=yes\n".to_owned();
    for (port, name, method) in METHODS {
        let vips = if name == "masq" { ["192.0.2.100", "2001:db8::100"] } else { ["10.9.0.100", "fd09::100"] };
        let section = |six: &str, vip: &str, real: &str| {
            format!("virtual{six}={vip}:{port}\n\treal{six}={real}:{port} {method}\n\tchecktype=connect\n")
        };
        text += &section("", vips[0], "10.9.0.21");
        text += &section("6", &format!("[{}]", vips[1]), "[fd09::21]");
    }
    text
}

fn reasons(director: &Host) -> Reasons {
    let overview = schema::status(&director.tool(&["status", "--json"]).silent().stdout);
    let services = overview["monitors"][0]["services"].as_array().cloned().unwrap_or_default();
    let row = |service: &serde_json::Value| {
        let real = &service["real_servers"][0];
        let (at, reason) = (real["real_server"].as_str()?, real["reason"].as_str()?);
        let (_, port) = at.rsplit_once(':')?;
        let (_, method, _) = METHODS.iter().find(|(known, ..)| known.to_string() == port)?;
        let family = if at.starts_with('[') { 6 } else { 4 };
        let name = method.split(' ').next()?;
        Some((format!("{name} {family}"), reason.to_owned()))
    };
    services.iter().filter_map(row).collect()
}

/// Waits until these services say so, and all others are well.
fn until_said(director: &Host, what: &str, expected: &[(&str, &str)]) {
    let is_said = |reasons: &Reasons| {
        reasons.len() == 2 * METHODS.len()
            && reasons.iter().all(|(service, reason)| {
                let words = expected.iter().find(|(name, _)| name == service).map(|(_, words)| *words);
                words.map_or(reason == "configured", |words| reason.contains(words))
            })
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = reasons(director);
        if is_said(&said) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {said:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The rows of faults that a check of the real server's own address passes; each is found and healed again.
#[test]
#[ignore = "needs a kernel with IPVS and tunnels: cts/run runs it there"]
fn each_fault_of_a_path_takes_the_real_server_out_with_its_reason_and_its_end_brings_it_back() {
    let (director, real) = pair();
    let mut servers: Vec<Server> =
        METHODS.iter().map(|(port, ..)| Server::start(&real, &format!("[::]:{port}"))).collect();
    director.write(CONFIG, &config());
    let ldirectord = ldirectord(&director);
    ldirectord.start();
    until_said(&director, "at first", &[]);
    assert_eq!(director.ipvs_table().iter().filter(|line| line.starts_with("-a ")).count(), 2 * METHODS.len());

    real.sh("ip address del 10.9.0.100/32 dev lo; ip address del fd09::100/128 dev lo");
    let (gate, tunnel) = ("does not have the virtual IP on lo", "no answer within 1 s: the real server's tunnel");
    let tunnels = ["ipip 4", "ipip 6", "gue 4", "gue 6", "gre 4", "gre 6"].map(|name| (name, tunnel));
    until_said(&director, "no virtual IP", &[&[("gate 4", gate), ("gate 6", gate)][..], &tunnels].concat());
    assert_eq!(director.ipvs_table().iter().filter(|line| line.starts_with("-a ")).count(), 2, "masq alone");
    real.sh("ip address add 10.9.0.100/32 dev lo; ip address add fd09::100/128 dev lo");
    until_said(&director, "the virtual IP again", &[]);

    // Each method its own fault: a program on its own address only, a strict filter, tunnels that are down, no way back.
    drop(servers.remove(0));
    let own = ["10.9.0.21:80", "[fd09::21]:80"].map(|address| Server::start(&real, address));
    real.sh("echo 1 >/proc/sys/net/ipv4/conf/tunl0/rp_filter; \
             ip fou del port 6080; ip fou del port 6080 -6; \
             ip link set ip6tnl0 down; ip link set gre0 down; ip link set ip6gre0 down; \
             ip route del default; ip -6 route del default");
    let refused = "connection refused: no program listens on the virtual IP there";
    let (undelivered, back) = ("unreachable (ICMP)", "its answers to clients do not come back through this node");
    until_said(
        &director,
        "each its own fault",
        &[
            ("gate 4", refused),
            ("gate 6", refused),
            ("ipip 4", tunnel),
            ("ipip 6", undelivered),
            ("gue 4", undelivered),
            ("gue 6", undelivered),
            ("gre 4", undelivered),
            ("gre 6", undelivered),
            ("masq 4", back),
            ("masq 6", back),
        ],
    );
    drop(own);
    servers.push(Server::start(&real, "[::]:80"));
    real.sh(HEAL_TUNNELS);
    until_said(&director, "each healed", &[]);

    // A filter of the virtual IP alone, for one port; a tunnel without its device; and ARP, which the path does not ask.
    real.sh("ip rule add from 10.9.0.100 ipproto tcp sport 80 blackhole pref 0; \
             ip -6 rule add from fd09::100 ipproto tcp sport 80 blackhole pref 0; \
             ip link set tunl0 down; echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    let rows = [("gate 4", gate), ("gate 6", gate), ("ipip 4", undelivered), ("gue 4", undelivered)];
    until_said(&director, "a filter of the virtual IP", &rows);
    real.sh("ip rule del pref 0 from 10.9.0.100; ip -6 rule del pref 0 from fd09::100; ip link set tunl0 up");
    until_said(&director, "the filter gone", &[]);
    ldirectord.monitor().expect(0).silent();
    ldirectord.stop();
}

/// The real servers pass their checks: what this node cannot ask changes nothing, and the cluster shows it.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_path_that_this_node_cannot_ask_is_no_outage() {
    let (director, real) = Host::pair(&["10.9.0.11/24"], &["10.9.0.21/24"]);
    let _server = Server::start(&real, "0.0.0.0:80");
    director.write(
        CONFIG,
        "checkinterval=1\nchecktimeout=1\ncheckpath=yes\nvirtual=10.9.0.100:80\n\treal=10.9.0.21:80 gate\n\tchecktype=connect\n",
    );
    let ldirectord = ldirectord(&director).under(&["setpriv", "--bounding-set", "-net_raw"]);
    ldirectord.start();
    until_equal("monitor", &Some(190), || ldirectord.monitor().code);
    ldirectord.monitor().expect(190).says("a check could not be made: path 10.9.0.100:80 by gate to 10.9.0.21:80: ");
    // Longer than the checks that would take it out if they were its own.
    let times = 6;
    let log = || director.read(super::LOG);
    director.sh(&format!("kill -USR2 {}", super::daemons(&director)[0]));
    until("the checks go on", || (log().matches("DEBUG: check of real server: ").count() > times).then_some(()));
    assert_eq!(director.weights(), super::common::table::weights(&[("10.9.0.21:80", 1)]));
    ldirectord.stop();
}
