//! A standby that joins late gets to know the connections of the director: two health monitors, the kernel's backup daemon,
//! and the records of the role, which the test writes in place of the `lvs` agent.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;
mod pair;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use common::{Agent, Host, until, until_equal};
use pair::{Group, Heard, Pair};

/// The sync id of the pair.
const ID: u8 = 7;

const LOG: &str = "/var/log/ldirectord.log";

/// Connects to every service and lets the connections idle.
fn idle_connections(pair: &Pair) -> Vec<TcpStream> {
    let services = ["10.9.0.100:80", "10.9.0.100:81", "10.9.0.100:82", "[2001:db8::100]:80", "[2001:db8::100]:81"];
    services.into_iter().flat_map(|service| (0..6).map(move |_| pair.connect(service))).collect()
}

/// The gate, masq and persistent services, of both families.
fn every_idle_connection_is_known_at_its_real_server(group: Group) {
    let pair = Pair::new(group);
    pair.start_daemon(&pair.director, "master", ID);
    pair.join(&pair.director, true);
    let streams = idle_connections(&pair);
    let expected = until("established connections", || {
        let is_up = |entry: &String| entry.ends_with("ESTABLISHED") || entry.ends_with("ASSURED");
        Some(Pair::connections(&pair.director)).filter(|entries| entries.len() == 31 && entries.iter().all(is_up))
    });
    let masqueraded = expected.iter().filter(|entry| entry.contains(" 1F91 ")).count();
    assert_eq!((streams.len(), masqueraded), (30, 12), "beside them there is a template: {expected:#?}");
    pair.start_daemon(&pair.standby, "backup", ID);
    pair.join(&pair.standby, false);
    until_equal("the standby's table of connections", &expected, || Pair::connections(&pair.standby));
    assert_eq!(Pair::counted(&pair.standby), 30, "each is bound to its real server");
    until_equal("coverage", &Some(100), || Pair::record(&pair.standby)["sync_coverage"].as_u64());
    assert!(Pair::record(&pair.director)["sync_coverage"].is_null());
    let standbys = until("status of the director", || {
        let status = Pair::status(&pair.director);
        Some(status["sync"]["standbys"].clone()).filter(|standbys| standbys[0]["coverage"] == 100)
    });
    assert_eq!(standbys.as_array().map(Vec::len), Some(1));
    let clashes = [&pair.director, &pair.standby].map(|host| Pair::record(host)["sync_clash"].clone());
    assert!(clashes.iter().all(serde_json::Value::is_null), "the kernel of the director is no other one: {clashes:?}");
    let status = Pair::status(&pair.standby);
    assert_eq!((&status["sync"]["coverage"], &status["sync"]["connections"]), (&100.into(), &30.into()));
    for (host, sentence) in [
        (&pair.director, " knows 100 % of 30 connections"),
        (&pair.standby, "this standby knows 100 % of 30 connections of director "),
    ] {
        let log = until(sentence, || Some(host.read(LOG)).filter(|log| log.contains(sentence)));
        assert_eq!(log.matches(sentence).count(), 1, "{log}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_standby_that_joins_late_knows_every_idle_connection_at_its_real_server() {
    every_idle_connection_is_known_at_its_real_server(Group::Ipv4);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_group_of_ipv6_serves_as_well() {
    every_idle_connection_is_known_at_its_real_server(Group::Ipv6);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn ten_thousand_are_sent_again_until_the_standby_has_all_and_only_while_the_director_is_promoted() {
    const MANY: u32 = 10_000;
    let pair = Pair::new(Group::Ipv4);
    pair.start_daemon(&pair.director, "backup", ID + 1);
    until_equal("the director's own connections", &MANY, || {
        pair.send_connections(ID + 1, MANY);
        Pair::counted(&pair.director)
    });
    let heard = Heard::by(&pair.client);
    pair.join(&pair.director, true);
    heard.until_notice("10.9.0.11", Heard::DIRECTOR);
    assert_eq!(heard.messages(), 0, "there is no standby");
    pair.start_daemon(&pair.standby, "backup", ID);
    pair.join(&pair.standby, false);
    heard.until_message("10.9.0.11");
    pair.write_role(&pair.director, false);
    heard.until_notice("10.9.0.11", Heard::STANDBY);
    let sent = heard.messages();
    let whole = MANY.div_ceil(40) as usize;
    assert!(sent < whole, "{sent} of {whole} datagrams, although the director was demoted after the first");
    // The standby still asks, and nobody answers.
    for sender in ["10.9.0.11", "10.9.0.12", "10.9.0.11", "10.9.0.12", "10.9.0.12"] {
        heard.until_notice(sender, Heard::STANDBY);
    }
    assert_eq!(heard.messages(), 0, "an unpromoted node sends nothing");
    assert!(Pair::counted(&pair.standby) < MANY);
    pair.write_role(&pair.director, true);
    until_equal("coverage", &Some(100), || Pair::record(&pair.standby)["sync_coverage"].as_u64());
    assert_eq!(Pair::counted(&pair.standby), MANY);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn two_promoted_nodes_name_each_other() {
    let pair = Pair::new(Group::Ipv4);
    for host in [&pair.director, &pair.standby] {
        pair.join(host, true);
    }
    for (host, other) in [(&pair.director, "10.9.0.12"), (&pair.standby, "10.9.0.11")] {
        until_equal("the clash", &other, || {
            let clash = Pair::record(host)["sync_clash"].clone();
            if clash == other { other } else { "nobody" }
        });
        let log = until("the log", || Some(host.read(LOG)).filter(|log| log.contains("same sync id")));
        assert!(log.contains(&format!("ERROR: connection synchronisation: {other}: ")), "{log}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_missing_interface_is_told_and_the_services_are_served() {
    let pair = Pair::new(Group::Ipv4);
    pair.write_role_on(&pair.director, true, "nosuch0");
    pair.start_health_monitor(&pair.director);
    let errors = until("status", || {
        let errors = Pair::status(&pair.director)["liveness"]["sink_errors"].clone();
        errors.as_array().and_then(|errors| errors.first()).map(ToString::to_string)
    });
    assert!(errors.contains("connection synchronisation on nosuch0: find the interface"), "{errors}");
    let weights: BTreeSet<u32> = pair.director.weights().into_values().collect();
    assert_eq!(weights, BTreeSet::from([1]));
    pair.write_role(&pair.director, true);
    until("it works again", || {
        let status = Pair::status(&pair.director);
        (status["sync"]["interface"] == "eth0" && status["liveness"]["sink_errors"] == serde_json::json!([]))
            .then_some(())
    });
}

/// The `lvs` resource of a node as a promotable clone.
fn clone(host: &Host) -> Agent<'_> {
    let lvs = pair::lvs(host).params(&[("sync_interface", "eth0"), ("sync_id", &ID.to_string())]);
    lvs.variable("OCF_RESKEY_CRM_meta_promoted_max", "1")
}

fn until_a_standby_is_heard(pair: &Pair) {
    until("a standby is heard", || {
        let status = Pair::status(&pair.director);
        status["sync"]["standbys"].as_array().filter(|standbys| !standbys.is_empty()).map(|_| ())
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn connections_that_are_too_young_for_the_kernel_go_on_after_a_planned_move() {
    const YOUNG: usize = 50;
    let pair = Pair::new(Group::Ipv4);
    let (director, standby) = (clone(&pair.director), clone(&pair.standby));
    for (agent, host) in [(&director, &pair.director), (&standby, &pair.standby)] {
        agent.start();
        pair.start_health_monitor(host);
    }
    director.run("promote").expect(0).silent();
    until_a_standby_is_heard(&pair);
    // The handshake alone has passed of each: the kernel sends a connection with its third packet.
    let mut streams: Vec<TcpStream> = (0..YOUNG).map(|_| pair.connect("10.9.0.100:80")).collect();
    director.run("demote").expect(0).silent();
    standby.run("promote").expect(0).silent();
    pair.move_address();
    for stream in &mut streams {
        stream.write_all(b"?").expect("write");
    }
    assert_eq!(pair.arrived(YOUNG), YOUNG);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_that_hangs_holds_no_demotion_up() {
    let pair = Pair::new(Group::Ipv4);
    let director = clone(&pair.director);
    director.start();
    director.run("promote").expect(0).silent();
    pair.start_health_monitor(&pair.director);
    until("it has the role", || {
        Pair::status(&pair.director)["sync"]["promoted"].as_bool().filter(|promoted| *promoted)
    });
    pair.director.sh("kill -STOP $(pgrep -f '[d]aemon')");
    director.run("demote").expect(0).silent();
}
