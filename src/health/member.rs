//! One real server: it turns check results into up or down.

use std::fmt;
use std::time::Instant;

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The real server is healthy.
    Good,
    /// Why the real server is not healthy.
    Bad(String),
    /// Why the real server could not be asked: a fault of this node, which says nothing of the real server.
    NotAsked(String),
}

/// What is known of a real server when the health monitor begins to look after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It does not serve, and waits for its first good check.
    Outside,
    /// It does not serve, and the health monitor before this one knew it to be down: no good check of it is expected.
    KnownDown,
    /// It was put in without a check: it serves, and goes at its first bad check.
    Unchecked,
    /// The health monitor before this one knew it to be well: it serves, and goes after `failurecount` bad checks.
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
    /// No check has decided yet: the real server serves, or waits outside, as it was found.
    Unknown(Admission),
    /// A check has found it well.
    Up,
    /// Its checks have failed, so that it must not serve.
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
    /// Whether it may serve.
    pub serves: bool,
    /// Why, in words for people.
    pub reason: String,
}

/// What one check has changed, worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The real server came up from down or from never checked.
    CameUp,
    /// The real server went down.
    WentDown,
    /// A failure that is not yet enough: `failures` of `failurecount`.
    SoftFailure {
        /// The failures in a row so far.
        failures: u32,
    },
    /// A good check after soft failures.
    Recovered,
    /// The real server could not be asked, `times` in a row and not yet [`unasked_limit`]: it keeps its state.
    Unasked {
        /// The attempts in a row so far.
        times: u32,
    },
    /// A good check of a real server that is up and could not be asked before.
    AskedAgain,
    /// A file of an administrator takes the real server out, whatever its checks say.
    MaintenanceBegan,
    /// There is no such file any more.
    MaintenanceEnded,
    /// An operator has ordered something of the real server, or something else than before.
    OrderBegan,
    /// The order has ended: the configuration counts again.
    OrderEnded,
}

/// What a person has said of a real server by hand: it goes before the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// A file of an administrator makes it count as failed.
    Maintenance {
        /// The name of the file.
        file: String,
    },
    /// An operator has ordered another weight. It does not serve when its checks fail.
    Weight {
        /// The weight; 0 quiesces it.
        weight: u32,
        /// The order in words.
        reason: String,
    },
    /// An operator has ordered its removal.
    Removal {
        /// The order in words.
        reason: String,
    },
}

impl Override {
    fn is_order(&self) -> bool {
        !matches!(self, Self::Maintenance { .. })
    }
}

/// Returns how many times in a row this node may be unable to ask a real server until the real server counts as failed.
/// Until then the fault of this node changes nothing; but a real server that is never asked must not be sent clients
/// for ever. ldirectord gives no such time.
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
    overridden: Option<Override>,
}

/// Equal results in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ResultRow {
    times: u32,
    /// The cause of the last one.
    cause: String,
}

impl ResultRow {
    fn add(&mut self, cause: &str) {
        self.times = self.times.saturating_add(1);
        cause.clone_into(&mut self.cause);
    }
}

impl Member {
    /// Creates the health of a real server that no check has decided yet.
    pub fn new(admission: Admission, now: Instant) -> Self {
        Self {
            health: Health::Unknown(admission),
            since: now,
            failures: ResultRow::default(),
            unasked: ResultRow::default(),
            overridden: None,
        }
    }

    /// Returns what is known of the real server.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Returns when [`Member::health`] last changed.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Takes the result of a check. A member that was up stays until `failurecount` checks in a row have failed; a
    /// member that does not serve comes in with the first good one, as with ldirectord.
    pub fn note(&mut self, outcome: &Outcome, failurecount: u32, now: Instant) -> Option<Transition> {
        match outcome {
            Outcome::Good => self.succeed(now),
            Outcome::Bad(cause) => self.fail(cause, failurecount, now),
            Outcome::NotAsked(cause) => self.miss(cause, unasked_limit(failurecount), now),
        }
    }

    /// Takes what a person says of it by hand, if anything. Its checks go on meanwhile.
    pub fn set_override(&mut self, overridden: Option<Override>) -> Option<Transition> {
        let before = std::mem::replace(&mut self.overridden, overridden);
        match (&before, &self.overridden) {
            (before, now) if before == now => None,
            // Another file for the same purpose is nothing new.
            (Some(Override::Maintenance { .. }), Some(Override::Maintenance { .. })) => None,
            (_, Some(now)) if now.is_order() => Some(Transition::OrderBegan),
            (_, Some(_)) => Some(Transition::MaintenanceBegan),
            (Some(before), None) if before.is_order() => Some(Transition::OrderEnded),
            (_, None) => Some(Transition::MaintenanceEnded),
        }
    }

    /// Whether a person has said something of it by hand.
    pub fn is_overridden(&self) -> bool {
        self.overridden.is_some()
    }

    /// Returns the weight at which it serves, instead of the configured one where a person has ordered so.
    pub fn weight(&self, configured: u32) -> u32 {
        match &self.overridden {
            Some(Override::Weight { weight, .. }) => *weight,
            _ => configured,
        }
    }

    /// Whether it has no entry, not even one of weight 0.
    pub fn is_removed(&self) -> bool {
        matches!(self.overridden, Some(Override::Removal { .. }))
    }

    /// Whether a person keeps it from serving, whatever its checks say.
    fn is_kept_out(&self) -> bool {
        matches!(self.overridden, Some(Override::Maintenance { .. } | Override::Removal { .. }))
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

    /// Whether its state rests on a good check, of this health monitor or the one before: it is then worth
    /// `failurecount` bad checks, and the next health monitor is told.
    pub fn is_known_up(&self) -> bool {
        !self.is_kept_out() && matches!(self.health, Health::Up | Health::Unknown(Admission::KnownUp))
    }

    /// Whether it was down when it was last known, or a person keeps it from serving clients.
    pub fn is_known_down(&self) -> bool {
        self.is_kept_out()
            || matches!(self.overridden, Some(Override::Weight { weight: 0, .. }))
            || matches!(self.health, Health::Down | Health::Unknown(Admission::KnownDown))
    }

    /// Whether no check of it has ended yet, well or not.
    pub fn awaits_first_result(&self) -> bool {
        matches!(self.health, Health::Unknown(_)) && self.failures.times == 0 && self.unasked.times == 0
    }

    /// Whether the real server may serve.
    pub fn serves(&self) -> bool {
        match self.health {
            _ if self.is_kept_out() => false,
            Health::Up => true,
            Health::Down => false,
            Health::Unknown(admission) => admission.serves(),
        }
    }

    /// Returns whether it serves and why, for `failurecount` failures in a row until down.
    pub fn serving_state(&self, failurecount: u32) -> ServingState {
        let ordered = match &self.overridden {
            Some(Override::Maintenance { file }) => {
                return ServingState { serves: false, reason: format!("maintenance: file {file}") };
            }
            Some(Override::Removal { reason }) => return ServingState { serves: false, reason: reason.clone() },
            Some(Override::Weight { reason, .. }) => Some(reason.as_str()),
            None => None,
        };
        let counted = |what: &str, row: &ResultRow, limit: u32| {
            (row.times > 0).then(|| format!("{what} {} of {limit}: {}", row.times.min(limit), row.cause))
        };
        let failed = counted("check failed", &self.failures, failurecount);
        let unasked = counted("could not be asked", &self.unasked, unasked_limit(failurecount));
        // In the order in which they matter: an order is the reason of the weight, a failure that of an absence.
        let mut reasons: Vec<String> = failed.into_iter().chain(unasked).collect();
        if reasons.is_empty() && (ordered.is_none() || self.health != Health::Up) {
            reasons.push(self.untroubled().into());
        }
        reasons.splice(0..0, ordered.map(str::to_owned));
        ServingState { serves: self.serves(), reason: reasons.join("; ") }
    }

    /// Returns why it serves or not while nothing has gone wrong.
    fn untroubled(&self) -> &'static str {
        match self.health {
            Health::Unknown(Admission::Outside) => "not checked yet",
            Health::Unknown(Admission::KnownDown) => "down before the health monitor started",
            Health::Unknown(Admission::Unchecked | Admission::KnownUp) => "not checked yet, was serving before",
            Health::Up | Health::Down => "configured",
        }
    }
}

#[cfg(test)]
mod tests;
