//! The health monitor as a process: it is killed, it hangs, and it is terminated.

use std::time::{Duration, Instant};

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::{Host, until_equal};
use super::{CONFIG, ONE, TWO, both, config, daemons, host, ldirectord};

/// Starts the health monitor with one real server that is well and one that is not.
fn lab(lines: &str) -> (Host, Server) {
    let host = host(lines);
    let two = Server::start(&host, TWO);
    ldirectord(&host).start();
    assert_eq!(host.weights(), weights(&[(TWO, 3)]));
    (host, two)
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_killed_health_monitor_is_noticed_and_recovered_without_a_gap() {
    let (host, _two) = lab("");
    let ldirectord = ldirectord(&host);
    let first = daemons(&host)[0];
    host.kill("KILL", first);
    until_equal("daemons", &vec![], || daemons(&host));
    ldirectord.monitor().expect(1).says("died and left virtual service tcp 10.9.0.100:80 behind");
    ldirectord.probe().expect(1);
    let watcher = Watcher::on(&host);
    ldirectord.start();
    ldirectord.monitor().expect(0).silent();
    let second = daemons(&host);
    assert!(second.len() == 1 && second != [first], "{second:?}");
    assert_eq!(watcher.seen(), [weights(&[(TWO, 3)])], "the table did not change");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_service_that_left_the_file_while_its_health_monitor_was_dead_is_removed_by_the_next_start() {
    let (host, _two) = lab("");
    let other = "virtual=10.9.0.100:81\n\treal=10.9.1.2:81 gate\n\tchecktype=on\n";
    host.write(CONFIG, &format!("{}{other}", config("", "")));
    host.kill("HUP", daemons(&host)[0]);
    until_equal("lines", &4, || host.ipvs_table().len());
    host.kill("KILL", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    host.write(CONFIG, &config("", ""));
    ldirectord(&host).start();
    until_equal("lines", &2, || host.ipvs_table().len());
    assert_eq!(host.weights(), weights(&[(TWO, 3)]));
}

/// Such a reading happens when the name server is silent, or the file system hangs; here the file is a pipe that no
/// process writes.
#[test]
fn a_stop_while_the_first_configuration_is_still_read_forgets_nothing_of_a_killed_health_monitor() {
    let record = r#"{"owns_services":true,"removed_at_stop":["tcp 10.9.0.100:80"]}"#;
    let (file, instance) = ("/run/lvs-agents/monitors/my-ldirectord.json", "my-ldirectord");
    let host = host("");
    host.sh(&format!("rm {CONFIG}; mkfifo {CONFIG}"));
    host.write(file, record);
    let program = env!("CARGO_BIN_EXE_lvs-agents");
    host.sh(&format!("{program} daemon --instance {instance} --configfile {CONFIG} </dev/null >/dev/null 2>&1 &"));
    until_equal("monitor", &Some(190), || ldirectord(&host).monitor().code);
    ldirectord(&host).monitor().expect(190).says("no configuration is in force yet");
    host.kill("TERM", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    assert_eq!(host.read(file), record);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_a_killed_health_monitor_left_is_removed_by_stop() {
    let (host, _two) = lab("");
    host.kill("KILL", daemons(&host)[0]);
    // A stop needs neither the parameters nor the file for that.
    host.write(CONFIG, "nonsense");
    host.agent("ldirectord").stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
    host.agent("ldirectord").probe().expect(7);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_hung_health_monitor_fails_the_monitor_action_and_stop_gets_rid_of_it() {
    let (host, _two) = lab("");
    let ldirectord = ldirectord(&host);
    host.kill("STOP", daemons(&host)[0]);
    let began = Instant::now();
    ldirectord.monitor().expect(1).says("health monitor: ask whether it is alive");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let began = Instant::now();
    ldirectord.stop();
    assert!(began.elapsed() < Duration::from_secs(19), "{:?}", began.elapsed());
    assert_eq!(daemons(&host), [0; 0]);
    assert_eq!(host.ipvs_table(), [""; 0]);
    ldirectord.start();
    ldirectord.monitor().expect(0);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_that_is_terminated_cleans_up() {
    for signal in ["TERM", "INT"] {
        let (host, _two) = lab("");
        host.kill(signal, daemons(&host)[0]);
        until_equal("daemons", &vec![], || daemons(&host));
        assert_eq!(host.ipvs_table(), [""; 0], "{signal}");
        ldirectord(&host).monitor().expect(7).silent();
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn without_cleanstop_the_table_stays_and_the_next_start_adopts_it() {
    let (host, _two) = lab("cleanstop=no");
    let ldirectord = ldirectord(&host);
    let watcher = Watcher::on(&host);
    ldirectord.stop();
    assert_eq!(daemons(&host), [0; 0]);
    ldirectord.monitor().expect(7).silent();
    ldirectord.start();
    assert_eq!(watcher.seen(), [weights(&[(TWO, 3)])]);
    host.kill("KILL", daemons(&host)[0]);
    ldirectord.stop();
    assert_eq!(host.weights(), weights(&[(TWO, 3)]), "stopped after a kill");
}

/// The health monitor's own files vanish below it: it puts them back.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_survives_the_loss_of_the_run_directory() {
    let (host, _two) = lab("");
    let ldirectord = ldirectord(&host);
    let daemon = daemons(&host);
    for files in ["lvs-agents", "lvs-agents/my-ldirectord.sock", "lvs-agents/my-ldirectord.lock", "lvs-agents/monitors"]
    {
        host.sh(&format!("rm -r /run/{files}"));
        let all = || {
            ["monitors/my-ldirectord.json", "my-ldirectord.sock", "my-ldirectord.lock"]
                .map(|name| host.path(&format!("/run/lvs-agents/{name}")).exists())
        };
        until_equal(files, &[true; 3], all);
        ldirectord.monitor().expect(0).silent();
    }
    assert_eq!(daemons(&host), daemon);
    ldirectord.stop();
    assert_eq!(daemons(&host), [0; 0]);
    assert_eq!(host.ipvs_table(), [""; 0]);
}

/// The cluster decides that the health monitor does not run before that notices the loss.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_recovery_after_the_loss_of_the_run_directory_ends_in_one_health_monitor() {
    let (host, _two) = lab("");
    let ldirectord = ldirectord(&host);
    let watcher = Watcher::on(&host);
    host.sh("rm -r /run/lvs-agents");
    ldirectord.run("start");
    until_equal("daemons", &1, || daemons(&host).len());
    ldirectord.monitor().expect(0).silent();
    assert_eq!(watcher.seen(), [weights(&[(TWO, 3)])]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn records_and_sockets_of_the_dead_keep_no_health_monitor_from_starting() {
    let (host, _two) = lab("");
    let ldirectord = ldirectord(&host);
    for damage in ["", "{", "[]", "\u{0}"] {
        host.kill("KILL", daemons(&host)[0]);
        until_equal("daemons", &vec![], || daemons(&host));
        host.write("/run/lvs-agents/monitors/my-ldirectord.json", damage);
        ldirectord.stop();
        ldirectord.start();
        ldirectord.monitor().expect(0);
    }
    ldirectord.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

/// Pacemaker gives up on a start and stops; nothing may come into the table after that.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn stop_during_a_start_leaves_nothing() {
    let host = host("");
    // Real servers that are silent and a missing fallback make the start wait for its first results.
    host.sh("ip link add eth0 type veth peer name cable && ip link set cable up && ip link set eth0 up");
    host.sh("ip address add 192.0.2.1/24 dev eth0; ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0");
    let silent = "checktimeout=15\nvirtual=10.9.0.100:80\n\treal=192.0.2.7:80 gate\n\tchecktype=connect\n";
    host.write(CONFIG, silent);
    let ldirectord = ldirectord(&host);
    let starter = ldirectord.clone().under(&["sh", "-c", "echo $$ >/run/starter; exec \"$@\"", "sh"]);
    std::thread::scope(|scope| {
        let killed = scope.spawn(|| starter.run("start"));
        until_equal("health monitors", &1, || daemons(&host).len());
        host.sh("kill -KILL $(cat /run/starter)");
        assert_ne!(killed.join().expect("start").code, Some(0));
    });
    assert_eq!(daemons(&host).len(), 1, "the daemon outlives its starter");
    ldirectord.stop();
    assert_eq!(daemons(&host), [0; 0]);
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn many_starts_at_once_make_one_health_monitor() {
    let host = host("");
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ldirectord.run("start"));
        }
    });
    assert_eq!(daemons(&host).len(), 1);
    ldirectord.monitor().expect(0);
    assert_eq!(host.weights(), both());
}
