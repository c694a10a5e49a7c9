//! A real server that leaves the configuration keeps the connections that it has. No health monitor runs here.

use std::net::TcpListener;

use super::common::talk::Talk;
use super::common::{Agent, Host, kill, until_equal};
use super::{lvs, with_client};

/// What is left while the first real server is drained.
const DRAINING: [&str; 3] = [
    "-A -t 10.9.0.100:80 -s wrr",
    "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 0",
    "-a -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 3",
];
const DRAINED: [&str; 2] = [DRAINING[0], DRAINING[2]];

fn alone<'a>(host: &'a Host, real: &str) -> Agent<'a> {
    lvs(host).param("real", real)
}

/// Begins a connection to the first real server, which then leaves the configuration by `action`.
fn drained_by<'a>(host: &'a Host, client: &Host, action: &str) -> (Agent<'a>, Talk) {
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    alone(host, "10.9.1.1 gate 1").start();
    let talk = Talk::begin(client, "10.9.0.100:80", &listener);
    let after = alone(host, "10.9.1.2 gate 3");
    after.run(action).expect(0).silent();
    (after, talk)
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_has_left_goes_with_its_last_connection_and_never_waits() {
    for action in ["reload-agent", "start"] {
        let (host, client) = with_client();
        let (after, mut talk) = drained_by(&host, &client, action);
        for _ in 0..2 {
            assert_eq!(host.ipvs_table(), DRAINING, "{action}");
            talk.goes_on();
            after.monitor().expect(0).silent();
            after.probe().expect(0).silent();
            after.run(action).expect(0).silent();
        }
        let said = host.tool(&["status"]).expect(0).stdout;
        let line = said.lines().find(|line| line.contains("10.9.1.1:80")).expect(&said);
        assert!(line.contains("draining") && line.contains("left the configuration"), "{line}");
        talk.reset();
        until_equal("table", &DRAINED.map(str::to_owned).to_vec(), || {
            after.monitor().expect(0).silent();
            host.ipvs_table()
        });
        after.run(action).expect(0).silent();
        let declared = host.read("/run/lvs-agents/services/my-lvs.cf");
        assert!(!declared.contains("10.9.1.1"), "{declared}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_becomes_the_fallback_keeps_its_connection() {
    let (host, client) = with_client();
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    alone(&host, "10.9.1.1 gate 1").start();
    let mut talk = Talk::begin(&client, "10.9.0.100:80", &listener);
    let after = alone(&host, "10.9.1.2 gate 3").param("fallback", "10.9.1.1:80");
    after.run("reload-agent").expect(0).silent();
    assert_eq!(host.ipvs_table(), DRAINING);
    talk.goes_on();
    after.monitor().expect(0).silent();
    talk.reset();
    until_equal("table", &DRAINED.map(str::to_owned).to_vec(), || {
        after.monitor().expect(0).silent();
        host.ipvs_table()
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_connection_that_goes_on_is_cut_off_when_the_time_is_over() {
    let (host, client) = with_client();
    let (after, mut talk) = drained_by(&host, &client, "reload-agent");
    talk.goes_on();
    let impatient = after.param("drain_timeout", "1");
    impatient.start();
    until_equal("table", &DRAINED.map(str::to_owned).to_vec(), || {
        impatient.monitor().expect(0).silent();
        host.ipvs_table()
    });
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn without_connections_or_without_time_it_goes_at_once() {
    let (host, client) = with_client();
    for real in ["10.9.1.1 gate 1, 10.9.1.2 gate 3", "10.9.1.2 gate 3"] {
        alone(&host, real).start();
    }
    assert_eq!(host.ipvs_table(), DRAINED);
    alone(&host, "10.9.1.2 gate 3").stop();
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    alone(&host, "10.9.1.1 gate 1").start();
    let _talk = Talk::begin(&client, "10.9.0.100:80", &listener);
    alone(&host, "10.9.1.2 gate 3").param("drain_timeout", "0").run("reload-agent").expect(0).silent();
    assert_eq!(host.ipvs_table(), DRAINED);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_that_comes_back_serves_again_with_its_connections_and_a_stop_leaves_nothing() {
    let (host, client) = with_client();
    let (after, mut talk) = drained_by(&host, &client, "reload-agent");
    alone(&host, "10.9.1.1 gate 5").run("reload-agent").expect(0).silent();
    let table = host.ipvs_table();
    assert_eq!(table, ["-A -t 10.9.0.100:80 -s wrr", "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 5"]);
    talk.goes_on();
    after.run("reload-agent").expect(0).silent();
    assert_eq!(host.ipvs_table(), DRAINING);
    after.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
    assert_eq!(host.run_files(), [""; 0]);
}

/// Whatever the kill left, the connection goes on, and the monitor alone ends the drain.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_drain_that_was_killed_anywhere_is_taken_up_again() {
    let (host, client) = with_client();
    let (after, talk) = drained_by(&host, &client, "start");
    let talk = std::cell::RefCell::new(talk);
    let prepare = || alone(&host, "10.9.1.1 gate 1").start();
    kill::at_every_change(&host, &after, "reload-agent", prepare, |index, place| {
        talk.borrow_mut().goes_on();
        let answer = after.monitor();
        assert!(answer.code.is_some_and(|code| [0, 1].contains(&code)), "{place}: {:?}", answer.code);
        if index % 2 == 0 {
            after.run("reload-agent").expect(0).silent();
            assert_eq!(host.ipvs_table(), DRAINING, "{place}");
            after.monitor().expect(0).silent();
        }
        talk.borrow_mut().goes_on();
    });
}
