//! Without a file the health monitor looks after what the `lvs` resources of its node declare.

use std::net::TcpListener;
use std::time::Duration;

use lvs_agents::system::Lock;

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::talk::Talk;
use super::common::{Agent, Host, until, until_equal};
use super::{FALLBACK, ONE, TWO, both, daemons, host, status};

pub fn lvs(host: &Host) -> Agent<'_> {
    host.agent("lvs").params(&[
        ("virtual", "10.9.0.100:80"),
        ("real", "10.9.1.1 gate 1, 10.9.1.2 gate 3"),
        ("checktype", "connect"),
        ("checkinterval", "1"),
        ("checktimeout", "2"),
        ("fallback", FALLBACK),
    ])
}

fn ldirectord(host: &Host) -> Agent<'_> {
    host.agent("ldirectord")
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_health_monitor_takes_the_dead_out_and_lvs_agrees() {
    let host = host("");
    let (one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    lvs(&host).start();
    ldirectord(&host).start();
    assert_eq!(host.weights(), both());
    drop(two);
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    lvs(&host).monitor().expect(0).silent();
    let reason = status(&host, TWO)["reason"].to_string();
    assert!(reason.contains("check failed 1 of 1"), "{reason}");
    // Pacemaker starts the service again for a reason of its own; the dead server must not get a single connection.
    let watcher = Watcher::on(&host);
    lvs(&host).start();
    until_equal("beat", &weights(&[(ONE, 1)]), || host.weights());
    assert_eq!(watcher.seen(), [weights(&[(ONE, 1)])]);
    drop(one);
    until_equal("fallback", &weights(&[(FALLBACK, 1)]), || host.weights());
    lvs(&host).monitor().expect(0).silent();
    host.sh("ipvsadm -a -t 10.9.0.100:80 -r 10.9.1.9:80 -g");
    // Either the agent sees the dead server first or the health monitor has removed it.
    let monitored = lvs(&host).monitor();
    assert!(monitored.code == Some(0) || monitored.stderr.contains("10.9.1.9:80"), "{}", monitored.stderr);
    until_equal("the stranger is gone", &weights(&[(FALLBACK, 1)]), || host.weights());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_stop_of_the_health_monitor_leaves_the_table_as_it_is() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    lvs(&host).start();
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(ONE, 1)]));
    let watcher = Watcher::on(&host);
    ldirectord(&host).stop();
    assert_eq!(daemons(&host), [0; 0]);
    // No health monitor will bring the missing one back: that is shown, but is no reason to restart what serves.
    lvs(&host).monitor().expect(190).says("10.9.1.2:80 is missing, and its health monitor has ended");
    ldirectord(&host).start();
    ldirectord(&host).monitor().expect(0).silent();
    assert_eq!(watcher.seen(), [weights(&[(ONE, 1)])]);
    ldirectord(&host).stop();
    lvs(&host).stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_killed_health_monitor_is_a_failure_and_its_restart_changes_nothing() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    lvs(&host).start();
    ldirectord(&host).start();
    host.kill("KILL", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    let monitored = ldirectord(&host).monitor();
    assert!([Some(1), Some(7)].contains(&monitored.code), "{:?}", monitored.code);
    lvs(&host).monitor().expect(190).says("its health monitor has ended");
    let watcher = Watcher::on(&host);
    ldirectord(&host).stop();
    // What the health monitor knew grows old from now on: the next one must not trust it.
    let record = host.read("/run/lvs-agents/monitors/my-ldirectord.json");
    assert!(record.contains("tcp 10.9.0.100:80") && !record.contains(ONE), "{record}");
    ldirectord(&host).start();
    lvs(&host).monitor().expect(0).silent();
    assert_eq!(daemons(&host).len(), 1);
    assert_eq!(watcher.seen(), [weights(&[(ONE, 1)])]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn declarations_that_come_and_go_are_followed() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    ldirectord(&host).start();
    ldirectord(&host).monitor().expect(0).silent();
    lvs(&host).start();
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    lvs(&host).monitor().expect(0).silent();
    let edited = lvs(&host).param("real", "10.9.1.1 gate 5");
    edited.start();
    until_equal("an edited weight", &weights(&[(ONE, 5)]), || host.weights());
    edited.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
    until("forgotten", || host.tool(&["status"]).stdout.lines().all(|line| !line.contains(ONE)).then_some(()));
    ldirectord(&host).monitor().expect(0).silent();
    // A health monitor that brought a removed service back would undo the stop.
    assert_eq!(host.ipvs_table(), [""; 0]);
}

/// What the health monitor decides is no concern of a reload: the dead real server stays out.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_reload_of_lvs_brings_weights_and_checks_to_the_health_monitor() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    lvs(&host).start();
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(ONE, 1)]));
    let watcher = Watcher::on(&host);
    let heavier = lvs(&host).param("real", "10.9.1.1 gate 5, 10.9.1.2 gate 7");
    heavier.run("reload-agent").expect(0).silent();
    until_equal("an edited weight", &weights(&[(ONE, 5)]), || host.weights());
    heavier.monitor().expect(0).silent();
    assert_eq!(watcher.seen(), [weights(&[(ONE, 1)]), weights(&[(ONE, 5)])]);
    let elsewhere = heavier.param("checkport", "81");
    elsewhere.run("reload-agent").expect(0).silent();
    until_equal("the new check fails", &weights(&[(FALLBACK, 1)]), || host.weights());
    elsewhere.monitor().expect(0).silent();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_leaves_keeps_its_connection_also_when_the_health_monitor_is_killed() {
    let host = host("");
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    let lvs = |real: &str| lvs(&host).params(&[("real", real), ("checktype", "on")]);
    lvs("10.9.1.1 gate 1").start();
    ldirectord(&host).start();
    let mut talk = Talk::begin(&host, "10.9.0.100:80", &listener);
    let after = lvs("10.9.1.2 gate 3");
    after.run("reload-agent").expect(0).silent();
    let draining = weights(&[(ONE, 0), (TWO, 3)]);
    until_equal("table", &draining, || host.weights());
    talk.goes_on();
    after.monitor().expect(0).silent();
    ldirectord(&host).monitor().expect(0).silent();
    let row = status(&host, ONE);
    assert!(row["health"] == "draining" && row["reason"].to_string().contains("left the configuration"), "{row}");
    host.kill("KILL", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    after.monitor().expect(0).silent();
    ldirectord(&host).stop();
    ldirectord(&host).start();
    talk.goes_on();
    assert_eq!(host.weights(), draining);
    talk.reset();
    until_equal("the last connection has gone", &weights(&[(TWO, 3)]), || host.weights());
    after.run("reload-agent").expect(0).silent();
    assert_eq!(host.weights(), weights(&[(TWO, 3)]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_second_health_monitor_stands_by_and_takes_over() {
    let host = host("");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    lvs(&host).start();
    ldirectord(&host).start();
    let first = daemons(&host);
    let second = ldirectord(&host).instance("second");
    second.start();
    second.monitor().expect(0).silent();
    assert_eq!(daemons(&host).len(), 2);
    let said = host.tool(&["status"]).expect(0).stdout;
    assert!(said.contains("health monitor second") && said.contains("standing by"), "{said}");
    host.kill("KILL", first[0]);
    drop(two);
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    lvs(&host).monitor().expect(0).silent();
    second.stop();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_dead_server_that_lvs_put_in_goes_at_its_first_failure() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    lvs(&host).param("failurecount", "3").param("checkinterval", "60").start();
    assert_eq!(host.weights(), both());
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(ONE, 1)]));
}

/// The health monitor must not write what was declared before, and a server that it knows to be dead must not get a
/// connection.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_restarted_lvs_is_followed_at_once_without_what_it_no_longer_declares() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    lvs(&host).start();
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(ONE, 1)]), "the other is dead");
    for round in 0..8 {
        let watcher = Watcher::on(&host);
        let (weight, before) = if round % 2 == 0 { (5, 1) } else { (1, 5) };
        let wanted = lvs(&host).param("real", &format!("10.9.1.1 gate {weight}, 10.9.1.2 gate 3"));
        wanted.stop();
        wanted.start();
        wanted.monitor().expect(0).silent();
        let watcher_after = Watcher::on(&host);
        until("the monitor has read it", || host.tool(&["status"]).stdout.contains(&format!("{ONE}  ")).then_some(()));
        wanted.monitor().expect(0).silent();
        assert_eq!(watcher_after.seen(), [weights(&[(ONE, weight)])], "round {round}");
        let possible = [weights(&[(ONE, before)]), weights(&[]), weights(&[(ONE, weight)])];
        let seen = watcher.seen();
        assert!(seen.iter().all(|seen| possible.contains(seen)), "round {round}: {seen:?}");
    }
}

/// A second group starts, whose own health monitor stands by: its start returns when the first one's health monitor has
/// checked for it.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_start_of_a_health_monitor_that_stands_by_waits_for_the_one_that_follows() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    let first = lvs(&host).instance("first").param("virtual", "10.9.0.101:80").param("real", "10.9.1.1 gate 1");
    first.start();
    ldirectord(&host).start();
    let second = ldirectord(&host).instance("second");
    for _ in 0..5 {
        // Both real servers are put in unchecked.
        lvs(&host).param("fallback", "").start();
        second.start();
        assert_eq!(host.weights(), weights(&[(ONE, 1)]), "one is dead");
        second.monitor().expect(0).silent();
        second.stop();
        lvs(&host).stop();
    }
    // What is wrong with the services of the one that follows is wrong with the one that stands by, too.
    lvs(&host).param("fallback", "").param("real", "10.9.1.2 gate").start();
    second.start();
    second.monitor().expect(190).says("my-ldirectord, which follows the declarations").says("tcp 10.9.0.100:80");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_damaged_declaration_hides_no_other() {
    let host = host("");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    lvs(&host).start();
    let other = lvs(&host).instance("other").param("virtual", "10.9.0.101:80");
    other.start();
    ldirectord(&host).start();
    host.replace("/run/lvs-agents/services/other.cf", "nonsense");
    until_equal("monitor", &Some(190), || ldirectord(&host).monitor().code);
    ldirectord(&host).monitor().expect(190).says("other.cf");
    drop(two);
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    other.start();
    until_equal("monitor", &String::new(), || ldirectord(&host).monitor().stderr);
}

/// The run directory is full when the health monitor that followed ends.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_take_over_with_a_full_run_directory_checks_all_the_same() {
    let host = host("");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    lvs(&host).start();
    ldirectord(&host).start();
    let first = daemons(&host);
    let second = ldirectord(&host).instance("second");
    second.start();
    host.sh("mount -o remount,size=1m /run; head -c 2m /dev/zero > /run/filler 2>/dev/null || true");
    host.kill("KILL", first[0]);
    drop(two);
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    host.sh("rm /run/filler");
    until_equal("monitor", &String::new(), || second.monitor().stderr);
    second.stop();
}

/// The lock is passed over after a while, and its holder is named.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_lvs_that_hangs_while_it_declares_is_shown_and_keeps_no_dead_server_in() {
    let host = host("");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    lvs(&host).start();
    ldirectord(&host).start();
    for file in [".declaring.lock", "my-lvs.lock"] {
        let path = format!("/run/lvs-agents/services/{file}");
        let lock = Lock::acquire(&host.path(&path), Duration::from_secs(5)).expect("lock").expect("free");
        until_equal("monitor", &Some(190), || ldirectord(&host).monitor().code);
        let words = format!("{path}: lock: process {} has held it", std::process::id());
        ldirectord(&host).monitor().expect(190).says(&words);
        let said = host.tool(&["status"]).expect(0).stdout;
        assert!(said.contains(&words), "{said}");
        drop(lock);
        until_equal("monitor", &String::new(), || ldirectord(&host).monitor().stderr);
    }
    let _lock = Lock::acquire(&host.path("/run/lvs-agents/services/.declaring.lock"), Duration::from_secs(5));
    drop(two);
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
}
