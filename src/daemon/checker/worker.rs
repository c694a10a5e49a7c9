//! The checking thread's turns: each takes orders, starts checks and delivers results.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::lateness::Lateness;
use super::peak::Peak;
use super::schedule::{DueRun, JobId, Schedule};
use super::{Deliver, Finished, Job, Shared, Timing};
use crate::check::{self, Burden, CheckFailure, CheckKind, FailureKind, lag};
use crate::health::Outcome;
use crate::system::{descriptors, memory};

/// The longest time between two turns while checks run: how late a result is handed over.
const BUSY: Duration = Duration::from_millis(10);
/// The shortest time between two turns: checks that are due within it start together, and one wake-up serves them all.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest time between two turns while nothing runs, so that the pulse stays fresh.
const IDLE: Duration = Duration::from_secs(1);
/// What one turn starts, in connections: when more is due, the running checks are looked at in between.
const AT_ONCE: usize = 256;
/// The start of a program takes as long as that of this many connections, and up to 50 ms in an emulated kernel:
/// hundreds in one turn would look like a thread that hangs.
const PROGRAM_START: usize = 64;

/// Descriptors that are left to the rest of the health monitor: its files, its sockets, its clients.
const RESERVE: usize = 128;
/// The most descriptors for checks that run at once: enough for thousands of servers that do not answer.
const MOST: usize = 4096;
/// A conversation takes twice the room of a connection: it holds some 25 kB, most of them buffers of the HTTP library.
/// With less room, a farm of which thousands hang would make the checks of all others late.
const TALK: usize = 2;
/// A thread takes several descriptors, and thousands would weigh the machine down.
const THREAD: usize = 8;
/// A program takes a process of its own: at most 128 at once, so that control and agents get their share of the processor.
const PROGRAM: usize = 32;

pub(super) struct Worker {
    shared: Arc<Shared>,
    deliver: Deliver,
    schedule: Schedule,
    running: HashMap<JobId, RunningCheck>,
    room: usize,
    /// The part of the room that the running checks have.
    used: usize,
    peak: Peak,
    ended: Arc<Mutex<Vec<EndedRun>>>,
    lateness: Lateness,
}

/// A running check. It takes its part of the room until its end is seen.
struct RunningCheck {
    task: AbortHandle,
    weight: usize,
}

/// Reports the end of a run when it is dropped: also when the check has panicked or was given up.
struct RunReport {
    ended: Arc<Mutex<Vec<EndedRun>>>,
    id: JobId,
    late: Duration,
    begun: Instant,
    outcome: Option<Outcome>,
}

struct EndedRun {
    id: JobId,
    outcome: Outcome,
    timing: Timing,
}

impl RunReport {
    fn end_with(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for RunReport {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        let outcome = outcome
            .unwrap_or_else(|| Outcome::NotAsked("check: ended without a result (a fault of lvs-agents)".into()));
        let timing = Timing { late: self.late, took: self.begun.elapsed() };
        lock(&self.ended).push(EndedRun { id: self.id, outcome, timing });
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, deliver: Deliver) -> Self {
        Self {
            shared,
            deliver,
            schedule: Schedule::default(),
            running: HashMap::new(),
            room: room(descriptors::limit()),
            used: 0,
            peak: Peak::default(),
            ended: Arc::default(),
            lateness: Lateness::new(Instant::now()),
        }
    }

    /// Runs until the [`super::Checker`] is dropped.
    pub async fn run(mut self) {
        while let Some(next) = self.turn() {
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = shared.changed.notified() => {}
                () = sleep_until(next.into()) => {}
            }
        }
        self.running.values().for_each(|running| running.task.abort());
    }

    /// Takes one turn and returns when the next one shall be; `None` means never.
    fn turn(&mut self) -> Option<Instant> {
        let (wanted, end) = {
            let mut orders = self.shared.orders();
            (orders.wanted.take(), orders.end)
        };
        if end {
            return None;
        }
        if let Some(wanted) = wanted {
            for id in self.schedule.replace(wanted, Instant::now()) {
                self.running.get(&id).inspect(|running| running.task.abort());
            }
        }
        let finished = self.collect();
        if !finished.is_empty() {
            (self.deliver)(finished);
        }
        self.start_what_is_due();
        if self.peak.is_over(self.used) {
            // Otherwise the memory of a first round of ten thousand conversations would be held as long as the health monitor
            // lives.
            memory::give_back();
        }
        // The time is read again here: the delivery may have taken long.
        let now = Instant::now();
        let next = self.next_turn(now);
        lag::turn(now.into(), next.into());
        self.shared.note_turn(now, next, self.lateness.greatest(now));
        Some(next)
    }

    fn collect(&mut self) -> Vec<Finished> {
        let ended = mem::take(&mut *lock(&self.ended));
        let now = Instant::now();
        let mut finished = Vec::with_capacity(ended.len());
        for EndedRun { id, outcome, timing } in ended {
            if let Some(running) = self.running.remove(&id) {
                self.used -= running.weight;
            }
            finished.extend(self.schedule.finished(id, &outcome, now).map(|job| Finished { job, outcome, timing }));
        }
        finished
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        let mut left = AT_ONCE;
        while left > 0 {
            let room = self.room.saturating_sub(self.used);
            let Some(start) = self.schedule.start_next(now, |job| weight(job) <= room) else { break };
            left = left.saturating_sub(start_cost(&start.job));
            self.lateness.note(start.late, now);
            self.start(start);
        }
        if let Some(due) = self.schedule.next() {
            self.lateness.note(now.saturating_duration_since(due), now);
        }
    }

    fn start(&mut self, DueRun { id, job, late, is_between }: DueRun) {
        let report = RunReport { ended: Arc::clone(&self.ended), id, late, begun: Instant::now(), outcome: None };
        let weight = weight(&job);
        let task = tokio::spawn(async move {
            let between = if is_between { check::between(&job.check) } else { None };
            let outcome = outcome(check::run(between.as_ref().unwrap_or(&job.check)).await);
            report.end_with(outcome);
        });
        self.used += weight;
        self.running.insert(id, RunningCheck { task: task.abort_handle(), weight });
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let latest = now + if self.running.is_empty() { IDLE } else { BUSY };
        self.schedule.next().map_or(latest, |due| due.clamp(now + PAUSE, latest))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how many descriptors checks may use at once, of `limit` that the process may have open.
fn room(limit: usize) -> usize {
    limit.saturating_sub(RESERVE).clamp(PROGRAM, MOST)
}

fn weight(job: &Job) -> usize {
    match burden(job) {
        Burden::Nothing => 0,
        Burden::Socket => 1,
        Burden::Conversation => TALK,
        Burden::Thread => THREAD,
        Burden::Program => PROGRAM,
    }
}

fn start_cost(job: &Job) -> usize {
    if burden(job) == Burden::Program { PROGRAM_START } else { 1 }
}

fn burden(job: &Job) -> Burden {
    CheckKind::find(job.check.question.kind).map_or(Burden::Nothing, |kind| kind.burden)
}

fn outcome(result: Result<(), CheckFailure>) -> Outcome {
    match result {
        Ok(()) => Outcome::Good,
        Err(failure) if failure.kind() == FailureKind::Internal => Outcome::NotAsked(failure.to_string()),
        Err(failure) => Outcome::Bad(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Check, Question};

    #[test]
    fn descriptors_are_left_to_the_daemon_and_the_heaviest_check_always_fits() {
        for (limit, wanted) in [(0, 32), (64, 32), (200, 72), (1024, 896), (4224, 4096), (1 << 20, 4096)] {
            assert_eq!(room(limit), wanted, "{limit}");
        }
        for kind in CheckKind::all() {
            let question = Question::of(kind.name);
            let target = ([192, 0, 2, 1], 80).into();
            let check = Check { question: question.into(), target, timeout: IDLE, between: None };
            let job = Job { check, interval: IDLE };
            assert!(weight(&job) <= room(0), "{job:?}");
        }
    }
}
