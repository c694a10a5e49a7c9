//! When each check runs: one task for each distinct check, all at once.
//!
//! Services that ask the same question of the same host at the same interval share one job.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::check::{self, CheckFailure, FailureKind};
use crate::health::Outcome;
use crate::model::Check;

/// A check and the time from one start of it to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    pub check: Check,
    pub interval: Duration,
}

/// The result of one run of a job.
#[derive(Debug)]
pub struct Finished {
    pub job: Arc<Job>,
    pub outcome: Outcome,
}

#[derive(Debug)]
struct Running {
    task: AbortHandle,
    asked: bool,
    /// Start of the job, then the time of its last result.
    last: Instant,
}

/// All jobs that run.
#[derive(Debug)]
pub struct Jobs {
    running: HashMap<Arc<Job>, Running>,
    results: mpsc::UnboundedSender<Finished>,
    started: u64,
}

impl Jobs {
    pub fn new(results: mpsc::UnboundedSender<Finished>) -> Self {
        Self { running: HashMap::new(), results, started: 0 }
    }

    /// Starts what is new, ends what is no longer wanted, and leaves the rhythm of the rest alone.
    pub fn replace(&mut self, wanted: HashSet<Job>) {
        self.running.retain(|job, running| {
            let keep = wanted.contains(job);
            if !keep {
                running.task.abort();
            }
            keep
        });
        for job in wanted {
            if !self.running.contains_key(&job) {
                self.start(Arc::new(job));
            }
        }
    }

    fn start(&mut self, job: Arc<Job>) {
        self.started += 1;
        let task = tokio::spawn(repeat(job.clone(), phase(self.started), self.results.clone()));
        let running = Running { task: task.abort_handle(), asked: false, last: Instant::now() };
        self.running.insert(job, running);
    }

    pub fn note(&mut self, job: &Job, now: Instant) {
        if let Some(running) = self.running.get_mut(job) {
            running.asked = true;
            running.last = now;
        }
    }

    /// Every job has had a result.
    pub fn all_asked(&self) -> bool {
        self.running.values().all(|running| running.asked)
    }

    /// The time by which every job must have had its first result.
    pub fn longest_timeout(&self) -> Duration {
        self.running.keys().map(|job| job.check.timeout).max().unwrap_or_default()
    }

    /// By how much the latest job is behind the latest time at which its result was due.
    pub fn lateness(&self, now: Instant) -> Duration {
        let late = |(job, running): (&Arc<Job>, &Running)| {
            now.saturating_duration_since(running.last + job.interval + job.check.timeout)
        };
        self.running.iter().map(late).max().unwrap_or_default()
    }
}

/// Where in its interval the `n`th job runs, in (0, 1]: multiples of the golden ratio spread evenly for every count,
/// so a thousand checks do not all start in the same millisecond of each second.
fn phase(n: u64) -> f64 {
    1.0 - (n as f64 * 0.618_033_988_749_894_9).fract()
}

/// The first run is at once, the second within one interval, the others at its steady beat.
async fn repeat(job: Arc<Job>, phase: f64, results: mpsc::UnboundedSender<Finished>) {
    let mut due = Instant::now();
    let mut step = job.interval.mul_f64(phase);
    loop {
        sleep_until(due).await;
        let outcome = outcome(check::run(&job.check).await);
        if results.send(Finished { job: job.clone(), outcome }).is_err() {
            return;
        }
        due = (due + step).max(Instant::now());
        step = job.interval;
    }
}

fn outcome(result: Result<(), CheckFailure>) -> Outcome {
    match result {
        Ok(()) => Outcome::Good,
        Err(failure) if failure.kind() == FailureKind::Internal => Outcome::NotAsked(failure.to_string()),
        Err(failure) => Outcome::Bad(failure.to_string()),
    }
}
