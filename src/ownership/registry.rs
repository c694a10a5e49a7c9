//! The owners of virtual services, the health monitors and what those know, as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::declaration::declaration;
use super::drift::DriftTimes;
use super::record::{HealthRecord, ReducedRecord};
use crate::model::{RealServerKey, ServiceKey};
use crate::system::{self, Lock, RunDir};

/// A resource that may own virtual services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceOwner {
    /// An `lvs` resource.
    Lvs(String),
    /// An `ldirectord` resource with a `configfile`.
    Ldirectord(String),
}

impl ServiceOwner {
    /// Returns the time since the start of this resource, by the wall clock; a start that changed nothing does not
    /// count. `None` means that it has left nothing in the run directory, or the clock was set back since.
    pub fn age(&self, run_dir: &RunDir) -> Option<Duration> {
        system::age(&match self {
            Self::Lvs(instance) => run_dir.services().file(instance),
            // The health monitor writes its pid into it, once.
            Self::Ldirectord(instance) => run_dir.lock(instance),
        })
    }
}

impl fmt::Display for ServiceOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lvs(instance) => write!(f, "lvs resource \"{instance}\""),
            Self::Ldirectord(instance) => write!(f, "ldirectord resource \"{instance}\""),
        }
    }
}

/// The program that decides which real servers of a service are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RealServerMover {
    /// There never was a health monitor, so the service's owner decides: every declared real server has to be there.
    ServiceOwner,
    /// A health monitor that has ended, and whose last decisions stand.
    EndedHealthMonitor,
    /// A living health monitor.
    HealthMonitor,
}

type RealServers = BTreeMap<ServiceKey, BTreeSet<RealServerKey>>;

/// Which process looks after what on this node, at the moment when it was read.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    owners: Vec<ServiceOwner>,
    /// The owned virtual services, each with the index of its owner in `owners`.
    claims: BTreeSet<(ServiceKey, usize)>,
    /// The services that a health monitor names in its record.
    movers: BTreeMap<ServiceKey, RealServerMover>,
    /// The health monitors that live and own no services: one of them looks after whatever is declared.
    followers: Vec<String>,
    known_up: RealServers,
    known_down: RealServers,
    known_reduced: BTreeMap<ServiceKey, BTreeMap<RealServerKey, ReducedRecord>>,
    quorum_lost: BTreeSet<ServiceKey>,
    drifts: DriftTimes,
}

impl Registry {
    /// Reads every declaration and every record of the node, each once.
    pub fn read(run_dir: &RunDir) -> Self {
        Self::read_without(run_dir, None)
    }

    /// Reads the same as [`Registry::read`] without what this `lvs` resource has declared itself: it is no conflict of
    /// its own.
    pub fn read_others(run_dir: &RunDir, instance: &str) -> Self {
        Self::read_without(run_dir, Some(instance))
    }

    /// Reads the records of the health monitors alone: the owners of services cost the reading of every declaration.
    pub fn read_health_monitors(run_dir: &RunDir) -> Self {
        let mut registry = Self::default();
        let folder = run_dir.monitors();
        for instance in folder.instances() {
            let Some(record) = folder.read_json::<HealthRecord>(&instance) else { continue };
            let lives = Lock::is_held(&run_dir.lock(&instance)).unwrap_or(false);
            registry.add_health_monitor(&instance, &record, lives);
        }
        registry
    }

    fn read_without(run_dir: &RunDir, instance: Option<&str>) -> Self {
        let mut registry = Self::read_health_monitors(run_dir);
        for other in run_dir.services().instances().into_iter().filter(|other| Some(other.as_str()) != instance) {
            let keys = declaration(run_dir, &other).keys();
            registry.add_owner(ServiceOwner::Lvs(other), keys);
        }
        registry
    }

    /// Notes what a resource owns.
    pub fn add_owner(&mut self, owner: ServiceOwner, keys: impl IntoIterator<Item = ServiceKey>) {
        let place = self.owners.len();
        self.owners.push(owner);
        self.claims.extend(keys.into_iter().map(|key| (key, place)));
    }

    /// Notes what a health monitor says of itself. `lives` says whether its process exists.
    pub fn add_health_monitor(&mut self, instance: &str, record: &HealthRecord, lives: bool) {
        let keys: Vec<ServiceKey> = record.services.iter().filter_map(|text| text.parse().ok()).collect();
        let mover = if lives { RealServerMover::HealthMonitor } else { RealServerMover::EndedHealthMonitor };
        for key in &keys {
            let present = self.movers.entry(*key).or_insert(mover);
            *present = mover.max(*present);
        }
        if lives && !record.owns_services {
            self.followers.push(instance.to_owned());
        }
        extend(&mut self.known_up, &record.known_up);
        extend(&mut self.known_down, &record.known_down);
        for (service, reals) in &record.known_reduced {
            let Ok(key) = service.parse() else { continue };
            let reals = reals.iter().filter_map(|(real, reduced)| Some((real.parse().ok()?, *reduced)));
            self.known_reduced.entry(key).or_default().extend(reals);
        }
        self.quorum_lost.extend(record.quorum_lost.iter().filter_map(|service| service.parse::<ServiceKey>().ok()));
        self.drifts.add(&record.drifts);
        if record.owns_services {
            self.add_owner(ServiceOwner::Ldirectord(instance.to_owned()), keys);
        }
    }

    /// Returns every owned virtual service, in order.
    pub fn owned(&self) -> impl Iterator<Item = ServiceKey> {
        let mut keys: Vec<ServiceKey> = self.claims.iter().map(|(key, _)| *key).collect();
        keys.dedup();
        keys.into_iter()
    }

    /// Returns the first of the resources that own the service.
    pub fn owner_of(&self, key: &ServiceKey) -> Option<&ServiceOwner> {
        self.owners_of(key).next()
    }

    fn owners_of(&self, key: &ServiceKey) -> impl Iterator<Item = &ServiceOwner> {
        self.claims.range((*key, 0)..=(*key, usize::MAX)).filter_map(|(_, place)| self.owners.get(*place))
    }

    /// Returns, in words, each of `wanted` that another resource than `me` owns.
    pub fn conflicts(&self, me: &ServiceOwner, wanted: &[ServiceKey]) -> Vec<String> {
        let foreign = |key| self.owners_of(key).find(|owner| *owner != me).map(|owner| (key, owner));
        let text = |(key, owner): (&ServiceKey, &ServiceOwner)| {
            format!("virtual service {key}: claimed by {me}: {owner} owns it on this node already; remove it from one")
        };
        wanted.iter().filter_map(foreign).map(text).collect()
    }

    /// Returns which program moves the real servers of a service that an `lvs` resource declares. A living health
    /// monitor that follows the declarations does so from the moment of the declaration, even while its record does not
    /// name it yet.
    pub fn real_server_mover(&self, key: &ServiceKey) -> RealServerMover {
        match !self.followers.is_empty() {
            true => RealServerMover::HealthMonitor,
            false => self.movers.get(key).copied().unwrap_or(RealServerMover::ServiceOwner),
        }
    }

    /// Returns the real servers of a service that a health monitor, a killed one included, knew to be well.
    pub fn known_up(&self, key: &ServiceKey) -> impl Iterator<Item = &RealServerKey> {
        self.known_up.get(key).into_iter().flatten()
    }

    /// Returns the real servers of a service that a health monitor knew to be down.
    pub fn known_down(&self, key: &ServiceKey) -> impl Iterator<Item = &RealServerKey> {
        self.known_down.get(key).into_iter().flatten()
    }

    /// Returns why real servers of a service that a health monitor knew to be well had less than their whole weight.
    pub fn known_reduced(&self, key: &ServiceKey) -> impl Iterator<Item = (&RealServerKey, &ReducedRecord)> {
        self.known_reduced.get(key).into_iter().flatten()
    }

    /// Whether a health monitor knew the quorum of a service to be lost.
    pub fn has_lost_quorum(&self, key: &ServiceKey) -> bool {
        self.quorum_lost.contains(key)
    }

    /// Returns what other programs have made of declared services, as far as the health monitors have found it.
    pub fn drifts(&self) -> &DriftTimes {
        &self.drifts
    }

    /// Returns the living health monitors without a `configfile`: one follows the declarations, the others stand by.
    pub fn followers(&self) -> &[String] {
        &self.followers
    }
}

fn extend(known: &mut RealServers, written: &BTreeMap<String, Vec<String>>) {
    for (service, reals) in written {
        let Ok(key) = service.parse() else { continue };
        known.entry(key).or_default().extend(reals.iter().filter_map(|real| real.parse::<RealServerKey>().ok()));
    }
}

#[cfg(test)]
mod tests;
