//! kill -9 at each system call that changes something: of the health monitor itself, and of an `lvs` resource that starts
//! while a health monitor looks after another one.

use std::collections::BTreeMap;

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::{Host, kill, until, until_equal};
use super::following::lvs;
use super::{CONFIG, ONE, daemons, host, ldirectord};

/// The calls of a health monitor that others see. Those that start its threads and make its folders change nothing else.
const CALLS: &str = "write,sendto,sendmsg,rename,unlink,exit_group";
const TRACE: &str = "/run/test/trace";
const RECORD: &str = "/run/lvs-agents/monitors/my-ldirectord.json";
/// The real server of the other resource.
const OTHER: &str = "10.9.1.1:81";

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_of_lvs_that_was_killed_anywhere_harms_neither_another_resource_nor_the_health_monitor() {
    let host = host("");
    let _servers = [ONE, OTHER].map(|socket| Server::start(&host, socket));
    let (lvs, other) = (lvs(&host), lvs(&host).instance("other"));
    let other = other.params(&[("virtual", "10.9.0.101:81"), ("real", "10.9.1.1:81 gate 7"), ("fallback", "")]);
    let health = host.agent("ldirectord");
    other.start();
    health.start();
    let (daemon, table) = (daemons(&host), host.ipvs_table());
    // A start gives the kernel also what is not known to be dead: one call more.
    lvs.start();
    until_equal("table", &weights(&[(ONE, 1), (OTHER, 7)]), || host.weights());
    until("the dead one is known", || {
        host.read(RECORD).contains("\"known_down\":{\"tcp 10.9.0.100:80\"").then_some(())
    });
    lvs.stop();
    let watcher = Watcher::on(&host);
    kill::at_every_change(
        &host,
        &lvs,
        "start",
        || lvs.stop(),
        |index, place| {
            other.monitor().expect(0).silent();
            health.monitor().expect(0).silent();
            if index.is_multiple_of(2) {
                lvs.start();
                until_equal(place, &weights(&[(ONE, 1), (OTHER, 7)]), || host.weights());
                lvs.monitor().expect(0).silent();
            }
            lvs.stop();
            assert_eq!(host.ipvs_table(), table, "{place}");
        },
    );
    assert_eq!(daemons(&host), daemon);
    let seen = watcher.seen();
    assert!(seen.iter().all(|seen| seen.get(OTHER) == Some(&7)), "{seen:?}");
}

/// Runs a health monitor under strace until it has been killed, or else is ready and terminated.
fn run(host: &Host, words: &str) {
    let program = env!("CARGO_BIN_EXE_lvs-agents");
    let command = format!("{program} daemon --instance my-ldirectord --configfile {CONFIG}");
    host.sh(&format!("strace -f {words} {command} </dev/null >/dev/null 2>&1 &"));
    let is_over = || daemons(host).is_empty() || ldirectord(host).monitor().code == Some(0);
    until("killed or ready", || is_over().then_some(()));
    for (pid, _) in host.processes().iter().filter(|(_, line)| line.starts_with(program)) {
        host.sh(&format!("kill -TERM {pid} 2>/dev/null || true"));
    }
    until_equal("daemons", &vec![], || daemons(host));
}

/// Returns how often one thread makes each of the calls at most: strace counts those of each thread by themselves.
fn calls(host: &Host) -> BTreeMap<String, usize> {
    run(host, &format!("-o {TRACE} -e trace={}", CALLS));
    let mut of_thread: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in host.read(TRACE).lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, _)) = call.trim_start().split_once('(').filter(|(name, _)| !name.contains(' ')) else {
            continue;
        };
        *of_thread.entry((thread.to_owned(), name.to_owned())).or_default() += 1;
    }
    let mut calls = BTreeMap::new();
    for ((_, name), count) in of_thread {
        let most: &mut usize = calls.entry(name).or_default();
        *most = count.max(*most);
    }
    assert!(calls.values().sum::<usize>() > 10, "{calls:?}");
    calls
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_that_was_killed_anywhere_can_be_stopped_or_started_anew() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    let ldirectord = ldirectord(&host);
    for (name, count) in calls(&host) {
        for number in 1..=count {
            let place = format!("killed at {name} {number}");
            run(&host, &format!("-o /dev/null -e trace={name} -e inject={name}:signal=KILL:when={number}"));
            if number.is_multiple_of(2) {
                assert!([Some(1), Some(7)].contains(&ldirectord.monitor().code), "{place}");
                ldirectord.start();
                assert_eq!(host.weights(), weights(&[(ONE, 1)]), "{place}");
                ldirectord.monitor().expect(0).silent();
            }
            ldirectord.stop();
            // The socket of a dead process, and a file that it has not put in place, are in the way of none.
            let is_in_force = |name: &String| !name.starts_with('.') && !name.ends_with(".sock");
            let left: Vec<String> = host.run_files().into_iter().filter(is_in_force).collect();
            assert_eq!((host.ipvs_table(), left), (vec![], vec![]), "{place}");
        }
    }
}
