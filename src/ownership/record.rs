//! The records that processes leave for calls that come later. Each field has a default: a record of another version of
//! this program says less, or says more, and is understood all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Left;
use crate::model::{DnsRecord, RealServerKey, ServiceKey};

/// The record that a health monitor leaves in `<run>/monitors/<instance>.json` for calls that come when it is dead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthRecord {
    /// Whether it created the virtual services itself (`configfile`) instead of following the `lvs` agent's.
    pub owns_services: bool,
    /// Every virtual service that it looks after.
    pub services: Vec<String>,
    /// The services of its own that its end removes (`cleanstop=yes`), and those that it has not managed to remove yet.
    pub removed_at_stop: Vec<String>,
    /// The files that it executes, by their names in its own file.
    pub executed: Vec<String>,
    /// The real servers that it knew to be well, by virtual service. They are empty after an orderly end.
    pub known_up: BTreeMap<String, Vec<String>>,
    /// The real servers that it knew to be down, by virtual service. They are empty after an orderly end.
    pub known_down: BTreeMap<String, Vec<String>>,
    /// Why real servers that were well had less than their whole weight, by virtual service. It is empty after an orderly end.
    pub known_reduced: BTreeMap<String, BTreeMap<String, ReducedRecord>>,
    /// The virtual services that had lost their quorum. They are none after an orderly end.
    pub quorum_lost: Vec<String>,
    /// The real servers that have left services of its own and were drained, by virtual service, each with the time at which
    /// it left, in seconds since this machine was started.
    pub draining: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the names stand for that it follows in DNS.
    pub dns: Vec<DnsRecord>,
    /// The entries that stay as other programs have made them.
    pub drifts: Vec<DriftRecord>,
    /// The share of the director's connections that this standby knows, in per cent, as of the last time that it heard the
    /// director; `None` on the director itself, and where none was heard. It is empty after an orderly end.
    pub sync_coverage: Option<u8>,
    /// Whether this standby has heard the director, and does no more. It is empty after an orderly end.
    pub sync_hears_no_more: bool,
    /// The address of another director that sends connections with the same sync id. It is empty after an orderly end.
    pub sync_clash: Option<String>,
}

impl HealthRecord {
    /// Returns the record as the end of a health monitor leaves it: what it knew grows old from then on.
    #[must_use]
    pub fn without_knowledge(self) -> Self {
        let Self { owns_services, services, removed_at_stop, executed, drifts, .. } = self;
        Self { owns_services, services, removed_at_stop, executed, drifts, ..Self::default() }
    }

    /// Returns what is left of the record when a health monitor of services of its own has ended: the drains of those that
    /// stay in the table. `None` where there is none.
    pub fn after_end(self) -> Option<Self> {
        let Self { owns_services, removed_at_stop, mut draining, .. } = self;
        draining.retain(|service, reals| !removed_at_stop.contains(service) && !reals.is_empty());
        (owns_services && !draining.is_empty()).then(|| Self { owns_services, draining, ..Self::default() })
    }

    /// Returns the real servers of a service that this health monitor knew, as if each left now, and those that had left
    /// already.
    pub fn left(&self, service: &ServiceKey, now: u64) -> Left {
        let name = service.to_string();
        let known = [&self.known_up, &self.known_down].into_iter().filter_map(|known| known.get(&name)).flatten();
        let draining = self.draining.get(&name).into_iter().flatten();
        let times = known.map(|real| (real, now)).chain(draining.map(|(real, since)| (real, *since)));
        times.filter_map(|(real, since)| Some((real.parse().ok()?, since))).collect()
    }
}

/// Why a real server had less than its whole weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReducedRecord {
    /// How much of its weight it wanted, in per cent; `None`: all of it.
    pub advised: Option<u8>,
    /// When its slow start began, in seconds since this machine was started.
    pub rising_since: Option<u64>,
}

/// An entry of the table that the kernel refused at the last start of an `lvs` resource: one of the list in
/// `<run>/services/<instance>.refused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The virtual service.
    pub service: String,
    /// The real server; `None` stands for the virtual service itself, and with it all its real servers.
    #[serde(default)]
    pub real_server: Option<String>,
    /// The kernel's reason.
    #[serde(default)]
    pub reason: String,
}

impl Refusal {
    /// Creates the record of one refused entry.
    pub fn new(service: &ServiceKey, real_server: Option<&RealServerKey>, reason: String) -> Self {
        Self { service: service.to_string(), real_server: real_server.map(ToString::to_string), reason }
    }
}

/// An entry of the table that stays as another program has made it. `lvs` resources leave a list of them too, in
/// `<run>/services/<instance>.drift`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// The virtual service.
    pub service: String,
    /// The real server; `None` stands for the virtual service itself.
    #[serde(default)]
    pub real_server: Option<String>,
    /// When it was found, in seconds since this machine was started.
    pub since: u64,
}

impl DriftRecord {
    /// Creates the record of one entry.
    pub fn new(service: &ServiceKey, real_server: &Option<RealServerKey>, since: u64) -> Self {
        Self { service: service.to_string(), real_server: real_server.as_ref().map(ToString::to_string), since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_health_monitor_leaves_the_drains_of_services_that_stay() {
        let drains = |services: &[&str]| -> BTreeMap<String, BTreeMap<String, u64>> {
            let reals = || BTreeMap::from([("192.0.2.2:80".to_owned(), 5)]);
            services.iter().map(|service| ((*service).to_owned(), reals())).collect()
        };
        let owner = HealthRecord {
            owns_services: true,
            services: vec!["a".into(), "b".into()],
            removed_at_stop: vec!["a".into()],
            draining: drains(&["a", "b"]),
            ..HealthRecord::default()
        };
        let left = HealthRecord { owns_services: true, draining: drains(&["b"]), ..HealthRecord::default() };
        assert_eq!(owner.clone().after_end(), Some(left));
        assert_eq!(HealthRecord { draining: drains(&["a"]), ..owner.clone() }.after_end(), None);
        assert_eq!(HealthRecord { owns_services: false, ..owner }.after_end(), None);
    }
}
