//! The real servers of this node: those that its health monitors look after, and those that are declared.

use std::collections::BTreeSet;

use crate::cli::status;
use crate::daemon::protocol::{HealthMonitorStatus, ORDERS_VERSION};
use crate::model::{OrderKind, OrderSubject, RealServerKey, ServiceKey};
use crate::ownership::{self, Declaration};
use crate::system::RunDir;

/// What is known of this node.
#[derive(Debug, Default)]
pub struct KnownServers {
    /// Each real server in each of its virtual services.
    pub servers: BTreeSet<(ServiceKey, RealServerKey)>,
    /// The health monitors that answer: name, version of their language, and the services that they look after.
    pub monitors: Vec<(String, u32, BTreeSet<ServiceKey>)>,
    /// The services whose known clients stay with a real server of weight 0.
    pub clinging: BTreeSet<ServiceKey>,
}

impl KnownServers {
    /// Asks every health monitor, and reads every declaration.
    pub fn read(run_dir: &RunDir) -> Self {
        let mut known = Self { clinging: status::clinging_services(), ..Self::default() };
        for instance in run_dir.monitors().instances() {
            // One that does not answer is said with the others that do not obey.
            if let Ok(Some(status)) = status::ask(run_dir, &instance) {
                known.add_monitor(status);
            }
        }
        for instance in run_dir.services().instances() {
            if let Declaration::Services(declared) = ownership::declaration(run_dir, &instance) {
                let reals =
                    declared.table.iter().flat_map(|(key, entry)| entry.real_servers.keys().map(|real| (*key, *real)));
                known.servers.extend(reals);
            }
        }
        known
    }

    fn add_monitor(&mut self, status: HealthMonitorStatus) {
        let mut services = BTreeSet::new();
        for service in status.services {
            let Ok(key) = service.service.parse::<ServiceKey>() else { continue };
            services.insert(key);
            // One that has left the configuration goes by itself; no order is about it.
            let configured = service.real_servers.iter().filter(|real| real.health != "draining");
            let reals = configured.filter_map(|real| real.real_server.parse().ok());
            self.servers.extend(reals.map(|real: RealServerKey| (key, real)));
        }
        self.monitors.push((status.instance, status.liveness.version, services));
    }

    /// Returns every real server that an order about the subject is about.
    pub fn covered_by(&self, subject: &OrderSubject) -> BTreeSet<(ServiceKey, RealServerKey)> {
        self.servers.iter().filter(|(service, real)| subject.covers(service, real)).copied().collect()
    }

    /// Returns, in words, why an order may not do what it shall on this node.
    pub fn doubts(&self, targets: &BTreeSet<(ServiceKey, RealServerKey)>, kind: OrderKind) -> Vec<String> {
        let services: BTreeSet<ServiceKey> = targets.iter().map(|(service, _)| *service).collect();
        let obeys = |service: &ServiceKey| {
            self.monitors.iter().any(|(_, version, own)| *version >= ORDERS_VERSION && own.contains(service))
        };
        let old =
            self.monitors.iter().filter(|(_, version, own)| *version < ORDERS_VERSION && !own.is_disjoint(&services));
        let mut doubts: Vec<String> = old
            .map(|(name, ..)| {
                format!("health monitor {name}: is of an older version and knows no orders until it is restarted")
            })
            .collect();
        if doubts.is_empty() {
            let idle = services.iter().filter(|service| !obeys(service));
            doubts.extend(idle.map(|service| {
                format!(
                    "{service}: no health monitor of this node looks after it: the order counts as soon as one does"
                )
            }));
        }
        if matches!(kind, OrderKind::Drain | OrderKind::Weight(0)) {
            let clinging = services.iter().filter(|service| self.clinging.contains(service));
            doubts.extend(clinging.map(|service| format!("{service}: {}", status::CLINGS)));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    #[test]
    fn an_order_that_no_health_monitor_of_this_node_obeys_is_said() {
        let (one, two): (ServiceKey, ServiceKey) = ("fwmark 1".parse().expect("key"), "fwmark 2".parse().expect("key"));
        let real: RealServerKey = "192.0.2.2:80".parse().expect("key");
        let monitor = |name: &str, version, service| (name.to_owned(), version, BTreeSet::from([service]));
        let idle = "fwmark 1: no health monitor of this node looks after it: the order counts as soon as one does";
        let old = "health monitor a: is of an older version and knows no orders until it is restarted";
        let clings = format!("fwmark 1: {}", status::CLINGS);
        check_rows(
            [
                (vec![], OrderKind::Disable, vec![idle]),
                (vec![monitor("a", ORDERS_VERSION, two)], OrderKind::Disable, vec![idle]),
                (vec![monitor("a", ORDERS_VERSION - 1, one)], OrderKind::Disable, vec![old]),
                (vec![monitor("a", ORDERS_VERSION, one)], OrderKind::Disable, vec![]),
                (vec![monitor("a", ORDERS_VERSION, one)], OrderKind::Drain, vec![clings.as_str()]),
                (vec![monitor("a", ORDERS_VERSION, one)], OrderKind::Weight(5), vec![]),
            ],
            |(monitors, kind, expected)| {
                let known = KnownServers { monitors, clinging: [one].into(), ..KnownServers::default() };
                assert_eq!(known.doubts(&[(one, real)].into(), kind), expected);
            },
        );
    }
}
