//! What is known of real servers whose service is not looked after any more. A restarted `lvs` resource takes its
//! service away and brings it back a moment later: a real server that is known to be dead must not get in meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Moment;
use crate::health::{KnownHealth, Pool, ReducedWeight};
use crate::model::{RealServerKey, ServiceKey};
use crate::ownership::{ReducedRecord, Registry};

/// How long that knowledge is kept: longer than a restart takes, and short enough that it is not quite wrong yet.
const MEMORY: Duration = Duration::from_secs(600);

/// What was known when a service left, by service.
#[derive(Debug, Default)]
pub struct RecentHealth(BTreeMap<ServiceKey, (Instant, KnownHealth)>);

impl RecentHealth {
    pub fn keep(&mut self, key: ServiceKey, pool: &Pool, now: Instant) {
        self.0.insert(key, (now, known(pool)));
    }

    /// Forgets what is too old. It looks at everything, once for each configuration.
    pub fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (since, _)| *since + MEMORY > now);
    }

    /// Returns what is known of a service that comes: by this health monitor, else by those before it.
    pub fn recall(&mut self, key: &ServiceKey, before: &Registry, moment: Moment) -> KnownHealth {
        match self.0.remove(key) {
            Some((since, known)) if since + MEMORY > moment.now => known,
            _ => KnownHealth {
                up: before.known_up(key).copied().collect(),
                down: before.known_down(key).copied().collect(),
                reduced: before
                    .known_reduced(key)
                    .map(|(real, reduced)| (*real, understood(*reduced, moment)))
                    .collect(),
                quorum_lost: before.has_lost_quorum(key),
                ..KnownHealth::default()
            },
        }
    }

    /// Returns what the next health monitor and a start of `lvs` shall know.
    pub fn with<'a>(&'a self, pools: impl Iterator<Item = &'a Pool> + Clone, moment: Moment) -> Knowledge {
        let mut knowledge = Knowledge::default();
        for (key, (_, known)) in self.0.iter().filter(|(_, (since, _))| *since + MEMORY > moment.now) {
            knowledge.add(key, known, moment);
        }
        pools.clone().for_each(|pool| knowledge.add(&pool.key(), &known(pool), moment));
        let lost = pools.filter(|pool| pool.has_lost_quorum());
        knowledge.quorum_lost = lost.map(|pool| pool.key().to_string()).collect();
        knowledge
    }
}

/// What is known of real servers, as a record has it.
#[derive(Debug, Default)]
pub struct Knowledge {
    pub up: BTreeMap<String, Vec<String>>,
    pub down: BTreeMap<String, Vec<String>>,
    pub reduced: BTreeMap<String, BTreeMap<String, ReducedRecord>>,
    pub quorum_lost: Vec<String>,
}

impl Knowledge {
    fn add(&mut self, key: &ServiceKey, known: &KnownHealth, moment: Moment) {
        self.up.insert(key.to_string(), texts(&known.up));
        self.down.insert(key.to_string(), texts(&known.down));
        let reduced = known.reduced.iter().map(|(real, reduced)| (real.to_string(), written(*reduced, moment)));
        let reduced: BTreeMap<_, _> = reduced.collect();
        if !reduced.is_empty() {
            self.reduced.insert(key.to_string(), reduced);
        }
    }
}

/// The quorum is no part of it: a service that left has told its `fallbackcommand` that it is over.
fn known(pool: &Pool) -> KnownHealth {
    KnownHealth {
        up: pool.known_up().collect(),
        down: pool.known_down().collect(),
        reduced: pool.known_reduced().collect(),
        ..KnownHealth::default()
    }
}

fn written(reduced: ReducedWeight, moment: Moment) -> ReducedRecord {
    let ReducedWeight { advised, rising_since } = reduced;
    ReducedRecord { advised, rising_since: rising_since.map(|since| moment.boot_at(since)) }
}

fn understood(reduced: ReducedRecord, moment: Moment) -> ReducedWeight {
    let ReducedRecord { advised, rising_since } = reduced;
    ReducedWeight { advised, rising_since: rising_since.map(|since| moment.at(since)) }
}

fn texts(keys: &BTreeSet<RealServerKey>) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}
