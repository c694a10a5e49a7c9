//! `ocf:rust:ldirectord` as pacemaker calls it, with real servers that die and come back, in namespaces of each
//! test's own.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod evidence;
mod following;
mod health;
mod killed;
mod metrics;
mod names;
mod observe;
mod opinion;
mod orders;
mod overload;
mod paths;
mod process;
mod refused;
mod reload;
mod secrets;

use std::time::{Duration, Instant};

use common::server::Server;
use common::table::{Weights, weights};
use common::{Agent, Host};

const CONFIG: &str = "/run/test/ldirectord.cf";
const LOG: &str = "/var/log/ldirectord.log";
const ONE: &str = "10.9.1.1:80";
const TWO: &str = "10.9.1.2:80";
const FALLBACK: &str = "127.0.0.1:80";

/// A director that has both real servers on itself, and the file of a service with `lines` in its section.
fn host(lines: &str) -> Host {
    let host = Host::new();
    host.sh("for a in 10.9.0.100 10.9.1.1 10.9.1.2; do ip address add $a/32 dev lo; done");
    host.write(CONFIG, &config("", lines));
    host
}

fn config(global: &str, lines: &str) -> String {
    let section =
        "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n\tfallback=127.0.0.1:80\n";
    let check = "\tscheduler=wrr\n\tchecktype=connect\n";
    let lines: String = lines.lines().map(|line| format!("\t{line}\n")).collect();
    format!("checkinterval=1\nchecktimeout=2\n{global}{section}{check}{lines}")
}

fn ldirectord(host: &Host) -> Agent<'_> {
    host.agent("ldirectord").param("configfile", CONFIG)
}

fn both() -> Weights {
    weights(&[(ONE, 1), (TWO, 3)])
}

/// Returns the running health monitors. There must never be two of one instance.
fn daemons(host: &Host) -> Vec<u32> {
    host.processes_with("daemon")
}

/// Returns the row of a real server in `status --json`.
fn status(host: &Host, real: &str) -> serde_json::Value {
    let text = host.tool(&["status", "--json"]).expect(0).silent().stdout;
    let overview = common::schema::status(&text);
    let rows = overview["monitors"][0]["services"][0]["real_servers"].as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["real_server"] == real).unwrap_or_else(|| panic!("{real}: not in {text}"))
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn start_monitor_and_stop_each_twice() {
    let host = host("");
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.probe().expect(7).silent();
    ldirectord.start();
    assert_eq!(host.weights(), both());
    let first = daemons(&host);
    assert_eq!(first.len(), 1);
    ldirectord.start();
    assert_eq!(daemons(&host), first, "started twice");
    ldirectord.monitor().expect(0).silent();
    ldirectord.probe().expect(0).silent();
    let modes = host.sh("cd /run/lvs-agents && stat -c '%a %n' *.sock *.lock monitors/*");
    assert!(modes.lines().count() == 3 && modes.lines().all(|line| line.starts_with("600 ")), "{modes}");
    // The log has no secrets, and everybody could read the original's.
    assert_eq!(host.sh(&format!("stat -c %a {LOG}")), "644\n");
    for _ in 0..2 {
        ldirectord.stop();
        assert_eq!(daemons(&host), [0; 0]);
        assert_eq!(host.ipvs_table(), [""; 0]);
        ldirectord.monitor().expect(7).silent();
    }
}

/// The health monitor looks after its own service only: what another program put into the table belongs to that.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_foreign_service_is_left_alone() {
    let host = host("");
    host.sh("ipvsadm -A -t 10.9.0.7:25 -s rr; ipvsadm -a -t 10.9.0.7:25 -r 10.9.1.7:25 -g");
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    ldirectord.stop();
    assert_eq!(host.ipvs_table(), ["-A -t 10.9.0.7:25 -s rr", "-a -t 10.9.0.7:25 -r 10.9.1.7:25 -g -w 1"]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_dead_real_server_is_not_in_the_table_when_start_returns() {
    let host = host("");
    let _two = Server::start(&host, TWO);
    let watcher = common::table::Watcher::on(&host);
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(TWO, 3)]));
    assert!(watcher.seen().iter().all(|seen| !seen.contains_key(ONE) && !seen.contains_key(FALLBACK)));
    assert_eq!(status(&host, ONE)["health"], "down");
}

/// No real server answers at all: there is no refusal, only silence until the time limit.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn unreachable_real_servers_do_not_keep_start_from_returning() {
    let host = host("");
    host.sh("ip link add eth0 type veth peer name cable && ip link set cable up && ip link set eth0 up");
    host.sh("ip address add 192.0.2.1/24 dev eth0; ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0");
    host.write(CONFIG, &config("", "real=192.0.2.7 gate").replace("real=10.9.1.1", "#").replace("real=10.9.1.2", "#"));
    let began = Instant::now();
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(host.weights(), weights(&[(FALLBACK, 1)]));
    ldirectord.monitor().expect(0);
    ldirectord.stop();
}
