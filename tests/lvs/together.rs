//! Several actions at once, and the lock that they take turns with.

use std::time::Duration;

use lvs_agents::system::Lock;

use super::common::agent::AGENT_LOG;
use super::common::{Agent, Host};
use super::{TABLE, lvs};

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
