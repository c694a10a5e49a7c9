//! Real servers that have left the configuration keep the connections that they have, for at most `drain_timeout`. The
//! declaration says which do, so that a later action knows them whatever became of this one. Where a health monitor
//! looks after the service, it drains them; elsewhere `start`, `reload-agent` and `monitor` do. None of them waits.

use std::collections::BTreeMap;

use crate::agent::changes;
use crate::config::{Config, Draining, Service};
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::Held;
use crate::ocf::{Call, Failure};
use crate::ownership::{self, Declaration, Declared, Drain, RealServerMover, Registry};
use crate::plan::{self, HeldRealServer};
use crate::system::{Lock, RunDir, seconds_since_boot};

/// Adds to the services of `config` those real servers that the present declaration has, that these do not, and that the
/// kernel holds; returns whether there are such.
pub fn carry_over(instance: &str, run_dir: &RunDir, ipvs: &mut Ipvs, config: &mut Config) -> Result<bool, Failure> {
    let Declaration::Services(before) = ownership::declaration(run_dir, instance) else { return Ok(false) };
    let now = seconds_since_boot();
    let mut are_there = false;
    for service in &mut config.services {
        let leaving = leaving(service, &before, now);
        if leaving.is_empty() {
            continue;
        }
        let held = ipvs.service(&service.service.key)?.map(|entry| entry.real_servers).unwrap_or_default();
        let drained = leaving.into_iter().filter_map(|(key, since)| {
            let real_server = RealServer { weight: 0, ..held.get(&key)?.clone() };
            Some(Draining { real_server, since })
        });
        service.draining.extend(drained);
        are_there |= !service.draining.is_empty();
    }
    Ok(are_there)
}

/// Returns the real servers that the service has no more, each with the time at which it has left.
fn leaving(service: &Service, before: &Declared, now: u64) -> BTreeMap<RealServerKey, u64> {
    let key = service.service.key;
    if service.drain_timeout.is_zero() {
        return BTreeMap::new();
    }
    let declared = before.table.get(&key).into_iter().flat_map(|entry| entry.real_servers.keys());
    let mut leaving: BTreeMap<RealServerKey, u64> = declared.map(|real| (*real, now)).collect();
    let drained = before.draining.get(&key).into_iter().flatten();
    leaving.extend(drained.map(|(real, drain)| (*real, drain.since)));
    let stay = service.real_servers.iter().map(|real| real.real_server.key);
    let stay = stay.chain(service.draining.iter().map(|draining| draining.real_server.key));
    // The health monitor alone decides over the fallback.
    for key in stay.chain(service.fallback.iter().map(|fallback| fallback.key)) {
        leaving.remove(&key);
    }
    leaving
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
pub fn advance(
    call: &Call,
    ipvs: &mut Ipvs,
    declared: &BTreeMap<ServiceKey, Drains>,
    registry: &Registry,
) -> Result<(), Failure> {
    let now = seconds_since_boot();
    let mut steps: Vec<Change> = Vec::new();
    for (key, drains) in declared {
        if registry.real_server_mover(key) == RealServerMover::HealthMonitor {
            continue;
        }
        let until = drains.iter().map(|(real, drain)| (*real, drain.until)).collect();
        let held = ipvs.real_servers_in_use(key)?.into_iter();
        let held = held.map(|one| HeldRealServer { real_server: one.real_server, connections: one.connections.open() });
        steps.extend(plan::drain_changes(*key, &until, &held.collect::<Vec<_>>(), &now));
    }
    if steps.is_empty() { Ok(()) } else { changes::apply_all(call, ipvs, &steps) }
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
        advance(call, ipvs, &declared.draining, registry).unwrap_or_else(|failure| call.log().warning(failure));
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
        config::parse_file(text.as_bytes(), &config::AnyName::default()).expect("right")
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
                ("\tfallback=192.0.2.7:80 gate\n", vec![(eight, 90), (nine, 5)]),
                ("\tdrain_timeout=0\n", vec![]),
            ],
            |(after, expected)| {
                let before = Declared::from(config(before));
                let after = config(after);
                assert_eq!(leaving(&after.services[0], &before, 90).into_iter().collect::<Vec<_>>(), expected);
            },
        );
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
