//! Decides what the kernel shall hold where health monitors know more than the declaration. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{RealServerKey, ServiceKey, Table};
use crate::ownership::{RealServerMover, Registry};

/// Where a living health monitor looks after a service, starting it must not put a real server back that the monitor
/// took out: a service that exists keeps those that it has, and a new one gets all but those that are known to be down.
/// What the monitor knows as the doing of other programs is undone.
pub fn leave_to_monitors(desired: &mut Table, observed: &Table, registry: &Registry) {
    for (key, entry) in
        desired.iter_mut().filter(|(key, _)| registry.real_server_mover(key) == RealServerMover::HealthMonitor)
    {
        let down: BTreeSet<_> = registry.known_down(key).collect();
        entry.real_servers.retain(|real, _| !down.contains(real));
        let Some(held) = observed.get(key) else { continue };
        let drifting: BTreeSet<_> = registry.drifts().real_servers(key).collect();
        entry.real_servers.retain(|real, _| drifting.contains(real));
        let kept = held.real_servers.iter().filter(|(real, _)| !drifting.contains(real));
        entry.real_servers.extend(kept.map(|(real, held)| (*real, held.clone())));
    }
}

/// Makes what exists of these services what is wanted.
pub fn leave_drift(desired: &mut Table, observed: &Table, reporting: &BTreeSet<ServiceKey>) {
    for key in reporting {
        if let (Some(entry), Some(held)) = (desired.get_mut(key), observed.get(key)) {
            entry.clone_from(held);
        }
    }
}

/// What the table is once a living health monitor has followed the declaration: a real server that it knows to be down
/// stays as it is held, and so do a backup and a fallback. Others are taken to be healthy.
pub fn expect_of_monitors(
    desired: &mut Table,
    observed: &Table,
    (backups, fallbacks): (&BTreeMap<ServiceKey, BTreeSet<RealServerKey>>, &BTreeMap<ServiceKey, RealServerKey>),
    registry: &Registry,
) {
    for (key, entry) in
        desired.iter_mut().filter(|(key, _)| registry.real_server_mover(key) == RealServerMover::HealthMonitor)
    {
        let fallback = fallbacks.get(key).filter(|fallback| !entry.real_servers.contains_key(fallback));
        for real in backups.get(key).into_iter().flatten() {
            if let Some(held) = observed.get(key).and_then(|held| held.real_servers.get(real)) {
                entry.real_servers.insert(*real, held.clone());
            }
        }
        for real in registry.known_down(key).chain(fallback) {
            match observed.get(key).and_then(|held| held.real_servers.get(real)) {
                Some(held) => entry.real_servers.insert(*real, held.clone()),
                None => entry.real_servers.remove(real),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServiceEntry;
    use crate::ownership::{DriftRecord, HealthRecord};
    use crate::testing::{check_rows, real_server, virtual_service};

    const KEY: &str = "tcp 192.0.2.1:80";

    fn with_reals(reals: &[(u8, u32)]) -> Table {
        let service = virtual_service(KEY);
        let reals = reals.iter().map(|(host, weight)| real_server(*host, *weight)).map(|real| (real.key, real));
        BTreeMap::from([(service.key, ServiceEntry { real_servers: reals.collect(), service })])
    }

    fn registry(lives: bool) -> Registry {
        let down = vec![real_server(8, 1).key.to_string()];
        let record = HealthRecord { known_down: BTreeMap::from([(KEY.into(), down)]), ..HealthRecord::default() };
        let mut registry = Registry::default();
        registry.add_health_monitor("health", &record, lives);
        registry
    }

    #[test]
    fn a_start_undoes_what_the_health_monitor_knows_as_done_by_hand_and_a_take_over_leaves_it() {
        let declared = with_reals(&[(6, 2), (8, 1), (9, 3)]);
        let observed = with_reals(&[(5, 1), (7, 5), (8, 1), (9, 0)]);
        let mut registry = registry(true);
        let key = virtual_service(KEY).key;
        let drifts = [7, 8, 9].map(|host| DriftRecord::new(&key, &Some(real_server(host, 1).key), 5)).to_vec();
        registry.add_health_monitor("health", &HealthRecord { drifts, ..HealthRecord::default() }, true);
        let mut desired = declared.clone();
        leave_to_monitors(&mut desired, &observed, &registry);
        // 8 is known to be down, and neither 5 nor 6 is known as done by hand.
        assert_eq!(desired, with_reals(&[(5, 1), (9, 3)]));
        leave_drift(&mut desired, &observed, &BTreeSet::from([key]));
        assert_eq!(desired, observed);
    }

    #[test]
    fn a_known_dead_server_does_not_enter_a_new_service_and_an_existing_one_keeps_what_it_has() {
        let declared = with_reals(&[(8, 1), (9, 3)]);
        check_rows(
            [
                (true, Table::new(), with_reals(&[(9, 3)])),
                (true, with_reals(&[(7, 5)]), with_reals(&[(7, 5)])),
                // No health monitor would put it in later.
                (false, Table::new(), declared.clone()),
                (false, with_reals(&[(7, 5)]), declared.clone()),
            ],
            |(lives, observed, expected)| {
                let mut desired = declared.clone();
                leave_to_monitors(&mut desired, &observed, &registry(lives));
                assert_eq!(desired, expected, "{lives} {observed:?}");
            },
        );
    }

    #[test]
    fn what_a_monitor_knows_to_be_down_is_expected_to_stay_as_it_is() {
        let fallback = real_server(1, 1).key;
        let fallbacks = BTreeMap::from([(virtual_service(KEY).key, fallback)]);
        check_rows(
            [
                // It is out, and another one gets the weight that is declared now.
                (true, with_reals(&[(9, 1)]), with_reals(&[(9, 3)])),
                (true, with_reals(&[(8, 0), (9, 3)]), with_reals(&[(8, 0), (9, 3)])),
                (true, with_reals(&[(1, 1)]), with_reals(&[(1, 1), (9, 3)])),
                (false, with_reals(&[(1, 1)]), with_reals(&[(8, 1), (9, 3)])),
            ],
            |(lives, observed, expected)| {
                let backups = BTreeMap::new();
                let mut desired = with_reals(&[(8, 1), (9, 3)]);
                expect_of_monitors(&mut desired, &observed, (&backups, &fallbacks), &registry(lives));
                assert_eq!(desired, expected, "{lives} {observed:?}");
            },
        );
    }

    #[test]
    fn a_backup_is_expected_to_stay_as_it_is_and_a_new_one_waits() {
        let backups = BTreeMap::from([(virtual_service(KEY).key, BTreeSet::from([real_server(7, 1).key]))]);
        check_rows(
            [
                (with_reals(&[(7, 5), (9, 3)]), with_reals(&[(7, 5), (9, 3)])),
                (with_reals(&[(9, 3)]), with_reals(&[(7, 0), (9, 3)])),
            ],
            |(observed, expected)| {
                let mut desired = with_reals(&[(7, 0), (9, 3)]);
                expect_of_monitors(&mut desired, &observed, (&backups, &BTreeMap::new()), &registry(true));
                assert_eq!(desired, expected, "{observed:?}");
            },
        );
    }
}
