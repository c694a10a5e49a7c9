//! What the neighbours hear, and the helper process that repeats it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::common::frames::Ear;
use super::common::{Host, until, until_equal};

const HELPER: &str = "announce";

fn pair() -> (Host, Host) {
    Host::pair(&["192.0.2.1/24", "2001:db8::1/64"], &["192.0.2.2/24", "2001:db8::2/64"])
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<IpAddr, usize> {
    pairs.iter().map(|(address, count)| (address.parse().expect(address), *count)).collect()
}

#[test]
fn the_neighbours_move_the_address_to_its_new_owner() {
    let (host, peer) = pair();
    let mac = host.mac_text("eth0");
    for ip in ["192.0.2.9", "2001:db8::9"] {
        peer.sh(&format!("ip neigh replace {ip} dev eth0 lladdr 02:00:00:00:00:99 nud reachable"));
        host.agent("vip").params(&[("ip", ip), ("nodad", "yes"), ("arp_count", "1")]).start();
        until(&format!("{ip} at {mac}"), || {
            peer.sh(&format!("ip neigh show {ip} dev eth0")).contains(&mac).then_some(())
        });
    }
}

/// With a count of one that is not repeated there is no helper, so that start itself has sent what is heard.
#[test]
fn every_address_is_announced_before_start_returns() {
    let (host, peer) = pair();
    let ear = Ear::on(&peer);
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9 192.0.2.10 2001:db8::9"), ("nodad", "yes")]);
    vip.clone().params(&[("arp_count", "1"), ("arp_repeat_after", "0")]).start();
    assert_eq!(host.processes_with(HELPER), [0; 0]);
    let expected = counts(&[("192.0.2.9", 1), ("192.0.2.10", 1), ("2001:db8::9", 1)]);
    assert_eq!(ear.announced(), expected);
    vip.clone().stop();
    vip.param("arp_count", "0").start();
    assert_eq!(host.processes_with(HELPER), [0; 0]);
    assert_eq!(ear.announced(), counts(&[]));
}

#[test]
fn the_helper_repeats_and_ends_with_its_burst() {
    let (host, peer) = pair();
    let ear = Ear::on(&peer);
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9 2001:db8::9"), ("nodad", "yes")]);
    vip.params(&[("arp_count", "4"), ("arp_interval", "300"), ("arp_repeat_after", "0")]).start();
    assert_eq!(host.processes_with(HELPER).len(), 1);
    until_equal("the helper has ended", &vec![], || host.processes_with(HELPER));
    assert_eq!(ear.announced(), counts(&[("192.0.2.9", 4), ("2001:db8::9", 4)]));
}

/// A late announcement would pull the clients away from the new owner.
#[test]
fn the_helper_ends_when_the_address_goes() {
    let (host, peer) = pair();
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("arp_count", "1000"), ("arp_interval", "100")]);
    vip.start();
    assert_eq!(host.processes_with(HELPER).len(), 1);
    vip.stop();
    let ear = Ear::on(&peer);
    until_equal("the helper has ended", &vec![], || host.processes_with(HELPER));
    assert_eq!(ear.announced(), counts(&[]));
}

#[test]
fn the_helper_goes_on_for_the_addresses_that_stay() {
    let (host, peer) = pair();
    let vip =
        host.agent("vip").params(&[("ip", "192.0.2.9 192.0.2.10"), ("arp_count", "1000"), ("arp_interval", "100")]);
    vip.start();
    host.sh("ip address del 192.0.2.9/24 dev eth0");
    let ear = Ear::on(&peer);
    let other: IpAddr = "192.0.2.10".parse().expect("address");
    let mut heard = BTreeMap::new();
    until("three announcements", || {
        for (address, count) in ear.announced() {
            *heard.entry(address).or_insert(0) += count;
        }
        heard.get(&other).is_some_and(|count| *count >= 3).then_some(())
    });
    assert!(heard.keys().all(|address| *address == other), "{heard:?}");
}

/// Pacemaker kills the process group of an action that takes too long, and waits for its pipes. A file system is in use
/// as long as a process is in a folder of it.
#[test]
fn the_helper_is_in_a_session_of_its_own_and_holds_no_pipe_and_no_folder() {
    let (host, _peer) = pair();
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("arp_count", "1000"), ("arp_interval", "100")]);
    vip.under(&["env", "--chdir=/tmp"]).start();
    let helper = until("helper", || host.processes_with(HELPER).first().copied());
    until("session", || (host.sh(&format!("ps -o sid= -p {helper}")).trim() == helper.to_string()).then_some(()));
    let open = host.sh(&format!("for fd in 0 1 2; do readlink /proc/{helper}/fd/$fd; done"));
    assert_eq!(open, "/dev/null\n".repeat(3));
    until("folder", || (host.sh(&format!("readlink /proc/{helper}/cwd")) == "/\n").then_some(()));
}

/// Names of resources may begin with a dash.
#[test]
fn an_instance_that_is_named_like_an_option_has_a_helper_like_any_other() {
    let (host, peer) = pair();
    let ear = Ear::on(&peer);
    let vip = host.agent("vip").instance("--version").params(&[("ip", "192.0.2.9"), ("arp_count", "3")]);
    vip.params(&[("arp_interval", "100"), ("arp_repeat_after", "0")]).start();
    until_equal("the helper has ended", &vec![], || host.processes_with(HELPER));
    assert_eq!(ear.announced(), counts(&[("192.0.2.9", 3)]));
}

/// The helper outlives the action by seconds, and everything that lives can be looked at or taken over.
#[test]
fn the_helper_keeps_neither_the_environment_nor_the_rights_of_the_action() {
    let (host, _peer) = pair();
    let vip = host.agent("vip").params(&[("ip", "192.0.2.9"), ("arp_count", "100"), ("arp_interval", "1000")]);
    vip.variable("OCF_RESKEY_passwd", "secret").start();
    let [helper] = host.processes_with(HELPER)[..] else { panic!("one helper: {:?}", host.processes()) };
    let status = || host.read(&format!("/proc/{helper}/status"));
    let line = |name: &str| {
        let status = status();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    // The number is CAP_NET_RAW alone.
    for set in ["CapEff:", "CapPrm:"] {
        until_equal(set, &"0000000000002000".to_owned(), || line(set));
    }
    until_equal("NoNewPrivs", &"1".to_owned(), || line("NoNewPrivs:"));
    assert_eq!(host.read(&format!("/proc/{helper}/environ")), "");
}
