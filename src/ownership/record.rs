//! The records that processes leave for calls that come later. Each field has a default: a record of another version of
//! this program says less, or says more, and is understood all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{RealServerKey, ServiceKey};

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
    /// The entries that stay as other programs have made them.
    pub drifts: Vec<DriftRecord>,
    /// The share of the director's connections that this standby knows, in per cent, as of the last time that it heard the
    /// director; `None` on the director itself, and where none was heard. It is empty after an orderly end.
    pub sync_coverage: Option<u8>,
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
