//! Two directors ask each other before the last real server leaves (`secondopinion`).

use super::common::server::Server;
use super::common::table::{Watcher, Weights, weights};
use super::common::{Agent, Host, until, until_equal};
use super::{CONFIG, FALLBACK, LOG, daemons, status};

const REAL_ONE: &str = "10.9.0.21:80";
const REAL_TWO: &str = "10.9.0.22:80";

const CONFIGURATION: &str = "checkinterval=1\nchecktimeout=2\nfailurecount=2\nvirtual=10.9.0.100:80\n\
    \treal=10.9.0.21:80 gate 1\n\treal=10.9.0.22:80 gate 3\n\tfallback=127.0.0.1:80\n\tscheduler=wrr\n\tchecktype=connect\n\
    \tsecondopinion=yes\n";

/// What corosync's own program says of a cluster of two.
const CLUSTER: &str = "#!/bin/sh\ncat <<END
runtime.members.1.ip (str) = r(0) ip(10.9.0.11) 
runtime.members.1.status (str) = joined
runtime.members.2.ip (str) = r(0) ip(10.9.0.12) 
runtime.members.2.status (str) = joined
END\n";

const CUT: &str = "ip route add unreachable 10.9.0.21/32; ip route add unreachable 10.9.0.22/32";
const RESTORED: &str = "ip route del unreachable 10.9.0.21/32; ip route del unreachable 10.9.0.22/32";

struct Pair {
    _switch: Host,
    directors: [Host; 2],
    real: Host,
    servers: Vec<Server>,
}

impl Pair {
    /// Starts both directors, whose clusters have these keys.
    fn start(keys: [&str; 2]) -> Self {
        let (switch, [one, two, real]) =
            Host::network([&["10.9.0.11/24"], &["10.9.0.12/24"], &["10.9.0.21/24", "10.9.0.22/24"]]);
        let servers = [REAL_ONE, REAL_TWO].map(|address| Server::start(&real, address)).into();
        let pair = Self { _switch: switch, directors: [one, two], real, servers };
        for (director, key) in pair.directors.iter().zip(keys) {
            director.sh("ip address add 10.9.0.100/32 dev lo; mount -t tmpfs tmpfs /etc/corosync");
            director.write("/etc/corosync/authkey", key);
            director.write("/run/test/bin/corosync-cmapctl", CLUSTER);
            director.sh("chmod +x /run/test/bin/corosync-cmapctl");
            director.write(CONFIG, CONFIGURATION);
            ldirectord(director).start();
            until_equal("table", &both(), || director.weights());
            until("its socket", || director.sh("ss -lnu").contains(":9118").then_some(()));
        }
        pair
    }
}

fn ldirectord(host: &Host) -> Agent<'_> {
    super::ldirectord(host).variable("PATH", "/run/test/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

fn both() -> Weights {
    weights(&[(REAL_ONE, 1), (REAL_TWO, 3)])
}

fn until_reason(host: &Host, words: &str) {
    let reason = || status(host, REAL_ONE)["reason"].as_str().unwrap_or_default().to_owned();
    until(words, || reason().contains(words).then_some(()));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_director_whose_uplink_is_cut_removes_nothing_and_real_deaths_and_a_dead_director_are_believed() {
    let mut pair = Pair::start(["secret"; 2]);
    let [one, two] = &pair.directors;
    let watchers = [Watcher::on(one), Watcher::on(two)];
    one.sh(CUT);
    let sought =
        "the fault is sought at this node, nothing is removed: no real server passes its check here, and the director ";
    until_reason(one, sought);
    until_equal("monitor", &Some(190), || ldirectord(one).monitor().code);
    ldirectord(one).monitor().says(sought);
    one.sh(RESTORED);
    until_equal("reason", &"configured".into(), || status(one, REAL_ONE)["reason"].clone());
    until_equal("monitor", &Some(0), || ldirectord(one).monitor().code);
    for watcher in watchers {
        assert_eq!(watcher.seen(), [both()], "nothing was removed");
    }

    pair.servers.clear();
    for director in [one, two] {
        until_equal("table", &weights(&[(FALLBACK, 1)]), || director.weights());
        until_reason(director, "no other director reaches one");
    }
    pair.servers = [REAL_ONE, REAL_TWO].map(|address| Server::start(&pair.real, address)).into();
    for director in [one, two] {
        until_equal("table", &both(), || director.weights());
    }

    two.kill("KILL", daemons(two)[0]);
    one.sh(CUT);
    until_equal("table", &weights(&[(FALLBACK, 1)]), || one.weights());
    let alone = "decided alone: no real server passes its check here, and no other director answered within 300 ms";
    until_reason(one, alone);
    until("the log", || one.read(LOG).contains(&format!("WARNING: 10.9.0.100:80: {alone}")).then_some(()));
    ldirectord(one).monitor().expect(190).says(alone);
    one.sh(RESTORED);
    until_equal("table", &both(), || one.weights());
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_answer_that_another_key_proves_counts_for_nothing() {
    let pair = Pair::start(["secret", "another"]);
    let [one, _two] = &pair.directors;
    one.sh(CUT);
    until_equal("table", &weights(&[(FALLBACK, 1)]), || one.weights());
    until_reason(
        one,
        "decided alone: no real server passes its check here, and no other director answered within 300 ms",
    );
}
