//! The monitor action compares the kernel with what was declared.

use super::common::{Host, kill};
use super::{TABLE, lvs};

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
