//! Asks every real server at its time, in a thread of its own.
//!
//! [`schedule`] says when each check is due, [`worker`] runs those that are and hands their results over in batches.
//! Services that ask the same question of the same host at the same times share one job, also where they want the server to
//! stand differently: each [`Standing`] has its verdict. A job costs a future only while its check runs.

mod lateness;
mod peak;
mod schedule;
mod worker;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::health::Outcome;
use crate::model::{Check, PathCheck, Standing};
pub use schedule::first_round;
use worker::Worker;

/// How long the end of a [`Checker`] waits for its thread. The thread takes a turn every few milliseconds, unless the
/// receiver of the results keeps it waiting.
const END: Duration = Duration::from_secs(1);

/// A check, when it is made, and how those who share it want the server to stand. Whatever can delay a verdict, or lets it come
/// sooner, is part of what makes two jobs different: otherwise the settings of one service would count for another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    /// What its question says of the standing of a server counts for nothing.
    pub check: Check,
    pub interval: Duration,
    /// What is asked beside the check; the real server has to pass both.
    pub path: Option<PathCheck>,
    /// `None`: the interval is the same whatever the results.
    pub doubt: Option<DoubtInterval>,
    /// What the server must be, beside answering: one for each way in which services want it; never empty.
    pub standings: Vec<Arc<Standing>>,
}

/// A shorter interval, while the results of a check contradict what is known of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DoubtInterval {
    pub interval: Duration,
    /// So many bad results in a row end the doubt.
    pub failures: u32,
    /// So many good ones do.
    pub successes: u32,
}

/// The result of one run of a job.
#[derive(Debug)]
pub struct Finished {
    pub job: Arc<Job>,
    /// One for each of its standings, in their order.
    pub verdicts: Vec<Verdict>,
    pub timing: Timing,
}

/// What one run of a job says to those who want the server to stand in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// Why the path of a real server that has passed its check could not be asked: a fault of this node, which says nothing of
    /// the real server.
    pub hindrance: Option<String>,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, hindrance: None }
    }
}

/// When a run took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// By how much it started after it was due.
    pub late: Duration,
    /// From its start to its end.
    pub took: Duration,
}

/// Called with batches of results, in the checking thread.
pub type Deliver = Box<dyn Fn(Vec<Finished>) + Send>;

/// How the checking thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// When it last took a turn: at most about a second ago, while all is well.
    pub last_turn: Instant,
    /// By how much checks start late: the most of the last one to two seconds, or the present delay of the thread
    /// itself. A few milliseconds are ordinary.
    pub late: Duration,
}

impl Pulse {
    /// The pulse of a health monitor that is ending and whose checks are over.
    pub fn steady() -> Self {
        Self { last_turn: Instant::now(), late: Duration::ZERO }
    }
}

/// The thread that makes all checks. Dropping it ends them all: connections are closed, external programs are killed.
#[derive(Debug)]
pub struct Checker {
    shared: Arc<Shared>,
    /// Disconnected when the thread has ended.
    end: Mutex<Receiver<()>>,
}

impl Checker {
    /// Starts the thread `checks`, without any job.
    ///
    /// `deliver` gets what has finished since its last call, in one batch, at most once per turn of the thread. It may
    /// block: the checks then start late, none is asked again before its result is handed over, and so no more than one
    /// result of each check that runs is ever held here. How many run at once follows from the limit of open files
    /// (`RLIMIT_NOFILE`) at this moment.
    ///
    /// # Errors
    /// Fails when the thread or its event loop cannot be created.
    pub fn start(deliver: Deliver) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::new());
        let worker = Worker::new(Arc::clone(&shared), deliver);
        let (ended, end) = channel();
        std::thread::Builder::new().name("checks".into()).spawn(move || {
            // The worker is a task among the others and not the runtime's root, which would run before them all. So
            // each turn comes after every check that has something to do has done it, and the length of a turn says how
            // busy the machine is.
            let turns = runtime.spawn(worker.run());
            let _panicked = runtime.block_on(turns);
            drop(runtime);
            drop(ended);
        })?;
        Ok(Self { shared, end: Mutex::new(end) })
    }

    /// Takes the whole new set of jobs. A job that stays keeps its rhythm, and so does a job that asks the same of the
    /// same server with another timeout or interval; the result of its run that is under way then never comes.
    pub fn replace(&self, wanted: HashSet<Arc<Job>>) {
        self.shared.orders().wanted = Some(wanted);
        self.shared.changed.notify_one();
    }

    /// Takes the addresses of all virtual services: no path check comes from one of them.
    pub fn know_virtual_ips(&self, virtual_ips: BTreeSet<IpAddr>) {
        self.shared.orders().virtual_ips = Some(virtual_ips);
        self.shared.changed.notify_one();
    }

    /// Makes these checks now, whatever their rhythm. One that is under way is made once more when it has ended.
    pub fn ask_now(&self, jobs: impl IntoIterator<Item = Arc<Job>>) {
        self.shared.orders().at_once.extend(jobs);
        self.shared.changed.notify_one();
    }

    /// Returns the present pulse. It never blocks, whatever the checking thread does.
    pub fn pulse(&self) -> Pulse {
        self.shared.pulse(Instant::now())
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.shared.orders().end = true;
        self.shared.changed.notify_one();
        // An external program whose check is under way must not outlive the process.
        let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ended = end.recv_timeout(END);
    }
}

/// What the checking thread and the other threads share.
#[derive(Debug)]
struct Shared {
    orders: Mutex<CheckOrders>,
    /// Notified when there are new orders.
    changed: Notify,
    /// Zero of the times below, in nanoseconds.
    epoch: Instant,
    last_turn: AtomicU64,
    /// The latest time of the next turn.
    next_turn: AtomicU64,
    late: AtomicU64,
}

#[derive(Debug, Default)]
struct CheckOrders {
    wanted: Option<HashSet<Arc<Job>>>,
    virtual_ips: Option<BTreeSet<IpAddr>>,
    at_once: HashSet<Arc<Job>>,
    end: bool,
}

impl Shared {
    fn new() -> Self {
        Self {
            orders: Mutex::default(),
            changed: Notify::new(),
            epoch: Instant::now(),
            last_turn: AtomicU64::new(0),
            next_turn: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    fn orders(&self) -> MutexGuard<'_, CheckOrders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_turn(&self, now: Instant, next: Instant, late: Duration) {
        let since_epoch = |instant: Instant| instant.saturating_duration_since(self.epoch);
        for (place, value) in
            [(&self.last_turn, since_epoch(now)), (&self.next_turn, since_epoch(next)), (&self.late, late)]
        {
            place.store(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    fn pulse(&self, now: Instant) -> Pulse {
        let [last, next, late] = [&self.last_turn, &self.next_turn, &self.late]
            .map(|place| Duration::from_nanos(place.load(Ordering::Relaxed)));
        let overdue = now.saturating_duration_since(self.epoch + next);
        Pulse { last_turn: self.epoch + last, late: late.max(overdue) }
    }
}

#[cfg(test)]
mod tests;
