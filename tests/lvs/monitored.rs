//! The agent beside a health monitor, of which only its record and its lock are here.

use lvs_agents::system::Lock;

use super::common::{Agent, Host};
use super::{TABLE, lvs};

const RECORD: &str = r#"{"owns_services":false,"services":[],"removed_at_stop":[],
    "known_down":{"tcp 10.9.0.100:80":["10.9.1.2:80"]},"of_the_next_version":1}"#;

/// A node with the record of a health monitor whose process seems to live as long as the lock does.
fn node() -> (Host, Lock) {
    let host = Host::new();
    host.write("/run/lvs-agents/monitors/health.json", RECORD);
    let lock = Lock::try_acquire(&host.path("/run/lvs-agents/health.lock")).expect("lock").expect("free");
    (host, lock)
}

fn with_fallback(host: &Host) -> Agent<'_> {
    lvs(host).param("fallback", "10.9.1.8:80")
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_is_known_to_be_down_does_not_come_back_with_its_service() {
    let (host, lock) = node();
    lvs(&host).start();
    assert_eq!(host.ipvs_table(), TABLE[..2]);
    // The record does not name the service yet, and still the health monitor has taken the server out.
    lvs(&host).monitor().expect(0).silent();
    lvs(&host).stop();
    drop(lock);
    lvs(&host).start();
    assert_eq!(host.ipvs_table(), TABLE, "no monitor would bring it back");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_the_health_monitor_made_of_a_service_is_right_and_what_another_program_did_is_reported() {
    let (host, _lock) = node();
    with_fallback(&host).start();
    for change in ["-d -t 10.9.0.100:80 -r 10.9.1.1:80", "-a -t 10.9.0.100:80 -r 10.9.1.8:80 -g -w 1"] {
        host.sh(&format!("ipvsadm {change}"));
        with_fallback(&host).monitor().expect(0).silent();
    }
    let table = host.ipvs_table();
    with_fallback(&host).start();
    assert_eq!(host.ipvs_table(), table, "a start puts nothing back");
    host.sh("ipvsadm -a -t 10.9.0.100:80 -r 10.9.1.9:80 -g -w 1");
    with_fallback(&host).monitor().expect(190).says("real server 10.9.1.9:80 was added by another program");
    host.sh("ipvsadm -d -t 10.9.0.100:80 -r 10.9.1.9:80; ipvsadm -E -t 10.9.0.100:80 -s rr");
    with_fallback(&host).monitor().expect(1).says("scheduler is rr, must be wrr");
}
