//! Who looks after which virtual service on this node. Two owners of one would undo each other's work for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::model::{RealServerKey, ServiceKey};
use crate::system::{Lock, RunDir};

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
    /// Those of its own that its end removes (`cleanstop=yes`), and those that it has not managed to remove yet.
    pub removed_at_stop: Vec<String>,
    /// By virtual service, the real servers that it knew to be well. Empty after an orderly end.
    #[serde(default)]
    pub known_up: BTreeMap<String, Vec<String>>,
}

impl MonitorRecord {
    /// What has to be remembered while one configuration takes the place of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.services.extend(other.services);
        self.removed_at_stop.extend(other.removed_at_stop);
        self.known_up.extend(other.known_up);
        self
    }
}

/// Real servers that a monitor knows to be well, by virtual service.
pub type KnownUp = BTreeMap<ServiceKey, BTreeSet<RealServerKey>>;

/// What the monitors before this one knew, those that were killed included.
pub fn known_up(run_dir: &RunDir) -> KnownUp {
    let mut known = KnownUp::new();
    for (service, reals) in monitors(run_dir).into_iter().flat_map(|(_, record)| record.known_up) {
        let Ok(key) = service.parse() else { continue };
        known.entry(key).or_default().extend(reals.iter().filter_map(|real| real.parse::<RealServerKey>().ok()));
    }
    known
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

/// Who decides which real servers of a service are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// A health monitor that lives.
    Monitor,
    /// One that has ended, and whose last decisions stand.
    Nobody,
    /// There never was one: every declared real server has to be there.
    Owner,
}

pub fn care(run_dir: &RunDir, key: &ServiceKey) -> Care {
    let name = key.to_string();
    let carers = monitors(run_dir).into_iter().filter(|(_, record)| record.services.contains(&name));
    let lives = |(instance, _): &(String, _)| Lock::is_held(&run_dir.lock(instance)).unwrap_or(false);
    carers
        .map(|carer| if lives(&carer) { Care::Monitor } else { Care::Nobody })
        .fold(Care::Owner, |care, next| if care == Care::Monitor { care } else { next })
}

/// What an `lvs` resource has declared at its last start; `None` when it has not, or the file is damaged: one without
/// a virtual service is, since `lvs` declares none.
pub fn declaration(run_dir: &RunDir, instance: &str) -> Option<Config> {
    let text = run_dir.services().read(instance).ok().flatten()?;
    let config = config::parse_file(text.as_bytes(), &config::SystemResolver::new()).ok()?;
    (!config.services.is_empty()).then_some(config)
}

pub fn keys(config: &Config) -> Vec<ServiceKey> {
    config.services.iter().map(|service| service.service.key).collect()
}

fn monitors(run_dir: &RunDir) -> Vec<(String, MonitorRecord)> {
    let folder = run_dir.monitors();
    let record = |instance: String| folder.read_json(&instance).map(|record| (instance, record));
    folder.instances().into_iter().filter_map(record).collect()
}
