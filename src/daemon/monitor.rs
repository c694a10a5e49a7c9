//! The pools and the kernel together: takes check results and configurations, keeps the table as the pools want it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::jobs::{Finished, Job};
use super::journal;
use super::kernel::Kernel;
use super::log::Log;
use crate::config;
use crate::health::{Known, Outcome, Pool, PoolEvent, PoolSettings, RealServerSettings};
use crate::model::{CheckMethod, RealServerKey, ServiceKey, Table};
use crate::netlink;
use crate::ownership::KnownUp;
use crate::plan::{self, Role};

/// Every virtual service that is looked after.
#[derive(Debug)]
pub struct Monitor {
    scope: Role,
    pools: BTreeMap<ServiceKey, Pool>,
    /// Who hears of the result of a job.
    subscribers: HashMap<Job, Vec<(ServiceKey, RealServerKey)>>,
    /// Checks that this node could not make the last time, and why.
    not_asked: HashMap<Arc<Job>, String>,
    /// Virtual services of ours that have left the configuration and are still to be removed.
    leaving: BTreeSet<ServiceKey>,
    kernel: Kernel,
    kernel_error: Option<String>,
    log: Log,
}

impl Monitor {
    pub fn new(scope: Role, log: Log) -> Self {
        Self {
            scope,
            pools: BTreeMap::new(),
            subscribers: HashMap::new(),
            not_asked: HashMap::new(),
            leaving: BTreeSet::new(),
            kernel: Kernel::default(),
            kernel_error: None,
            log,
        }
    }

    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    pub fn leaving(&self) -> &BTreeSet<ServiceKey> {
        &self.leaving
    }

    /// Why the kernel's table is not as it shall be, if so.
    pub fn kernel_error(&self) -> Option<&String> {
        self.kernel_error.as_ref()
    }

    /// Why a check could not be made, if one could not.
    pub fn check_error(&self) -> Option<&String> {
        self.not_asked.values().min()
    }

    /// The real servers that the next monitor shall trust.
    pub fn known_up(&self) -> KnownUp {
        self.pools.iter().map(|(key, pool)| (*key, pool.known_up().collect())).collect()
    }

    /// Makes sure that the kernel has a table at all.
    pub fn open_table(&mut self) -> Result<(), netlink::Error> {
        self.kernel.observe([].iter()).map(|_| ())
    }

    /// Takes a new configuration: what is known of services and real servers that stay is kept, new services adopt
    /// what the kernel holds and what `known_up` says of it, and services that are gone leave the table if they were
    /// ours.
    pub fn reconfigure(
        &mut self,
        services: &[config::Service],
        known_up: &KnownUp,
        now: Instant,
    ) -> Result<(), netlink::Error> {
        let wanted: BTreeSet<ServiceKey> = services.iter().map(|service| service.service.key).collect();
        let observed = self.kernel.observe(wanted.iter())?;
        let known = |key: &ServiceKey| Known { up: known_up.get(key).cloned().unwrap_or_default(), ..Known::default() };
        for service in services {
            let (key, settings) = (service.service.key, pool_settings(service));
            match self.pools.get_mut(&key) {
                Some(pool) => drop(pool.reconfigure(settings, now)),
                None => {
                    self.pools.insert(key, Pool::new(settings, observed.get(&key), &known(&key), now));
                }
            }
        }
        if self.scope == Role::OwnsServices {
            self.leaving.extend(self.pools.keys());
            self.leaving.retain(|key| !wanted.contains(key));
        }
        self.pools.retain(|key, _| wanted.contains(key));
        self.subscribers = subscribers(services);
        self.not_asked.retain(|job, _| self.subscribers.contains_key(&**job));
        self.reconcile(now);
        Ok(())
    }

    /// The jobs that the present configuration asks for.
    pub fn jobs(&self) -> HashSet<Job> {
        self.subscribers.keys().cloned().collect()
    }

    /// Takes the results of checks; the table follows at once. Whether anybody's health has changed.
    pub fn record(&mut self, finished: Vec<Finished>, now: Instant) -> bool {
        let mut changed = BTreeSet::new();
        for Finished { job, outcome } in finished {
            for (service, real) in self.subscribers.get(&*job).into_iter().flatten() {
                let Some(pool) = self.pools.get_mut(service) else { continue };
                for event in pool.note(*real, &outcome, now) {
                    if let PoolEvent::Member { real, transition } = event {
                        journal::transition(&self.log, pool, &real, transition);
                    }
                    changed.insert(*service);
                }
            }
            self.note_fault(job, outcome);
        }
        if !changed.is_empty() {
            self.kernel_error = self.bring_about(&changed);
        }
        !changed.is_empty()
    }

    fn note_fault(&mut self, job: Arc<Job>, outcome: Outcome) {
        let Outcome::NotAsked(reason) = outcome else {
            self.not_asked.remove(&job);
            return;
        };
        if self.not_asked.get(&job) != Some(&reason) {
            self.log.line(&format!("ERROR: a check could not be made, real servers keep their state: {reason}"));
            self.not_asked.insert(job, reason);
        }
    }

    /// Compares every service with the kernel and repairs what differs: somebody may have changed the table by hand,
    /// the owner of a service may have started it again, or an earlier write may have failed.
    pub fn reconcile(&mut self, now: Instant) {
        self.pools.values_mut().for_each(|pool| drop(pool.advance(now)));
        let keys = self.pools.keys().copied().collect();
        let leaving: Vec<ServiceKey> = self.leaving.iter().copied().collect();
        let errors = [self.bring_about(&keys), self.remove(&leaving)];
        if errors[1].is_none() {
            self.leaving.clear();
        }
        let error = errors.into_iter().flatten().reduce(|all, error| format!("{all}; {error}"));
        if let Some(text) = error.as_ref().filter(|text| self.kernel_error.as_ref() != Some(*text)) {
            self.log.line(&format!("ERROR: {text}"));
        }
        self.kernel_error = error;
    }

    /// What could not be done, in words. Tried again at the next comparison.
    fn bring_about(&mut self, keys: &BTreeSet<ServiceKey>) -> Option<String> {
        let failures = self.kernel.observe(keys.iter()).and_then(|observed| self.write(keys, &observed));
        in_words(failures)
    }

    fn write(&mut self, keys: &BTreeSet<ServiceKey>, observed: &Table) -> Result<Vec<String>, netlink::Error> {
        let pools = keys.iter().filter_map(|key| self.pools.get(key));
        let desired: Table = pools.map(|pool| (pool.key(), pool.entry(Instant::now()))).collect();
        let changes = plan::table_changes(&desired, observed, self.scope);
        let failures = self.kernel.apply(&changes)?;
        for change in changes.iter().filter(|change| failures.iter().all(|failure| failure.change != **change)) {
            journal::change(&self.log, self.pools.get(change.service()), change, observed);
        }
        Ok(failures.iter().map(ToString::to_string).collect())
    }

    /// Removes virtual services with all their real servers. What could not be removed, in words.
    pub fn remove(&mut self, keys: &[ServiceKey]) -> Option<String> {
        if keys.is_empty() {
            return None;
        }
        let failures = self.kernel.observe(keys.iter()).and_then(|observed| {
            let changes = plan::deletions(keys, &observed);
            let failures = self.kernel.apply(&changes)?;
            for change in changes.iter().filter(|change| failures.iter().all(|failure| failure.change != **change)) {
                journal::change(&self.log, None, change, &observed);
            }
            Ok(failures.iter().map(ToString::to_string).collect())
        });
        match failures {
            // No IPVS in the kernel: there is no table, so nothing of ours is in it.
            Err(netlink::Error::Unavailable { .. }) => None,
            failures => in_words(failures),
        }
    }
}

fn in_words(failures: Result<Vec<String>, netlink::Error>) -> Option<String> {
    let failures = failures.unwrap_or_else(|error| vec![error.to_string()]);
    (!failures.is_empty()).then(|| failures.join("; "))
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
