//! Services that have left the configuration.

use super::*;

#[test]
fn a_service_that_left_is_removed_until_it_is_gone() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1", "192.0.2.9"]), Table::new());
    lab.tick_all();
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    assert_eq!(
        lab.tick(|change| matches!(change, Change::DeleteService(_))),
        [format!("virtual service {OTHER}: delete")]
    );
    assert!(lab.services.changes(lab.now).is_empty(), "not at every tick");
    lab.compare();
    assert_eq!(lab.tick_all().len(), 1);
    assert_eq!((lab.services.leaving().count(), lab.table.len()), (0, 1));
}

#[test]
fn a_service_that_cannot_be_removed_is_a_fault_until_it_is_gone_or_wanted_again() {
    let (both, one) = (text(&["192.0.2.1", "192.0.2.9"]), text(&["192.0.2.1"]));
    for comes_back in [false, true] {
        let mut lab = ServicesLab::new(TableRole::OwnsServices, &both, Table::new());
        lab.tick_all();
        lab.configure(TableRole::OwnsServices, &one, Table::new());
        lab.heard.take_all();
        for _ in 0..3 {
            lab.compare();
            lab.tick(|change| matches!(change, Change::DeleteService(_)));
            assert_eq!(lab.faults(), [OTHER]);
        }
        let said = lab.heard.take_all();
        assert_eq!(said.iter().filter(|word| word.contains("delete")).count(), 1, "said once: {said:?}");
        match comes_back {
            true => lab.configure(TableRole::OwnsServices, &both, lab.table.clone()),
            false => lab.compare(),
        }
        lab.tick_all();
        assert_eq!((lab.faults(), lab.table.len()), (vec![], if comes_back { 2 } else { 1 }));
    }
}

#[test]
fn a_write_that_fails_when_its_declaration_has_gone_leaves_no_fault() {
    let mut owner = ServicesLab::new(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    owner.hear(2, Outcome::Good);
    owner.tick_all();
    let mut lab = ServicesLab::new(TableRole::MovesRealServers, &text(&["192.0.2.1"]), owner.table.clone());
    lab.hear(2, bad());
    let under_way = lab.services.changes(lab.now);
    lab.configure(TableRole::MovesRealServers, "", Table::new());
    let refused = |change: &Change| ChangeFailure {
        change: change.clone(),
        error: netlink::Error::from(nix::errno::Errno::EINVAL).during(change),
    };
    let failures: Vec<ChangeFailure> = under_way.iter().map(refused).collect();
    assert!(!failures.is_empty());
    lab.services.written(&under_way, failures, lab.now, &mut lab.sinks);
    assert_eq!(lab.faults(), [""; 0]);
}

#[test]
fn what_a_killed_health_monitor_has_left_is_removed_unless_it_is_wanted_again() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, "", Table::new());
    lab.services.inherit([SERVICE, OTHER].map(|key| key.parse().expect("key")));
    lab.configure(TableRole::OwnsServices, &text(&["192.0.2.1"]), Table::new());
    let changes = lab.tick_all();
    let deleted: Vec<&String> = changes.iter().filter(|change| change.ends_with("delete")).collect();
    assert_eq!(deleted, [&format!("virtual service {OTHER}: delete")]);
}
