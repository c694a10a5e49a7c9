//! `lvs_support`: the director is a real server too.

use super::common::{Agent, Host, kill};

fn host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    host.sh("ip address add 192.0.2.9/32 dev lo && ip address add 192.0.2.10/32 dev lo");
    host
}

const STANDBY: [&str; 3] = ["eth0 192.0.2.1/24", "lo 192.0.2.10/32", "lo 192.0.2.9/32"];
const DIRECTOR: [&str; 3] = ["eth0 192.0.2.1/24", "eth0 192.0.2.9/24", "lo 192.0.2.10/32"];

fn vip(host: &Host) -> Agent<'_> {
    host.agent("vip").params(&[("ip", "192.0.2.9"), ("arp_count", "0")])
}

#[test]
fn the_copy_on_the_loopback_moves_aside_and_comes_back() {
    let host = host();
    let vip = vip(&host).param("lvs_support", "yes");
    // On the loopback only: this node does not direct.
    vip.probe().expect(7).silent();
    for _ in 0..2 {
        vip.start();
        assert_eq!(host.addresses(), DIRECTOR);
        vip.monitor().expect(0).silent();
    }
    for _ in 0..2 {
        vip.stop();
        assert_eq!(host.addresses(), STANDBY);
        vip.monitor().expect(7).silent();
    }
}

#[test]
fn it_stays_where_nothing_was_said() {
    let host = host();
    let vip = vip(&host);
    vip.start();
    assert!(host.addresses().contains(&"lo 192.0.2.9/32".into()));
    vip.monitor().expect(0).silent();
    vip.stop();
    assert_eq!(host.addresses(), STANDBY);
}

#[test]
fn what_was_not_there_before_does_not_come() {
    let host = host();
    host.sh("ip address del 192.0.2.9/32 dev lo");
    let vip = vip(&host).param("lvs_support", "yes");
    vip.start();
    vip.stop();
    assert_eq!(host.addresses(), STANDBY[..2]);
}

/// Not even for a moment: the node's own connections to the address, and those of its clients, would be reset.
#[test]
fn the_address_is_local_all_the_time() {
    let host = host();
    let vip = vip(&host).param("lvs_support", "yes");
    let events = host.follow("ip -o monitor route");
    vip.start();
    vip.stop();
    host.sh("ip address add 192.0.2.11/32 dev eth0");
    assert_eq!(events.fewest_local_routes("192.0.2.9", 1, "192.0.2.11"), 1);
}

#[test]
fn a_start_or_stop_that_was_killed_anywhere_brings_it_back_in_the_end() {
    for action in ["start", "stop"] {
        let host = host();
        let vip = vip(&host).param("lvs_support", "yes");
        let prepare = || {
            host.sh("rm -rf /run/lvs-agents; ip address replace 192.0.2.9/32 dev lo");
            if action == "stop" {
                vip.start();
            }
        };
        kill::at_every_call(&host, &vip, action, prepare, |index, place| {
            if index % 2 == 0 {
                vip.start();
                assert_eq!(host.addresses(), DIRECTOR, "{place}");
            }
            vip.stop();
            assert_eq!(host.addresses(), STANDBY, "{place}");
        });
    }
}
