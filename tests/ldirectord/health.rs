//! Real servers die and come back; the table follows, with the reason.

use super::common::server::Server;
use super::common::table::{Watcher, weights};
use super::common::{Host, until, until_equal};
use super::{CONFIG, FALLBACK, LOG, ONE, TWO, both, config, daemons, host, ldirectord, status};

/// The health monitor writes the log in a thread of its own, a moment after the table.
fn until_logged(host: &Host, words: &str) {
    until(words, || host.read(LOG).contains(words).then_some(()));
}

fn until_weights(host: &Host, expected: &[(&str, u32)]) {
    until_equal("table", &weights(expected), || host.weights());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_that_dies_leaves_and_comes_back_with_itself() {
    let host = host("");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(status(&host, TWO)["reason"], "configured");
    drop(two);
    until_weights(&host, &[(ONE, 1)]);
    // The check that was under way when the server ended has another reason than those after it.
    let row = until("the reason", || {
        let row = status(&host, TWO);
        row["reason"].as_str()?.to_lowercase().contains("refused").then_some(row)
    });
    assert_eq!((&row["health"], &row["wanted_weight"]), (&"down".into(), &serde_json::Value::Null));
    let reason = row["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("check failed 1 of 1: "), "{reason}");
    let said = host.tool(&["status"]).expect(0).stdout;
    assert!(said.lines().any(|line| line.contains(TWO) && line.contains(reason)), "{said}");
    until_logged(&host, &format!("Deleted real server: {TWO} (10.9.0.100:80): check failed 1 of 1: "));
    ldirectord.monitor().expect(0).silent();

    let _two = Server::start(&host, TWO);
    until_weights(&host, &[(ONE, 1), (TWO, 3)]);
    assert_eq!(status(&host, TWO)["reason"], "configured");
    until_logged(&host, &format!("Added real server: {TWO} (10.9.0.100:80) (Weight set to 3)"));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn sigusr2_adds_the_result_of_every_check_to_the_log_and_takes_it_away_again() {
    let host = host("");
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let pid = daemons(&host)[0];
    assert!(!host.read(LOG).contains("DEBUG: "));
    host.sh(&format!("kill -USR2 {pid}"));
    until_logged(&host, "Debug messages are on");
    until_logged(&host, &format!("DEBUG: check of real server: {TWO} (10.9.0.100:80): good"));
    host.sh(&format!("kill -USR2 {pid}"));
    until_logged(&host, "Debug messages are off");
    let log = host.read(LOG);
    let (_, after) = log.split_once("Debug messages are off").expect("logged");
    assert!(!after.contains("DEBUG: "), "{after}");
    ldirectord.stop();
    host.write(LOG, "");
    ldirectord.clone().variable("LVS_AGENTS_LOG", "debug").start();
    until_logged(&host, "DEBUG: check of real server");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_quiescent_service_keeps_the_dead_at_weight_zero() {
    let host = host("quiescent=yes");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let watcher = Watcher::on(&host);
    drop(two);
    until_weights(&host, &[(ONE, 1), (TWO, 0)]);
    let _two = Server::start(&host, TWO);
    until_weights(&host, &[(ONE, 1), (TWO, 3)]);
    assert!(watcher.seen().iter().all(|seen| seen.len() == 2), "never deleted");
    until_logged(&host, "Quiescent real server: 10.9.1.2:80");
    until_logged(&host, "Restored real server: 10.9.1.2:80");
    ldirectord.stop();
    assert_eq!(host.weights(), weights(&[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_fallback_serves_while_no_real_server_does() {
    let host = host("");
    let (one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let watcher = Watcher::on(&host);
    drop((one, two));
    until_weights(&host, &[(FALLBACK, 1)]);
    ldirectord.monitor().expect(0);
    let said = host.tool(&["status"]).expect(0).stdout;
    assert!(said.lines().any(|line| line.contains(FALLBACK) && line.contains("no real server is up")), "{said}");
    let _one = Server::start(&host, ONE);
    until_weights(&host, &[(ONE, 1)]);
    assert!(watcher.seen().iter().all(|seen| !seen.is_empty()), "at no time without a server");
    let said = host.tool(&["status"]).expect(0).stdout;
    assert!(said.lines().any(|line| line.contains(FALLBACK) && line.contains("not needed")), "{said}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn only_failurecount_failures_in_a_row_count() {
    let host = host("failurecount=3");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    let soft = |number: u32| format!("Soft failure real server: {TWO} (tcp:10.9.0.100:80) failure {number}/3");
    drop(two);
    until("the first failure", || host.read(LOG).contains(&soft(1)).then_some(()));
    assert_eq!(host.weights(), both());
    let reason = status(&host, TWO)["reason"].to_string();
    assert!(reason.contains("of 3: "), "{reason}");
    until("the second failure", || host.read(LOG).contains(&soft(2)).then_some(()));
    let two = Server::start(&host, TWO);
    until("recovery", || host.read(LOG).contains("Resetting soft failure count").then_some(()));
    assert!(!host.read(LOG).contains("Deleted real server"));
    drop(two);
    until_weights(&host, &[(ONE, 1)]);
    until_logged(&host, "check failed 3 of 3");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_server_that_was_down_serves_again_after_rise_good_checks() {
    let host = host("rise=3");
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(host.weights(), both(), "a cold start waits for nothing");
    drop(two);
    until_weights(&host, &[(ONE, 1)]);
    let _two = Server::start(&host, TWO);
    let soft = |number: u32| format!("Soft success real server: {TWO} (tcp:10.9.0.100:80) success {number}/3");
    until("the second good check", || host.read(LOG).contains(&soft(2)).then_some(()));
    until_weights(&host, &[(ONE, 1), (TWO, 3)]);
    // The log follows the kernel, so that the line may come a little later than the weight.
    let added = format!("Added real server: {TWO}");
    let log = until("the return is logged", || Some(host.read(LOG)).filter(|log| log.matches(&added).count() == 2));
    assert!(log.find(&soft(2)) < log.rfind(&added), "{log}");
}

/// An administrator runs ipvsadm by hand: the health monitor puts right what it looks after.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_another_program_changes_in_the_table_is_put_right() {
    let host = host("");
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    ldirectord(&host).start();
    for change in ["-d -t 10.9.0.100:80 -r 10.9.1.2:80", "-e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 9", "-C"] {
        host.sh(&format!("ipvsadm {change}"));
        until_weights(&host, &[(ONE, 1), (TWO, 3)]);
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_real_server_with_another_answer_than_the_expected_one_leaves() {
    let lines = "checktype=negotiate\nservice=http\nrequest=\"/health\"\nreceive=\"alive\"";
    let host = host(lines);
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(host.weights(), both());
    ldirectord.stop();
    host.write(CONFIG, &config("", &lines.replace("\"alive\"", "\"well\"")));
    ldirectord.start();
    assert_eq!(host.weights(), weights(&[(FALLBACK, 1)]));
    let reason = status(&host, ONE)["reason"].to_string();
    assert!(reason.contains("well"), "{reason}");
}

/// A missing program says nothing of the real servers: they keep their state, and the cluster shows why.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_check_that_cannot_be_made_is_no_outage() {
    let host = host("checktype=external\ncheckcommand=/run/test/check");
    // No script: its shell opens it a moment after it was started, and would find none and fail when the file goes in between.
    let program_is_there = || host.sh("cp /bin/true /run/test/new && mv /run/test/new /run/test/check");
    program_is_there();
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(host.weights(), both());
    let watcher = Watcher::on(&host);
    host.sh("rm /run/test/check");
    until_equal("monitor", &Some(190), || ldirectord.monitor().code);
    ldirectord.monitor().expect(190).says("a check could not be made").says("/run/test/check");
    program_is_there();
    until_equal("monitor", &Some(0), || ldirectord.monitor().code);
    assert_eq!(watcher.seen(), [both()]);
}

/// The real server has weight 0 whether it is up or down: only what the next health monitor gets to know changes.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn health_that_changes_nothing_in_the_table_is_written_down() {
    let host = host("");
    host.write(CONFIG, &config("", "quiescent=yes").replace("gate 3", "gate 0"));
    let (_one, two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    ldirectord(&host).start();
    let watcher = Watcher::on(&host);
    let known = |what: &str| {
        let text = host.read("/run/lvs-agents/monitors/my-ldirectord.json");
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        record[what]["tcp 10.9.0.100:80"].as_array().is_some_and(|reals| reals.contains(&TWO.into()))
    };
    until_equal("known to be up", &true, || known("known_up"));
    drop(two);
    until_equal("known to be down", &true, || known("known_down"));
    assert_eq!(watcher.seen(), [weights(&[(ONE, 1), (TWO, 0)])]);
}
