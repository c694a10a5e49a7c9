//! Whatever is broken around the agent, stop removes its own and succeeds, and the next start works.

use super::common::agent::AGENT_LOG;
use super::common::{Host, kill};
use super::{FOREIGN, TABLE, lvs, sorted, with_foreign_service};

const DECLARATION: &str = "/run/lvs-agents/services/my-lvs.cf";

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn stop_with_no_or_bad_parameters_removes_what_was_declared() {
    let host = with_foreign_service();
    for bad in [("virtual", ""), ("virtual", "10.9.0.100"), ("scheduler", "nosuch"), ("configfile", "/nosuch")] {
        lvs(&host).start();
        let broken = lvs(&host).params(&[bad]);
        broken.monitor().expect(0);
        broken.stop();
        assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]), "{bad:?}");
        lvs(&host).params(&[bad]).stop();
    }
    lvs(&host).start();
    host.agent("lvs").stop();
    assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_damaged_declaration_is_not_running_and_start_and_stop_recover_from_it() {
    let host = with_foreign_service();
    let lvs = lvs(&host);
    for damage in ["printf 'virtual=' > FILE", "printf '\\0\\0' > FILE", ": > FILE"] {
        lvs.start();
        host.sh(&damage.replace("FILE", DECLARATION));
        let monitored = lvs.monitor();
        assert!([Some(1), Some(7)].contains(&monitored.code), "{damage}: {:?}", monitored.code);
        lvs.start();
        lvs.monitor().expect(0);
        host.sh(&damage.replace("FILE", DECLARATION));
        lvs.stop();
        assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]), "{damage}");
        assert_eq!(host.run_files(), [""; 0], "{damage}");
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_no_declaration_names_is_left_and_reported() {
    let host = with_foreign_service();
    for line in TABLE {
        host.sh(&format!("ipvsadm {line}"));
    }
    let lvs = lvs(&host);
    lvs.stop();
    assert_eq!(host.ipvs_table(), sorted(&TABLE, &FOREIGN), "made by hand");
    let log = host.read(AGENT_LOG);
    assert!(log.contains("WARNING: virtual services tcp 10.9.0.100:80: left in the kernel"), "{log}");
    // A start adopts the service, which is ours from then on.
    lvs.start();
    lvs.stop();
    assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]));
    lvs.start();
    host.sh("rm -r /run/lvs-agents");
    lvs.monitor().expect(7);
    lvs.stop();
    assert_eq!(host.ipvs_table(), sorted(&TABLE, &FOREIGN));
    lvs.start();
    lvs.monitor().expect(0).silent();
    // A service of another program is rightly there and nothing to report.
    let log = host.read(AGENT_LOG);
    host.agent("lvs").instance("twin").params(&[("virtual", "10.9.0.100:80"), ("checktype", "on")]).stop();
    assert_eq!(host.read(AGENT_LOG), log);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_password_is_in_the_private_declaration_and_nowhere_else() {
    let host = Host::new();
    let mysql = [("service", "mysql"), ("login", "check"), ("passwd", "hunter2"), ("request", "SELECT 1")];
    let lvs = lvs(&host).params(&[("virtual", "10.9.0.100:3306"), ("checktype", "negotiate")]).params(&mysql);
    let lvs = lvs.variable("HA_debug", "1").variable("HA_DEBUGLOG", "/var/log/debug.log");
    lvs.start();
    assert!(host.read(DECLARATION).contains("hunter2"));
    assert_eq!(host.sh(&format!("stat -c %a {DECLARATION}")), "600\n");
    host.sh("ipvsadm -D -t 10.9.0.100:3306; ipvsadm -A -t 10.9.0.100:3306");
    lvs.monitor().expect(1);
    // A control character is refused; the message shows the parameter and not its value.
    let refused = lvs.param("passwd", "hunter2\u{7}").run("start").expect(6).says("passwd");
    let said = refused.stderr + &host.read(AGENT_LOG) + &host.read("/var/log/debug.log");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_or_stop_that_was_killed_anywhere_can_be_repeated() {
    for action in ["start", "stop"] {
        let host = with_foreign_service();
        let lvs = lvs(&host);
        // The first start of a kernel also sets what later ones find set.
        lvs.start();
        let prepare = || {
            host.forget_records();
            host.sh("ipvsadm -D -t 10.9.0.100:80 2>/dev/null || true");
            if action == "stop" {
                lvs.start();
            }
        };
        kill::at_every_change(&host, &lvs, action, prepare, |index, place| {
            if index % 2 == 0 {
                lvs.start();
                assert_eq!(host.ipvs_table(), sorted(&TABLE, &FOREIGN), "{place}");
            }
            lvs.stop();
            assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]), "{place}");
        });
    }
}
