//! kill -9 of an action at its system calls.

use super::{Agent, Host};

/// The system calls that can change something that outlives the process, and its end. A process is killed on entry, so
/// each state between two of them is one that a kill can leave.
const CHANGES: &str = "mkdir,mkdirat,write,pwrite64,sendto,sendmsg,rename,renameat,renameat2,unlink,unlinkat,clone,clone3,vfork,exit_group";
const TRACE: &str = "/run/test/trace";

/// Runs `action` once whole and then, each time after `prepare`, killed at each of its system calls; after each kill,
/// `then` is called with its place. `prepare` must produce the same state each time, so that the calls are the same.
pub fn at_every_call(host: &Host, agent: &Agent<'_>, action: &str, prepare: impl Fn(), then: impl Fn(usize, &str)) {
    // How often the action asks and waits depends on what else goes on.
    at_each(host, agent, (action, "all", 80), prepare, then);
}

/// Does the same for system calls that change something, where each run takes long.
pub fn at_every_change(host: &Host, agent: &Agent<'_>, action: &str, prepare: impl Fn(), then: impl Fn(usize, &str)) {
    at_each(host, agent, (action, CHANGES, 100), prepare, then);
}

fn at_each(
    host: &Host,
    agent: &Agent<'_>,
    (action, filter, percent): (&str, &str, usize),
    prepare: impl Fn(),
    then: impl Fn(usize, &str),
) {
    // The action runs once before: what it does a first time only must not be among the calls.
    prepare();
    agent.run(action).expect(0);
    prepare();
    let calls = calls(host, agent, action, filter);
    let mut killed = 0;
    for (index, (call, number)) in calls.iter().enumerate() {
        prepare();
        let inject = format!("inject={call}:signal=KILL:when={number}");
        let words = ["strace", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
        let outcome = agent.clone().under(&words).run(action);
        match outcome.code {
            // strace ends itself in the same way as its tracee.
            None => killed += 1,
            Some(code) => {
                assert_eq!(code, 0, "{action}: neither killed at {call} {number} nor done");
                // A call that changes something is made each time.
                assert!(!CHANGES.split(',').any(|change| change == call), "{action}: not killed at {call} {number}");
            }
        }
        then(index, &format!("{action} killed at {call} {number}"));
    }
    assert!(killed * 100 >= calls.len() * percent, "{action}: killed at {killed} of {} calls only", calls.len());
}

/// Returns each system call with its number among those of its name, in order. At the first one the program is not ours
/// yet.
fn calls(host: &Host, agent: &Agent<'_>, action: &str, filter: &str) -> Vec<(String, usize)> {
    let filter = format!("trace={filter}");
    agent.clone().under(&["strace", "-o", TRACE, "-e", &filter]).run(action).expect(0);
    let mut calls: Vec<(String, usize)> = Vec::new();
    for line in host.read(TRACE).lines() {
        let Some((name, _)) = line.split_once('(').filter(|(name, _)| !name.contains(' ')) else { continue };
        let number = 1 + calls.iter().filter(|(known, _)| known == name).count();
        calls.push((name.to_owned(), number));
    }
    calls.retain(|(name, _)| name != "execve");
    assert!(calls.len() > 3, "{calls:?}");
    calls
}

/// Returns how many processes an action starts, itself not counted.
pub fn processes_of(host: &Host, run: impl FnOnce(&[&str])) -> usize {
    run(&["strace", "-f", "-o", TRACE, "-e", "trace=process"]);
    let trace = host.read(TRACE);
    assert!(trace.contains("exit_group("), "strace: {trace}");
    let is_start = |line: &&str| ["execve(", "fork(", "clone(", "clone3("].iter().any(|call| line.contains(call));
    trace.lines().filter(is_start).count() - 1
}
