//! `lvs-agents doctor` on machines without a cluster and without IPVS: what it asks of the network, and how it ends.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::net::UdpSocket;

use common::Host;
use common::server::Server;

const FILE: &str = "/run/test/doctor.cf";

/// A director with the virtual IPs, and a real server that listens on port 80 and has them on lo.
fn pair() -> (Host, Host) {
    let (director, real) = Host::pair(
        &["10.9.0.11/24", "10.9.0.100/32", "2001:db8::11/64", "2001:db8::100/128"],
        &["10.9.0.21/24", "2001:db8::21/64"],
    );
    real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2");
    real.sh("ip address add 10.9.0.100/32 dev lo && ip address add 2001:db8::100/128 dev lo");
    (director, real)
}

fn file(host: &Host, sections: &[(&str, &str)]) {
    let six = |address: &str| if address.starts_with('[') { "6" } else { "" };
    let section = |(vip, real): &(&str, &str)| {
        let six = six(vip);
        format!("virtual{six}={vip}\n\treal{six}={real}\n\tchecktype=connect\n")
    };
    host.write(FILE, &sections.iter().map(section).collect::<String>());
}

/// What is found, as `object: what`. The kernel's module is no matter of these tests.
fn found(host: &Host) -> Vec<String> {
    let outcome = host.tool(&["doctor", "--json", FILE]);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).expect(&outcome.stdout);
    let findings = report["findings"].as_array().expect("findings").clone();
    assert_eq!(outcome.code, Some(if findings.is_empty() { 0 } else { 3 }), "{report:#}");
    let text = |finding: &serde_json::Value, field: &str| finding[field].as_str().expect(field).to_owned();
    assert!(findings.iter().all(|one| !text(one, "fix").is_empty()), "{report:#}");
    let lines = findings.iter().map(|one| format!("{}: {}", text(one, "object"), text(one, "what")));
    lines.filter(|line| !line.starts_with("module ")).collect()
}

#[test]
fn a_real_server_is_named_from_the_moment_on_at_which_it_has_lost_the_virtual_ip() {
    let (director, real) = pair();
    let server = Server::start(&real, "[::]:80");
    file(&director, &[("10.9.0.100:80", "10.9.0.21:80 gate"), ("[2001:db8::100]:80", "[2001:db8::21]:80 gate")]);
    assert_eq!(found(&director), [""; 0]);
    real.sh("ip address del 10.9.0.100/32 dev lo && ip address del 2001:db8::100/128 dev lo");
    let lost = |real: &str, vip: &str| {
        format!("real server {real}: it does not answer for the virtual IP {vip}, and does for its own address")
    };
    assert_eq!(found(&director), [lost("10.9.0.21", "10.9.0.100:80"), lost("2001:db8::21", "[2001:db8::100]:80")]);
    assert_eq!(server.accepted(), 0, "the application saw a connection");
}

#[test]
fn a_program_that_listens_on_its_own_address_only_is_named_and_one_that_is_down_is_not() {
    let (director, real) = pair();
    file(&director, &[("10.9.0.100:80", "10.9.0.21:80 gate")]);
    assert_eq!(found(&director), [""; 0], "a check finds that it is down");
    let _server = Server::start(&real, "10.9.0.21:80");
    let expected = "real server 10.9.0.21: it refuses connections to the virtual IP 10.9.0.100:80, and accepts them to its own address";
    assert_eq!(found(&director), [expected]);
}

#[test]
fn a_real_server_that_answers_arp_for_the_virtual_ip_is_named_on_both_sides() {
    let (director, real) = pair();
    real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=0");
    file(&director, &[("10.9.0.100:81", "10.9.0.21:81 gate")]);
    let mac = real.mac_text("eth0");
    let expected =
        format!("address 10.9.0.100: this node and {mac} answer for it; real server 10.9.0.21 is among them");
    assert_eq!(found(&director), [expected]);
    file(&real, &[]);
    assert_eq!(found(&real), ["net.ipv4.conf.all.arp_ignore: it is not 1"]);
}

#[test]
fn masquerading_needs_a_way_back_which_is_seen_where_the_virtual_ip_is_in_another_network() {
    let (director, real) = pair();
    let server = Server::start(&real, "[::]:80");
    director.sh("ip address add 10.8.0.1/32 dev eth0");
    file(&director, &[("10.8.0.1:80", "10.9.0.21:80 masq")]);
    let expected = "real server 10.9.0.21: it answers this node's own address, and not the virtual IP 10.8.0.1";
    assert_eq!(found(&director), [expected]);
    real.sh("ip route add default via 10.9.0.11");
    assert_eq!(found(&director), [""; 0]);
    assert_eq!(server.accepted(), 0, "the application saw a connection");
    file(&director, &[("10.9.0.100:80", "10.9.0.21:80 masq")]);
    let told = director.tool(&["doctor", FILE]).stdout;
    assert!(told.contains("the way back of masq: the virtual IP is in the real server's own network"), "{told}");
}

#[test]
fn tunnels_need_room_and_a_source_that_is_not_the_virtual_ip() {
    let (director, _real) = pair();
    file(&director, &[("[2001:db8::100]:80", "[2001:db8::21]:80 ipip")]);
    let room = "interface eth0: its MTU of 1500 leaves 1460 bytes in a tunnel, and clients send up to 1500";
    assert_eq!(found(&director), ["address 2001:db8::100: this node may use it as the source of its tunnels", room]);
    director.sh("ip address change 2001:db8::100/128 dev eth0 preferred_lft 0");
    assert_eq!(found(&director), [room]);
}

#[test]
fn what_comes_out_of_a_tunnel_is_dropped_by_a_strict_filter() {
    let real = Host::with_eth0(&["10.9.0.21/24"]);
    file(&real, &[]);
    real.sh(
        "ip link add tunl0 type veth peer name other && ip link set tunl0 up && ip address add 10.9.0.100/32 dev tunl0",
    );
    real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.all.rp_filter=0");
    for (value, expected) in [(2, ""), (0, ""), (1, "net.ipv4.conf.tunl0.rp_filter: it is not 2")] {
        real.sh(&format!("sysctl -qw net.ipv4.conf.tunl0.rp_filter={value}"));
        assert_eq!(found(&real).join(""), expected, "{value}");
    }
}

#[test]
fn a_file_that_is_refused_is_a_finding_and_a_name_that_nothing_has_is_an_error() {
    let host = Host::with_eth0(&["10.9.0.11/24"]);
    host.write(FILE, "virtual=10.9.0.100:80\n\treal=10.9.0.21:80 gait\n");
    let told = host.tool(&["doctor", FILE]).expect(3).stdout;
    assert!(told.contains(&format!("fix: lvs-agents check-config {FILE}")), "{told}");
    let told = host.tool(&["doctor", "nobody"]).expect(1).stderr;
    assert!(told.starts_with("lvs-agents: nobody: no such file, and no resource"), "{told}");
    host.tool(&["doctor", "/run/test/none.cf"]).expect(3);
    let told = host.tool(&["doctor"]).expect(0).stdout;
    assert_eq!(told, "nothing is wrong that can be seen from here\n");
}

#[test]
fn without_root_it_says_what_it_could_not_look_at() {
    let (director, _real) = pair();
    file(&director, &[("10.9.0.100:80", "10.9.0.21:80 gate")]);
    director.sh(&format!("chmod 755 /run/test && chmod 644 {FILE}"));
    let binary = env!("CARGO_BIN_EXE_lvs-agents");
    let told = director.sh(&format!("cp {binary} /run/test/doctor && cd / && setpriv --reuid 65534 --clear-groups /run/test/doctor doctor {FILE} || true"));
    assert!(told.contains("not looked at: network: who has the addresses: "), "{told}");
    assert!(!told.contains("real server"), "{told}");
    let told = director.sh("cd / && setpriv --reuid 65534 --clear-groups /run/test/doctor orders 2>&1 || true");
    assert!(told.contains("only root sees the orders"), "{told}");
}

#[test]
fn a_reader_that_has_seen_enough_changes_neither_the_exit_status_nor_what_is_said() {
    let (director, _real) = pair();
    director.write(FILE, "virtual=10.9.0.100:80\n\treal=10.9.0.21:80 gait\n");
    for (command, code) in [("status", 0), ("orders", 0), (&*format!("doctor {FILE}"), 3), ("meta-data lvs", 0)] {
        // The shell holds the reading end until the writing one is open.
        let closed = "rm -f /run/test/pipe && mkfifo /run/test/pipe && exec 8<>/run/test/pipe 9>/run/test/pipe 8<&-";
        let told = director.sh(&format!(
            "{closed}; {} {command} >&9 2>/run/test/said; echo $?; cat /run/test/said",
            env!("CARGO_BIN_EXE_lvs-agents")
        ));
        assert_eq!(told, format!("{code}\n"), "{command}");
    }
}

#[test]
fn a_real_server_that_has_the_virtual_ip_on_dummy0_is_as_good_as_one_that_has_it_on_lo() {
    let (director, real) = pair();
    real.sh("ip address del 10.9.0.100/32 dev lo && ip address del 2001:db8::100/128 dev lo");
    // What a dummy interface is: the kernel of the test may have none.
    real.sh("ip link add dummy0 type veth peer name nothing && ip link set dummy0 arp off up");
    real.sh("ip address add 10.9.0.100/32 dev dummy0");
    let _server = Server::start(&real, "[::]:80");
    for host in [&director, &real] {
        file(host, &[("10.9.0.100:80", "10.9.0.21:80 gate")]);
        assert_eq!(found(host), [""; 0]);
    }
    real.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=0");
    assert_eq!(found(&real), ["net.ipv4.conf.all.arp_ignore: it is not 1"]);
}

#[test]
fn a_name_server_that_does_not_answer_costs_no_more_than_the_patience() {
    let (director, _real) = pair();
    // It is bound, and reads nothing.
    let _server = director.enter(|| UdpSocket::bind("127.0.0.53:53").expect("bind"));
    director.write("/run/test/resolv.conf", "nameserver 127.0.0.53\noptions timeout:30 attempts:5\n");
    director.write("/run/test/nsswitch.conf", "hosts: files dns\n");
    director.sh("mount --bind /run/test/resolv.conf /etc/resolv.conf && mount --bind /run/test/nsswitch.conf /etc/nsswitch.conf");
    director.write(FILE, "virtual=10.9.0.100:80\n\treal=web.example.org:80 gate\n\tchecktype=connect\n");
    let told = director.tool(&["doctor", "--patience", "1s", FILE]).expect(0).stdout;
    let expected = format!("not looked at: {FILE}: not read in time: a name in it that no name server answers for");
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn services_that_cannot_be_looked_at_for_one_reason_are_one_line() {
    let (director, _real) = pair();
    let section =
        |port| format!("virtual=10.9.0.100:{port}\n\treal=10.9.0.21:{port} gate\n\tprotocol=udp\n\tchecktype=on\n");
    director.write(FILE, &(1..=40).map(section).collect::<String>());
    let told = director.tool(&["doctor", FILE]).stdout;
    assert_eq!(told.matches("TCP services").count(), 1, "{told}");
    assert!(told.contains("virtual service udp 10.9.0.100:1 (and 39 more): "), "{told}");
}
