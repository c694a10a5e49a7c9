//! More checks than the machine can make are shown as late, and nothing else happens.

use std::time::{Duration, Instant};

use super::common::server::Server;
use super::common::table::weights;
use super::common::until_equal;
use super::{CONFIG, ONE, host, ldirectord};

/// At most 128 programs run at once, so that checks that last 3 s can be made of 42 real servers in a second, and no
/// more.
const SERVERS: u8 = 150;
const SCRIPT: &str = "#!/bin/sh\nexec sleep 3\n";
/// The checks that were late are made once more after the edit, and each start of a program may take 50 ms.
const RECOVERY: Duration = Duration::from_secs(60);

fn config(interval: u32) -> String {
    let reals: String = (1..=SERVERS).map(|host| format!("\treal=10.9.2.{host}:80 gate\n")).collect();
    let check = "\tchecktype=external\n\tcheckcommand=/run/test/slow\n\tchecktimeout=30\n";
    format!("checkinterval={interval}\nautoreload=yes\nvirtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n{reals}{check}")
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn checks_that_cannot_keep_up_are_late_and_no_failure_and_recover_by_themselves() {
    let host = host("");
    host.write("/run/test/slow", SCRIPT);
    host.sh("chmod 755 /run/test/slow");
    host.write(CONFIG, &config(1));
    let _one = Server::start(&host, ONE);
    let ldirectord = ldirectord(&host).timeout(60);
    ldirectord.run("start").expect(0);
    until_equal("checks are late", &true, || ldirectord.monitor_once().stderr.contains("checks are late by"));
    for _ in 0..10 {
        ldirectord.monitor_once().expect(190).says("this machine cannot ask as often");
    }
    host.replace(CONFIG, &config(600));
    let deadline = Instant::now() + RECOVERY;
    while ldirectord.monitor_once().code != Some(0) {
        assert!(Instant::now() < deadline, "still: {}", ldirectord.monitor_once().stderr);
        std::thread::sleep(Duration::from_millis(200));
    }
    until_equal("the table", &(usize::from(SERVERS) + 1), || host.weights().len());
    assert_eq!(weights(&[(ONE, 1)]).get(ONE), host.weights().get(ONE));
}
