//! What the connections of clients say of one real server, and for how long it is out for that.
//!
//! One that is out gets no clients, so nothing can show that it is well again: it is tried after a while. One that fails
//! such a trial is out for twice as long.

use std::fmt;
use std::time::{Duration, Instant};

/// How long the first suspicion keeps a real server out: a trial costs a few seconds of clients.
const FIRST: Duration = Duration::from_secs(30);
/// How long one does at most: a real server that was repaired shall not wait for hours.
const LONGEST: Duration = Duration::from_secs(8 * 60);

/// That a real server swallows the connections of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// What it rests on, in words for people.
    pub cause: String,
    /// When it began.
    pub since: Instant,
    /// How long it keeps the real server out; `None`: it is only reported.
    pub out_for: Option<Duration>,
}

impl Suspicion {
    /// Returns when the real server gets clients again, to see whether it answers.
    pub fn trial(&self) -> Option<Instant> {
        Some(self.since + self.out_for?)
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.out_for {
            Some(time) => write!(f, "counts as failed for {} s (evidence=act): {}", time.as_secs(), self.cause),
            None => f.write_str(&self.cause),
        }
    }
}

/// The suspicions of one real server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Suspicions {
    present: Option<Suspicion>,
    /// The end of the last one that kept it out, and how long it did.
    last: Option<(Instant, Duration)>,
}

impl Suspicions {
    pub fn present(&self) -> Option<&Suspicion> {
        self.present.as_ref()
    }

    /// Returns false where one stands already. One that comes within the time for which the last one kept the real server
    /// out keeps it out for twice as long.
    pub fn begin(&mut self, cause: &str, acts: bool, now: Instant) -> bool {
        if self.present.is_some() {
            return false;
        }
        let again = self.last.filter(|(end, took)| now.saturating_duration_since(*end) <= *took);
        let time = again.map_or(FIRST, |(_, took)| (took * 2).min(LONGEST));
        self.present = Some(Suspicion { cause: cause.to_owned(), since: now, out_for: acts.then_some(time) });
        true
    }

    /// Returns false where none stands.
    pub fn end(&mut self, now: Instant) -> bool {
        let Some(ended) = self.present.take() else { return false };
        self.last = ended.out_for.map(|took| (now, took));
        true
    }

    pub fn keep_out(&self) -> bool {
        self.out_since().is_some()
    }

    /// Returns since when it is out.
    pub fn out_since(&self) -> Option<Instant> {
        self.present.as_ref().filter(|present| present.out_for.is_some()).map(|present| present.since)
    }
}
