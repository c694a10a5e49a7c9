//! What is known of real servers whose service is not looked after any more. A restarted `lvs` resource takes its
//! service away and brings it back a moment later: a real server that is known to be dead must not get in meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::health::{KnownHealth, Pool};
use crate::model::{RealServerKey, ServiceKey};
use crate::ownership::Registry;

/// How long that knowledge is kept: longer than a restart takes, and short enough that it is not quite wrong yet.
const MEMORY: Duration = Duration::from_secs(600);

/// What was known when a service left, by service.
#[derive(Debug, Default)]
pub struct RecentHealth(BTreeMap<ServiceKey, (Instant, KnownHealth)>);

impl RecentHealth {
    pub fn keep(&mut self, key: ServiceKey, pool: &Pool, now: Instant) {
        self.0.insert(key, (now, knowledge(pool)));
    }

    /// Forgets what is too old. It looks at everything, once for each configuration.
    pub fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (since, _)| *since + MEMORY > now);
    }

    /// Returns what is known of a service that comes: by this health monitor, else by those before it.
    pub fn recall(&mut self, key: &ServiceKey, before: &Registry, now: Instant) -> KnownHealth {
        match self.0.remove(key) {
            Some((since, known)) if since + MEMORY > now => known,
            _ => KnownHealth {
                up: before.known_up(key).copied().collect(),
                down: before.known_down(key).copied().collect(),
                ..KnownHealth::default()
            },
        }
    }

    /// Returns the real servers that are up, and those that are down, by service, as a record has them.
    pub fn with<'a>(
        &'a self,
        pools: impl Iterator<Item = &'a Pool>,
        now: Instant,
    ) -> (BTreeMap<String, Vec<String>>, BTreeMap<String, Vec<String>>) {
        let (mut up, mut down) = (BTreeMap::new(), BTreeMap::new());
        let mut add = |key: &ServiceKey, known: &KnownHealth| {
            up.insert(key.to_string(), texts(&known.up));
            down.insert(key.to_string(), texts(&known.down));
        };
        for (key, (_, known)) in self.0.iter().filter(|(_, (since, _))| *since + MEMORY > now) {
            add(key, known);
        }
        pools.for_each(|pool| add(&pool.key(), &knowledge(pool)));
        (up, down)
    }
}

fn knowledge(pool: &Pool) -> KnownHealth {
    KnownHealth { up: pool.known_up().collect(), down: pool.known_down().collect(), ..KnownHealth::default() }
}

fn texts(keys: &BTreeSet<RealServerKey>) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}
