//! `ocf:rust:lvs` as pacemaker calls it, in namespaces of each test's own; the kernel's table is read by ipvsadm.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod broken;
mod drain;
mod drift;
mod kinds;
mod many;
mod monitored;
mod promotable;
mod refused;
mod reload;
mod stateless;
mod together;
mod traffic;

use common::agent::AGENT_LOG;
use common::server::Server;
use common::{Agent, Host, until_equal};

/// Every test of this file declares this unless it says otherwise.
const TABLE: [&str; 3] = [
    "-A -t 10.9.0.100:80 -s wrr",
    "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 1",
    "-a -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 3",
];
/// A service of another program.
const FOREIGN: [&str; 2] = ["-A -t 10.9.0.7:25 -s rr", "-a -t 10.9.0.7:25 -r 10.9.1.7:25 -g -w 7"];

fn lvs(host: &Host) -> Agent<'_> {
    let real = "10.9.1.1 gate 1, 10.9.1.2 gate 3";
    host.agent("lvs").params(&[("virtual", "10.9.0.100:80"), ("real", real), ("checktype", "on")])
}

fn with_foreign_service() -> Host {
    let host = Host::new();
    for line in FOREIGN {
        host.sh(&format!("ipvsadm {line}"));
    }
    host
}

/// A director that has its first real server on itself, and a client.
fn with_client() -> (Host, Host) {
    let (host, client) = Host::pair(&["192.0.2.1/24", "10.9.1.1/32"], &["192.0.2.2/24"]);
    host.sh("ip address add 10.9.0.100/32 dev lo");
    client.sh("ip route add 10.9.0.100 via 192.0.2.1");
    (host, client)
}

fn sorted(lines: &[&str], more: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().chain(more).map(|line| (*line).to_owned()).collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn start_monitor_and_stop_each_twice_beside_a_foreign_service() {
    let host = with_foreign_service();
    let lvs = lvs(&host);
    lvs.probe().expect(7).silent();
    lvs.monitor().expect(7).silent();
    for _ in 0..2 {
        lvs.start();
        assert_eq!(host.ipvs_table(), sorted(&TABLE, &FOREIGN));
        lvs.monitor().expect(0).silent();
        lvs.probe().expect(0).silent();
    }
    for _ in 0..2 {
        lvs.stop();
        assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]));
        lvs.monitor().expect(7).silent();
    }
    assert_eq!(host.run_files(), [""; 0]);
}

/// A deletion and an addition would give the same table, without the connections.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_second_start_changes_nothing_and_an_edit_only_what_differs() {
    let (host, client) = with_client();
    let _server = Server::start(&host, "0.0.0.0:80");
    let lvs =
        host.agent("lvs").params(&[("virtual", "10.9.0.100:80"), ("real", "10.9.1.1 gate 1"), ("checktype", "on")]);
    lvs.start();
    client.enter(|| std::net::TcpStream::connect("10.9.0.100:80")).expect("through the virtual service");
    let connections = || {
        let lines = host.sh("ipvsadm -Ln --stats");
        let line = lines.lines().find(|line| line.contains("-> 10.9.1.1:80"));
        line.and_then(|line| line.split_whitespace().nth(2)).map(str::to_owned)
    };
    // The kernel adds up its counters every two seconds.
    until_equal("a connection is counted", &Some("1".to_owned()), connections);
    let log = host.read(AGENT_LOG);
    lvs.start();
    assert_eq!(host.read(AGENT_LOG), log, "a start with nothing to do has nothing to tell");
    assert_eq!(connections(), Some("1".into()));

    let edited = lvs.params(&[("real", "10.9.1.1 gate 9, 10.9.1.5 gate 2"), ("scheduler", "rr")]);
    edited.monitor().expect(0);
    edited.start();
    let expected = [
        "-A -t 10.9.0.100:80 -s rr",
        "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 9",
        "-a -t 10.9.0.100:80 -r 10.9.1.5:80 -g -w 2",
    ];
    assert_eq!(host.ipvs_table(), expected);
    assert_eq!(connections(), Some("1".into()));
    let changes = host.read(AGENT_LOG).strip_prefix(&log).map(|new| new.lines().count());
    assert_eq!(changes, Some(3), "{}", host.read(AGENT_LOG));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_a_new_configuration_no_longer_has_is_removed() {
    let host = with_foreign_service();
    let both = lvs(&host).param("virtual", "10.9.0.100:80, 10.9.0.101:80");
    both.start();
    assert_eq!(host.ipvs_table().len(), 6 + FOREIGN.len());
    lvs(&host).start();
    assert_eq!(host.ipvs_table(), sorted(&TABLE, &FOREIGN));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_service_made_by_hand_is_adopted() {
    let host = Host::new();
    for line in ["-A -t 10.9.0.100:80 -s wrr", "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 1"] {
        host.sh(&format!("ipvsadm {line}"));
    }
    lvs(&host).start();
    assert_eq!(host.ipvs_table(), TABLE);
    let log = host.read(AGENT_LOG);
    assert!(log.contains("add real server 10.9.1.2:80") && !log.contains("10.9.1.1:80"), "{log}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_services_of_a_file_are_declared_and_outlive_the_file() {
    let host = Host::new();
    let file = "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n\tscheduler=wrr\n";
    host.write("/run/test/ldirectord.cf", file);
    let lvs = host.agent("lvs").param("configfile", "/run/test/ldirectord.cf");
    lvs.start();
    assert_eq!(host.ipvs_table(), TABLE);
    // The file may be gone or broken by the time of the stop.
    for text in ["nonsense", ""] {
        host.write("/run/test/ldirectord.cf", text);
        lvs.monitor().expect(0);
    }
    host.sh("rm /run/test/ldirectord.cf");
    lvs.monitor().expect(0);
    lvs.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn two_owners_of_one_service_are_refused_by_name() {
    let host = Host::new();
    lvs(&host).start();
    let twin = lvs(&host).instance("twin").param("real", "10.9.1.9 gate");
    let words = "virtual service tcp 10.9.0.100:80: claimed by lvs resource \"twin\": lvs resource \"my-lvs\" owns it";
    twin.run("start").expect(2).says(words);
    twin.probe().expect(7);
    twin.stop();
    assert_eq!(host.ipvs_table(), TABLE);
    lvs(&host).monitor().expect(0);

    host.write("/run/test/ldirectord.cf", "virtual=10.9.0.100:80\n\treal=10.9.1.9 gate\n\tchecktype=on\n");
    let monitor = host.agent("ldirectord").param("configfile", "/run/test/ldirectord.cf");
    let words = "claimed by ldirectord resource \"my-ldirectord\": lvs resource \"my-lvs\" owns it";
    monitor.run("start").expect(2).says(words);
    monitor.stop();
    assert_eq!(host.ipvs_table(), TABLE);
    lvs(&host).stop();
    twin.start();
    monitor.run("start").expect(2).says("lvs resource \"twin\" owns it");
}
