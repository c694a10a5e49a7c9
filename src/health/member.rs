//! One real server: check results to up or down.

use std::fmt;
use std::time::Instant;

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// Why the real server is not healthy.
    Bad(String),
    /// Why the real server could not be asked: a fault of this node, which says nothing of the real server.
    NotAsked(String),
}

/// What is known of a real server when the monitor begins to look after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It does not serve, and waits for its first good check.
    Outside,
    /// It does not serve, and the monitor before this one knew it to be down: no good check of it is expected.
    KnownDown,
    /// It was put in without a check: it serves, and goes at its first bad check.
    Unchecked,
    /// The monitor before this one knew it to be well: it serves, and goes after `failurecount` bad checks.
    KnownUp,
}

impl Admission {
    fn serves(self) -> bool {
        match self {
            Self::Outside | Self::KnownDown => false,
            Self::Unchecked | Self::KnownUp => true,
        }
    }
}

/// What is known of a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// No check has decided yet: it serves, or waits outside, as it was found.
    Unknown(Admission),
    Up,
    Down,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// Whether a real server may serve, and the reason that `status` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingState {
    pub serves: bool,
    pub reason: String,
}

/// What one check has changed, worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// From down or never checked.
    CameUp,
    WentDown,
    /// A failure that is not yet enough: `failures` of `failurecount`.
    SoftFailure {
        failures: u32,
    },
    /// A good check after soft failures.
    Recovered,
    /// The real server could not be asked, `times` in a row and not yet [`unasked_limit`]: it keeps its state.
    Unasked {
        times: u32,
    },
    /// A good check of a real server that is up and could not be asked before.
    AskedAgain,
}

/// How many times in a row this node may be unable to ask a real server until the real server counts as failed. Until
/// then the fault of this node changes nothing; but a real server that is never asked must not be sent clients for ever.
/// ldirectord gives no such time.
pub fn unasked_limit(failurecount: u32) -> u32 {
    const AT_LEAST: u32 = 5;
    failurecount.max(AT_LEAST)
}

/// The health of one real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    health: Health,
    since: Instant,
    /// Bad checks since the last good one.
    failures: ResultRow,
    /// Attempts since the last good or bad check.
    unasked: ResultRow,
}

/// Like results in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ResultRow {
    times: u32,
    /// Of the last one.
    cause: String,
}

impl ResultRow {
    fn add(&mut self, cause: &str) {
        self.times = self.times.saturating_add(1);
        cause.clone_into(&mut self.cause);
    }
}

impl Member {
    pub fn new(admission: Admission, now: Instant) -> Self {
        Self {
            health: Health::Unknown(admission),
            since: now,
            failures: ResultRow::default(),
            unasked: ResultRow::default(),
        }
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// When [`Member::health`] last changed.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Takes the result of a check. A member that was up stays until `failurecount` checks in a row have failed; one
    /// that does not serve comes in with the first good one, as with ldirectord.
    pub fn note(&mut self, outcome: &Outcome, failurecount: u32, now: Instant) -> Option<Transition> {
        match outcome {
            Outcome::Good => self.succeed(now),
            Outcome::Bad(cause) => self.fail(cause, failurecount, now),
            Outcome::NotAsked(cause) => self.miss(cause, unasked_limit(failurecount), now),
        }
    }

    fn succeed(&mut self, now: Instant) -> Option<Transition> {
        let failures = std::mem::take(&mut self.failures).times;
        let unasked = std::mem::take(&mut self.unasked).times;
        if self.health != Health::Up {
            self.change(Health::Up, now);
            return Some(Transition::CameUp);
        }
        match (failures, unasked) {
            (0, 0) => None,
            (0, _) => Some(Transition::AskedAgain),
            _ => Some(Transition::Recovered),
        }
    }

    fn fail(&mut self, cause: &str, failurecount: u32, now: Instant) -> Option<Transition> {
        self.unasked = ResultRow::default();
        self.failures.add(cause);
        let failures = self.failures.times;
        match self.health {
            Health::Down => None,
            Health::Up | Health::Unknown(Admission::KnownUp) if failures < failurecount => {
                Some(Transition::SoftFailure { failures })
            }
            Health::Up | Health::Unknown(_) => self.go_down(now),
        }
    }

    fn miss(&mut self, cause: &str, limit: u32, now: Instant) -> Option<Transition> {
        self.unasked.add(cause);
        let times = self.unasked.times;
        match self.health {
            Health::Down => None,
            Health::Up | Health::Unknown(_) if times < limit => Some(Transition::Unasked { times }),
            Health::Up | Health::Unknown(_) => self.go_down(now),
        }
    }

    fn go_down(&mut self, now: Instant) -> Option<Transition> {
        self.change(Health::Down, now);
        Some(Transition::WentDown)
    }

    fn change(&mut self, health: Health, now: Instant) {
        self.health = health;
        self.since = now;
    }

    /// Its state rests on a good check, of this monitor or the one before: it is worth `failurecount` bad checks, and
    /// the next monitor is told.
    pub fn is_known_up(&self) -> bool {
        matches!(self.health, Health::Up | Health::Unknown(Admission::KnownUp))
    }

    /// The last that is known of it is that it was down.
    pub fn is_known_down(&self) -> bool {
        matches!(self.health, Health::Down | Health::Unknown(Admission::KnownDown))
    }

    /// No check of it has ended yet, in whatever way.
    pub fn awaits_first_result(&self) -> bool {
        matches!(self.health, Health::Unknown(_)) && self.failures.times == 0 && self.unasked.times == 0
    }

    pub fn serves(&self) -> bool {
        match self.health {
            Health::Up => true,
            Health::Down => false,
            Health::Unknown(admission) => admission.serves(),
        }
    }

    /// Whether it serves and why, for `failurecount` failures in a row until down.
    pub fn serving_state(&self, failurecount: u32) -> ServingState {
        let counted = |what: &str, row: &ResultRow, limit: u32| {
            (row.times > 0).then(|| format!("{what} {} of {limit}: {}", row.times.min(limit), row.cause))
        };
        let failed = counted("check failed", &self.failures, failurecount);
        let unasked = counted("could not be asked", &self.unasked, unasked_limit(failurecount));
        let reason = match (failed, unasked) {
            (Some(failed), Some(unasked)) => format!("{failed}; {unasked}"),
            (Some(trouble), None) | (None, Some(trouble)) => trouble,
            (None, None) => self.untroubled().into(),
        };
        ServingState { serves: self.serves(), reason }
    }

    /// Why it serves or not while nothing has gone wrong.
    fn untroubled(&self) -> &'static str {
        match self.health {
            Health::Unknown(Admission::Outside) => "not checked yet",
            Health::Unknown(Admission::KnownDown) => "down before the monitor started",
            Health::Unknown(Admission::Unchecked | Admission::KnownUp) => "not checked yet, was serving before",
            Health::Up | Health::Down => "configured",
        }
    }
}

#[cfg(test)]
mod tests;
