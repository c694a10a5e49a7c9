//! kill -9 of start and stop at each of their system calls.

use super::common::{Agent, Host, kill, until_equal};

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    let vip = host.agent("vip").params(&[("ip", ip), ("nic", "eth0"), ("nodad", "yes"), ("iflabel", "ours")]);
    vip.params(&[("arp_count", "2"), ("arp_interval", "1"), ("arp_repeat_after", "60s")])
}

fn leftovers(host: &Host) -> Vec<String> {
    let promotes = host.sh("cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries");
    assert_eq!(promotes, "0\n", "promote_secondaries is left as it was set");
    let labels = host.sh("ip addrlabel list | grep ' label 99' || true");
    let files = host.run_files().into_iter().filter(|name| !name.starts_with('.'));
    files.chain(labels.lines().map(Into::into)).collect()
}

fn after_each_kill(action: &str) {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = host.addresses();
    let vip = vip(&host, "192.0.2.9 192.0.2.10/32 2001:db8::9");
    let prepare = || {
        host.forget_records();
        host.sh("ip address add 192.0.2.9/28 dev eth0 2>/dev/null || true");
        host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
        if action == "stop" {
            vip.start();
        }
    };
    kill::at_every_call(&host, &vip, action, prepare, |index, place| {
        // A recovery is a stop and a start; every other time the node is simply asked to start again.
        if index % 2 == 0 {
            vip.start();
            vip.monitor().expect(0);
        }
        vip.stop();
        assert_eq!(host.addresses(), before, "{place}");
        assert_eq!(leftovers(&host), [""; 0], "{place}");
        // A helper that had not read its orders ends by itself, in a moment.
        until_equal(place, &vec![], || host.processes_with("announce"));
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

/// In the middle of a change of labels, an address has two copies.
#[test]
fn a_reload_that_was_killed_anywhere_leaves_what_stop_removes_and_start_mends() {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    let before = host.addresses();
    let (old, new) =
        (vip(&host, "192.0.2.9 192.0.2.10/32").param("iflabel", "old"), vip(&host, "192.0.2.9 192.0.2.10/32"));
    let prepare = || {
        host.forget_records();
        old.start();
    };
    kill::at_every_change(&host, &new, "reload-agent", prepare, |index, place| {
        if index % 2 == 0 {
            new.start();
            new.monitor().expect(0);
        }
        new.stop();
        assert_eq!(host.addresses(), before, "{place}");
    });
}
