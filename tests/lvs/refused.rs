//! What the kernel refuses is a fault of its entry, and the rest serves.

use super::common::Host;
use super::common::agent::AGENT_LOG;
use super::{FOREIGN, TABLE, lvs, sorted, with_foreign_service};

const FILE: &str = "/run/test/ldirectord.cf";
const GOOD: &str = "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 gate 3\n\tchecktype=on\n";
/// No kernel has this scheduler, and no packet to this address has a single receiver.
const NO_SCHEDULER: &str = "virtual=10.9.0.101:80\n\treal=10.9.1.1:80 gate 1\n\tscheduler=twos\n\tchecktype=on\n";
const NO_SERVER: &str = "virtual=10.9.0.102:80\n\treal=224.0.0.1:80 gate 1\n\tchecktype=on\n";

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_refused_entry_leaves_the_others_serving_and_is_reported_until_it_is_taken() {
    let host = with_foreign_service();
    host.write(FILE, &format!("{GOOD}{NO_SCHEDULER}{NO_SERVER}"));
    let lvs = host.agent("lvs").param("configfile", FILE);
    for _ in 0..2 {
        lvs.start();
        let others = [&FOREIGN[..], &["-A -t 10.9.0.102:80 -s wrr"]].concat();
        assert_eq!(host.ipvs_table(), sorted(&TABLE, &others));
        let said = lvs.monitor().expect(190).says("virtual service tcp 10.9.0.101:80: add: No such file or directory");
        said.says("10.9.0.102:80: add real server 224.0.0.1:80 weight 1: Invalid argument");
    }
    let log = host.read(AGENT_LOG);
    assert!(log.contains("ERROR: virtual service tcp 10.9.0.101:80: add: No such file"), "{log}");
    assert!(!log.contains("10.9.0.101:80: add real server 10.9.1.1:80 weight 1: No such process"), "{log}");
    // Anything else that is wrong is still a fault.
    host.sh("ipvsadm -d -t 10.9.0.100:80 -r 10.9.1.2:80");
    lvs.monitor().expect(1).says("real server 10.9.1.2:80 is missing");
    host.write(FILE, &format!("{GOOD}{}", NO_SCHEDULER.replace("twos", "wrr")));
    lvs.start();
    lvs.monitor().expect(0).silent();
    assert!(host.run_files().iter().all(|name| !name.contains("refused")), "{:?}", host.run_files());
    lvs.stop();
    assert_eq!(host.ipvs_table(), sorted(&FOREIGN, &[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_start_of_which_the_kernel_takes_no_service_fails_and_stop_leaves_nothing() {
    let host = Host::new();
    host.write(FILE, NO_SCHEDULER);
    let agent = host.agent("lvs").param("configfile", FILE);
    agent.run("start").expect(1).says("is the scheduler module ip_vs_twos available?");
    agent.monitor().expect(7);
    agent.stop();
    assert_eq!(host.run_files(), [""; 0]);
    // A change that is refused leaves what was there.
    lvs(&host).start();
    lvs(&host).param("scheduler", "twos").start();
    assert_eq!(host.ipvs_table(), TABLE);
    lvs(&host).monitor().expect(190).says("virtual service tcp 10.9.0.100:80: change: No such file or directory");
    lvs(&host).stop();
    assert_eq!(host.run_files(), [""; 0]);
}
