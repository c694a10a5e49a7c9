//! What another program does at the table: the monitor action names it, and `on_drift` says whether it stays.

use super::common::{Agent, Host, kill, until_equal};
use super::{TABLE, lvs};

const LOG: &str = "/var/log/ldirectord.log";
/// What an administrator does with ipvsadm, what the kernel has then, and what is configured. The last one keeps the
/// service of [`TABLE`] as it is.
const BY_HAND: [(&str, &str, &str); 5] = [
    (
        "-e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 0",
        "real server 10.9.1.2:80: drift: the kernel has weight 0 since ",
        "3",
    ),
    (
        "-d -t 10.9.0.100:80 -r 10.9.1.1:80",
        "real server 10.9.1.1:80: drift: the kernel has no such real server since ",
        "weight 1",
    ),
    (
        "-a -t 10.9.0.100:80 -r 10.9.1.9:80 -g -w 1",
        "real server 10.9.1.9:80: drift: the kernel has the real server with weight 1 since ",
        "no such real server",
    ),
    ("-E -t 10.9.0.100:80 -s rr", "drift: the kernel has scheduler rr since ", "wrr"),
    ("-D -t 10.9.0.101:80", "drift: the kernel has no such virtual service since ", "the virtual service"),
];

/// Both services have the real servers of [`TABLE`], and what is done to them by hand stays.
fn reporting(host: &Host) -> Agent<'_> {
    lvs(host).params(&[("virtual", "10.9.0.100:80, 10.9.0.101:80"), ("on_drift", "report")])
}

/// Polls until the agent's monitor answers this code, and returns its exit reason.
fn reason_of(agent: &Agent<'_>, code: i32) -> String {
    until_equal("monitor", &Some(code), || agent.monitor().code);
    agent.monitor().expect(code).reason().to_owned()
}

/// Returns the lines of the health monitor's log that have this word.
fn logged(host: &Host, word: &str) -> Vec<String> {
    host.read(LOG).lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_is_left_as_it_is_is_named_with_its_beginning_until_it_is_undone_or_the_next_start() {
    let host = Host::new();
    let lvs = reporting(&host);
    for (change, kernel, configured) in BY_HAND {
        lvs.start();
        let table = host.ipvs_table();
        lvs.monitor().expect(0).silent();
        host.sh(&format!("ipvsadm {change}"));
        let by_hand = host.ipvs_table();
        let reason = reason_of(&lvs, 190);
        assert!(reason.contains(kernel) && reason.contains(&format!(", configured is {configured}")), "{reason}");
        assert_eq!(lvs.monitor().expect(190).reason(), reason, "its beginning stays");
        assert_eq!(host.ipvs_table(), by_hand, "{change}");
        lvs.run("reload-agent").expect(0).silent();
        assert_eq!(host.ipvs_table(), table, "a reload is an order: {change}");
        lvs.monitor().expect(0).silent();
    }
    let undone = host.ipvs_table();
    host.sh("ipvsadm -e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 0");
    assert!(reason_of(&lvs, 190).ends_with("the command for this is: lvs-agents drain 10.9.1.2:80"));
    host.sh("ipvsadm -e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 3");
    lvs.monitor().expect(0).silent();
    assert_eq!(host.ipvs_table(), undone);
    lvs.stop();
    assert_eq!((host.ipvs_table(), host.run_files()), (vec![], vec![]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_take_over_touches_nothing_that_was_done_by_hand_and_new_parameters_do() {
    let host = Host::new();
    let clone = reporting(&host).variable("OCF_RESKEY_CRM_meta_promoted_max", "1");
    clone.start();
    let table = host.ipvs_table();
    for (change, ..) in &BY_HAND[..4] {
        host.sh(&format!("ipvsadm {change}"));
    }
    let by_hand = host.ipvs_table();
    clone.monitor().expect(190);
    clone.run("promote").expect(0).silent();
    clone.monitor().expect(191).says("drift: the kernel has scheduler rr since ");
    assert_eq!(host.ipvs_table(), by_hand);
    clone.run("demote").expect(0).silent();
    clone.clone().param("checkinterval", "3").run("promote").expect(0).silent();
    assert_eq!(host.ipvs_table(), table);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_repairs_within_a_second_and_says_once_what_it_found_and_what_to_do_instead() {
    let host = Host::new();
    let (lvs, health) = (lvs(&host), host.agent("ldirectord"));
    lvs.start();
    health.start();
    for (change, kernel, configured) in &BY_HAND[..3] {
        host.write(LOG, "");
        host.sh(&format!("ipvsadm {change}"));
        until_equal("the table is repaired", &TABLE.map(str::to_owned).to_vec(), || host.ipvs_table());
        let held = kernel.split("the kernel has ").nth(1).and_then(|text| text.split(" since").next()).expect("words");
        let words = format!("repaired: another program had changed it: the kernel had {held}, must have {configured}");
        until_equal("the log", &1, || logged(&host, &words).len());
        assert_eq!(host.read(LOG).lines().count(), 1, "{}", host.read(LOG));
    }
    // Again and again, and no line for each.
    host.write(LOG, "");
    for _ in 0..3 {
        host.sh("ipvsadm -e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 0");
        until_equal("the table is repaired", &TABLE.map(str::to_owned).to_vec(), || host.ipvs_table());
    }
    assert_eq!(host.read(LOG), "");
    health.monitor().expect(0).silent();
    health.stop();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_health_monitor_leaves_and_reports_what_was_done_by_hand_also_the_next_one_until_lvs_starts() {
    let host = Host::new();
    let (lvs, health) = (reporting(&host), host.agent("ldirectord"));
    lvs.start();
    health.start();
    let table = host.ipvs_table();
    let expected = &BY_HAND[1..4];
    for (change, ..) in expected {
        host.sh(&format!("ipvsadm {change}"));
    }
    let by_hand = host.ipvs_table();
    let has_all =
        |text: &str| expected.iter().all(|(_, kernel, _)| text.contains(kernel.trim_start_matches("real server ")));
    until_equal("the health monitor knows", &true, || has_all(&health.monitor().stderr));
    let of_health = reason_of(&health, 190);
    until_equal("lvs knows", &true, || has_all(&lvs.monitor().stderr));
    let beginning =
        |text: &str| text.split("no such real server since ").nth(1).and_then(|text| text.get(..8)).map(str::to_owned);
    assert_eq!(beginning(&reason_of(&lvs, 190)), beginning(&of_health));
    let status = host.tool(&["status"]).expect(0).stdout;
    assert_eq!(status.matches("drift: the kernel has ").count(), 3, "{status}");

    host.kill("KILL", host.processes_with("daemon")[0]);
    health.run("stop").expect(0);
    health.start();
    until_equal("the next one knows", &true, || has_all(&health.monitor().stderr));
    assert_eq!(beginning(&reason_of(&health, 190)), beginning(&of_health), "the same beginning");
    assert_eq!(host.ipvs_table(), by_hand);

    lvs.run("start").expect(0);
    assert_eq!(host.ipvs_table(), table, "a start is an order");
    until_equal("it has ended", &Some(0), || health.monitor().code);
    lvs.monitor().expect(0).silent();
    until_equal("the log", &3, || logged(&host, "Drift has ended of").len());
    assert_eq!(host.ipvs_table(), table);
    health.stop();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_whole_ldirectord_repairs_or_leaves_every_kind_of_change_and_its_reload_is_an_order() {
    const FILE: &str = "/run/test/ldirectord.cf";
    let section = |port: u8| {
        format!(
            "virtual=10.9.0.{port}:80\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n\tscheduler=wrr\n\tchecktype=on\n"
        )
    };
    for answer in ["repair", "report"] {
        let host = Host::new();
        host.write(FILE, &format!("autoreload=yes\non_drift={answer}\n{}{}", section(100), section(101)));
        let health = host.agent("ldirectord").param("configfile", FILE);
        health.start();
        let table = host.ipvs_table();
        for (change, kernel, _) in BY_HAND {
            host.sh(&format!("ipvsadm {change}"));
            let by_hand = host.ipvs_table();
            if answer == "report" {
                assert!(reason_of(&health, 190).contains(kernel), "{change}");
                assert_eq!(host.ipvs_table(), by_hand, "{change}");
                host.kill("HUP", host.processes_with("daemon")[0]);
            }
            until_equal(change, &table, || host.ipvs_table());
            until_equal(change, &Some(0), || health.monitor().code);
        }
        health.stop();
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn every_difference_is_found_named_and_mended() {
    let host = Host::new();
    let lvs = lvs(&host);
    lvs.start();
    for (change, words) in [
        ("-e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 4", "real server 10.9.1.2:80: weight is 4, must be 3"),
        (
            "-e -t 10.9.0.100:80 -r 10.9.1.2:80 -m -w 3",
            "real server 10.9.1.2:80: forwarding method is masq, must be gate",
        ),
        ("-d -t 10.9.0.100:80 -r 10.9.1.1:80", "real server 10.9.1.1:80 is missing"),
        ("-E -t 10.9.0.100:80 -s rr", "scheduler is rr, must be wrr"),
        ("-E -t 10.9.0.100:80 -s wrr -p 300", "persistence is 300 s for each /32, must be none"),
    ] {
        host.sh(&format!("ipvsadm {change}"));
        let answer = lvs.monitor().expect(1).says("tcp 10.9.0.100:80").says(words);
        assert!(answer.reason().len() < 200, "{}", answer.reason());
        lvs.start();
        assert_eq!(host.ipvs_table(), TABLE, "{change}");
        lvs.monitor().expect(0);
    }
    // A recovery would take the service away for what does no harm.
    host.sh("ipvsadm -a -t 10.9.0.100:80 -r 10.9.1.9:80 -g -w 1");
    lvs.monitor().expect(190).says("tcp 10.9.0.100:80: real server 10.9.1.9:80 was added by another program");
    lvs.start();
    assert_eq!(host.ipvs_table(), TABLE);
    host.sh("ipvsadm -D -t 10.9.0.100:80");
    lvs.monitor().expect(7).silent();
    lvs.start();
    assert_eq!(host.ipvs_table(), TABLE);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_of_two_services_is_a_fault() {
    let host = Host::new();
    let lvs = lvs(&host).param("virtual", "10.9.0.100:80 10.9.0.101:80").param("real", "10.9.1.1 gate");
    lvs.run("start").expect(6);
    let lvs = lvs.param("virtual", "10.9.0.100:80, 10.9.0.101:80");
    lvs.start();
    host.sh("ipvsadm -D -t 10.9.0.101:80");
    lvs.monitor().expect(1).says("tcp 10.9.0.101:80");
    lvs.stop();
    assert_eq!(host.ipvs_table(), [""; 0]);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_monitor_action_starts_no_process() {
    let host = Host::new();
    let lvs = lvs(&host);
    lvs.start();
    let started = kill::processes_of(&host, |strace| drop(lvs.under(strace).monitor().expect(0)));
    assert_eq!(started, 0);
}
