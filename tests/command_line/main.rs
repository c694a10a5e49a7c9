//! The original's command line, through a link named `ldirectord`, and the commands that convert and look ahead, in namespaces of
//! each test's own.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;
mod convert;
mod execute;
mod plan;
mod top;

use std::process::Command;

use common::server::Server;
use common::table::weights;
use common::{AGENTS, Host, Outcome, until_equal};

const FOLDER: &str = "/run/test/sbin";
const CONFIG: &str = "/etc/ha.d/ldirectord.cf";
const PID_FILE: &str = "/run/ldirectord.ldirectord.pid";
const ONE: &str = "10.9.1.1:80";
const TWO: &str = "10.9.1.2:80";

fn host() -> Host {
    let host = Host::new();
    // The folder of the default configuration is this host's own, whatever this machine has there.
    host.sh("cp -a /etc /run/test/etc && mount --bind /run/test/etc /etc && rm -rf /etc/ha.d && mkdir /etc/ha.d");
    host.sh(&format!("mkdir {FOLDER} && cp -P {AGENTS}/ldirectord {FOLDER}"));
    host.sh("for a in 10.9.0.100 10.9.1.1 10.9.1.2; do ip address add $a/32 dev lo; done");
    host.write(CONFIG, &config(""));
    host
}

fn config(global: &str) -> String {
    let reals = "\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n";
    format!("{global}checkinterval=1\nchecktimeout=2\nvirtual=10.9.0.100:80\n{reals}\tchecktype=connect\n")
}

fn ldirectord(host: &Host, words: &str) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{FOLDER}/ldirectord {words}")]);
    Outcome::new(format!("ldirectord {words}"), host.run(command))
}

fn daemons(host: &Host) -> Vec<u32> {
    host.processes_with("daemon")
}

#[test]
fn words_that_mean_nothing_are_answered_with_the_usage_and_255() {
    let host = host();
    for words in ["", "check", "-x start", "a b start"] {
        let refused = ldirectord(&host, words).expect(255);
        assert!(
            refused.stderr.contains("Usage: ldirectord [OPTIONS] [CONFIG] start|stop|"),
            "{words}: {}",
            refused.stderr
        );
    }
    assert!(ldirectord(&host, "-h").expect(0).stdout.starts_with("Usage: "));
    assert!(ldirectord(&host, "-v").expect(0).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_daemon_that_does_not_run_is_stopped_whatever_its_configuration() {
    let host = host();
    for text in [config(""), "nonsense".into()] {
        host.write(CONFIG, &text);
        let status = ldirectord(&host, "status").expect(3);
        assert_eq!(status.stdout, format!("ldirectord is stopped for {CONFIG}\n"));
        assert_eq!(ldirectord(&host, "ldirectord.cf status").expect(3).stdout, status.stdout);
        assert_eq!(ldirectord(&host, "reload").expect(1).stdout, status.stdout);
        ldirectord(&host, "stop").expect(0).silent();
        ldirectord(&host, "try-restart").expect(0).silent();
    }
}

#[test]
fn what_cannot_be_known_is_not_called_stopped() {
    let host = host();
    // The lock cannot be opened, as for a user who may not look, or on a file system that became read-only.
    host.sh("mkdir -p /run/lvs-agents/ldirectord.lock");
    for action in ["status", "reload", "start"] {
        let answer = ldirectord(&host, action).expect(1);
        let expected = "ldirectord: /run/lvs-agents/ldirectord.lock: open: Is a directory (os error 21)\n";
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("", expected), "{action}");
    }
}

#[test]
fn a_configuration_that_is_missing_or_wrong_has_its_code_and_its_sentence() {
    let host = host();
    for action in ["start", "status", "restart"] {
        let missing = ldirectord(&host, &format!("nosuch.cf {action}")).expect(1);
        assert_eq!(missing.stderr, "Config file nosuch.cf not found\n", "{action}");
    }
    host.write(CONFIG, "virtual=10.9.0.100:80\n\treal=10.9.1.1 nat\nquiescent=maybe\n");
    let wrong = ldirectord(&host, "start").expect(2).stderr;
    let lines: Vec<&str> =
        wrong.lines().filter_map(|line| line.split_once("] reading file ")).map(|line| line.1).collect();
    let expected = [
        format!(
            "{CONFIG} at line 2: real \"10.9.1.1 nat\": \"nat\": expected a forwarding method: gate, masq, ipip, gue or gre"
        ),
        format!("{CONFIG} at line 3: quiescent \"maybe\": expected yes or no"),
    ];
    assert_eq!(lines, expected);
    assert!(wrong.starts_with("Error ["), "{wrong}");
}

#[test]
fn the_daemon_of_a_start_that_has_failed_is_gone_when_the_start_returns() {
    let host = host();
    host.write("/run/lvs-agents/services/db.cf", "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n\tchecktype=on\n");
    for _ in 0..50 {
        let refused = ldirectord(&host, "start").expect(1);
        assert!(refused.stderr.contains("lvs resource \"db\" owns it"), "{}", refused.stderr);
        ldirectord(&host, "status").expect(3);
    }
}

/// A start that another one has begun is not over before that one is: a server that says nothing is down by then.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_beside_another_one_returns_when_clients_can_be_served() {
    let host = host();
    host.sh("ip link add eth0 type veth peer name cable && ip link set cable up && ip link set eth0 up");
    host.sh("ip address add 192.0.2.1/24 dev eth0; ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev eth0");
    host.write(CONFIG, &config("").replace("10.9.1.1", "192.0.2.7"));
    let health = || {
        let overview: serde_json::Value =
            serde_json::from_str(&host.tool(&["status", "--json"]).expect(0).stdout).expect("json");
        overview["monitors"][0]["services"][0]["real_servers"][0]["health"].as_str().unwrap_or_default().to_owned()
    };
    let start = format!("{FOLDER}/ldirectord start");
    for between in ["", "until [ -S /run/lvs-agents/ldirectord.sock ]; do :; done;"] {
        let codes = format!("{start} & first=$!; {between} {start}; second=$?; wait $first; echo $? $second");
        assert_eq!(host.sh(&codes), "0 0\n", "{between}");
        assert_eq!((health(), daemons(&host).len()), ("down".into(), 1), "{between}");
        ldirectord(&host, "stop").expect(0);
    }
    host.sh(&format!("{start} >/dev/null 2>&1 & until [ -S /run/lvs-agents/ldirectord.sock ]; do :; done"));
    ldirectord(&host, "start").expect(0);
    assert_eq!(health(), "down", "the second one has waited");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn start_status_reload_restart_and_stop() {
    let host = host();
    let _two = Server::start(&host, TWO);
    ldirectord(&host, "start").expect(0).silent();
    assert_eq!(host.weights(), weights(&[(TWO, 3)]), "start returns when clients can be served");
    let [first] = *daemons(&host) else { panic!("{:?}", daemons(&host)) };
    assert_eq!(host.read(PID_FILE), format!("{first}\n"));
    let running = format!("ldirectord for {CONFIG} is running with pid: {first}\n");
    assert_eq!(ldirectord(&host, "status").expect(0).stderr, running);
    ldirectord(&host, "start").expect(0).silent();
    assert_eq!(daemons(&host), [first], "started twice");

    host.write(CONFIG, &config("").replace("gate 3", "gate 5"));
    ldirectord(&host, "reload").expect(0).silent();
    until_equal("weights", &weights(&[(TWO, 5)]), || host.weights());
    host.write(CONFIG, "nonsense");
    let refused = ldirectord(&host, "reload").expect(1).stderr;
    assert!(refused.contains("line 1: \"nonsense\": expected KEYWORD = VALUE"), "{refused}");
    ldirectord(&host, "restart").expect(2);
    assert_eq!(daemons(&host), [first], "a slip does not end a daemon that serves");
    assert_eq!(ldirectord(&host, "status").expect(0).stderr, running);

    host.write(CONFIG, &config(""));
    ldirectord(&host, "try-restart").expect(0).silent();
    let [second] = *daemons(&host) else { panic!("{:?}", daemons(&host)) };
    assert!(second != first && host.read(PID_FILE) == format!("{second}\n"));
    assert_eq!(host.weights(), weights(&[(TWO, 3)]));
    host.write(CONFIG, "nonsense");
    ldirectord(&host, "stop").expect(0).silent();
    assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]), "stop returns when the daemon has ended");
    assert_eq!(host.sh(&format!("ls {PID_FILE} 2>/dev/null || echo gone")), "gone\n");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_daemon_that_was_killed_has_stopped_and_the_next_stop_removes_what_it_left() {
    let host = host();
    let _one = Server::start(&host, ONE);
    ldirectord(&host, "start").expect(0);
    host.kill("KILL", daemons(&host)[0]);
    until_equal("daemons", &vec![], || daemons(&host));
    assert_eq!(ldirectord(&host, "status").expect(3).stdout, format!("ldirectord is stopped for {CONFIG}\n"));
    ldirectord(&host, "stop").expect(0);
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_daemon_of_the_same_name_that_looks_after_something_else_is_left_alone() {
    let host = host();
    let _one = Server::start(&host, ONE);
    let resource = host.agent("ldirectord").instance("ldirectord");
    resource.start();
    let daemon = daemons(&host);
    assert_eq!(ldirectord(&host, "status").expect(3).stdout, format!("ldirectord is stopped for {CONFIG}\n"));
    ldirectord(&host, "stop").expect(0);
    for action in ["start", "restart"] {
        let refused = ldirectord(&host, action).expect(1).stderr;
        assert!(refused.contains("a health monitor of this name runs already"), "{refused}");
    }
    until_equal("daemons: the cluster's own goes on", &daemon, || daemons(&host));
    resource.stop();

    host.write("/run/test/ldirectord.cf", &config("").replace("10.9.0.100", "10.9.0.101"));
    ldirectord(&host, "/run/test/ldirectord.cf start").expect(0);
    ldirectord(&host, "/etc/ha.d/ldirectord.cf status").expect(3);
    ldirectord(&host, "/run/test/ldirectord.cf status").expect(0);
    ldirectord(&host, "/run/test/ldirectord.cf stop").expect(0);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn each_signal_that_ends_the_original_ends_the_daemon_and_leaves_nothing() {
    let host = host();
    let _one = Server::start(&host, ONE);
    for signal in ["TERM", "INT", "QUIT", "ABRT"] {
        ldirectord(&host, "start").expect(0);
        host.kill(signal, daemons(&host)[0]);
        until_equal(signal, &vec![], || daemons(&host));
        assert_eq!(host.ipvs_table(), [""; 0], "{signal}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_supervisor_has_the_daemon_in_the_foreground_and_its_log_on_standard_output() {
    let host = host();
    let _one = Server::start(&host, ONE);
    for (global, option, stream) in [("supervised=yes\n", "", "out"), ("", "-d ", "err")] {
        host.write(CONFIG, &config(global));
        let run = format!("{FOLDER}/ldirectord {option}start >/run/test/out 2>/run/test/err </dev/null & echo $!");
        let pid: u32 = host.sh(&run).trim().parse().expect("pid");
        until_equal("weights", &weights(&[(ONE, 1)]), || host.weights());
        host.kill("TERM", pid);
        until_equal("table", &vec![], || host.ipvs_table());
        let log = host.read(&format!("/run/test/{stream}"));
        assert!(log.contains("] Added virtual server: 10.9.0.100:80\n"), "{global}{option}: {log}");
        assert!(log.lines().all(|line| line.starts_with('[') && !line.contains('|')), "{log}");
    }
}
