//! Real servers that have left the configuration keep the connections that they have, for at most `drain_timeout`. The
//! declaration says which do, so that a later action knows them whatever became of this one. Where a health monitor
//! looks after the service, it drains them; elsewhere `start`, `reload-agent` and `monitor` do. None of them waits.

use std::collections::BTreeMap;

use crate::agent::changes;
use crate::config::Config;
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::Held;
use crate::ocf::{Call, Failure};
use crate::ownership::{self, Declaration, Declared, Drain, Left, RealServerMover, Registry};
use crate::plan::{self, HeldRealServer};
use crate::system::{Lock, RunDir, seconds_since_boot};

/// Adds to the services of `config` those real servers that the present declaration has, that these do not, and that the
/// kernel holds; returns whether there are such.
pub fn carry_over(instance: &str, run_dir: &RunDir, ipvs: &mut Ipvs, config: &mut Config) -> Result<bool, Failure> {
    let Declaration::Services(before) = ownership::declaration(run_dir, instance) else { return Ok(false) };
    let now = seconds_since_boot();
    let mut are_there = false;
    for service in &mut config.services {
        let left = ownership::leaving(service, declared(&before, &service.service.key, now));
        if left.is_empty() {
            continue;
        }
        let held = ipvs.service(&service.service.key)?.map(|entry| entry.real_servers).unwrap_or_default();
        ownership::drain_left(service, left, &held);
        are_there |= !service.draining.is_empty();
    }
    Ok(are_there)
}

/// Returns the real servers that were declared of a service, as if each left now, and those that have left already.
fn declared(before: &Declared, key: &ServiceKey, now: u64) -> Left {
    let reals = before.table.get(key).into_iter().flat_map(|entry| entry.real_servers.keys());
    let mut left: Left = reals.map(|real| (*real, now)).collect();
    let drained = before.draining.get(key).into_iter().flatten();
    left.extend(drained.map(|(real, drain)| (*real, drain.since)));
    left
}

/// Makes those that are drained part of the desired table, at weight 0, as far as the kernel holds them.
pub fn keep(desired: &mut Table, observed: &Table, declared: &BTreeMap<ServiceKey, Drains>) {
    for (key, drains) in declared {
        let (Some(entry), Some(held)) = (desired.get_mut(key), observed.get(key)) else { continue };
        for real in held.real_servers.values().filter(|real| drains.contains_key(&real.key)) {
            entry.real_servers.insert(real.key, RealServer { weight: 0, ..real.clone() });
        }
    }
}

/// Whether the kernel still holds one of those that are drained. `observed` has each service that holds more than it
/// declares.
pub fn are_held(declared: &BTreeMap<ServiceKey, Drains>, observed: &Held) -> bool {
    let holds_one = |(key, entry): &(ServiceKey, Option<ServiceEntry>)| {
        let (Some(drains), Some(entry)) = (declared.get(key), entry) else { return false };
        entry.real_servers.keys().any(|real| drains.contains_key(real))
    };
    observed.iter().any(holds_one)
}

/// The drains of one virtual service.
pub type Drains = BTreeMap<RealServerKey, Drain>;

/// Does the next step of each drain that no living health monitor takes care of.
pub fn advance(call: &Call, ipvs: &mut Ipvs, declared: &Declared, registry: &Registry) -> Result<(), Failure> {
    let now = seconds_since_boot();
    let mut changes: Vec<Change> = Vec::new();
    for (key, drains) in &declared.draining {
        if registry.real_server_mover(key) == RealServerMover::HealthMonitor {
            continue;
        }
        let held = ipvs.real_servers_in_use(key)?.into_iter();
        let held = held.map(|one| HeldRealServer { real_server: one.real_server, connections: one.connections.open() });
        let until = drains.iter().map(|(real, drain)| (*real, drain.until)).collect();
        let held = without_serving_fallback(held, declared.fallbacks.get(key));
        changes.extend(plan::drain_changes(*key, &until, &held, &now));
    }
    if changes.is_empty() { Ok(()) } else { changes::apply_all(call, ipvs, &changes) }
}

/// Leaves out the fallback where it serves: a health monitor that has ended has put it in, when no real server was well.
fn without_serving_fallback(
    held: impl Iterator<Item = HeldRealServer>,
    fallback: Option<&RealServerKey>,
) -> Vec<HeldRealServer> {
    held.filter(|HeldRealServer { real_server, .. }| Some(&real_server.key) != fallback || real_server.weight == 0)
        .collect()
}

/// Does the same for what is declared now, unless another action of this resource is under way: that one may be about
/// to take a real server back. What goes wrong is logged, and tried again by the next monitor.
pub fn advance_unless_busy(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, registry: &Registry) {
    let lock = match Lock::try_acquire(&run_dir.services().lock_of(&call.instance)) {
        Ok(Some(lock)) => lock,
        Ok(None) => return,
        Err(error) => return call.log().warning(error),
    };
    if let Declaration::Services(declared) = ownership::declaration(run_dir, &call.instance) {
        advance(call, ipvs, &declared, registry).unwrap_or_else(|failure| call.log().warning(failure));
    }
    drop(lock);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::testing::{check_rows, real_server, virtual_service};

    const KEY: &str = "tcp 192.0.2.1:80";

    fn config(lines: &str) -> Config {
        let text = format!("virtual=192.0.2.1:80\n\tchecktype=on\n{lines}");
        config::parse_declaration(text.as_bytes()).expect("right")
    }

    #[test]
    fn what_was_declared_and_is_no_more_leaves_now_and_what_has_left_already_keeps_its_time() {
        let before = "\treal=192.0.2.7:80 gate\n\treal=192.0.2.8:80 gate\n\treal=192.0.2.9:80 gate 0 draining:5\n";
        let (seven, eight, nine) = (real_server(7, 1).key, real_server(8, 1).key, real_server(9, 1).key);
        check_rows(
            [
                (before, vec![]),
                ("\treal=192.0.2.8:80 gate 5\n", vec![(seven, 90), (nine, 5)]),
                ("\treal=192.0.2.9:80 gate\n", vec![(seven, 90), (eight, 90)]),
                // A fallback that was a real server has the connections of that time.
                ("\tfallback=192.0.2.7:80 gate\n", vec![(seven, 90), (eight, 90), (nine, 5)]),
                ("\tdrain_timeout=0\n", vec![]),
            ],
            |(after, expected)| {
                let before = Declared::from(config(before));
                let after = config(after);
                let before = super::declared(&before, &virtual_service(KEY).key, 90);
                assert_eq!(ownership::leaving(&after.services[0], before).into_iter().collect::<Vec<_>>(), expected);
            },
        );
    }

    #[test]
    fn the_fallback_that_a_health_monitor_has_left_in_is_not_drained() {
        let held = |pairs: &[(u8, u32)]| -> Vec<HeldRealServer> {
            let entry = |(host, weight): &(u8, u32)| HeldRealServer {
                real_server: real_server(*host, *weight),
                connections: 1,
            };
            pairs.iter().map(entry).collect()
        };
        let fallback = real_server(8, 1).key;
        for (before, after) in [(&[(7, 1), (8, 1)][..], &[(7, 1)][..]), (&[(8, 0)], &[(8, 0)])] {
            assert_eq!(without_serving_fallback(held(before).into_iter(), Some(&fallback)), held(after));
        }
        assert_eq!(without_serving_fallback(held(&[(8, 1)]).into_iter(), None), held(&[(8, 1)]));
    }

    #[test]
    fn what_is_drained_stays_at_weight_0_and_is_not_brought_back() {
        let declared = Declared::from(config("\treal=192.0.2.8:80 gate 3\n\treal=192.0.2.9:80 gate 0 draining:5\n"));
        let key = virtual_service(KEY).key;
        for (held, expected) in [(vec![(9, 7)], vec![(8, 3), (9, 0)]), (vec![(8, 3)], vec![(8, 3)])] {
            let mut desired = declared.table.clone();
            let mut observed = declared.table.clone();
            let entry = observed.get_mut(&key).expect("a service");
            entry.real_servers =
                held.into_iter().map(|(host, weight)| real_server(host, weight)).map(|real| (real.key, real)).collect();
            keep(&mut desired, &observed, &declared.draining);
            let expected: BTreeMap<_, _> = expected
                .into_iter()
                .map(|(host, weight)| real_server(host, weight))
                .map(|real| (real.key, real))
                .collect();
            assert_eq!(desired[&key].real_servers, expected);
        }
    }
}
