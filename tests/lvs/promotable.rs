//! The roles of a promotable clone, as the kernel has them: its sync daemons are what `ipvsadm -L --daemon` shows.

use lvs_agents::system::Lock;

use super::common::agent::AGENT_LOG;
use super::common::table::Watcher;
use super::common::{Agent, Host, kill, until};
use super::{TABLE, lvs, sorted};

const ROLE: &str = "/run/lvs-agents/services/my-lvs.role";

fn host() -> Host {
    Host::with_eth0(&["10.9.0.1/24"])
}

pub fn promotable(agent: Agent<'_>) -> Agent<'_> {
    agent.variable("OCF_RESKEY_CRM_meta_promoted_max", "1")
}

fn clone(host: &Host) -> Agent<'_> {
    promotable(lvs(host)).params(&[("sync_interface", "eth0"), ("sync_id", "7")])
}

/// What the kernel's sync daemons do, and on which channel.
fn daemons(host: &Host) -> Vec<String> {
    let listed = host.sh("ipvsadm -L --daemon");
    listed.lines().map(str::to_owned).collect()
}

fn daemon(state: &str) -> Vec<String> {
    vec![format!("{state} sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)")]
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn each_role_has_its_own_sync_daemon_and_the_table_stays_through_all_of_them() {
    let host = host();
    let clone = clone(&host);
    clone.start();
    assert_eq!(daemons(&host), daemon("backup"));
    clone.monitor().expect(0).silent();
    let watcher = Watcher::on(&host);
    for _ in 0..2 {
        clone.run("promote").expect(0).silent();
        assert_eq!(daemons(&host), daemon("master"));
        clone.monitor().expect(8).silent();
        clone.probe().expect(8).silent();
    }
    for _ in 0..2 {
        clone.run("demote").expect(0).silent();
        assert_eq!(daemons(&host), daemon("backup"));
        clone.monitor().expect(0).silent();
    }
    assert_eq!(watcher.seen().len(), 1, "the table has changed");
    clone.run("promote").expect(0).silent();
    clone.stop();
    clone.monitor().expect(7).silent();
    clone.run("demote").expect(7);
    assert_eq!((daemons(&host), host.ipvs_table(), host.run_files()), (vec![], vec![], vec![]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_clone_that_becomes_a_plain_resource_has_no_role_and_no_sync_daemon_any_more() {
    let host = host();
    let clone = clone(&host);
    clone.start();
    clone.run("promote").expect(0).silent();
    let plain = lvs(&host);
    plain.start();
    plain.monitor().expect(0).silent();
    assert_eq!((daemons(&host), host.read(ROLE)), (vec![], String::new()));
    assert_eq!(host.ipvs_table(), sorted(&TABLE, &[]));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn without_an_interface_the_role_is_kept_and_no_daemon_runs() {
    let host = host();
    let clone = promotable(lvs(&host));
    clone.start();
    clone.monitor().expect(0).silent();
    clone.run("promote").expect(0).silent();
    clone.monitor().expect(8).silent();
    host.sh("ipvsadm -d -t 10.9.0.100:80 -r 10.9.1.2:80");
    clone.monitor().expect(9).says("10.9.1.2:80 is missing");
    clone.run("demote").expect(0).silent();
    clone.monitor().expect(1).says("10.9.1.2:80 is missing");
    clone.start();
    clone.monitor().expect(0).silent();
    assert_eq!(daemons(&host), [""; 0]);
    clone.stop();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_daemon_that_has_ended_is_started_by_the_next_monitor_and_one_of_the_other_role_is_ended() {
    let host = host();
    let clone = clone(&host);
    clone.start();
    host.sh("ipvsadm --stop-daemon backup");
    clone.probe().expect(190).says("sync daemon backup on eth0: does not run");
    clone.monitor().expect(0).silent();
    assert_eq!(daemons(&host), daemon("backup"));
    clone.run("promote").expect(0).silent();
    host.sh("ipvsadm --stop-daemon master && ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 7");
    clone.monitor().expect(8).silent();
    assert_eq!(daemons(&host), daemon("master"));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn the_sync_daemon_of_another_program_is_named_and_never_stopped() {
    let host = host();
    host.sh("ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 9");
    let before = daemons(&host);
    let clone = clone(&host);
    clone.start();
    clone
        .monitor()
        .expect(190)
        .says("another program runs one on eth0 with id 9; stop it (ipvsadm --stop-daemon backup)");
    // The kernel would direct nothing.
    clone.run("promote").expect(1).says("this node directs nothing meanwhile");
    clone.monitor().expect(190);
    clone.stop();
    assert_eq!(daemons(&host), before);
    host.sh("ipvsadm --stop-daemon backup");
    clone.start();
    // The kernel has one daemon of each kind, which two resources cannot share.
    let other = lvs(&host).instance("other").params(&[("virtual", "10.9.0.101:80"), ("sync_interface", "eth0")]);
    let other = promotable(other);
    other.start();
    assert!(host.read(AGENT_LOG).contains("lvs resource \"my-lvs\" synchronises"), "{}", host.read(AGENT_LOG));
    other.run("promote").expect(1).says("this node directs nothing meanwhile");
    other.stop();
    clone.monitor().expect(0).silent();
    // A plain resource beside it directs nothing either, and says so.
    let plain = lvs(&host).instance("plain").param("virtual", "10.9.0.102:80");
    plain.start();
    plain.monitor().expect(190).says("this node directs nothing meanwhile");
}

/// Where one director is left, it has to direct whatever has become of the interface between the two, and of the file or the
/// name server that its services come from.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_standby_is_promoted_whatever_has_become_of_what_surrounds_it() {
    let host = host();
    host.sh("ip link add s0 type veth peer name s1 && ip link set s0 up && ip address add 10.8.0.1/24 dev s0");
    let on_s0 = clone(&host).param("sync_interface", "s0");
    for damage in ["ip address flush dev s0", "ip link set s0 down", "ip link delete s0"] {
        on_s0.stop();
        on_s0.start();
        host.sh(damage);
        on_s0.run("promote").expect(0);
        on_s0.monitor().expect(191).says("sync_interface \"s0\": ");
        on_s0.run("demote").expect(0);
        on_s0.monitor().expect(190).says("sync_interface \"s0\": ");
        on_s0.start();
    }
    on_s0.stop();
    let file = "virtual=10.9.0.100:80\n\treal=10.9.1.1:80 gate\n\tchecktype=on\n";
    host.write("/run/test/services.cf", file);
    let from_file = promotable(host.agent("lvs")).param("configfile", "/run/test/services.cf");
    from_file.start();
    for broken in ["virtual=", file.replace("10.9.1.1", "no.such.name").as_str()] {
        host.replace("/run/test/services.cf", broken);
        from_file.run("promote").expect(0);
        from_file.monitor().expect(8).silent();
        from_file.run("demote").expect(0);
    }
    from_file.stop();
    // Without a start there is nothing to fall back on.
    assert_ne!(from_file.run("promote").code, Some(0));
}

/// The kernel lets a sync daemon run on with sockets of the interface that is gone.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_sync_daemon_works_again_after_its_interface_was_deleted_and_made_again_or_had_no_address() {
    let host = host();
    let make = "ip link add s0 type veth peer name s1 && ip link set s0 up && ip address add 10.8.0.1/24 dev s0";
    // The kernel's groups of an interface; its sync daemon needs 224.0.0.81.
    let is_member = || {
        let groups = host.sh("ip -oneline maddress show dev s0");
        groups.contains("224.0.0.81")
    };
    host.sh(make);
    let on_s0 = clone(&host).param("sync_interface", "s0");
    on_s0.start();
    assert!(is_member());
    host.sh("ip link delete s0");
    on_s0.monitor().expect(190).says("no such interface");
    host.sh(make);
    assert!(!is_member(), "the kernel has joined again by itself");
    on_s0.probe().expect(190).says("sync daemon backup on s0: was started before this interface was there");
    assert!(!is_member(), "a probe changes nothing");
    on_s0.monitor().expect(0).silent();
    assert!(is_member());
    // The one that sends: its socket has the address and the index of the interface.
    on_s0.run("promote").expect(0).silent();
    let before = host.sh("ss --udp --no-header --numeric --all");
    on_s0.monitor().expect(8).silent();
    assert_eq!(host.sh("ss --udp --no-header --numeric --all"), before, "it runs, and is left alone");
    host.sh(&format!("ip link delete s0; {make}"));
    on_s0.probe().expect(191).says("sync daemon master on s0: was started before this interface was there");
    on_s0.monitor().expect(8).silent();
    assert_ne!(host.sh("ss --udp --no-header --numeric --all"), before, "it was not started again");
    on_s0.probe().expect(8).silent();
    // Without an address the kernel takes that of another interface.
    host.sh("ip address flush dev s0");
    on_s0.run("demote").expect(0);
    on_s0.run("promote").expect(0);
    on_s0.monitor().expect(191).says("it has no IPv4 address");
    host.sh("ip address add 10.8.0.1/24 dev s0");
    let deaf = host.sh("ss --udp --no-header --numeric --all");
    on_s0.monitor().expect(8).silent();
    let sockets = host.sh("ss --udp --no-header --numeric --all");
    assert!(sockets != deaf && sockets.contains("10.8.0.1:"), "{deaf}\n{sockets}");
    // A role that is taken on between the two looks at the interface too.
    host.sh(&format!("ip link delete s0; {make}"));
    on_s0.run("demote").expect(0).silent();
    assert!(is_member());
    on_s0.probe().expect(0).silent();
    on_s0.stop();
    assert_eq!(daemons(&host), [""; 0]);
}

/// `crm_resource --force-start` passes what the configuration of the clone has, and not what the cluster makes of it.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_instance_without_a_role_takes_one_on() {
    let host = host();
    let by_hand = lvs(&host).params(&[("sync_interface", "eth0"), ("sync_id", "7")]);
    by_hand.clone().variable("OCF_RESKEY_CRM_meta_promotable", "true").start();
    assert_eq!(daemons(&host), daemon("backup"));
    // The record is lost, or an action ran that did not know of the clone.
    let clone = clone(&host);
    let lose_record = || drop(host.sh(&format!("rm {ROLE}")));
    for lose in [&lose_record as &dyn Fn(), &|| lvs(&host).start()] {
        lose();
        clone.probe().expect(0);
        assert_eq!(host.read(ROLE), "", "a probe changes nothing");
        clone.monitor().expect(0).silent();
        assert_eq!(daemons(&host), daemon("backup"));
    }
    clone.run("promote").expect(0).silent();
    lose_record();
    clone.clone().variable("OCF_RESKEY_CRM_meta_role", "Promoted").monitor().expect(0);
    assert_eq!(daemons(&host), daemon("master"), "it directs until the cluster has it promoted again");
    clone.run("promote").expect(0).silent();
    clone.stop();
    assert_eq!(daemons(&host), [""; 0]);
}

/// Its table is right until a real server dies.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_director_that_no_health_monitor_checks_says_so_once_it_is_missing_for_long() {
    let host = host();
    let checked = clone(&host).param("checktype", "connect");
    checked.start();
    checked.monitor().expect(0).silent();
    let record = host.read(ROLE);
    let since = record.split_once("\"unchecked_since\":").expect("since when").1;
    let since: String = since.chars().take_while(char::is_ascii_digit).collect();
    let long_ago = record.replace(&format!("\"unchecked_since\":{since}"), "\"unchecked_since\":0");
    host.write(ROLE, &long_ago);
    // This machine may not have been up for that long.
    until("it is missing for long", || (checked.monitor().code == Some(190)).then_some(()));
    checked.monitor().expect(190).says("health monitor: none runs on this node");
    checked.run("promote").expect(0).silent();
    checked.monitor().expect(191).says("health monitor: none runs on this node");
    // One that runs, of which only its record and its lock are here.
    host.write("/run/lvs-agents/monitors/health.json", "{}");
    let lock = Lock::try_acquire(&host.path("/run/lvs-agents/health.lock")).expect("lock").expect("free");
    checked.monitor().expect(8).silent();
    drop(lock);
    checked.monitor().expect(8).silent();
    host.write(ROLE, &long_ago);
    // What is never asked needs none.
    clone(&host).run("reload-agent").expect(0);
    clone(&host).monitor().expect(0).silent();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_interface_that_cannot_carry_the_connections_is_shown_and_ends_no_service() {
    let host = host();
    host.sh("ip link add bare type dummy && ip link set bare up && ip link add asleep type dummy");
    let rows =
        [("bare", "it has no IPv4 address"), ("asleep", "the interface is down"), ("nosuch", "no such interface")];
    for (name, cause) in rows {
        let wrong = clone(&host).param("sync_interface", name);
        wrong
            .clone()
            .variable("OCF_CHECK_LEVEL", "10")
            .run("validate-all")
            .expect(2)
            .says(&format!("sync_interface \"{name}\": {cause}"));
        wrong.start();
        wrong.monitor().expect(190).says(&format!("sync_interface \"{name}\": {cause}"));
        wrong.stop();
        assert_eq!(daemons(&host), [""; 0], "{name}");
        // One that works is not given up for it, in either role.
        let right = clone(&host);
        right.start();
        for _ in 0..2 {
            wrong.monitor().expect(190).says("other parameters than sync_* say");
            assert_eq!(daemons(&host), daemon("backup"), "{name}");
        }
        right.run("promote").expect(0).silent();
        wrong.run("reload-agent").expect(0);
        assert_eq!(daemons(&host), daemon("master"), "{name}");
        wrong.monitor().expect(191).says("other parameters than sync_* say");
        right.stop();
    }
    // A resource of one instance has no one to tell.
    lvs(&host).param("sync_interface", "eth0").run("start").expect(0);
    assert!(host.read(AGENT_LOG).contains("sync_interface: without effect"), "{}", host.read(AGENT_LOG));
    assert_eq!(daemons(&host), [""; 0]);
}

/// Pacemaker lets an instance that was demoted reload nothing, and monitors it again with the new parameters.
#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_unpromoted_instance_takes_changed_parameters_on_in_its_monitor() {
    let host = host();
    let (clone, edited) = (clone(&host), clone(&host).param("real", "10.9.1.1 gate 5, 10.9.1.2 gate 3"));
    let table = || host.ipvs_table();
    clone.start();
    let before = sorted(&TABLE, &[]);
    let after = before.iter().map(|line| line.replace("-w 1", "-w 5")).collect::<Vec<_>>();
    edited.probe().expect(0);
    assert_eq!(table(), before, "a probe changes nothing");
    edited.monitor().expect(0).silent();
    assert_eq!(table(), after);
    clone.run("promote").expect(0).silent();
    assert_eq!(table(), before, "a promotion takes them on too");
    edited.monitor().expect(8).silent();
    assert_eq!(table(), before, "the promoted instance is told by reload-agent");
    clone.run("demote").expect(0).silent();
    let other_channel = edited.param("sync_id", "8");
    other_channel.monitor().expect(0).silent();
    assert!(daemons(&host)[0].contains("syncid=8"), "{:?}", daemons(&host));
    // What cannot be taken is no reason to end what runs.
    other_channel.param("real", "10.9.1.1 nat").monitor().expect(190).says("changed parameters are not taken");
    assert_eq!(table(), after);
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn each_action_that_was_killed_anywhere_is_made_good_by_the_next_one() {
    let host = host();
    let clone = clone(&host);
    // The first start of a kernel also sets what later ones find set.
    clone.start();
    let start = |_: usize, place: &str| {
        assert!([Some(0), Some(1), Some(7), Some(190)].contains(&clone.monitor().code), "{place}");
        clone.start();
        clone.monitor().expect(0).silent();
        assert_eq!((daemons(&host), host.ipvs_table()), (daemon("backup"), sorted(&TABLE, &[])), "{place}");
    };
    kill::at_every_change(&host, &clone, "start", || clone.stop(), start);
    let promote = |_: usize, place: &str| {
        assert!([Some(0), Some(8)].contains(&clone.monitor().code), "{place}");
        clone.run("promote").expect(0);
        clone.monitor().expect(8);
        assert_eq!(daemons(&host), daemon("master"), "{place}");
    };
    kill::at_every_change(&host, &clone, "promote", || drop(clone.run("demote").expect(0)), promote);
    let edited = clone.clone().param("real", "10.9.1.1 gate 5, 10.9.1.3 gate 3");
    let reload = |_: usize, place: &str| {
        assert!([Some(8), Some(9), Some(191)].contains(&edited.monitor().code), "{place}");
        edited.run("reload-agent").expect(0);
        edited.monitor().expect(8).silent();
        assert_eq!(daemons(&host), daemon("master"), "{place}");
    };
    kill::at_every_change(&host, &edited, "reload-agent", || drop(clone.run("reload-agent").expect(0)), reload);
    let is_stopped = |place: &str| {
        clone.stop();
        let records: Vec<String> = host.run_files().into_iter().filter(|name| !name.starts_with('.')).collect();
        assert_eq!((daemons(&host), host.ipvs_table(), records), (vec![], vec![], vec![]), "{place}");
    };
    let demote = |index: usize, place: &str| {
        if index.is_multiple_of(2) {
            is_stopped(place);
            return clone.start();
        }
        clone.run("demote").expect(0);
        clone.monitor().expect(0).silent();
        assert_eq!(daemons(&host), daemon("backup"), "{place}");
    };
    kill::at_every_change(&host, &clone, "demote", || drop(clone.run("promote").expect(0)), demote);
    let promoted = || {
        clone.start();
        clone.run("promote").expect(0);
    };
    kill::at_every_change(&host, &clone, "stop", promoted, |_, place| is_stopped(place));
    assert!(host.read(ROLE).is_empty());
}
