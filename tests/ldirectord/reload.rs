//! An edit of the file brings what changed to the kernel and nothing else, and a mistake changes nothing.

use std::net::TcpListener;

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::talk::Talk;
use super::common::{Host, until_equal};
use super::{CONFIG, LOG, ONE, TWO, both, config, daemons, host, ldirectord};

const AUTORELOAD: &str = "autoreload=yes\n";

struct Lab {
    host: Host,
    _servers: [Server; 2],
}

fn lab(global: &str) -> Lab {
    let host = host("");
    host.write(CONFIG, &config(global, ""));
    let servers = [Server::start(&host, ONE), Server::start(&host, TWO)];
    ldirectord(&host).start();
    Lab { host, _servers: servers }
}

/// Returns the lines of the log since a mark, without time and process.
fn since(host: &Host, mark: usize) -> Vec<String> {
    let log = host.read(LOG);
    let new = log.get(mark..).unwrap_or_default().lines();
    new.filter_map(|line| line.split_once("] ").map(|(_, text)| text.to_owned())).collect()
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_edited_weight_is_the_only_change() {
    let Lab { host, _servers } = lab(AUTORELOAD);
    let mark = host.read(LOG).len();
    let watcher = Watcher::on(&host);
    host.replace(CONFIG, &config(AUTORELOAD, "").replace("gate 3", "gate 30"));
    until_equal("table", &weights(&[(ONE, 1), (TWO, 30)]), || host.weights());
    assert_eq!(watcher.seen(), [both(), weights(&[(ONE, 1), (TWO, 30)])]);
    until_equal(
        "log",
        &vec![
            format!("Configuration file '{CONFIG}' has changed on disk"),
            " - reread new configuration".to_owned(),
            format!("Changed real server: {TWO} (10.9.0.100:80) (Weight set to 30)"),
        ],
        || since(&host, mark),
    );
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_broken_file_changes_nothing_is_reported_and_can_be_repaired() {
    let Lab { host, _servers } = lab(AUTORELOAD);
    let ldirectord = ldirectord(&host);
    let watcher = Watcher::on(&host);
    for (broken, words) in [
        (config(AUTORELOAD, "nonsense=1"), "\"nonsense\": unknown directive"),
        (config(AUTORELOAD, "").replace("gate 3", "gat 3"), "line 6"),
        (config(AUTORELOAD, "").replace("wrr", "wrong"), "scheduler wrong: this kernel does not have it"),
    ] {
        host.replace(CONFIG, &broken);
        until_equal(words, &true, || ldirectord.monitor().stderr.contains(words));
        ldirectord.monitor().expect(190).says(CONFIG).says(words).says("the one before is in force");
        let said = host.tool(&["status"]).expect(0).stdout;
        assert!(said.contains("new configuration ignored") && said.contains(words), "{said}");
    }
    host.sh(&format!("rm {CONFIG}"));
    until_equal("words", &true, || ldirectord.monitor().expect(190).stderr.contains("No such file"));
    host.write(CONFIG, &config(AUTORELOAD, ""));
    until_equal("monitor", &String::new(), || ldirectord.monitor().stderr);
    assert_eq!(watcher.seen(), [both()]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_and_a_service_that_are_no_longer_named_go() {
    let Lab { host, _servers } = lab(AUTORELOAD);
    let other = "virtual=10.9.0.100:81\n\treal=10.9.1.1:81 gate 7\n\tchecktype=on\n";
    host.replace(CONFIG, &format!("{}{other}", config(AUTORELOAD, "")));
    until_equal("table", &weights(&[(ONE, 1), (TWO, 3), ("10.9.1.1:81", 7)]), || host.weights());
    host.replace(CONFIG, &config(AUTORELOAD, "").replace("real=10.9.1.2:80 gate 3", ""));
    until_equal("table", &weights(&[(ONE, 1)]), || host.weights());
    until_equal("services", &2, || host.ipvs_table().len());
    ldirectord(&host).stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

/// The file without one of the two real servers.
fn without(real: &str, lines: &str) -> String {
    config(AUTORELOAD, &format!("checktype=on\n{lines}")).replace(&format!("real={real}"), "#")
}

/// A kill -9 leaves no time to say what is drained, and the stop that pacemaker may call before the start ends no drain either.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_drain_goes_on_after_a_kill_of_the_health_monitor_and_begins_where_the_file_has_changed_meanwhile() {
    let draining = weights(&[(ONE, 0), (TWO, 3)]);
    for (cleanstop, is_edited_before) in [("cleanstop=yes", true), ("cleanstop=no", true), ("cleanstop=no", false)] {
        let host = host("");
        host.write(CONFIG, &without(TWO, cleanstop));
        let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
        let ldirectord = ldirectord(&host);
        ldirectord.start();
        let mut talk = Talk::begin(&host, "10.9.0.100:80", &listener);
        if is_edited_before {
            host.replace(CONFIG, &without(ONE, cleanstop));
            until_equal("table", &draining, || host.weights());
            let record = || host.read("/run/lvs-agents/monitors/my-ldirectord.json");
            until_equal("record", &true, || record().contains(r#""10.9.1.1:80":"#));
        }
        host.kill("KILL", daemons(&host)[0]);
        until_equal("daemons", &vec![], || daemons(&host));
        match is_edited_before {
            true if cleanstop == "cleanstop=no" => ldirectord.stop(),
            true => {}
            false => host.replace(CONFIG, &without(ONE, cleanstop)),
        }
        ldirectord.start();
        talk.goes_on();
        assert_eq!(host.weights(), draining, "{cleanstop} {is_edited_before}");
        ldirectord.monitor().expect(0).silent();
        if cleanstop == "cleanstop=no" {
            ldirectord.stop();
            ldirectord.start();
            talk.goes_on();
            assert_eq!(host.weights(), draining, "{is_edited_before}");
        }
        host.replace(CONFIG, &without(ONE, &format!("{cleanstop}\ndrain_timeout=1")));
        until_equal("table", &weights(&[(TWO, 3)]), || host.weights());
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_is_no_longer_named_keeps_its_connection_until_it_has_had_its_time() {
    let host = host("");
    host.write(CONFIG, &without(TWO, ""));
    let listener = host.enter(|| TcpListener::bind("0.0.0.0:80")).expect("listen");
    ldirectord(&host).start();
    let mut talk = Talk::begin(&host, "10.9.0.100:80", &listener);
    host.replace(CONFIG, &without(ONE, ""));
    until_equal("table", &weights(&[(ONE, 0), (TWO, 3)]), || host.weights());
    // The log follows the table.
    let words = "Quiescent real server: 10.9.1.1:80 (10.9.0.100:80) (Weight set to 0): it has left the configuration";
    until_equal(words, &true, || host.read(LOG).contains(words));
    talk.goes_on();
    host.replace(CONFIG, &without(ONE, "drain_timeout=1"));
    until_equal("table", &weights(&[(TWO, 3)]), || host.weights());
    let words = "Drained real server: 10.9.1.1:80 (10.9.0.100:80)";
    until_equal(words, &true, || host.read(LOG).contains(words));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn without_autoreload_a_file_is_read_again_on_sighup() {
    let Lab { host, _servers } = lab("");
    host.replace(CONFIG, &config("", "").replace("gate 3", "gate 30"));
    let pid = daemons(&host)[0];
    host.kill("HUP", pid);
    until_equal("table", &weights(&[(ONE, 1), (TWO, 30)]), || host.weights());
    assert_eq!(daemons(&host), [pid]);
}

/// As with ldirectord, the program follows every edit. One right before an order is an edit too, and an order alone is none.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_callback_is_started_once_for_each_edit_whether_the_file_is_read_by_itself_or_on_an_order() {
    for (autoreload, is_ordered) in [(AUTORELOAD, false), ("", false), ("", true)] {
        let global = format!("{autoreload}callback=/run/test/callback\n");
        let Lab { host, _servers } = lab(&global);
        host.write("/run/test/callback", "#!/bin/sh\necho \"$*\" >>/run/test/calls\n");
        host.sh("chmod 755 /run/test/callback; touch /run/test/calls");
        for edit in 1..=3 {
            host.replace(CONFIG, &config(&global, "").replace("gate 3", &format!("gate 3{edit}")));
            if is_ordered {
                host.kill("HUP", daemons(&host)[0]);
                until_equal("table", &weights(&[(ONE, 1), (TWO, 30 + edit)]), || host.weights());
                // Nothing was edited since.
                host.kill("HUP", daemons(&host)[0]);
                let read = || host.read(LOG).matches(" - reread new configuration").count();
                until_equal("read", &(2 * edit as usize), read);
            }
            let calls = format!("{CONFIG}\n").repeat(edit as usize);
            until_equal("calls", &calls, || host.read("/run/test/calls"));
        }
    }
}

/// A name that cannot be looked up now can be later: nothing touches the file in between.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_reload_that_failed_for_a_passing_reason_is_tried_again() {
    let Lab { host, _servers } = lab(AUTORELOAD);
    let ldirectord = ldirectord(&host);
    host.write("/run/test/hosts", "127.0.0.1 localhost\n");
    host.sh("mount --bind /run/test/hosts /etc/hosts");
    host.replace(CONFIG, &config(AUTORELOAD, "").replace("real=10.9.1.2:80 gate 3", "real=server-two:80 gate 7"));
    until_equal("monitor", &true, || ldirectord.monitor().stderr.contains("server-two"));
    assert_eq!(host.weights(), both());
    host.write("/run/test/hosts", "127.0.0.1 localhost\n10.9.1.2 server-two\n");
    until_equal("table", &weights(&[(ONE, 1), (TWO, 7)]), || host.weights());
    until_equal("monitor", &String::new(), || ldirectord.monitor().stderr);
}

/// A silent name server holds up neither the checks nor the answers.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_silent_name_server_holds_up_no_check() {
    let Lab { host, _servers } = lab(AUTORELOAD);
    host.sh("ip link add eth0 type veth peer name cable && ip link set cable up && ip link set eth0 up");
    host.sh("ip address add 192.0.2.1/24 dev eth0; ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0");
    host.write("/run/test/resolv.conf", "nameserver 192.0.2.7\n");
    host.sh("mount --bind /run/test/resolv.conf /etc/resolv.conf");
    let ldirectord = ldirectord(&host);
    host.replace(CONFIG, &config(AUTORELOAD, "").replace("real=10.9.1.2:80", "real=server-two.example:80"));
    until_equal("the file is being read", &true, || host.read(LOG).contains("has changed"));
    let [one, _two] = _servers;
    drop(one);
    let began = std::time::Instant::now();
    until_equal("table", &weights(&[(TWO, 3)]), || host.weights());
    assert!(!host.read(LOG).contains(" - ignore new configuration"), "it was still being read: {:?}", began.elapsed());
    ldirectord.monitor().expect(0).silent();
}
