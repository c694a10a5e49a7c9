//! `execute`: a file that starts, reloads and stops others, each with a daemon of its own.

use super::common::server::Server;
use super::common::table::weights;
use super::common::{Host, until, until_equal};
use super::{CONFIG, ONE, daemons, host, ldirectord};

const LOG: &str = "/var/log/ldirectord.log";
/// A file in another folder than the one that names it: the name alone is looked for in /etc/ha.d first.
const MAIN: &str = "/run/test/main.cf";

fn file(lines: &str, port: u16) -> String {
    format!("{lines}checkinterval=1\nvirtual=10.9.0.100:{port}\n\treal=10.9.1.1:80 gate 1\n\tchecktype=on\n")
}

/// Returns the ports of the virtual services in the table.
fn ports(host: &Host) -> Vec<String> {
    let services = host.ipvs_table().into_iter().filter(|line| line.starts_with("-A"));
    services.filter_map(|line| Some(line.split(' ').nth(2)?.rsplit(':').next()?.to_owned())).collect()
}

fn runs(host: &Host, file: &str) -> bool {
    ldirectord(host, &format!("{file} status")).code == Some(0)
}

/// Waits until the log has a line with this text.
fn logged(host: &Host, text: &str) {
    until(text, || host.read(LOG).contains(text).then_some(()));
}

#[test]
fn check_config_says_which_executed_file_is_missing_or_would_start_this_one_in_turn() {
    let host = host();
    host.write(MAIN, &format!("execute=nosuch.cf\nexecute=main.cf\nexecute=b.cf\n{}", file("execute=fine.cf\n", 80)));
    host.write("/run/test/b.cf", "execute=/run/test/c.cf\n");
    host.write("/run/test/c.cf", "nonsense\nexecute=../test/main.cf\n");
    host.write("/etc/ha.d/fine.cf", "");
    let told = host.tool(&["check-config", MAIN]).expect(0).stdout;
    let circle = "not started: it would start this file in turn";
    let expected = [
        "line 1: execute \"nosuch.cf\": not found in /etc/ha.d, /etc/ha.d/conf and /run/test".to_owned(),
        format!("line 2: execute \"main.cf\": {circle}"),
        format!("line 3: execute \"b.cf\": {circle}"),
    ];
    let warnings: Vec<&str> = told.lines().filter_map(|line| Some(line.split_once(": warning: ")?.1)).collect();
    assert_eq!(warnings, expected, "{told}");
}

#[test]
fn a_resource_refuses_a_file_that_executes_others_and_says_what_to_do() {
    let host = host();
    host.write(MAIN, &file("execute=sub.cf\n", 80));
    for agent in ["ldirectord", "lvs"] {
        let resource = host.agent(agent).param("configfile", MAIN);
        let refused = resource.variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(2);
        refused.says(
            "configfile /run/test/main.cf: line 1: execute \"sub.cf\": not followed by a resource: give that file",
        );
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn executed_files_start_and_stop_with_the_file_and_are_asked_with_it() {
    let host = host();
    host.write(MAIN, &file("execute=sub.cf\nexecute=deep.cf\nlogfile=\"/run/test/main.log\"\n", 80));
    host.write("/run/test/sub.cf", &file("logfile=\"/run/test/sub.log\"\n", 81));
    host.write("/etc/ha.d/deep.cf", &file("execute=deeper.cf\n", 82));
    host.write("/etc/ha.d/deeper.cf", &file("supervised=yes\n", 83));
    for end in ["stop", "TERM"] {
        ldirectord(&host, &format!("{MAIN} start")).expect(0).silent();
        until_equal("services", &["80", "81", "82", "83"].map(String::from).to_vec(), || ports(&host));
        until_equal("daemons", &4, || daemons(&host).len());
        let pid = |name: &str| host.read(&format!("/run/ldirectord.{name}.pid")).trim().to_owned();
        let told = ldirectord(&host, &format!("{MAIN} status")).expect(0).stderr;
        let running = |file: &str, name: &str| format!("ldirectord for {file} is running with pid: {}\n", pid(name));
        let expected = [
            running(MAIN, "main.cf"),
            running("/etc/ha.d/deep.cf", "deep.cf"),
            running("/etc/ha.d/deeper.cf", "deeper.cf"),
            running("/run/test/sub.cf", "sub.cf"),
        ];
        assert_eq!(told, expected.concat());
        assert!(host.read("/run/test/sub.log").contains("|sub.cf|"), "a log of its own");
        match end {
            "stop" => {
                ldirectord(&host, &format!("{MAIN} stop")).expect(0).silent();
                assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]), "stop returns when all have ended");
            }
            signal => host.kill(signal, pid("main.cf").parse().expect("pid")),
        }
        until_equal("daemons", &vec![], || daemons(&host));
        assert_eq!(host.ipvs_table(), [""; 0]);
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_reload_starts_what_is_new_reloads_what_stays_and_stops_what_has_gone() {
    let host = host();
    host.write(MAIN, &file("execute=stays.cf\nexecute=goes.cf\n", 80));
    for (name, port) in [("stays", 81), ("goes", 82), ("comes", 83)] {
        host.write(&format!("/run/test/{name}.cf"), &file("", port));
    }
    ldirectord(&host, &format!("{MAIN} start")).expect(0);
    until_equal("services", &["80", "81", "82"].map(String::from).to_vec(), || ports(&host));
    let stays = host.read("/run/ldirectord.stays.cf.pid");
    host.write("/run/test/stays.cf", &file("", 91));
    host.write(MAIN, &file("execute=stays.cf\nexecute=comes.cf\n", 80));
    ldirectord(&host, &format!("{MAIN} reload")).expect(0);
    until_equal("services", &["80", "83", "91"].map(String::from).to_vec(), || ports(&host));
    assert_eq!(host.read("/run/ldirectord.stays.cf.pid"), stays, "it was not started anew");
    // One that has died since is started again, and one that was killed with the file is stopped with it.
    host.kill("KILL", stays.trim().parse().expect("pid"));
    until_equal("stays.cf runs", &false, || runs(&host, "/run/test/stays.cf"));
    ldirectord(&host, &format!("{MAIN} reload")).expect(0);
    until_equal("stays.cf runs", &true, || runs(&host, "/run/test/stays.cf"));
    host.kill("KILL", host.read("/run/ldirectord.main.cf.pid").trim().parse().expect("pid"));
    until_equal("main.cf runs", &false, || runs(&host, MAIN));
    ldirectord(&host, &format!("{MAIN} stop")).expect(0);
    assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_broken_file_and_one_that_is_missing_are_told_and_the_others_serve() {
    let host = host();
    let _one = Server::start(&host, ONE);
    host.write(MAIN, &file("execute=broken.cf\nexecute=nosuch.cf\nexecute=fine.cf\n", 80));
    host.write("/run/test/broken.cf", "virtual=10.9.0.100:81\n\treal=10.9.1.1 nat\n");
    host.write("/run/test/fine.cf", &file("", 82));
    ldirectord(&host, &format!("{MAIN} start")).expect(0).silent();
    logged(&host, "execute broken.cf: start: Error [");
    logged(&host, "reading file /run/test/broken.cf at line 2: real \"10.9.1.1 nat\"");
    logged(&host, "execute nosuch.cf: start: Config file nosuch.cf not found");
    until_equal("services", &["80", "82"].map(String::from).to_vec(), || ports(&host));
    host.write("/run/test/broken.cf", &file("", 81));
    ldirectord(&host, &format!("{MAIN} reload")).expect(0);
    until_equal("services", &["80", "81", "82"].map(String::from).to_vec(), || ports(&host));
    // A wrong file is no reason to leave the others behind either.
    host.write("/run/test/broken.cf", "nonsense");
    ldirectord(&host, &format!("{MAIN} stop")).expect(0);
    assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn files_that_execute_each_other_or_themselves_start_nothing_for_each_other() {
    let host = host();
    let _one = Server::start(&host, ONE);
    host.write(MAIN, &file("execute=main.cf\nexecute=b.cf\n", 80));
    host.write("/run/test/b.cf", &file("execute=main.cf\n", 81));
    ldirectord(&host, &format!("{MAIN} start")).expect(0);
    logged(&host, "execute main.cf: start: /run/test/main.cf: not started: it would start /run/test/main.cf in turn");
    logged(&host, "execute b.cf: start: /run/test/b.cf: not started: it would start /run/test/main.cf in turn");
    assert_eq!(daemons(&host).len(), 1);
    // Started by hand, they live and end each by itself.
    ldirectord(&host, "/run/test/b.cf start").expect(0);
    logged(&host, "execute main.cf: start: /run/test/main.cf: not started: it would start /run/test/b.cf in turn");
    ldirectord(&host, &format!("{MAIN} stop")).expect(0);
    assert!(runs(&host, "/run/test/b.cf") && !runs(&host, MAIN));
    assert_eq!(ports(&host), ["81"]);
    ldirectord(&host, "/run/test/b.cf stop").expect(0);
    assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_file_whose_daemon_would_have_the_name_of_another_is_not_started_and_the_other_one_is_left_alone() {
    let host = host();
    host.write(MAIN, &file("execute=/etc/ha.d/main.cf\n", 80));
    host.write("/etc/ha.d/main.cf", &file("", 81));
    ldirectord(&host, &format!("{MAIN} start")).expect(0);
    logged(&host, "/etc/ha.d/main.cf: not started: a health monitor of this name runs for something else");
    assert_eq!((daemons(&host).len(), ports(&host)), (1, vec!["80".to_owned()]));
    ldirectord(&host, &format!("{MAIN} stop")).expect(0).silent();
    assert_eq!((daemons(&host), host.ipvs_table()), (vec![], vec![]));
    assert!(!host.read(LOG).contains("killed"));
}

/// A file of /etc/ha.d is the same one, however it is named.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_default_file_may_execute_others_in_the_foreground_too() {
    let host = host();
    let _one = Server::start(&host, ONE);
    host.write("/etc/ha.d/sub.cf", &file("", 81));
    host.write(CONFIG, &file("execute=\"sub.cf\"\nexecute=/etc/ha.d/ldirectord.cf\n", 80));
    let run = "/run/test/sbin/ldirectord -d start >/run/test/out 2>/run/test/err </dev/null & echo $!";
    let pid: u32 = host.sh(run).trim().parse().expect("pid");
    until_equal("services", &["80", "81"].map(String::from).to_vec(), || ports(&host));
    assert_eq!(daemons(&host).len(), 1, "the first one is no daemon");
    let told = "/etc/ha.d/ldirectord.cf: not started: it would start /etc/ha.d/ldirectord.cf in turn";
    until(told, || host.read("/run/test/err").contains(told).then_some(()));
    host.kill("TERM", pid);
    until_equal("table", &vec![], || host.ipvs_table());
    until_equal("daemons", &vec![], || daemons(&host));
    assert_eq!(host.weights(), weights(&[]));
}
