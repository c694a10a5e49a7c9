//! kill -9 of start and stop at each of its system calls.

use super::common::{Agent, Host};

/// Those that can change something that outlives the process, and those between them.
const CALLS: &str =
    "openat,mkdir,write,sendto,sendmsg,rename,renameat,unlink,socket,bind,close,clone,clone3,vfork,fchmod,fsync";

/// How often each system call of the list is made by this action.
fn calls(host: &Host, vip: &Agent<'_>, action: &str) -> Vec<(String, usize)> {
    let filter = format!("trace={CALLS}");
    vip.clone().under(&["strace", "-o", "/run/test/trace", "-e", &filter]).run(action).expect(0);
    let trace = host.read("/run/test/trace");
    let mut counts: Vec<(String, usize)> = Vec::new();
    for name in trace.lines().filter_map(|line| line.split_once('(').map(|(name, _)| name.to_owned())) {
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    assert!(counts.len() > 3, "{trace}");
    counts
}

fn kill_at(vip: &Agent<'_>, action: &str, call: &str, number: usize) {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let traced = vip.clone().under(&["strace", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    let outcome = traced.run(action);
    // strace ends itself in the way of its tracee.
    assert_eq!(outcome.code, None, "{action}: not killed at {call} {number}");
}

fn after_each_kill(action: &str, ip: &str) {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = host.addresses();
    let vip = host.agent("vip").params(&[("ip", ip), ("nic", "eth0"), ("arp_count", "2"), ("arp_interval", "1")]);
    let vip = vip.param("nodad", "yes");
    if action == "stop" {
        vip.start();
    }
    let calls = calls(&host, &vip, action);
    vip.stop();
    for (call, count) in calls {
        for number in 1..=count {
            if action == "stop" {
                vip.start();
            }
            kill_at(&vip, action, &call, number);
            if number % 2 == 0 {
                vip.start();
                vip.monitor().expect(0);
            }
            vip.stop();
            assert_eq!(host.addresses(), before, "{action} killed at {call} {number}");
            let leftovers: Vec<String> = host.run_files().into_iter().filter(|name| !name.starts_with('.')).collect();
            assert_eq!(leftovers, [""; 0], "{action} killed at {call} {number}");
        }
    }
}

#[test]
fn a_start_that_was_killed_anywhere_can_be_stopped_and_started() {
    after_each_kill("start", "192.0.2.9 2001:db8::9");
}

#[test]
fn a_stop_that_was_killed_anywhere_can_be_repeated() {
    after_each_kill("stop", "192.0.2.9 2001:db8::9");
}
