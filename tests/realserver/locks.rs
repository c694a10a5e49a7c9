//! An instance that moves an address holds the lock of the real servers' folder, and so does `ocf:rust:vip`. start,
//! stop and monitor wait for it, so that none of them sees half of a move.

use std::fs::{File, OpenOptions};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::common::agent::AGENT_LOG;
use super::common::rows::check_rows;
use super::common::{Agent, Host, Outcome, until};
use super::{FORMER, addresses, host, settings};

const LOCK: &str = "/run/lvs-agents/realserver/.lock";
const TRACE: &str = "/run/test/trace";

/// Holds the lock, as another instance does, until the file is closed.
fn hold_lock(host: &Host) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(host.path(LOCK))
        .expect("lock file");
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&whole)).expect("lock");
    file
}

/// Runs `action` while the lock is held. Once the action has been refused the lock and asks for it again, calls
/// `meanwhile` and releases the lock. Returns the answer.
fn contend(
    host: &Host,
    agent: &Agent<'_>,
    action: impl Fn(&Agent<'_>) -> Outcome + Send,
    meanwhile: impl Fn(),
) -> Outcome {
    let lock = hold_lock(host);
    let traced = agent.clone().under(&["strace", "-o", TRACE, "-e", "trace=openat,open"]);
    std::thread::scope(|scope| {
        let acting = scope.spawn(move || action(&traced));
        until("the action waits for the lock", || (host.read(TRACE).matches(LOCK).count() >= 2).then_some(()));
        meanwhile();
        drop(lock);
        acting.join().expect("action")
    })
}

/// The agent, and the lock file, which the first action makes.
fn stopped(host: &Host) -> Agent<'_> {
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    realserver.stop();
    realserver
}

#[test]
fn start_changes_nothing_while_another_instance_holds_the_lock() {
    let host = host();
    let realserver = stopped(&host);
    let answer = contend(
        &host,
        &realserver,
        |agent| agent.run("start"),
        || {
            assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()));
        },
    );
    answer.expect(0).silent();
    assert_eq!(addresses(&host), ["lo 192.0.2.9/32"]);
}

#[test]
fn stop_removes_nothing_while_another_instance_holds_the_lock() {
    let host = host();
    let realserver = stopped(&host);
    realserver.start();
    let answer = contend(
        &host,
        &realserver,
        |agent| agent.run("stop"),
        || {
            assert_eq!(addresses(&host), ["lo 192.0.2.9/32"]);
        },
    );
    answer.expect(0).silent();
    assert_eq!(addresses(&host), [""; 0]);
}

#[test]
fn monitor_waits_for_an_address_that_another_instance_moves() {
    let host = host();
    let realserver = stopped(&host);
    realserver.start();
    host.sh("ip address del 192.0.2.9/32 dev lo");
    let answer = contend(
        &host,
        &realserver,
        |agent| agent.monitor(),
        || {
            host.sh("ip address add 192.0.2.9/32 dev lo");
        },
    );
    answer.expect(0).silent();
}

#[test]
fn an_action_that_waits_in_vain_for_the_lock_says_so_and_goes_on() {
    check_rows([("start", 0), ("stop", 0), ("monitor", 7)], |(action, code)| {
        let host = host();
        let realserver = stopped(&host);
        realserver.start();
        // A monitor only asks for the lock where an address is missing.
        host.sh("ip address del 192.0.2.9/32 dev lo");
        let lock = hold_lock(&host);
        realserver.clone().timeout(1).run(action).expect(code);
        drop(lock);
        let log = host.read(AGENT_LOG);
        assert!(
            log.contains("/run/lvs-agents/realserver: another instance has been at work for long; went on"),
            "{log}"
        );
    });
}
