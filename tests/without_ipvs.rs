//! `ocf:rust:lvs` and `ocf:rust:ldirectord` on a node whose kernel has no IPVS, and which the cluster merely asks.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::io::Write;
use std::process::Command;

use common::{Agent, Host};

const CONFIG: &str = "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n\tchecktype=on\n";

/// Returns `None` on a kernel that has IPVS or can load it; the other tests of these agents run there. The notice goes
/// past the test harness, which would swallow it and leave a green line alone.
fn host() -> Option<Host> {
    let dry_run = Command::new("modprobe").args(["--dry-run", "--quiet", "ip_vs"]).status();
    let is_loadable = dry_run.is_ok_and(|status| status.success());
    if is_loadable || std::path::Path::new("/proc/net/ip_vs").exists() {
        let told = writeln!(std::io::stderr(), "NOT RUN: tests/without_ipvs.rs: needs a kernel without IPVS");
        told.expect("standard error");
        return None;
    }
    Some(Host::new())
}

fn agents(host: &Host) -> [Agent<'_>; 4] {
    host.write("/run/test/ldirectord.cf", CONFIG);
    let real = ("real", "10.9.1.1 gate");
    [
        host.agent("lvs").params(&[("virtual", "10.9.0.100:80"), real, ("checktype", "on")]),
        host.agent("lvs").param("configfile", "/run/test/ldirectord.cf"),
        host.agent("ldirectord").param("configfile", "/run/test/ldirectord.cf"),
        host.agent("ldirectord"),
    ]
}

#[test]
fn nothing_runs_nothing_is_to_be_stopped_and_start_says_what_is_missing() {
    let Some(host) = host() else { return };
    for agent in agents(&host) {
        agent.probe().expect(7).silent();
        agent.monitor().expect(7).silent();
        agent.stop();
        agent.run("start").expect(5).says("ip_vs");
        agent.run("validate-all").expect(0).silent();
        agent.probe().expect(7).silent();
        agent.stop();
        assert_eq!(host.run_files(), [""; 0]);
    }
}

/// The module may be removed below a resource that runs, or the node be rebooted without its /run.
#[test]
fn what_is_left_of_a_run_with_ipvs_does_not_fail_the_stop() {
    let Some(host) = host() else { return };
    for agent in agents(&host) {
        host.write("/run/lvs-agents/services/my-lvs.cf", CONFIG);
        let record =
            "{\"owns_services\":true,\"services\":[\"tcp 10.9.0.100:80\"],\"removed_at_stop\":[\"tcp 10.9.0.100:80\"]}";
        host.write("/run/lvs-agents/monitors/my-ldirectord.json", record);
        agent.probe().expect(7).silent();
        agent.stop();
        host.sh("rm -r /run/lvs-agents");
    }
}

#[test]
fn status_works_and_shows_nothing() {
    let Some(host) = host() else { return };
    let told = host.tool(&["status"]).expect(0).silent().stdout;
    assert_eq!(told, "no virtual service is declared and no health monitor runs on this node\n");
    let json = host.tool(&["status", "--json"]).expect(0).silent().stdout;
    let overview = common::schema::status(&json);
    assert_eq!((&overview["kernel"], &overview["state"]), (&serde_json::json!([]), &"well".into()));
}

#[test]
fn status_without_a_daemon_shows_what_is_declared_and_who_has_asked_for_what_is_not_there_is_told() {
    let Some(host) = host() else { return };
    host.write("/run/lvs-agents/services/my-lvs.cf", CONFIG);
    host.write("/run/lvs-agents/services/my-lvs.role", "{\"promoted\":false}");
    let told = host.tool(&["status"]).expect(0).silent().stdout;
    for words in [
        "1 virtual service: 1 not served\n",
        "lvs my-lvs: unpromoted: this node is the standby\n",
        "tcp 10.9.0.100:80  wrr  0 of 1 serve, the kernel does not have the service  not monitored\n",
        "unknown   -       not checked; the kernel does not have it\n",
    ] {
        assert!(told.contains(words), "{told}");
    }
    host.tool(&["status", "--exit-code"]).expect(4);
    host.tool(&["status", "--exit-code", "--json", "--wrong", "--server", "10.9.1.1"]).expect(4);
    for (arguments, words) in [
        (["status", "--server", "10.9.1.2"], "real server \"10.9.1.2\": no virtual service of this node has it"),
        (["status", "--service", "10.9.0.99"], "virtual service \"10.9.0.99\": this node has none of this name"),
    ] {
        assert_eq!(host.tool(&arguments).expect(1).stderr, format!("lvs-agents: {words}\n"));
    }
    host.tool(&["status", "--no-such-word"]).expect(2);
    assert!(!told.contains('\u{1b}'), "a file has no colours");
    let coloured = host.tool(&["status", "--color", "always"]).expect(0).stdout;
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
}
