//! Several actions at once, and the lock that they take turns with.

use std::time::Duration;

use lvs_agents::system::Lock;

use super::common::agent::AGENT_LOG;
use super::common::{Agent, Host, Outcome, until};
use super::{TABLE, lvs, sorted};

const LOCK: &str = "/run/lvs-agents/services/.declaring.lock";

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn of_two_that_declare_one_service_at_once_exactly_one_starts() {
    let host = Host::new();
    let resources: [Agent<'_>; 2] = ["one", "two"].map(|name| lvs(&host).instance(name));
    for round in 0..20 {
        let codes = std::thread::scope(|scope| {
            let starts = resources.each_ref().map(|resource| scope.spawn(|| resource.run("start").code));
            starts.map(|start| start.join().expect("start"))
        });
        let winner = codes.iter().position(|code| *code == Some(0)).expect("one starts");
        assert_eq!(codes[1 - winner], Some(2), "round {round}");
        // The loser's stop, which pacemaker calls next, must not take the service away from the winner.
        resources[1 - winner].stop();
        assert_eq!(host.ipvs_table(), TABLE, "round {round}");
        resources[winner].monitor().expect(0).silent();
        resources[winner].stop();
        assert_eq!(host.ipvs_table(), [""; 0], "round {round}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_process_that_holds_the_lock_too_long_is_named_and_stop_goes_on_without_it() {
    let host = Host::new();
    lvs(&host).start();
    let lock = Lock::acquire(&host.path(LOCK), Duration::ZERO).expect("lock").expect("free");
    let edited = lvs(&host).param("real", "10.9.1.1 gate 9").timeout(1);
    // How long an action waits depends on its time limit and on how fast this machine is; both show the time.
    let words = format!("{LOCK}: lock: process {} has held it for 0.", std::process::id());
    edited.run("start").expect(1).says(&words);
    assert_eq!(host.ipvs_table(), TABLE);
    lvs(&host).monitor().expect(0).silent();
    edited.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
    assert!(host.read(AGENT_LOG).contains(&format!("WARNING: {words}")), "{}", host.read(AGENT_LOG));
    drop(lock);
    edited.start();
}

/// A start each of whose messages to the kernel takes so long that others come in between.
fn start_slowly(agent: &Agent<'_>) -> Outcome {
    let delay = "inject=sendto,sendmsg:delay_enter=1500000";
    let strace = ["strace", "-o", "/dev/null", "-e", "trace=sendto,sendmsg", "-e", delay];
    agent.clone().timeout(60).under(&strace).run("start")
}

fn until_declared(host: &Host, instance: &str) {
    let file = host.path(&format!("/run/lvs-agents/services/{instance}.cf"));
    until("the declaration", || file.exists().then_some(()));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_that_takes_long_to_fill_the_table_keeps_no_other_resource_waiting() {
    let host = Host::new();
    let slow = lvs(&host).instance("slow");
    let quick = lvs(&host).instance("quick").param("virtual", "10.9.0.101:80").timeout(2);
    std::thread::scope(|scope| {
        let start = scope.spawn(|| start_slowly(&slow));
        until_declared(&host, "slow");
        quick.start();
        // A declared service is claimed, whether the kernel has it yet or not.
        lvs(&host).instance("third").timeout(2).run("start").expect(2).says("\"slow\" owns it");
        assert!(!start.is_finished(), "it still programs");
        start.join().expect("start").expect(0);
    });
    let other = TABLE.map(|line| line.replace("10.9.0.100", "10.9.0.101"));
    assert_eq!(host.ipvs_table(), sorted(&TABLE, &other.each_ref().map(String::as_str)));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_stop_during_the_start_of_its_own_resource_leaves_nothing() {
    let host = Host::new();
    let lvs = lvs(&host).timeout(60);
    std::thread::scope(|scope| {
        let start = scope.spawn(|| start_slowly(&lvs));
        until_declared(&host, "my-lvs");
        lvs.stop();
        start.join().expect("start").expect(0);
    });
    assert_eq!(host.ipvs_table(), [""; 0]);
    assert_eq!(host.run_files(), [""; 0]);
}

/// A start that was stopped by a signal would go on some time after the stop.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_that_hangs_is_ended_by_the_stop_of_its_resource() {
    let host = Host::new();
    let lvs = lvs(&host);
    std::thread::scope(|scope| {
        let start = scope.spawn(|| start_slowly(&lvs));
        until_declared(&host, "my-lvs");
        host.sh("kill -STOP $(pidof lvs)");
        lvs.clone().timeout(2).stop();
        assert_ne!(start.join().expect("start").code, Some(0));
    });
    assert_eq!((host.ipvs_table(), host.run_files()), (vec![], vec![]));
    let log = host.read(AGENT_LOG);
    assert!(log.contains("services/my-lvs.lock: its holder does not end, killed"), "{log}");
}

/// The declaration is left then, which is true of nothing yet.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_that_was_killed_between_its_declaration_and_the_table_can_be_repeated_or_stopped() {
    for repeats in [true, false] {
        let host = Host::new();
        let lvs = lvs(&host);
        std::thread::scope(|scope| {
            let start = scope.spawn(|| start_slowly(&lvs));
            until_declared(&host, "my-lvs");
            host.sh("kill -KILL $(pidof lvs)");
            assert_ne!(start.join().expect("start").code, Some(0));
        });
        lvs.monitor().expect(7);
        lvs.clone().instance("other").run("start").expect(2);
        if repeats {
            lvs.start();
            assert_eq!(host.ipvs_table(), TABLE);
        }
        lvs.stop();
        assert_eq!((host.ipvs_table(), host.run_files()), (vec![], vec![]));
    }
}
