//! Which real servers each check answers for, and which checks this node could not make.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config;
use crate::daemon::checker::Job;
use crate::daemon::event::{Event, Sinks};
use crate::health::Outcome;
use crate::model::{RealServerKey, ServiceKey};

type Subscribers = HashMap<Arc<Job>, Vec<(ServiceKey, RealServerKey)>>;

/// Every question of the configuration in force.
#[derive(Debug, Default)]
pub struct Questions {
    /// Real servers whose health is taken from the result of a job.
    subscribers: Subscribers,
    /// Checks that this node could not make the last time, and why.
    unasked: HashMap<Arc<Job>, String>,
}

impl Questions {
    /// Takes what these services ask and returns how many of the questions are new.
    pub fn replace(&mut self, services: &[config::Service]) -> usize {
        let before = std::mem::take(&mut self.subscribers);
        self.subscribers = subscribers(services, &before);
        self.unasked.retain(|job, _| self.subscribers.contains_key(job));
        self.subscribers.keys().filter(|job| !before.contains_key(*job)).count()
    }

    pub fn jobs(&self) -> HashSet<Arc<Job>> {
        self.subscribers.keys().cloned().collect()
    }

    /// Takes the outcome of a check and returns whom it concerns. `None` means that the question is no longer asked.
    pub fn note(
        &mut self,
        job: &Arc<Job>,
        outcome: &Outcome,
        sinks: &mut Sinks,
    ) -> Option<&[(ServiceKey, RealServerKey)]> {
        let subscribers = self.subscribers.get(job)?;
        match outcome {
            Outcome::NotAsked(cause) if self.unasked.get(job) != Some(cause) => {
                sinks.emit(Event::CheckNotMade { cause });
                self.unasked.insert(job.clone(), cause.clone());
            }
            Outcome::NotAsked(_) => {}
            _ => drop(self.unasked.remove(job)),
        }
        Some(subscribers)
    }

    /// Returns why a check could not be made, if one could not.
    pub fn error(&self) -> Option<&String> {
        self.unasked.values().min()
    }
}

/// Returns who subscribes to what. Jobs that were there before stay the same values, so that thousands of them are in
/// the memory once.
fn subscribers(services: &[config::Service], before: &Subscribers) -> Subscribers {
    let mut subscribers = Subscribers::new();
    for service in services {
        for real in service.real_servers.iter().filter(|real| !real.check.question.is_off()) {
            let job = Job { check: real.check.clone(), interval: service.checkinterval };
            let subscriber = (service.service.key, real.real_server.key);
            if let Some(others) = subscribers.get_mut(&job) {
                others.push(subscriber);
                continue;
            }
            let job = before.get_key_value(&job).map_or_else(|| Arc::new(job), |(known, _)| known.clone());
            subscribers.insert(job, vec![subscriber]);
        }
    }
    subscribers
}
