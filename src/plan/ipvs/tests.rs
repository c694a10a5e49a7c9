use proptest::prelude::*;

use super::*;
use crate::model::{ForwardingMethod, VirtualService};
use crate::testing::tables::{check_equal, local_addresses, ways};
use crate::testing::{real_server as real, virtual_service};

fn service(port: u16) -> VirtualService {
    virtual_service(&format!("tcp 192.0.2.1:{port}"))
}

fn table(entries: &[(u16, &[(u8, u32)])]) -> Table {
    let entry = |(port, reals): &(u16, &[(u8, u32)])| {
        let service = service(*port);
        let real_servers = reals.iter().map(|(host, weight)| real(*host, *weight)).map(|r| (r.key, r)).collect();
        (service.key, ServiceEntry { service, real_servers })
    };
    entries.iter().map(entry).collect()
}

/// Returns the real server as an older kernel holds it, which does not tell the method of one on the director itself.
fn held(real: &RealServer) -> RealServer {
    match local_addresses().contains(&real.key.address) {
        true => RealServer { local: true, forwarding: ForwardingMethod::Gate, ..real.clone() },
        false => real.clone(),
    }
}

fn as_held(table: &Table) -> Table {
    let mut table = table.clone();
    let reals = table.values_mut().flat_map(|entry| entry.real_servers.values_mut());
    reals.for_each(|real| *real = held(real));
    table
}

/// Does with a change what the kernel does.
fn execute(table: &mut Table, change: &Change) {
    match change {
        Change::AddService(service) => {
            let entry = ServiceEntry { service: service.clone(), real_servers: BTreeMap::new() };
            assert!(table.insert(service.key, entry).is_none(), "EEXIST");
        }
        Change::EditService(service) => table.get_mut(&service.key).expect("ESRCH").service = service.clone(),
        Change::DeleteService(key) => drop(table.remove(key).expect("ESRCH")),
        Change::AddRealServer(key, real) => {
            let reals = &mut table.get_mut(key).expect("ESRCH").real_servers;
            assert!(reals.insert(real.key, held(real)).is_none(), "EEXIST");
        }
        Change::EditRealServer(key, real) => {
            let reals = &mut table.get_mut(key).expect("ESRCH").real_servers;
            assert!(reals.insert(real.key, held(real)).is_some(), "ENOENT");
        }
        Change::DeleteRealServer(key, real) => {
            assert!(table.get_mut(key).expect("ESRCH").real_servers.remove(real).is_some(), "ENOENT");
        }
    }
}

fn texts(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_fallback_is_in_before_the_last_real_server_goes() {
    let changes = table_changes(&table(&[(80, &[(9, 1)])]), &table(&[(80, &[(1, 5)])]), TableRole::OwnsServices);
    assert_eq!(
        texts(&changes),
        [
            "virtual service tcp 192.0.2.1:80: add real server 192.0.2.9:80 weight 1",
            "virtual service tcp 192.0.2.1:80: delete real server 192.0.2.1:80",
        ]
    );
}

#[test]
fn raised_weights_come_before_lowered_ones_of_every_service() {
    let desired = table(&[(80, &[(1, 0), (2, 5)]), (81, &[(1, 0), (2, 5)])]);
    let observed = table(&[(80, &[(1, 5), (2, 0)]), (81, &[(1, 5), (2, 0)])]);
    let weights: Vec<u32> = table_changes(&desired, &observed, TableRole::OwnsServices)
        .iter()
        .map(|change| match change {
            Change::EditRealServer(_, real) => real.weight,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(weights, [5, 5, 0, 0]);
}

#[test]
fn a_local_real_server_is_not_edited_for_its_method() {
    let desired = table(&[(80, &[(1, 1)])]);
    let mut observed = desired.clone();
    let held = observed.values_mut().next().and_then(|entry| entry.real_servers.values_mut().next()).expect("one");
    held.local = true;
    held.forwarding = ForwardingMethod::Masq;
    assert_eq!(table_changes(&desired, &observed, TableRole::OwnsServices), []);
}

#[test]
fn a_mover_of_real_servers_never_brings_a_service_back() {
    let desired = table(&[(80, &[(1, 1)])]);
    assert_eq!(table_changes(&desired, &Table::new(), TableRole::MovesRealServers), []);
    assert_eq!(table_changes(&desired, &table(&[(80, &[])]), TableRole::MovesRealServers).len(), 1);
}

#[test]
fn an_observer_changes_nothing() {
    let desired = table(&[(80, &[(1, 1)]), (81, &[(1, 1)])]);
    assert_eq!(table_changes(&desired, &table(&[(80, &[(2, 5)])]), TableRole::Observes), []);
}

proptest! {
    #[test]
    fn executing_the_plan_gives_the_desired_table_and_a_second_plan_is_empty(way in ways()) {
        let mut kernel = as_held(&way.observed);
        for change in table_changes(&way.desired, &kernel.clone(), way.role) {
            execute(&mut kernel, &change);
        }
        check_equal(&kernel, &way.end()).map_err(TestCaseError::fail)?;
        prop_assert_eq!(table_changes(&way.desired, &kernel, way.role), []);
    }

    #[test]
    fn at_no_step_is_missing_or_idle_what_serves_before_and_after(way in ways()) {
        let mut kernel = as_held(&way.observed);
        way.check_step(&kernel).map_err(TestCaseError::fail)?;
        for change in table_changes(&way.desired, &kernel.clone(), way.role) {
            execute(&mut kernel, &change);
            way.check_step(&kernel).map_err(|cause| TestCaseError::fail(format!("{change}: {cause}")))?;
        }
    }

    #[test]
    fn there_is_a_difference_exactly_where_there_is_something_to_change(way in ways()) {
        let services = |keys: Vec<ServiceKey>| keys.into_iter().collect::<std::collections::BTreeSet<_>>();
        let changed = table_changes(&way.desired, &way.observed, TableRole::OwnsServices);
        let differing = crate::plan::differences(&way.desired, &way.observed);
        prop_assert_eq!(
            services(changed.iter().map(|change| *change.service()).collect()),
            services(differing.iter().map(|difference| difference.service).collect())
        );
    }
}
