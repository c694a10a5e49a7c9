//! Decides when each check starts. Pure: the time is an argument, and another module asks the servers.
//!
//! Each job has its beat: a grid of instants, one interval apart, at a phase of its own, so that ten thousand checks
//! are spread over the interval. Waiting jobs stand in a queue in the order of the times at which they are due. When
//! the machine cannot keep up, each job is due one interval after its last start, whatever its beat: all of them are
//! late by the same time, and no missed run is made up for. When the machine can keep up again, every job goes back to
//! its beat. A job in doubt ([`doubt`]) is due sooner than its next beat, unless the machine cannot keep up, and goes back
//! to its beat afterwards: the spread over the interval stays.

mod doubt;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Job, Verdict};
use crate::health::Outcome;
use crate::model::{Question, Standing};
use doubt::Doubt;

/// The time that each of many new jobs adds to their first round: ten thousand jobs take a second.
const FIRST_ROUND_PACE: Duration = Duration::from_micros(100);
/// The first round takes no longer than this, and no longer than an interval: a start waits for it.
const FIRST_ROUND: Duration = Duration::from_secs(1);
/// No interval is shorter, so that a beat always lies ahead.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Returns how long it takes until this many new jobs have been asked for the first time, on a machine that can keep
/// up.
pub fn first_round(jobs: usize) -> Duration {
    FIRST_ROUND_PACE.saturating_mul(u32::try_from(jobs).unwrap_or(u32::MAX)).min(FIRST_ROUND)
}

/// Identifies one job in a [`Schedule`]; a number is never used for another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

/// A run that is to begin.
#[derive(Debug, Clone)]
pub struct DueRun {
    pub id: JobId,
    pub job: Arc<Job>,
    /// The time from when the run was due to now.
    pub late: Duration,
    /// What a combined check does between two questions, in place of the question.
    pub is_between: bool,
}

/// All jobs and when each of them is due.
#[derive(Debug, Default)]
pub struct Schedule {
    jobs: HashMap<JobId, ScheduledJob>,
    /// Each job that does not run, once, with the time at which it is due and a number that grows with each wait: among
    /// jobs that are due in the same instant none is always the last.
    queue: BinaryHeap<Reverse<(Instant, u64, JobId)>>,
    ids: u64,
    waits: u64,
}

#[derive(Debug)]
struct ScheduledJob {
    job: Arc<Job>,
    /// One instant of the grid.
    beat: Instant,
    state: JobState,
    /// Whether the job has had a result.
    asked: bool,
    /// Runs of a combined check until it asks its question. The first one asks it.
    until_question: u32,
    /// One for each standing.
    doubts: Vec<Doubt>,
    /// Whether it is wanted again as soon as the run that is under way has ended.
    is_wanted_again: bool,
}

#[derive(Debug, Clone, Copy)]
enum JobState {
    Waiting { due: Instant },
    Running { since: Instant, late: Duration },
}

/// Two jobs with the same question differ only in how often and how patiently they ask. Two questions with one hash
/// would share a place on the grid, which does no harm.
type JobQuestion = (u64, SocketAddr);

impl Schedule {
    /// Takes the job that has been due for the longest time; it counts as running from now on. `None` means that no job
    /// is due, or that the next one does not fit now. That one keeps its place, and the jobs behind it wait too.
    pub fn start_next(&mut self, now: Instant, fits: impl FnOnce(&Job) -> bool) -> Option<DueRun> {
        let Reverse((due, _, id)) = *self.queue.peek()?;
        let entry = self.jobs.get_mut(&id)?;
        if due > now || !fits(&entry.job) {
            return None;
        }
        self.queue.pop();
        let late = now - due;
        entry.state = JobState::Running { since: now, late };
        Some(DueRun { id, job: Arc::clone(&entry.job), late, is_between: entry.until_question > 0 })
    }

    /// Returns when the next job that does not run is due; the time lies in the past when the job is late.
    pub fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((due, ..))| *due)
    }

    /// Notes that the run of a job has ended: the job waits for its next run. `None` means that the job is no longer
    /// wanted.
    pub fn finished(&mut self, id: JobId, verdicts: &[Verdict], now: Instant) -> Option<Arc<Job>> {
        let others_late = self.next().map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
        let entry = self.jobs.get_mut(&id)?;
        if let JobState::Running { since, late } = entry.state {
            entry.asked = true;
            entry.until_question = if entry.is_wanted_again { 0 } else { entry.next_question(verdicts) };
            entry.note_doubts(verdicts);
            let due = entry.next_start(since, [late, others_late], now);
            let due = if std::mem::take(&mut entry.is_wanted_again) { now } else { due };
            entry.state = JobState::Waiting { due };
            self.waits += 1;
            self.queue.push(Reverse((due, self.waits, id)));
        }
        Some(Arc::clone(&entry.job))
    }

    /// Makes these jobs due now, with their question. One that runs is due again when it has ended. Their beats stay.
    pub fn ask_now(&mut self, jobs: &HashSet<Arc<Job>>, now: Instant) {
        if jobs.is_empty() {
            return;
        }
        let mut moved = HashSet::new();
        for (id, entry) in self.jobs.iter_mut().filter(|(_, entry)| jobs.contains(&entry.job)) {
            entry.until_question = 0;
            match &mut entry.state {
                JobState::Running { .. } => entry.is_wanted_again = true,
                JobState::Waiting { due } => {
                    *due = now.min(*due);
                    moved.insert(*id);
                }
            }
        }
        self.queue.retain(|Reverse((_, _, id))| !moved.contains(id));
        for id in moved {
            let Some(due) = self.jobs.get(&id).and_then(ScheduledJob::due) else { continue };
            self.waits += 1;
            self.queue.push(Reverse((due, self.waits, id)));
        }
    }

    /// Takes the whole new set of jobs. A job that stays is not touched. A new job that asks what a leaving job asked
    /// takes over its place on the grid, scaled to its own interval: an edit of a timeout for all servers moves no
    /// check. Returns the jobs that have left while they ran.
    pub fn replace(&mut self, wanted: HashSet<Arc<Job>>, now: Instant) -> Vec<JobId> {
        let (stay, leave) = self.jobs.drain().partition::<HashMap<_, _>, _>(|(_, entry)| wanted.contains(&entry.job));
        self.jobs = stay;
        let abandoned = leave.iter().filter(|(_, entry)| matches!(entry.state, JobState::Running { .. }));
        let abandoned = abandoned.map(|(id, _)| *id).collect();
        let mut predecessors: HashMap<JobQuestion, Vec<ScheduledJob>> = HashMap::new();
        for entry in leave.into_values() {
            predecessors.entry(asked(&entry.job)).or_default().push(entry);
        }
        let known: HashSet<Arc<Job>> = self.jobs.values().map(|entry| Arc::clone(&entry.job)).collect();
        let new: Vec<Arc<Job>> = wanted.into_iter().filter(|job| !known.contains(job)).collect();
        let round = first_round(new.len());
        for job in new {
            self.ids += 1;
            let predecessor = predecessors.get_mut(&asked(&job)).and_then(Vec::pop);
            let entry = match predecessor.filter(|entry| entry.asked) {
                Some(predecessor) => predecessor.succeeded_by(job, now),
                None => ScheduledJob::new(job, now, phase(self.ids), round),
            };
            self.jobs.insert(JobId(self.ids), entry);
        }
        let waiting = self.jobs.iter().filter_map(|(id, entry)| Some(Reverse((entry.due()?, id.0, *id))));
        self.queue = waiting.collect();
        self.waits = self.ids;
        abandoned
    }
}

impl ScheduledJob {
    /// Creates a job whose first run comes soon, at the same phase of the first round as its later runs have in the
    /// interval.
    fn new(job: Arc<Job>, now: Instant, phase: f64, round: Duration) -> Self {
        let interval = job.interval.max(SHORTEST_INTERVAL);
        let due = now + round.min(interval).mul_f64(phase);
        let (beat, state) = (now + interval.mul_f64(phase), JobState::Waiting { due });
        let doubts = vec![Doubt::default(); job.standings.len()];
        Self { job, beat, state, asked: false, until_question: 0, doubts, is_wanted_again: false }
    }

    fn due(&self) -> Option<Instant> {
        match self.state {
            JobState::Waiting { due } => Some(due),
            JobState::Running { .. } => None,
        }
    }

    fn interval(&self) -> Duration {
        self.job.interval.max(SHORTEST_INTERVAL)
    }

    /// Returns how many runs only connect before the question is asked again: as many as the check has after an answer that is
    /// good for all, and none after anything else. As with ldirectord, only a good answer to the question brings back a server
    /// that has refused a connection.
    fn next_question(&self, verdicts: &[Verdict]) -> u32 {
        let is_good =
            |verdict: &Verdict| matches!(verdict.outcome, Outcome::Good | Outcome::Alive | Outcome::Advised(_));
        match self.until_question {
            _ if !verdicts.iter().all(is_good) => 0,
            0 => self.job.check.between.as_ref().map_or(0, |between| between.count),
            left => left - 1,
        }
    }

    fn note_doubts(&mut self, verdicts: &[Verdict]) {
        for (doubt, verdict) in self.doubts.iter_mut().zip(verdicts) {
            doubt.note(&verdict.outcome, self.job.doubt);
        }
    }

    /// Returns the interval while one of those who share the job doubts.
    fn doubt_interval(&self) -> Option<Duration> {
        let doubt = self.job.doubt.filter(|_| self.doubts.iter().any(|doubt| doubt.stands()))?;
        Some(doubt.interval)
    }

    /// Returns the first beat that lies at least half an interval after the last start, or now when the run took
    /// longer. `late` is by how much this job started late, and by how much another one is that still waits. Where either
    /// is much, the machine cannot keep up, and the job waits a whole interval instead: on their beats some jobs would be
    /// asked each time and others every second time.
    fn next_start(&mut self, since: Instant, late: [Duration; 2], now: Instant) -> Instant {
        let interval = self.interval();
        let [_, others_late] = late;
        if !others_late.is_zero() && late.into_iter().any(|late| late > interval / 32) {
            return now.max(since + interval);
        }
        self.beat = first_beat(self.beat, interval, since + interval / 2);
        let due = match self.doubt_interval() {
            Some(interval) => self.beat.min(since + interval.max(SHORTEST_INTERVAL)),
            None => self.beat,
        };
        due.max(now)
    }

    /// Returns the job that takes this one's place, as far into its own interval. A run that is under way is given up,
    /// since it has another deadline; it counts all the same.
    fn succeeded_by(mut self, job: Arc<Job>, now: Instant) -> Self {
        let due = match self.state {
            JobState::Waiting { due } => due,
            JobState::Running { since, late } => self.next_start(since, [late, Duration::ZERO], now),
        };
        let interval = job.interval.max(SHORTEST_INTERVAL);
        let scaled = |at: Instant| {
            let ahead = at.saturating_duration_since(now).as_secs_f64();
            now + interval.mul_f64((ahead / self.interval().as_secs_f64()).min(1.0))
        };
        // A job that is due stays due: many late jobs keep their order.
        let due = if due <= now { due } else { scaled(due) };
        let beat = scaled(first_beat(self.beat, self.interval(), now));
        let known: HashMap<&Arc<Standing>, Doubt> =
            self.job.standings.iter().zip(self.doubts.iter().copied()).collect();
        let doubts = job.standings.iter().map(|standing| known.get(standing).copied().unwrap_or_default()).collect();
        Self {
            job,
            beat,
            state: JobState::Waiting { due },
            asked: true,
            until_question: 0,
            doubts,
            is_wanted_again: false,
        }
    }
}

/// Returns the first instant of the grid through `beat` that is not before `earliest`.
fn first_beat(beat: Instant, interval: Duration, earliest: Instant) -> Instant {
    let behind = earliest.saturating_duration_since(beat).as_nanos();
    let step = behind.div_ceil(interval.as_nanos()) * interval.as_nanos();
    beat + Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX))
}

fn asked(job: &Job) -> JobQuestion {
    // The pattern is left out: a new pattern to the same server must not make a burst either.
    let Question {
        kind, protocol, request, receive: _, login, passwd, database, secret, virtualhost, httpmethod, ..
    } = &*job.check.question;
    let mut hasher = DefaultHasher::new();
    (kind, protocol, request, login, passwd, database, secret, virtualhost, httpmethod).hash(&mut hasher);
    (hasher.finish(), job.check.target)
}

/// Returns where in its interval the `n`th job runs, in (0, 1]: multiples of the golden ratio spread evenly for every
/// count.
fn phase(n: u64) -> f64 {
    1.0 - (n as f64 * 0.618_033_988_749_894_9).fract()
}

#[cfg(test)]
mod tests;
