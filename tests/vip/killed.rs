//! kill -9 of start and stop at each of their system calls.

use super::common::{Host, kill};

fn after_each_kill(action: &str) {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = host.addresses();
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9 2001:db8::9"), ("nic", "eth0"), ("nodad", "yes")]);
    let vip = vip.params(&[("arp_count", "2"), ("arp_interval", "1")]);
    let prepare = || {
        host.sh("rm -rf /run/lvs-agents");
        if action == "stop" {
            vip.start();
        }
    };
    kill::everywhere(&host, &vip, action, prepare, |index, place| {
        // A recovery is a stop and a start; every other time the node is simply asked to start again.
        if index % 2 == 0 {
            vip.start();
            vip.monitor().expect(0);
        }
        vip.stop();
        assert_eq!(host.addresses(), before, "{place}");
        let leftovers: Vec<String> = host.run_files().into_iter().filter(|name| !name.starts_with('.')).collect();
        assert_eq!(leftovers, [""; 0], "{place}");
    });
}

#[test]
fn a_start_that_was_killed_anywhere_can_be_stopped_and_started() {
    after_each_kill("start");
}

#[test]
fn a_stop_that_was_killed_anywhere_can_be_repeated() {
    after_each_kill("stop");
}
