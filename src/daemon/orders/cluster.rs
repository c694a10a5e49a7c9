//! What is known of the orders that the cluster keeps. Its file on this node follows each change, a moment later, and costs the
//! cluster nothing. The cluster's own answer is what counts; it takes a program and the time of the cluster's own, so it is asked
//! at the start, now and then, and where the file does not say it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::daemon::source::Stamp;
use crate::orders::{CIB_FILE, Cluster, ClusterCopy, ClusterError, Kept, has_cluster};
use crate::system::RunDir;

/// How often the cluster is asked while it answers what the file says.
const ASK: Duration = Duration::from_secs(20);
/// How soon it is asked again otherwise.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// These questions take at most one part in this many of the time: a machine that is busy is not kept busy by them.
const ASK_SHARE: u32 = 20;
/// For how long after an answer a changed file may be older than the answer.
const SETTLING: Duration = Duration::from_secs(5);
/// How long the cluster may be silent until that is a fault: an update of it, and a busy machine, pass.
const PASSING: Duration = Duration::from_secs(60);
/// How long the file may say something else than the cluster until that is a fault.
const LATE: Duration = Duration::from_secs(9);

/// Asks the cluster; the answer has to be there at the given time.
type Question = Box<dyn FnMut(Instant) -> Result<Kept, ClusterError> + Send>;

/// Follows the orders of the cluster.
pub struct ClusterWatch {
    file: PathBuf,
    question: Question,
    copy: ClusterCopy,
    stamp: Stamp,
    ask_at: Instant,
    /// A file that has changed before is not believed.
    settled_at: Instant,
    view: ClusterView,
}

/// What is known of the cluster's orders.
#[derive(Debug, Default)]
struct ClusterView {
    kept: Kept,
    has_answered: bool,
    /// Since when it does not answer, and why.
    silent: Option<(Instant, ClusterError)>,
    /// Since when its file says something else than the cluster itself.
    late: Option<Instant>,
}

impl ClusterWatch {
    pub fn new(run_dir: &RunDir) -> Self {
        let copy = ClusterCopy::new(run_dir);
        // What a health monitor before this one has known.
        let kept = if has_cluster() { copy.read() } else { Kept::default() };
        let now = Instant::now();
        Self {
            file: CIB_FILE.into(),
            question: Box::new(|deadline| Cluster::ask(deadline).map(|cluster| cluster.kept())),
            copy,
            stamp: Stamp::default(),
            ask_at: now,
            settled_at: now,
            view: ClusterView { has_answered: !kept.orders.is_empty(), kept, ..ClusterView::default() },
        }
    }

    /// Returns what the cluster keeps, as far as it is known.
    pub fn kept(&self) -> &Kept {
        &self.view.kept
    }

    /// Returns why the orders may be others than those that are known.
    pub fn trouble(&self, now: Instant) -> Option<String> {
        self.view.silence(now).or_else(|| self.view.lateness(now))
    }

    /// Looks for changes. A question may take as long as `patience`.
    pub fn look(&mut self, now: Instant, patience: Duration) {
        let before = self.view.kept.orders.clone();
        self.follow(now, patience);
        if self.view.kept.orders != before {
            // Without a copy the next health monitor has to wait for the cluster, as it does after a reboot.
            let _ = self.copy.write(&self.view.kept.orders);
        }
    }

    fn follow(&mut self, now: Instant, patience: Duration) {
        // A change while the file is read, or the cluster answers, has a newer stamp.
        let stamp = Stamp::of(&self.file);
        let is_changed = std::mem::replace(&mut self.stamp, stamp) != stamp;
        if stamp.is_absent() && self.view.is_of_no_cluster() {
            return;
        }
        let has_to_ask = now >= self.ask_at || (is_changed && now < self.settled_at);
        if !is_changed && !has_to_ask {
            return;
        }
        let in_file = Cluster::read_file(&self.file).ok().map(|cluster| cluster.kept());
        match in_file {
            Some(kept) if !has_to_ask => self.view.kept = kept,
            in_file => self.ask(now, patience, in_file),
        }
    }

    fn ask(&mut self, now: Instant, patience: Duration, in_file: Option<Kept>) {
        let began = Instant::now();
        let answer = (self.question)(began + patience);
        let took = began.elapsed();
        let now = now + took;
        if answer.is_ok() {
            self.settled_at = now + SETTLING;
        }
        match answer {
            Ok(kept) => self.view.take(kept, in_file, now),
            // The cluster has been taken off this node.
            Err(ClusterError::Absent(_)) if self.stamp.is_absent() => self.view = ClusterView::default(),
            Err(error) => self.view.miss(error, in_file, now),
        }
        let pause = if self.view.silent.is_some() || self.view.late.is_some() { ASK_AGAIN } else { ASK };
        self.ask_at = now + pause.max(took * ASK_SHARE);
    }
}

impl ClusterView {
    /// Takes an answer. `in_file` is what the file said before the question.
    fn take(&mut self, kept: Kept, in_file: Option<Kept>, now: Instant) {
        let is_late = in_file.is_none_or(|in_file| in_file.orders != kept.orders);
        let late = is_late.then(|| self.late.unwrap_or(now));
        *self = Self { kept, has_answered: true, silent: None, late };
    }

    /// Notes that there was no answer. The file of a cluster that runs says more than nothing.
    fn miss(&mut self, error: ClusterError, in_file: Option<Kept>, now: Instant) {
        let runs = matches!(error, ClusterError::Failed(_));
        if let Some(kept) = in_file.filter(|_| runs && self.late.is_none()) {
            self.kept = kept;
        }
        let since = self.silent.as_ref().map_or(now, |(since, _)| *since);
        self.silent = Some((since, error));
    }

    fn is_of_no_cluster(&self) -> bool {
        self.kept == Kept::default() && !self.has_answered && self.silent.is_none()
    }

    /// Says that the cluster does not answer, when that has lasted. One that has not run since this health monitor was started
    /// has no orders.
    fn silence(&self, now: Instant) -> Option<String> {
        let (since, error) = self.silent.as_ref()?;
        let is_fault = self.has_answered || matches!(error, ClusterError::Failed(_));
        let lasts = now.saturating_duration_since(*since) > PASSING;
        (is_fault && lasts).then(|| format!("ask the cluster: {error}; those that were known last are obeyed"))
    }

    /// Says that the file does not follow the cluster, when that has lasted.
    fn lateness(&self, now: Instant) -> Option<String> {
        self.late.filter(|since| now.saturating_duration_since(*since) > LATE).map(|_| {
            format!(
                "read {CIB_FILE}: it does not have what the cluster answers, which is asked every {} s now: pacemaker ceases to \
                 write the file after a write that failed, and its log says why; mend that (where \
                 the file was edited, remove {CIB_FILE}.sig: the next write ends the edit), then have it write \
                 with the next change of the configuration (killall -PIPE pacemaker-based)",
                ASK_AGAIN.as_secs()
            )
        })
    }
}

#[cfg(test)]
mod tests;
