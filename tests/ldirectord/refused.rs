//! The kernel refuses one entry: the others serve, the one is named, and a restart makes nothing worse.

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::{Host, until_equal};
use super::{CONFIG, FALLBACK, ONE, TWO, both, config, daemons, host, ldirectord};

const AUTORELOAD: &str = "autoreload=yes\n";
/// The kernel refuses this address as a real server once it is a broadcast address, which no host has.
const BROADCAST: &str = "10.9.5.255:80";

fn refuse(host: &Host) {
    host.sh("ip route add broadcast 10.9.5.255 dev lo table local");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_refused_real_server_is_shown_while_the_others_serve_and_comes_in_when_it_can() {
    let host = host("real=10.9.5.255:80 gate\nchecktype=on");
    refuse(&host);
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(host.weights(), both());
    let said = ldirectord.monitor().expect(190).says(BROADCAST).says("unicast").stderr;
    assert!(host.tool(&["status"]).expect(0).stdout.contains("the kernel refuses"), "{said}");
    // The last write does not decide: as long as the entry is refused, every monitor action says so.
    let watcher = Watcher::on(&host);
    for _ in 0..10 {
        ldirectord.monitor().expect(190).says(BROADCAST);
    }
    ldirectord.run("start").expect(0);
    assert_eq!(watcher.seen(), [both()]);
    host.sh("ip route del broadcast 10.9.5.255 dev lo table local");
    until_equal("monitor", &String::new(), || ldirectord.monitor().stderr);
    assert_eq!(host.weights(), weights(&[(ONE, 1), (TWO, 3), (BROADCAST, 1)]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_the_kernel_refuses_already_keeps_no_edit_out() {
    let host = host("");
    refuse(&host);
    let lines = "real=10.9.5.255:80 gate\nchecktype=on";
    host.write(CONFIG, &config(AUTORELOAD, lines));
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    host.replace(CONFIG, &config(AUTORELOAD, lines).replace("gate 3", "gate 30"));
    until_equal("table", &weights(&[(ONE, 1), (TWO, 30)]), || host.weights());
    let said = ldirectord.monitor().expect(190).says(BROADCAST).stderr;
    assert!(!said.contains("new configuration ignored"), "{said}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_of_which_the_kernel_takes_nothing_fails_in_its_words_and_leaves_nothing() {
    let host = host("");
    refuse(&host);
    host.write(CONFIG, "checkinterval=1\nvirtual=10.9.0.100:80\n\treal=10.9.5.255:80 gate\n\tchecktype=on\n");
    let ldirectord = ldirectord(&host);
    ldirectord.run("start").expect(1).says(BROADCAST).says("unicast");
    assert_eq!(daemons(&host), [0; 0]);
    ldirectord.probe().expect(7);
    ldirectord.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

/// The file has a missing scheduler, and a range that ends in a broadcast address: nothing is wrong with their
/// spelling.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_configuration_of_which_the_kernel_would_refuse_a_part_is_not_taken() {
    let host = host("");
    refuse(&host);
    host.write(CONFIG, &config(AUTORELOAD, ""));
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let watcher = Watcher::on(&host);
    for (section, words) in [
        ("\treal=10.9.1.1:81 gate\n\tscheduler=twos\n", "scheduler twos"),
        ("\treal=10.9.5.253->10.9.5.255:81 gate\n", "10.9.5.255"),
    ] {
        let text = format!("{}virtual=10.9.0.100:81\n{section}\tchecktype=on\n", config(AUTORELOAD, ""));
        host.replace(CONFIG, &text);
        until_equal(words, &true, || ldirectord.monitor().stderr.contains(words));
        ldirectord.monitor().expect(190).says(words).says("the one before is in force");
    }
    host.replace(CONFIG, &config(AUTORELOAD, ""));
    until_equal("monitor", &String::new(), || ldirectord.monitor().stderr);
    assert_eq!(watcher.seen(), [both()]);
    assert_eq!(host.ipvs_table().len(), 3);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_service_without_a_serving_real_server_is_shown() {
    let host = host("");
    host.write(CONFIG, &config("", "").replace("\tfallback=127.0.0.1:80\n", ""));
    let one = Server::start(&host, ONE);
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    ldirectord.monitor().expect(0).silent();
    drop(one);
    until_equal("monitor", &Some(190), || ldirectord.monitor().code);
    ldirectord.monitor().expect(190).says("tcp 10.9.0.100:80").says("neither a real server nor a fallback serves");
    let _one = Server::start(&host, ONE);
    until_equal("monitor", &String::new(), || ldirectord.monitor().stderr);
}

/// Clients of a service whose real servers are all silent meet the fallback and not a refusal.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_cold_start_onto_black_holes_ends_with_the_fallback_before_their_time_limit() {
    let host = host("");
    host.sh("ip link add eth0 type veth peer name cable && ip link set cable up && ip link set eth0 up");
    host.sh("ip address add 192.0.2.1/24 dev eth0; ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0");
    let silent =
        config("", "checktimeout=20").replace("10.9.1.1:80", "192.0.2.7:80").replace("\treal=10.9.1.2:80 gate 3\n", "");
    host.write(CONFIG, &silent);
    ldirectord(&host).clone().timeout(15).start();
    assert_eq!(host.weights(), weights(&[(FALLBACK, 1)]));
}

/// The service was made by hand, or by another program: a probe must not take it for ours, and a stop must not delete
/// it.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_service_that_no_record_names_is_neither_found_nor_deleted() {
    let host = host("");
    host.sh("ipvsadm -A -t 10.9.0.100:80 -s wrr; ipvsadm -a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 1");
    let before = host.ipvs_table();
    let ldirectord = ldirectord(&host);
    ldirectord.probe().expect(7).silent();
    ldirectord.stop();
    assert_eq!(host.ipvs_table(), before);
}

/// An administrator who comes from ocf:heartbeat:ldirectord without a parameter expects its default file to be read.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_default_file_that_is_not_read_is_named() {
    let host = host("");
    host.sh("mkdir -p /etc/ha.d && mount -t tmpfs tmpfs /etc/ha.d");
    host.write("/etc/ha.d/ldirectord.cf", &config("", ""));
    let ldirectord = host.agent("ldirectord");
    ldirectord.run("start").expect(0);
    ldirectord.monitor().expect(190).says("/etc/ha.d/ldirectord.cf").says("configfile=");
    let lvs = host.agent("lvs").params(&[("virtual", "10.9.0.100:80"), ("real", "10.9.1.1 gate"), ("checktype", "on")]);
    lvs.start();
    ldirectord.monitor().expect(0).silent();
    lvs.stop();
    ldirectord.stop();
}
