//! The checking thread's turns: each takes orders, starts checks and delivers results.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::lateness::Lateness;
use super::peak::Peak;
use super::schedule::{DueRun, JobId, Schedule};
use super::{Deliver, Finished, Job, Shared, Timing, Verdict};
use crate::check::path::{PathResult, Paths};
use crate::check::{self, Burden, CheckFailure, CheckKind, FailureKind, Sessions, lag};
use crate::health::Outcome;
use crate::model::{Advice, Standing};
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
    running: HashMap<JobId, AbortHandle>,
    paths: Paths,
    sessions: Sessions,
    room: usize,
    /// The part of the room that the running checks have.
    used: Arc<AtomicUsize>,
    peak: Peak,
    ended: Arc<Mutex<Vec<EndedRun>>>,
    lateness: Lateness,
}

/// The part of the room that a check has until its server has answered, or it is given up. What only waits for the answer
/// of its path has none: silent paths would otherwise keep other checks waiting.
struct Share {
    used: Arc<AtomicUsize>,
    weight: usize,
}

impl Share {
    fn take(used: &Arc<AtomicUsize>, weight: usize) -> Self {
        used.fetch_add(weight, Ordering::Relaxed);
        Self { used: Arc::clone(used), weight }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

/// Reports the end of a run when it is dropped: also when the check has panicked or was given up.
struct RunReport {
    ended: Arc<Mutex<Vec<EndedRun>>>,
    id: JobId,
    late: Duration,
    begun: Instant,
    /// How many verdicts are awaited.
    awaited: usize,
    verdicts: Option<Vec<Verdict>>,
}

struct EndedRun {
    id: JobId,
    verdicts: Vec<Verdict>,
    timing: Timing,
}

impl RunReport {
    fn end_with(mut self, verdicts: Vec<Verdict>) {
        self.verdicts = Some(verdicts);
    }
}

impl Drop for RunReport {
    fn drop(&mut self) {
        let nothing = || Outcome::NotAsked("check: ended without a result (a fault of lvs-agents)".into());
        let verdicts = self.verdicts.take().unwrap_or_else(|| vec![nothing().into(); self.awaited]);
        let timing = Timing { late: self.late, took: self.begun.elapsed() };
        lock(&self.ended).push(EndedRun { id: self.id, verdicts, timing });
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, deliver: Deliver) -> Self {
        Self {
            shared,
            deliver,
            schedule: Schedule::default(),
            running: HashMap::new(),
            paths: Paths::default(),
            sessions: Sessions::default(),
            room: room(descriptors::limit()),
            used: Arc::default(),
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
        self.running.values().for_each(AbortHandle::abort);
    }

    /// Takes one turn and returns when the next one shall be; `None` means never.
    fn turn(&mut self) -> Option<Instant> {
        let (wanted, virtual_ips, at_once, end) = {
            let mut orders = self.shared.orders();
            (orders.wanted.take(), orders.virtual_ips.take(), mem::take(&mut orders.at_once), orders.end)
        };
        if end {
            return None;
        }
        if let Some(virtual_ips) = virtual_ips {
            self.paths.know_virtual_ips(virtual_ips);
        }
        if let Some(wanted) = wanted {
            self.sessions.keep_for(wanted.iter().map(|job| &job.check));
            for id in self.schedule.replace(wanted, Instant::now()) {
                self.running.get(&id).inspect(|task| task.abort());
            }
        }
        self.schedule.ask_now(&at_once, Instant::now());
        let finished = self.collect();
        if !finished.is_empty() {
            (self.deliver)(finished);
        }
        self.start_what_is_due();
        if self.peak.is_over(self.used()) {
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
        for EndedRun { id, verdicts, timing } in ended {
            self.running.remove(&id);
            let job = self.schedule.finished(id, &verdicts, now);
            finished.extend(job.map(|job| Finished { job, verdicts, timing }));
        }
        finished
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        let mut left = AT_ONCE;
        while left > 0 {
            let room = self.room.saturating_sub(self.used());
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
        let awaited = job.standings.len();
        let report =
            RunReport { ended: Arc::clone(&self.ended), id, late, begun: Instant::now(), awaited, verdicts: None };
        let share = Share::take(&self.used, weight(&job));
        // It is asked from now on, whenever its answer is looked at.
        let path = job.path.map(|path| self.paths.ask(path));
        let sessions = self.sessions.clone();
        let task = tokio::spawn(async move {
            let between = if is_between { check::between(&job.check) } else { None };
            let standings: Vec<&Standing> = job.standings.iter().map(|standing| &**standing).collect();
            let checked = check::run_for(between.as_ref().unwrap_or(&job.check), &standings, &sessions);
            let mut verdicts = ask(checked, share, path).await;
            let alive = verdicts.iter_mut().filter(|verdict| is_between && verdict.outcome == Outcome::Good);
            alive.for_each(|verdict| verdict.outcome = Outcome::Alive);
            report.end_with(verdicts);
        });
        self.running.insert(id, task.abort_handle());
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let latest = now + if self.running.is_empty() { IDLE } else { BUSY };
        self.schedule.next().map_or(latest, |due| due.clamp(now + PAUSE, latest))
    }
}

/// Makes a check, which has its share of the room meanwhile, and waits then for what is said of the path, where it counts.
async fn ask(
    checked: impl Future<Output = Vec<Result<Option<Advice>, CheckFailure>>>,
    share: Share,
    path: Option<impl Future<Output = PathResult>>,
) -> Vec<Verdict> {
    let checked = checked.await;
    drop(share);
    let path = match path {
        Some(path) if checked.iter().any(Result::is_ok) => Some(path.await),
        _ => None,
    };
    let verdict = |checked| match (checked, &path) {
        (Ok(advice), Some(path)) => with_path(advice, path),
        (checked, _) => outcome(checked).into(),
    };
    checked.into_iter().map(verdict).collect()
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

fn outcome(result: Result<Option<Advice>, CheckFailure>) -> Outcome {
    match result {
        Ok(None) => Outcome::Good,
        Ok(Some(advice)) => Outcome::Advised(advice),
        Err(failure) if failure.kind() == FailureKind::Internal => Outcome::NotAsked(failure.to_string()),
        Err(failure) => Outcome::Bad(failure.to_string()),
    }
}

/// Returns what a real server is that has passed its check, and what of its path could not be asked.
fn with_path(advice: Option<Advice>, path: &PathResult) -> Verdict {
    match path {
        Ok(()) => outcome(Ok(advice)).into(),
        Err(failure) if failure.kind() == FailureKind::Internal => {
            Verdict { outcome: outcome(Ok(advice)), hindrance: Some(failure.to_string()) }
        }
        Err(failure) => outcome(Err(failure.clone())).into(),
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
            let check = check_of(kind.name);
            let job = Job { check, interval: IDLE, path: None, doubt: None, standings: vec![Arc::default()] };
            assert!(weight(&job) <= room(0), "{job:?}");
        }
    }

    fn check_of(kind: &'static str) -> Check {
        let target = ([192, 0, 2, 1], 80).into();
        Check { question: Question::of(kind).into(), target, timeout: IDLE, between: None }
    }

    #[test]
    fn a_check_that_only_waits_for_its_path_leaves_its_room_to_others() {
        let used = Arc::new(AtomicUsize::new(0));
        let share = Share::take(&used, PROGRAM);
        assert_eq!(used.load(Ordering::Relaxed), PROGRAM);
        let path = async {
            assert_eq!(used.load(Ordering::Relaxed), 0);
            Ok(())
        };
        let verdicts = runtime().block_on(ask(async { vec![Ok(None)] }, share, Some(path)));
        assert_eq!(verdicts, [Outcome::Good.into()]);
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime")
    }

    #[test]
    fn the_answer_of_the_path_counts_for_every_good_verdict_and_is_awaited_for_no_other() {
        let failure = |kind| CheckFailure::new(kind, "path", "no answer");
        let wrong_role = || Err(failure(FailureKind::Answer));
        let (bad, silent) = (|| Outcome::Bad(failure(FailureKind::Answer).to_string()), failure(FailureKind::Timeout));
        let lost = || Outcome::Bad(silent.to_string());
        for (checked, path, wanted) in [
            (vec![Ok(None), wrong_role(), Ok(None)], Some(Ok(())), vec![Outcome::Good, bad(), Outcome::Good]),
            (vec![Ok(None), wrong_role(), Ok(None)], Some(Err(silent.clone())), vec![lost(), bad(), lost()]),
            (vec![wrong_role(), wrong_role()], None, vec![bad(), bad()]),
        ] {
            let path = async { path.expect("nothing is good, so the path does not matter") };
            let share = Share::take(&Arc::default(), 0);
            let verdicts = runtime().block_on(ask(async { checked }, share, Some(path)));
            assert_eq!(verdicts, wanted.into_iter().map(Verdict::from).collect::<Vec<_>>());
        }
    }
}
