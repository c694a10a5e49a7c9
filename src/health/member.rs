//! One real server: it turns check results into up or down.

mod suspicion;
mod wish;

use std::fmt;
use std::time::Instant;

use crate::model::Advice;
pub use suspicion::Suspicion;
use suspicion::Suspicions;
use wish::Wish;

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The real server is healthy, and wants its whole weight.
    Good,
    /// The real server is healthy, and wants less than its weight.
    Advised(Advice),
    /// The real server is healthy, by a check between two questions (`checktype=N`): what it wants was not asked.
    Alive,
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
    /// It was never in, and the configuration lets it serve at once (`initstate=up`). It goes at its first bad check.
    StartsUp,
    /// The health monitor before this one knew it to be well: it serves, and goes after `failurecount` bad checks.
    KnownUp,
}

impl Admission {
    fn serves(self) -> bool {
        match self {
            Self::Outside | Self::KnownDown => false,
            Self::Unchecked | Self::StartsUp | Self::KnownUp => true,
        }
    }

    /// Returns how one begins of which nothing is known.
    pub(super) fn of_newcomer(starts_up: bool) -> Self {
        if starts_up { Self::StartsUp } else { Self::Outside }
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

/// How the reason of a real server begins that a file keeps out.
pub const MAINTENANCE: &str = "maintenance: file ";
/// The reason of a real server of which there is nothing to say.
pub(super) const CONFIGURED: &str = "configured";

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
    /// A good check of a real server that is down, which is not yet enough: `successes` of `rise`.
    SoftSuccess {
        /// The good checks in a row so far.
        successes: u32,
    },
    /// The real server could not be asked, `times` in a row and not yet [`unasked_limit`]: it keeps its state.
    Unasked {
        /// The attempts in a row so far.
        times: u32,
    },
    /// A good check of a real server that is up and could not be asked before.
    AskedAgain,
    /// The real server wants another share of its weight than before.
    AdviceChanged,
    /// A file of an administrator takes the real server out, whatever its checks say.
    MaintenanceBegan,
    /// There is no such file any more.
    MaintenanceEnded,
    /// An operator has ordered something of the real server, or something else than before.
    OrderBegan,
    /// The order has ended: the configuration counts again.
    OrderEnded,
    /// The connections of clients say that the real server swallows them, whatever its checks say.
    SuspicionBegan,
    /// It has answered a client, or gets clients again to see whether it does.
    SuspicionEnded,
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

/// How many equal results in a row change the health of a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bad checks until it is down. At least 1.
    pub failurecount: u32,
    /// Good checks until one that was down serves again. At least 1.
    pub rise: u32,
}

/// The health of one real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    health: Health,
    since: Instant,
    /// When its checks took it from its clients; `None` while they do not, and for one that never had any.
    fell: Option<Instant>,
    /// When its last good check ended.
    proved: Option<Instant>,
    /// Bad checks since the last good one.
    failures: ResultRow,
    /// Good checks since it was down.
    successes: u32,
    /// Attempts since the last good or bad check.
    unasked: ResultRow,
    wish: Wish,
    overridden: Option<Override>,
    suspicions: Suspicions,
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
            fell: None,
            proved: None,
            failures: ResultRow::default(),
            successes: 0,
            unasked: ResultRow::default(),
            wish: Wish::default(),
            overridden: None,
            suspicions: Suspicions::default(),
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

    /// Takes the result of a check. A member that was up stays until `failurecount` checks in a row have failed. One that was
    /// down comes in when `rise` checks in a row were good, and one that was never checked with the first good one: a cold
    /// start waits for nothing.
    pub fn note(&mut self, outcome: &Outcome, limits: Limits, now: Instant) -> Option<Transition> {
        match outcome {
            Outcome::Good => self.succeed(Some(None), limits.rise, now),
            Outcome::Alive if self.health == Health::Up => self.succeed(None, limits.rise, now),
            // It may be well and want no client: only a question brings it in.
            Outcome::Alive => None,
            Outcome::Advised(advice) if !advice.lets_in && !self.is_let_in() => {
                self.fail(&advice.reason, limits.failurecount, now)
            }
            Outcome::Advised(advice) => self.succeed(Some(Some(advice)), limits.rise, now),
            Outcome::Bad(cause) => self.fail(cause, limits.failurecount, now),
            Outcome::NotAsked(cause) => self.miss(cause, unasked_limit(limits.failurecount), now),
        }
    }

    /// Takes what the connections of clients say of it. `acts`: it is out for a while.
    pub fn suspect(&mut self, cause: &str, acts: bool, now: Instant) -> Option<Transition> {
        self.suspicions.begin(cause, acts, now).then_some(Transition::SuspicionBegan)
    }

    /// Ends the suspicion: it has answered a client, or the suspicion counts no more.
    pub fn clear(&mut self, now: Instant) -> Option<Transition> {
        self.suspicions.end(now).then_some(Transition::SuspicionEnded)
    }

    /// Returns the suspicion that the connections of clients have raised, if there is one.
    pub fn suspicion(&self) -> Option<&Suspicion> {
        self.suspicions.present()
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

    /// Returns the weight at which it serves: what a person has ordered, else what the real server wants of the configured one.
    pub fn weight(&self, configured: u32) -> u32 {
        match &self.overridden {
            Some(Override::Weight { weight, .. }) => *weight,
            _ => self.wish.weight_of(configured),
        }
    }

    /// Whether its last good check could ask all that it wanted to know.
    pub fn is_asked_in_full(&self) -> bool {
        self.wish.lets_in()
    }

    /// Notes that its service has nothing in service: what its next good check wants counts at once.
    pub fn is_urgent(&mut self) {
        self.wish.is_urgent();
    }

    /// Notes how much of its weight it wanted when the health monitor before this one asked it, in per cent: it gets no more
    /// until a check of this one says so.
    pub fn keep_advice(&mut self, percent: u8) {
        self.wish = Wish::known_before(percent);
    }

    /// Returns how much of its weight it wants, in per cent; `None`: all of it.
    pub fn advised(&self) -> Option<u8> {
        Some(self.wish.percent()).filter(|percent| *percent < Advice::FULL)
    }

    /// Whether it has no entry, not even one of weight 0.
    pub fn is_removed(&self) -> bool {
        matches!(self.overridden, Some(Override::Removal { .. }))
    }

    /// Whether a person keeps it from serving, whatever its checks say.
    pub fn is_kept_out(&self) -> bool {
        matches!(self.overridden, Some(Override::Maintenance { .. } | Override::Removal { .. }))
    }

    /// Takes a good check, and the advice that it has asked for, if it has.
    fn succeed(&mut self, asked: Option<Option<&Advice>>, rise: u32, now: Instant) -> Option<Transition> {
        self.proved = Some(now);
        let failures = std::mem::take(&mut self.failures).times;
        let unasked = std::mem::take(&mut self.unasked).times;
        if matches!(self.health, Health::Down | Health::Unknown(Admission::KnownDown)) {
            self.successes = self.successes.saturating_add(1);
            if self.successes < rise {
                return Some(Transition::SoftSuccess { successes: self.successes });
            }
        }
        self.successes = 0;
        let comes = self.health != Health::Up;
        let is_advised = asked.is_some_and(|advice| self.wish.take(advice, comes));
        if comes {
            self.fell = None;
            self.change(Health::Up, now);
            return Some(Transition::CameUp);
        }
        match (failures, unasked) {
            (0, 0) => is_advised.then_some(Transition::AdviceChanged),
            (0, _) => Some(Transition::AskedAgain),
            _ => Some(Transition::Recovered),
        }
    }

    fn fail(&mut self, cause: &str, failurecount: u32, now: Instant) -> Option<Transition> {
        self.unasked = ResultRow::default();
        self.successes = 0;
        self.wish.break_row();
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
        self.successes = 0;
        // One that had no clients, by its own wish or a person's, leaves none.
        if self.serves() && self.weight(1) > 0 {
            self.fell = Some(now);
        }
        self.wish = Wish::default();
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
        !self.is_kept_out()
            && !self.suspicions.keep_out()
            && matches!(self.health, Health::Up | Health::Unknown(Admission::KnownUp))
    }

    /// Whether it was down when it was last known, or a person or its own wish keeps it from serving clients.
    pub fn is_known_down(&self) -> bool {
        self.is_kept_out()
            || matches!(self.overridden, Some(Override::Weight { weight: 0, .. }))
            || (self.overridden.is_none() && self.wish.is_drained())
            || self.has_failed()
    }

    /// Whether no check of it has ended yet, well or not.
    pub fn awaits_first_result(&self) -> bool {
        let results = [self.failures.times, self.successes, self.unasked.times];
        matches!(self.health, Health::Unknown(_)) && results == [0; 3]
    }

    /// Whether the real server may serve.
    pub fn serves(&self) -> bool {
        !self.is_kept_out() && !self.suspicions.keep_out() && self.is_let_in()
    }

    /// Whether it serves without doubt: its last check was good.
    pub fn is_sure(&self) -> bool {
        self.serves() && self.health == Health::Up && self.failures.times == 0 && self.unasked.times == 0
    }

    /// Whether its last check was good, and ended at this time or later.
    pub fn is_sure_since(&self, time: Instant) -> bool {
        self.is_sure() && self.proved.is_some_and(|proved| proved >= time)
    }

    /// Whether its checks let it serve.
    fn is_let_in(&self) -> bool {
        match self.health {
            Health::Up => true,
            Health::Down => false,
            Health::Unknown(admission) => admission.serves(),
        }
    }

    /// Whether its checks have failed, those of this health monitor or of the one before, or it is out for what it does with
    /// the connections of clients.
    pub fn has_failed(&self) -> bool {
        self.suspicions.keep_out() || matches!(self.health, Health::Down | Health::Unknown(Admission::KnownDown))
    }

    /// Returns when it was taken from its clients, for failed checks or what it does with connections. `None`: it was not, it
    /// never had any, or a person keeps it out.
    pub fn fell(&self) -> Option<Instant> {
        self.fell.or(self.suspicions.out_since()).filter(|_| !self.is_kept_out())
    }

    /// Returns when its failed checks took it from its clients. `None` also where it is out for what it does with connections:
    /// whether it passes a check says nothing against that.
    pub fn failed_checks_at(&self) -> Option<Instant> {
        self.fell.filter(|_| !self.is_kept_out() && !self.suspicions.keep_out())
    }

    /// Returns why it serves or not.
    pub fn reason(&self, limits: Limits) -> String {
        let Limits { failurecount, rise } = limits;
        let ordered = match &self.overridden {
            Some(Override::Maintenance { file }) => return format!("{MAINTENANCE}{file}"),
            Some(Override::Removal { reason }) => return reason.clone(),
            Some(Override::Weight { reason, .. }) => Some(reason.as_str()),
            None => None,
        };
        let counted = |what: &str, row: &ResultRow, limit: u32| {
            (row.times > 0).then(|| format!("{what} {} of {limit}: {}", row.times.min(limit), row.cause))
        };
        let failed = counted("check failed", &self.failures, failurecount);
        let unasked = counted("could not be asked", &self.unasked, unasked_limit(failurecount));
        let passed = (self.successes > 0).then(|| format!("check passed {} of {rise}", self.successes.min(rise)));
        // In the order in which they matter: an order is the reason of the weight, a failure that of an absence.
        let suspected = self.suspicion().map(Suspicion::to_string);
        let mut reasons: Vec<String> = failed.into_iter().chain(suspected).chain(passed).chain(unasked).collect();
        let advised = self.wish.text().filter(|_| ordered.is_none());
        if reasons.is_empty() && advised.is_none() && (ordered.is_none() || self.health != Health::Up) {
            reasons.push(self.untroubled().into());
        }
        reasons.splice(0..0, advised);
        reasons.splice(0..0, ordered.map(str::to_owned));
        reasons.join("; ")
    }

    /// Returns why it serves or not while nothing has gone wrong.
    fn untroubled(&self) -> &'static str {
        match self.health {
            Health::Unknown(Admission::Outside) => "not checked yet",
            Health::Unknown(Admission::StartsUp) => "not checked yet: initstate=up",
            Health::Unknown(Admission::KnownDown) => "down before the health monitor started",
            Health::Unknown(Admission::Unchecked | Admission::KnownUp) => "not checked yet, was serving before",
            Health::Up | Health::Down => CONFIGURED,
        }
    }
}

#[cfg(test)]
mod tests;
