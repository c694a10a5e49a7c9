//! `reload-agent`: what differs is changed, and every other entry and all connections stay.

use std::net::TcpListener;

use super::common::table::Watcher;
use super::common::talk::Talk;
use super::common::{Agent, Host, kill, until_equal};
use super::{FOREIGN, TABLE, lvs, sorted, with_client, with_foreign_service};

/// What [`edited`] declares.
const EDITED: [&str; 3] = [
    "-A -t 10.9.0.100:80 -s wlc",
    "-a -t 10.9.0.100:80 -r 10.9.1.1:80 -g -w 5",
    "-a -t 10.9.0.100:80 -r 10.9.1.3:80 -g -w 2",
];

/// The same resource with another weight, scheduler and check, a real server less and one more.
fn edited(host: &Host) -> Agent<'_> {
    lvs(host).params(&[
        ("real", "10.9.1.1 gate 5, 10.9.1.3 gate 2 l:200 u:300"),
        ("scheduler", "wlc"),
        ("checktype", "connect"),
    ])
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn only_what_differs_is_changed_and_the_table_is_never_empty() {
    let host = with_foreign_service();
    lvs(&host).start();
    let watcher = Watcher::on(&host);
    edited(&host).run("reload-agent").expect(0).silent();
    assert_eq!(host.ipvs_table(), sorted(&EDITED, &FOREIGN));
    let limits = host.sh("ipvsadm -Ln --thresholds -t 10.9.0.100:80");
    let limits = limits.lines().find(|line| line.contains("10.9.1.3")).map(|line| line.split_whitespace().collect());
    assert_eq!(limits, Some(vec!["->", "10.9.1.3:80", "300", "200", "0", "0"]));
    edited(&host).monitor().expect(0).silent();
    for seen in watcher.seen() {
        assert!(seen.contains_key("10.9.1.1:80") && seen.len() > FOREIGN.len(), "{seen:?}");
    }
    edited(&host).stop();
    assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_established_connection_stays_at_its_real_server() {
    let (host, client) = with_client();
    let listener = host.enter(|| TcpListener::bind("10.9.1.1:80")).expect("listen");
    lvs(&host).param("real", "10.9.1.1 masq 1").start();
    let mut talk = Talk::begin(&client, "10.9.0.100:80", &listener);
    until_equal("connections", &1, || host.connections().iter().filter(|line| line.ends_with("ESTABLISHED")).count());
    let before = host.connections();
    for real in ["10.9.1.1 masq 9, 10.9.1.3 masq", "10.9.1.1 masq 0, 10.9.1.3 masq 7", "10.9.1.1 masq u:9"] {
        edited(&host).param("real", real).run("reload-agent").expect(0).silent();
        assert_eq!(host.connections(), before, "{real}");
        talk.goes_on();
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_reload_starts_nothing_and_a_wrong_one_changes_nothing() {
    let host = Host::new();
    let words = "virtual services: change them: none of them is there";
    edited(&host).run("reload-agent").expect(7).says(words);
    lvs(&host).start();
    edited(&host).param("real", "10.9.1.1 gate -5").run("reload-agent").expect(6).says("\"-5\"");
    lvs(&host).monitor().expect(0).silent();
    assert_eq!(host.ipvs_table(), TABLE);
    // What serves goes on, and monitor says why not as configured.
    lvs(&host).param("scheduler", "twos").run("reload-agent").expect(0).silent();
    assert_eq!(host.ipvs_table(), TABLE);
    lvs(&host).monitor().expect(190).says("virtual service tcp 10.9.0.100:80: change: No such file or directory");
    host.sh("ipvsadm -D -t 10.9.0.100:80");
    edited(&host).run("reload-agent").expect(7).says(words);
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_reload_that_was_killed_anywhere_is_finished_by_the_next_action() {
    let host = with_foreign_service();
    let (before, after) = (lvs(&host), edited(&host));
    kill::at_every_change(
        &host,
        &after,
        "reload-agent",
        || before.start(),
        |index, place| {
            let answer = after.monitor();
            assert!(answer.code.is_some_and(|code| [0, 1, 190].contains(&code)), "{place}: {:?}", answer.code);
            match index % 3 {
                0 => drop(after.run("reload-agent").expect(0).silent()),
                1 => after.start(),
                _ => {
                    after.stop();
                    assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]), "{place}");
                    return;
                }
            }
            assert_eq!(host.ipvs_table(), sorted(&EDITED, &FOREIGN), "{place}");
            after.monitor().expect(0).silent();
        },
    );
}
