//! Which real servers each check answers for, and which checks this node could not make.
//!
//! Services share a check where they differ in nothing but how they want the server to stand. The path and the interval in doubt
//! are never shared by services that differ in them: a silent path would make the verdict of the others late, and the doubts of
//! one would use up the `failurecount` of another.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::daemon::checker::{DoubtInterval, Finished, Job, Verdict};
use crate::daemon::event::{Event, Sinks};
use crate::health::Outcome;
use crate::model::{Check, PathCheck, Question, RealServerKey, ServiceKey, Standing};

type Subscriber = (ServiceKey, RealServerKey);
/// For each standing of a job, in their order, the real servers whose health is taken from it.
type Subscribers = HashMap<Arc<Job>, Vec<Vec<Subscriber>>>;

/// All of a job but the standings.
type Shared = (Check, Duration, Option<PathCheck>, Option<DoubtInterval>);

/// Every question of the configuration in force.
#[derive(Debug, Default)]
pub struct Questions {
    subscribers: Subscribers,
    /// Checks that this node could not make the last time, and why.
    unasked: HashMap<Arc<Job>, BTreeSet<String>>,
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

    /// Takes the result of a check and returns whom each of its verdicts concerns. `None` means that the question is no longer
    /// asked.
    pub fn note(&mut self, finished: &Finished, sinks: &mut Sinks) -> Option<&[Vec<Subscriber>]> {
        let Finished { job, verdicts, .. } = finished;
        let subscribers = self.subscribers.get(job)?;
        let causes: BTreeSet<&String> = verdicts.iter().filter_map(unasked).collect();
        let before = self.unasked.get(job);
        for cause in causes.iter().filter(|cause| before.is_none_or(|before| !before.contains(**cause))) {
            sinks.emit(Event::CheckNotMade { cause });
        }
        if causes.is_empty() {
            self.unasked.remove(job);
        } else if before.is_none_or(|before| !before.iter().eq(causes.iter().copied())) {
            self.unasked.insert(job.clone(), causes.into_iter().cloned().collect());
        }
        Some(subscribers)
    }

    /// Returns the checks by which real servers of a service are judged: each with the real server, and which of its verdicts is
    /// meant. All are found in one pass: there may be thousands of checks, and another director asks many times a second.
    pub fn of(
        &self,
        service: ServiceKey,
        is_meant: impl Fn(&RealServerKey) -> bool,
    ) -> Vec<(RealServerKey, &Arc<Job>, usize)> {
        let found = self.subscribers.iter().flat_map(|(job, of)| {
            let subscribers =
                of.iter().enumerate().flat_map(|(standing, all)| all.iter().map(move |one| (one, standing)));
            subscribers.map(move |((of, real), standing)| (of, *real, job, standing))
        });
        let meant = found.filter(|(of, real, ..)| **of == service && is_meant(real));
        meant.map(|(_, real, job, standing)| (real, job, standing)).collect()
    }

    /// Returns why a check could not be made, if one could not.
    pub fn error(&self) -> Option<&String> {
        self.unasked.values().flatten().min()
    }
}

fn unasked(verdict: &Verdict) -> Option<&String> {
    match &verdict.outcome {
        Outcome::NotAsked(cause) => Some(cause),
        _ => verdict.hindrance.as_ref(),
    }
}

fn doubt(service: &config::Service) -> Option<DoubtInterval> {
    let interval = service.doubtinterval.filter(|interval| *interval < service.checkinterval)?;
    Some(DoubtInterval { interval, failures: service.failurecount, successes: service.rise })
}

/// Returns who subscribes to what. Jobs that were there before stay the same values, so that thousands of them are in
/// the memory once.
fn subscribers(services: &[config::Service], before: &Subscribers) -> Subscribers {
    let mut asked: HashMap<Shared, Vec<(Arc<Standing>, Subscriber)>> = HashMap::new();
    for service in services {
        for real in service.real_servers.iter().filter(|real| !real.check.question.is_off()) {
            let (check, standing) = split(&real.check);
            let shared = (check, service.checkinterval, service.path_check(&real.real_server), doubt(service));
            let subscriber = (service.service.key, real.real_server.key);
            asked.entry(shared).or_default().push((standing, subscriber));
        }
    }
    let subscribe = |((check, interval, path, doubt), standing)| {
        let (standings, subscribers) = by_standing(standing);
        let job = Job { check, interval, path, doubt, standings };
        let job = before.get_key_value(&job).map_or_else(|| Arc::new(job), |(known, _)| known.clone());
        (job, subscribers)
    };
    asked.into_iter().map(subscribe).collect()
}

/// Returns each standing once, and beside it who wants it. They are sorted: the same services make the same job whatever their
/// order.
fn by_standing(mut wanted: Vec<(Arc<Standing>, Subscriber)>) -> (Vec<Arc<Standing>>, Vec<Vec<Subscriber>>) {
    wanted.sort();
    let (mut standings, mut subscribers) = (Vec::new(), Vec::<Vec<Subscriber>>::new());
    for (standing, subscriber) in wanted {
        match subscribers.last_mut().filter(|_| standings.last() == Some(&standing)) {
            Some(others) => others.push(subscriber),
            None => {
                standings.push(standing);
                subscribers.push(vec![subscriber]);
            }
        }
    }
    (standings, subscribers)
}

/// Returns what is asked, and how the server is wanted to stand.
fn split(check: &Check) -> (Check, Arc<Standing>) {
    let (mut check, standing) = (check.clone(), Arc::clone(&check.question.standing));
    if *standing != Standing::default() {
        check.question = Arc::new(Question { standing: Arc::default(), ..(*check.question).clone() });
    }
    (check, standing)
}
