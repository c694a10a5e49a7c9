//! Who looks after which virtual service on this node. Two owners of one would undo each other's work for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::model::ServiceKey;
use crate::system::RunDir;

/// Somebody who may own virtual services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// An `lvs` resource.
    Lvs(String),
    /// An `ldirectord` resource with a `configfile`.
    Ldirectord(String),
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lvs(instance) => write!(f, "lvs resource \"{instance}\""),
            Self::Ldirectord(instance) => write!(f, "ldirectord resource \"{instance}\""),
        }
    }
}

/// What a health monitor leaves in `<run>/monitors/<instance>.json` for calls that come when it is dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorRecord {
    /// It created the virtual services itself (`configfile`) instead of following the `lvs` agent's.
    pub owns_services: bool,
    /// Every virtual service that it looks after.
    pub services: Vec<String>,
    /// Those of them that its end removes (`cleanstop=yes`).
    pub removed_at_stop: Vec<String>,
}

/// Every owned virtual service of this node.
pub fn owners(run_dir: &RunDir) -> BTreeMap<ServiceKey, Owner> {
    let mut owners = BTreeMap::new();
    for instance in run_dir.services().instances() {
        let keys = declaration(run_dir, &instance).into_iter().flat_map(|config| keys(&config));
        owners.extend(keys.map(|key| (key, Owner::Lvs(instance.clone()))));
    }
    for (instance, record) in monitors(run_dir) {
        let keys = record.services.iter().filter(|_| record.owns_services).filter_map(|text| text.parse().ok());
        owners.extend(keys.map(|key| (key, Owner::Ldirectord(instance.clone()))));
    }
    owners
}

/// Each of `wanted` that somebody else than `me` owns, in words.
pub fn conflicts(run_dir: &RunDir, me: &Owner, wanted: &[ServiceKey]) -> Vec<String> {
    let owners = owners(run_dir);
    let foreign = |key: &ServiceKey| owners.get(key).filter(|owner| *owner != me).map(|owner| (*key, owner));
    let text = |(key, owner)| {
        format!("virtual service {key}: claimed by {me}: {owner} owns it on this node already; remove it from one")
    };
    wanted.iter().filter_map(foreign).map(text).collect()
}

/// Whether a health monitor decides which real servers of the service are in.
pub fn is_monitored(run_dir: &RunDir, key: &ServiceKey) -> bool {
    let name = key.to_string();
    monitors(run_dir).iter().any(|(_, record)| record.services.contains(&name))
}

/// What an `lvs` resource has declared at its last start; `None` when it has not, or the file is damaged.
pub fn declaration(run_dir: &RunDir, instance: &str) -> Option<Config> {
    let text = run_dir.services().read(instance).ok().flatten()?;
    config::parse_file(text.as_bytes(), &config::SystemResolver::new()).ok()
}

pub fn keys(config: &Config) -> Vec<ServiceKey> {
    config.services.iter().map(|service| service.service.key).collect()
}

fn monitors(run_dir: &RunDir) -> Vec<(String, MonitorRecord)> {
    let folder = run_dir.monitors();
    let record = |instance: String| folder.read_json(&instance).map(|record| (instance, record));
    folder.instances().into_iter().filter_map(record).collect()
}
