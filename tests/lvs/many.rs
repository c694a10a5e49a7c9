//! Hundreds of virtual services in one resource.

use std::os::unix::fs::MetadataExt;

use super::common::{Agent, Host, Outcome};

const SERVICES: usize = 200;
const FILE: &str = "/run/test/many.cf";
const TRACE: &str = "/run/test/trace";

fn started(host: &Host) -> Agent<'_> {
    let service = |number: usize| {
        let last = number + 1;
        format!(
            "virtual=10.9.0.{last}:80\n\treal=10.9.1.1:80 gate 1\n\treal=10.9.1.2:80 masq 3\n\treal=127.0.0.1:80 gate 2\n\
             virtual6=[2001:db8::{last:x}]:80\n\treal6=[2001:db8:1::1]:80 ipip 7\n\tpersistent=60\n\tnetmask=64\n"
        )
    };
    let text: String = (0..SERVICES / 2).map(service).collect();
    host.write(FILE, &text.replace("virtual", "\tchecktype=on\nvirtual").replacen("\tchecktype=on\n", "", 1));
    let lvs = host.agent("lvs").param("configfile", FILE);
    lvs.start();
    lvs
}

/// Returns how many messages an action sends to the kernel.
fn messages(host: &Host, run: impl FnOnce(&[&str])) -> usize {
    run(&["strace", "-o", TRACE, "-e", "trace=sendto,sendmsg"]);
    host.read(TRACE).lines().filter(|line| line.starts_with("send")).count()
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_table_that_is_as_declared_costs_no_question_for_each_service() {
    let host = Host::new();
    let lvs = started(&host);
    assert_eq!(host.ipvs_table().len(), SERVICES / 2 * 6);
    let monitored = messages(&host, |strace| drop(lvs.clone().under(strace).monitor().expect(0).silent()));
    let started = messages(&host, |strace| drop(lvs.clone().under(strace).run("start").expect(0)));
    assert!(monitored <= 3 && started <= 10, "{monitored} messages of monitor, {started} of start");
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn one_difference_among_hundreds_is_found_and_mended() {
    let host = Host::new();
    let lvs = started(&host);
    let table = host.ipvs_table();
    let declaration = || host.path("/run/lvs-agents/services/my-lvs.cf").metadata().expect("declaration").ino();
    let before = declaration();
    let monitor = |agent: &Agent<'_>| -> Outcome { agent.monitor() };
    for (change, words) in [
        (
            "-e -t 10.9.0.77:80 -r 10.9.1.2:80 -m -w 4",
            "tcp 10.9.0.77:80: real server 10.9.1.2:80: weight is 4, must be 3",
        ),
        ("-d -t [2001:db8::4d]:80 -r [2001:db8:1::1]:80", "tcp [2001:db8::4d]:80: real server [2001:db8:1::1]:80 is"),
        ("-E -t [2001:db8::4d]:80 -s wrr -p 60 -M 65", "persistence is 60 s for each /65, must be 60 s for each /64"),
        ("-D -t 10.9.0.77:80", "virtual service tcp 10.9.0.77:80: missing in the kernel"),
    ] {
        host.sh(&format!("ipvsadm {change}"));
        monitor(&lvs).expect(1).says(words);
        lvs.start();
        monitor(&lvs).expect(0).silent();
        assert_eq!(host.ipvs_table(), table, "{change}");
    }
    assert_eq!(declaration(), before, "a declaration that stays the same is not written again");
    host.sh("ipvsadm -C");
    monitor(&lvs).expect(7).silent();
    lvs.start();
    assert_eq!(host.ipvs_table(), table);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn what_the_quick_look_cannot_see_is_found_by_the_thorough_one() {
    let host = Host::new();
    let lvs = started(&host);
    host.sh("ipvsadm -e -t 10.9.0.77:80 -r 10.9.1.2:80 -m -w 3 -x 10");
    lvs.monitor().expect(0).silent();
    let thorough = lvs.clone().variable("OCF_CHECK_LEVEL", "10");
    thorough.monitor().expect(1).says("real server 10.9.1.2:80: upper threshold is 10, must be 0");
    // A few services are always read exactly.
    lvs.stop();
    let few = super::lvs(&host).instance("few");
    few.start();
    host.sh("ipvsadm -e -t 10.9.0.100:80 -r 10.9.1.2:80 -g -w 3 -x 10");
    few.monitor().expect(1).says("upper threshold is 10, must be 0");
}
