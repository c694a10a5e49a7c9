//! Operators' orders on a node without a cluster.

use std::net::TcpListener;

use super::common::table::Watcher;
use super::common::talk::Talk;
use super::common::{Host, until, until_equal};
use super::{CONFIG, LOG, ONE, TWO, both, config, daemons, ldirectord, status, weights};

/// A director that has both real servers on itself, whose health monitor runs, and a client.
fn director() -> (Host, Host) {
    let (host, client) = Host::pair(&["192.0.2.1/24", "10.9.1.1/32", "10.9.1.2/32"], &["192.0.2.2/24"]);
    host.sh("ip address add 10.9.0.100/32 dev lo");
    client.sh("ip route add 10.9.0.100 via 192.0.2.1");
    // No check is accepted in the place of the client.
    host.write(CONFIG, &config("", "").replace("checktype=connect", "checktype=on"));
    ldirectord(&host).start();
    assert_eq!(host.weights(), both());
    (host, client)
}

/// Gives an order and returns what the command says.
fn order(host: &Host, code: i32, words: &str) -> String {
    let arguments: Vec<&str> = words.split(' ').collect();
    let said = host.tool(&arguments).expect(code);
    said.stdout + &said.stderr
}

fn until_weights(host: &Host, expected: &[(&str, u32)]) {
    until_equal("weights", &weights(expected), || host.weights());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_drained_real_server_keeps_its_connections_and_the_command_waits_for_their_end() {
    let (host, client) = director();
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    order(&host, 0, &format!("drain {ONE}"));
    until_weights(&host, &[(ONE, 0), (TWO, 3)]);
    let mut talk = Talk::begin(&client, "10.9.0.100:80", &listener);
    order(&host, 0, &format!("enable {ONE}"));
    let said = order(&host, 3, &format!("drain {TWO} --wait 1s --reason disk"));
    assert!(said.contains("10.9.1.2:80: the time is over, 1 connection left\n"), "{said}");
    until_weights(&host, &[(ONE, 1), (TWO, 0)]);
    talk.goes_on();
    talk.reset();
    let said = order(&host, 0, &format!("drain {TWO} --wait 30s"));
    assert!(said.ends_with("10.9.1.2:80: no connection is left\n"), "{said}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_order_outlives_a_killed_health_monitor_a_restart_and_a_reload_and_every_reader_is_told() {
    let (host, _client) = director();
    order(&host, 0, "drain 10.9.1.2 --for 2h --reason disk");
    until_weights(&host, &[(ONE, 1), (TWO, 0)]);
    let monitor = ldirectord(&host);
    let watcher = Watcher::on(&host);
    for restart in ["kill", "stop", "reload"] {
        match restart {
            "kill" => {
                daemons(&host).into_iter().for_each(|pid| host.kill("KILL", pid));
                monitor.start();
            }
            "stop" => {
                monitor.stop();
                monitor.start();
            }
            _ => {
                host.write(CONFIG, &host.read(CONFIG).replace("gate 1", "gate 7"));
                host.kill("HUP", daemons(&host)[0]);
            }
        }
        let one = if restart == "reload" { 7 } else { 1 };
        until_weights(&host, &[(ONE, one), (TWO, 0)]);
        monitor.monitor().expect(0).silent();
    }
    let served = watcher.seen().into_iter().filter(|seen| seen.get(TWO).is_some_and(|weight| *weight > 0));
    assert_eq!(served.count(), 0, "it never got a client");
    let row = status(&host, TWO);
    let reason = row["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("drained by ") && reason.ends_with(": disk"), "{reason}");
    assert_eq!((&row["order"]["order"], &row["order"]["subject"]), (&"drain".into(), &"10.9.1.2".into()));
    assert!(order(&host, 0, "orders").starts_with("10.9.1.2: drained by "));
    assert!(host.read(LOG).contains("Order begins: 10.9.1.2:80 (tcp:10.9.0.100:80): drained by "));
    order(&host, 0, "enable 10.9.1.2");
    until_weights(&host, &[(ONE, 7), (TWO, 3)]);
    assert_eq!(order(&host, 0, "orders"), "there are no orders\n");
    until("the log", || host.read(LOG).contains("Order ends: 10.9.1.2:80").then_some(()));
    monitor.stop();
    assert!(!host.run_files().iter().any(|file| file.ends_with(".order")), "{:?}", host.run_files());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_weight_and_a_removal_count_until_their_time_is_over_and_the_narrower_order_counts() {
    let (host, _client) = director();
    order(&host, 0, "weight 10.9.1.1 9");
    until_weights(&host, &[(ONE, 9), (TWO, 3)]);
    order(&host, 0, &format!("disable {ONE} --for 10s"));
    until_weights(&host, &[(TWO, 3)]);
    until_weights(&host, &[(ONE, 9), (TWO, 3)]);
    let refused = order(&host, 1, &format!("enable {ONE}"));
    assert!(refused.contains("an order about 10.9.1.1 still counts: weight 9"), "{refused}");
    assert!(refused.ends_with("it is ended by: lvs-agents enable 10.9.1.1\n"), "{refused}");
    order(&host, 0, "enable 10.9.1.1");
    until_weights(&host, &[(ONE, 1), (TWO, 3)]);
    order(&host, 0, "drain 10.9.1.1 --all-services");
    order(&host, 0, "drain 10.9.1.2 --service 10.9.0.100:80");
    until_weights(&host, &[(ONE, 0), (TWO, 0), (super::FALLBACK, 1)]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_order_that_cannot_be_meant_changes_nothing() {
    let (host, _client) = director();
    let rows = [
        (
            "drain 10.9.1.3:80",
            "drain 10.9.1.3:80: no virtual service of this node has it; there are 10.9.1.1:80, 10.9.1.2:80",
        ),
        ("drain 10.9.1.1 --service 10.9.0.7:80", "--service \"10.9.0.7:80\": no such virtual service on this node"),
        ("weight 10.9.1.1 1 --until 1764000000", "--until \"1764000000\": is over already"),
        ("enable 10.9.1.3", "enable 10.9.1.3: no order is about it, and no virtual service of this node has it"),
    ];
    for (words, expected) in rows {
        let said = order(&host, 1, words);
        assert!(said.contains(expected), "{words}: {said}");
    }
    for words in
        ["drain 10.9.1.1 --for soon", "weight 10.9.1.1", "weight 10.9.1.1 -1", "drain 10.9.1.1 --for 1h --until 12:00"]
    {
        order(&host, 2, words);
    }
    assert_eq!((host.weights(), order(&host, 0, "orders").as_str()), (both(), "there are no orders\n"));
}
