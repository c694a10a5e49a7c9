use std::fs::File;
use std::time::SystemTime;

use super::*;
use crate::testing::Scratch;

fn key(last: u8) -> ServiceKey {
    format!("tcp 192.0.2.{last}:80").parse().expect("key")
}

fn record(owns_services: bool, services: &[u8]) -> HealthRecord {
    let services = services.iter().map(|last| key(*last).to_string()).collect();
    HealthRecord { owns_services, services, ..HealthRecord::default() }
}

fn texts<'a>(reals: impl Iterator<Item = &'a RealServerKey>) -> Vec<String> {
    reals.map(ToString::to_string).collect()
}

#[test]
fn a_service_has_an_owner_and_another_one_conflicts_with_it_by_name() {
    let mut registry = Registry::default();
    registry.add_owner(ServiceOwner::Lvs("db".into()), [key(1), key(2)]);
    registry.add_health_monitor("file", &record(true, &[3]), false);
    registry.add_health_monitor("follower", &record(false, &[1, 2]), false);
    assert_eq!(registry.owner_of(&key(1)), Some(&ServiceOwner::Lvs("db".into())));
    assert_eq!(registry.owner_of(&key(3)), Some(&ServiceOwner::Ldirectord("file".into())));
    assert_eq!(registry.owner_of(&key(4)), None);
    assert_eq!(registry.owned().collect::<Vec<_>>(), [key(1), key(2), key(3)]);
    let all = [key(1), key(3), key(4)];
    let said = registry.conflicts(&ServiceOwner::Lvs("db".into()), &all);
    let expected = "virtual service tcp 192.0.2.3:80: claimed by lvs resource \"db\": ldirectord resource \"file\" owns \
                    it on this node already; remove it from one";
    assert_eq!(said, [expected]);
    // A resource of another type may have the same name.
    assert_eq!(registry.conflicts(&ServiceOwner::Lvs("file".into()), &all).len(), 2);
    assert_eq!(registry.conflicts(&ServiceOwner::Ldirectord("file".into()), &all).len(), 1);
}

#[test]
fn an_own_claim_does_not_hide_another_ones() {
    let mut registry = Registry::default();
    for name in ["one", "two"] {
        registry.add_owner(ServiceOwner::Lvs(name.into()), [key(1)]);
    }
    for me in ["one", "two"] {
        assert_eq!(registry.conflicts(&ServiceOwner::Lvs(me.into()), &[key(1)]).len(), 1, "{me}");
    }
    assert_eq!(registry.owned().collect::<Vec<_>>(), [key(1)]);
}

#[test]
fn a_living_health_monitor_moves_real_servers_before_one_that_has_ended() {
    crate::testing::check_rows(
        [
            (vec![], RealServerMover::ServiceOwner),
            (vec![(true, &[1][..], false)], RealServerMover::EndedHealthMonitor),
            (vec![(true, &[1], true)], RealServerMover::HealthMonitor),
            (vec![(true, &[1], true), (false, &[1], false)], RealServerMover::HealthMonitor),
            (vec![(false, &[1], false), (true, &[1], true)], RealServerMover::HealthMonitor),
            // A health monitor with a file of its own says nothing of other services.
            (vec![(true, &[2], true)], RealServerMover::ServiceOwner),
            (vec![(false, &[2], false)], RealServerMover::ServiceOwner),
            // A health monitor that follows the declarations will look after this service too; its record is only not so
            // far yet.
            (vec![(false, &[], true)], RealServerMover::HealthMonitor),
            (vec![(false, &[2], true)], RealServerMover::HealthMonitor),
        ],
        |(records, expected)| {
            let mut registry = Registry::default();
            for (owns_services, services, lives) in &records {
                registry.add_health_monitor("any", &record(*owns_services, services), *lives);
            }
            assert_eq!(registry.real_server_mover(&key(1)), expected, "{records:?}");
        },
    );
}

#[test]
fn what_several_health_monitors_know_is_taken_together() {
    let mut registry = Registry::default();
    for (real, down) in [("192.0.2.8:80", "192.0.2.7:80"), ("192.0.2.9:80", "nonsense")] {
        let known = |real: &str| BTreeMap::from([(key(1).to_string(), vec![real.to_owned()]), ("?".into(), vec![])]);
        let record = HealthRecord { known_up: known(real), known_down: known(down), ..record(false, &[1]) };
        registry.add_health_monitor("any", &record, false);
    }
    assert_eq!(texts(registry.known_up(&key(1))), ["192.0.2.8:80", "192.0.2.9:80"]);
    assert_eq!(texts(registry.known_down(&key(1))), ["192.0.2.7:80"]);
    assert_eq!(texts(registry.known_up(&key(2))), [""; 0]);
}

#[test]
fn records_of_other_versions_are_understood() {
    let scratch = Scratch::new("registry-versions");
    let run_dir = RunDir::at(scratch.path());
    let old = r#"{"owns_services":false,"services":["tcp 192.0.2.1:80"],"removed_at_stop":[]}"#;
    let new = r#"{"owns_services":true,"services":["tcp 192.0.2.2:80"],"removed_at_stop":[],"color":{"of":"hat"},
                 "known_down":{"tcp 192.0.2.2:80":["192.0.2.9:80"]}}"#;
    run_dir.monitors().write("old", old).expect("write");
    run_dir.monitors().write("new", new).expect("write");
    run_dir.monitors().write("broken", "{").expect("write");
    let registry = Registry::read_health_monitors(&run_dir);
    assert_eq!(registry.real_server_mover(&key(1)), RealServerMover::EndedHealthMonitor);
    assert_eq!(registry.owner_of(&key(2)), Some(&ServiceOwner::Ldirectord("new".into())));
    assert_eq!(texts(registry.known_down(&key(2))), ["192.0.2.9:80"]);
}

#[test]
fn each_file_of_the_run_directory_is_a_claim() {
    let scratch = Scratch::new("registry-files");
    let run_dir = RunDir::at(scratch.path());
    for (instance, last) in [("db", 1), ("web", 2)] {
        let text = format!("virtual=192.0.2.{last}:80\n\treal=192.0.2.9:80 gate\n\tchecktype=on\n");
        run_dir.services().write(instance, &text).expect("write");
    }
    run_dir.services().write("broken", "virtual=").expect("write");
    assert_eq!(Registry::read(&run_dir).owned().collect::<Vec<_>>(), [key(1), key(2)]);
    assert_eq!(Registry::read_others(&run_dir, "db").owned().collect::<Vec<_>>(), [key(2)]);
    assert_eq!(Registry::read_health_monitors(&run_dir).owned().count(), 0);
}

#[test]
fn an_owner_is_as_old_as_what_its_start_has_written() {
    let scratch = Scratch::new("registry-age");
    let run_dir = RunDir::at(scratch.path());
    run_dir.services().write("db", "text").expect("write");
    drop(Lock::try_acquire(&run_dir.lock("file")).expect("lock"));
    // The record's age says nothing: a health monitor writes it again and again.
    run_dir.monitors().write_json("other", &record(true, &[1])).expect("write");
    crate::testing::check_rows(
        [
            (ServiceOwner::Lvs("db".into()), true),
            (ServiceOwner::Ldirectord("file".into()), true),
            (ServiceOwner::Ldirectord("other".into()), false),
        ],
        |(owner, is_known)| {
            assert_eq!(owner.age(&run_dir).is_some(), is_known, "{owner}");
        },
    );
    let hour = Duration::from_secs(3600);
    let age_if_written = |moment| {
        let file = File::options().write(true).open(run_dir.services().file("db")).expect("open");
        file.set_modified(moment).expect("touch");
        ServiceOwner::Lvs("db".into()).age(&run_dir)
    };
    assert!(age_if_written(SystemTime::now() - hour).is_some_and(|age| age >= hour));
    assert_eq!(age_if_written(SystemTime::now() + hour), None);
}

#[test]
fn a_living_health_monitor_is_one_whose_lock_is_held() {
    let scratch = Scratch::new("registry-lock");
    let run_dir = RunDir::at(scratch.path());
    run_dir.monitors().write_json("health", &record(false, &[1])).expect("write");
    let lock = Lock::try_acquire(&run_dir.lock("health")).expect("lock").expect("free");
    assert_eq!(Registry::read_health_monitors(&run_dir).real_server_mover(&key(2)), RealServerMover::HealthMonitor);
    drop(lock);
    let registry = Registry::read_health_monitors(&run_dir);
    assert_eq!(
        (registry.real_server_mover(&key(1)), registry.real_server_mover(&key(2))),
        (RealServerMover::EndedHealthMonitor, RealServerMover::ServiceOwner)
    );
}
