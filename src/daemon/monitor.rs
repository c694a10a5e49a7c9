//! The pools and the kernel together: takes check results and configurations, keeps the table as the pools want it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use super::jobs::{Finished, Job};
use super::journal;
use super::kernel::Kernel;
use super::log::Log;
use crate::config;
use crate::health::{Pool, PoolSettings, RealServerSettings};
use crate::model::{CheckMethod, RealServerKey, ServiceKey, Table};
use crate::netlink;
use crate::plan::{self, Scope};

/// Every virtual service that is looked after.
#[derive(Debug)]
pub struct Monitor {
    scope: Scope,
    pools: BTreeMap<ServiceKey, Pool>,
    /// Who hears of the result of a job.
    subscribers: HashMap<Job, Vec<(ServiceKey, RealServerKey)>>,
    kernel: Kernel,
    kernel_error: Option<String>,
    log: Log,
}

impl Monitor {
    pub fn new(scope: Scope, log: Log) -> Self {
        let kernel = Kernel::default();
        Self { scope, pools: BTreeMap::new(), subscribers: HashMap::new(), kernel, kernel_error: None, log }
    }

    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    pub fn keys(&self) -> BTreeSet<ServiceKey> {
        self.pools.keys().copied().collect()
    }

    pub fn kernel_error(&self) -> Option<&String> {
        self.kernel_error.as_ref()
    }

    /// Makes sure that the kernel has a table at all.
    pub fn open_table(&mut self) -> Result<(), netlink::Error> {
        self.kernel.observe([].iter()).map(|_| ())
    }

    /// Takes a new configuration: what is known of services and real servers that stay is kept, new services adopt
    /// what the kernel holds, and services that are gone leave the table if they were ours.
    pub fn reconfigure(&mut self, services: &[config::Service], now: SystemTime) -> Result<(), netlink::Error> {
        let wanted: BTreeSet<ServiceKey> = services.iter().map(|service| service.service.key).collect();
        let observed = self.kernel.observe(wanted.iter())?;
        let gone: Vec<ServiceKey> = self.pools.keys().filter(|key| !wanted.contains(key)).copied().collect();
        for service in services {
            let settings = pool_settings(service);
            match self.pools.get_mut(&service.service.key) {
                Some(pool) => pool.reconfigure(settings, now),
                None => drop(
                    self.pools
                        .insert(service.service.key, Pool::new(settings, observed.get(&service.service.key), now)),
                ),
            }
        }
        self.pools.retain(|key, _| wanted.contains(key));
        self.subscribers = subscribers(services);
        self.reconcile();
        if self.scope == Scope::Services {
            self.remove(&gone);
        }
        Ok(())
    }

    /// The jobs that the present configuration asks for.
    pub fn jobs(&self) -> HashSet<Job> {
        self.subscribers.keys().cloned().collect()
    }

    /// Takes the results of checks; the table follows at once.
    pub fn record(&mut self, finished: Vec<Finished>, now: SystemTime) {
        let mut changed = BTreeSet::new();
        for Finished { job, outcome } in finished {
            for (service, real) in self.subscribers.get(&*job).into_iter().flatten() {
                let Some(pool) = self.pools.get_mut(service) else { continue };
                let before = pool.fallback_serves();
                if let Some(transition) = pool.record(*real, outcome.clone(), now) {
                    journal::transition(&self.log, pool, real, transition);
                    changed.insert(*service);
                }
                if before != pool.fallback_serves() {
                    changed.insert(*service);
                }
            }
        }
        if !changed.is_empty() {
            self.bring_about(&changed);
        }
    }

    /// Compares every service with the kernel and repairs what differs: somebody may have changed the table by hand,
    /// the owner of a service may have started it again, or an earlier write may have failed.
    pub fn reconcile(&mut self) {
        self.bring_about(&self.keys());
    }

    fn bring_about(&mut self, keys: &BTreeSet<ServiceKey>) {
        let outcome = self.kernel.observe(keys.iter()).and_then(|observed| self.write(keys, &observed));
        let error = outcome.err().map(|error| error.to_string());
        if let Some(text) = error.as_ref().filter(|text| self.kernel_error.as_ref() != Some(*text)) {
            self.log.line(&format!("ERROR: {text}"));
        }
        self.kernel_error = error;
    }

    fn write(&mut self, keys: &BTreeSet<ServiceKey>, observed: &Table) -> Result<(), netlink::Error> {
        let pools = keys.iter().filter_map(|key| self.pools.get(key));
        let desired: Table = pools.map(|pool| (pool.key(), pool.entry())).collect();
        let changes = plan::table_changes(&desired, observed, self.scope);
        let failures = self.kernel.apply(&changes)?;
        for change in &changes {
            match failures.iter().find(|(failed, _)| failed == change) {
                None => journal::change(&self.log, self.pools.get(&journal::service_of(change)), change, observed),
                Some((_, error)) => self.log.line(&format!("ERROR: {change}: {error}")),
            }
        }
        Ok(())
    }

    /// Removes virtual services with all their real servers. What failed, in words.
    pub fn remove(&mut self, keys: &[ServiceKey]) -> Option<String> {
        let failures = self.kernel.observe(keys.iter()).and_then(|observed| {
            let changes = plan::deletions(keys, &observed);
            let failures = self.kernel.apply(&changes)?;
            for change in changes.iter().filter(|change| failures.iter().all(|(failed, _)| failed != *change)) {
                journal::change(&self.log, None, change, &observed);
            }
            Ok(failures.into_iter().map(|(change, error)| format!("{change}: {error}")).collect::<Vec<_>>())
        });
        let text = match failures {
            Ok(failures) => failures.join("; "),
            // No IPVS in the kernel: there is no table, so nothing of ours is in it.
            Err(netlink::Error::Unavailable { .. }) => String::new(),
            Err(error) => error.to_string(),
        };
        (!text.is_empty()).then_some(text)
    }
}

fn pool_settings(service: &config::Service) -> PoolSettings {
    let real_server = |real: &config::RealServerConfig| RealServerSettings {
        real_server: real.real_server.clone(),
        disabled: real.check.method == CheckMethod::Off,
    };
    PoolSettings {
        service: service.service.clone(),
        real_servers: service.real_servers.iter().map(real_server).collect(),
        fallback: service.fallback.clone(),
        quiescent: service.quiescent,
        failurecount: service.failurecount,
    }
}

fn subscribers(services: &[config::Service]) -> HashMap<Job, Vec<(ServiceKey, RealServerKey)>> {
    let mut subscribers: HashMap<Job, Vec<_>> = HashMap::new();
    for service in services {
        for real in service.real_servers.iter().filter(|real| real.check.method != CheckMethod::Off) {
            let job = Job { check: real.check.clone(), interval: service.checkinterval };
            subscribers.entry(job).or_default().push((service.service.key, real.real_server.key));
        }
    }
    subscribers
}
