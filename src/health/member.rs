//! One real server: check results to up or down.

use std::fmt;
use std::time::SystemTime;

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
    /// Somebody has put it in unchecked: it serves, and goes at its first bad check.
    Unchecked,
    /// A monitor before this one knew it to be well: it serves, and goes after `failurecount` bad checks.
    KnownUp,
}

/// What is known of a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Never checked since the monitor started. `admitted`: it was serving when the monitor came, and goes on until
    /// a check says otherwise; else it waits outside for its first good check.
    Unknown {
        admitted: bool,
    },
    Up,
    Down,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown { .. } => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// Whether a real server may serve, and the reason that `status` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub serves: bool,
    pub reason: String,
}

/// A change of [`Health`] worth a line in the log.
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
}

/// The health of one real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    health: Health,
    since: SystemTime,
    failures: u32,
    last_failure: Option<String>,
    /// A good check has been seen, by this monitor or the one before.
    was_up: bool,
}

impl Member {
    pub fn new(admission: Admission, now: SystemTime) -> Self {
        let health = Health::Unknown { admitted: admission != Admission::Outside };
        let was_up = admission == Admission::KnownUp;
        Self { health, since: now, failures: 0, last_failure: None, was_up }
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// When [`Member::health`] last changed.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Takes the result of a check. A member that was up stays until `failurecount` checks in a row have failed; one
    /// that does not serve comes in with the first good one, as with ldirectord.
    pub fn record(&mut self, outcome: Outcome, failurecount: u32, now: SystemTime) -> Option<Transition> {
        match outcome {
            Outcome::Good => self.succeed(now),
            Outcome::Bad(reason) => self.fail(reason, failurecount, now),
            Outcome::NotAsked(_) => None,
        }
    }

    fn succeed(&mut self, now: SystemTime) -> Option<Transition> {
        let had_failures = self.failures > 0;
        self.failures = 0;
        self.last_failure = None;
        self.was_up = true;
        if self.health != Health::Up {
            self.change(Health::Up, now);
            return Some(Transition::CameUp);
        }
        had_failures.then_some(Transition::Recovered)
    }

    fn fail(&mut self, reason: String, failurecount: u32, now: SystemTime) -> Option<Transition> {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(reason);
        let serves = self.serves();
        match self.health {
            Health::Down => None,
            Health::Up | Health::Unknown { .. } if serves && self.was_up && self.failures < failurecount => {
                Some(Transition::SoftFailure { failures: self.failures })
            }
            Health::Up | Health::Unknown { .. } => {
                self.change(Health::Down, now);
                Some(Transition::WentDown)
            }
        }
    }

    fn change(&mut self, health: Health, now: SystemTime) {
        self.health = health;
        self.since = now;
    }

    /// Worth `failurecount` bad checks: what the next monitor is told.
    pub fn is_known_up(&self) -> bool {
        self.serves() && self.was_up
    }

    pub fn serves(&self) -> bool {
        matches!(self.health, Health::Up | Health::Unknown { admitted: true })
    }

    /// Whether it serves and why, for `failurecount` failures in a row until down.
    pub fn standing(&self, failurecount: u32) -> Standing {
        let serves = self.serves();
        let reason = match (&self.last_failure, self.health) {
            (None, Health::Unknown { admitted: true }) => "not checked yet, was serving before".into(),
            (None, Health::Unknown { admitted: false }) => "not checked yet".into(),
            (None, _) => "configured".into(),
            (Some(cause), _) => format!("check failed {} of {failurecount}: {cause}", self.failures.min(failurecount)),
        };
        Standing { serves, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn failure() -> Outcome {
        Outcome::Bad("refused".into())
    }

    #[test]
    fn a_serving_member_goes_after_failurecount_failures_in_a_row() {
        let mut member = Member::new(Admission::KnownUp, at(0));
        assert_eq!(member.record(failure(), 3, at(1)), Some(Transition::SoftFailure { failures: 1 }));
        assert_eq!(member.record(Outcome::Good, 3, at(2)), Some(Transition::CameUp));
        assert_eq!(member.record(failure(), 3, at(3)), Some(Transition::SoftFailure { failures: 1 }));
        assert_eq!(member.record(Outcome::Good, 3, at(4)), Some(Transition::Recovered));
        for second in 5..7 {
            assert!(matches!(member.record(failure(), 3, at(second)), Some(Transition::SoftFailure { .. })));
            assert!(member.serves());
        }
        assert_eq!(member.record(failure(), 3, at(7)), Some(Transition::WentDown));
        assert_eq!(member.record(failure(), 3, at(8)), None);
        assert_eq!((member.health(), member.since()), (Health::Down, at(7)));
        assert_eq!(member.standing(3).reason, "check failed 3 of 3: refused");
    }

    #[test]
    fn a_newcomer_waits_for_its_first_good_check_and_is_down_at_the_first_bad_one() {
        let mut member = Member::new(Admission::Outside, at(0));
        assert_eq!(member.standing(3), Standing { serves: false, reason: "not checked yet".into() });
        assert_eq!(member.clone().record(Outcome::Good, 3, at(1)), Some(Transition::CameUp));
        assert_eq!(member.record(failure(), 3, at(1)), Some(Transition::WentDown));
    }

    #[test]
    fn one_that_was_put_in_unchecked_goes_at_its_first_bad_check() {
        let mut member = Member::new(Admission::Unchecked, at(0));
        assert!(member.serves());
        assert_eq!(member.record(failure(), 3, at(1)), Some(Transition::WentDown));
    }

    #[test]
    fn a_fault_of_this_node_says_nothing_of_a_real_server() {
        for admission in [Admission::Outside, Admission::Unchecked, Admission::KnownUp] {
            let mut member = Member::new(admission, at(0));
            let before = member.clone();
            assert_eq!(member.record(Outcome::NotAsked("too many open files".into()), 1, at(1)), None);
            assert_eq!(member, before);
        }
    }

    proptest! {
        #[test]
        fn one_good_check_brings_any_member_in_and_only_a_full_row_of_bad_ones_takes_it_out(
            known_up: bool, failurecount in 1..5u32, results in proptest::collection::vec(any::<bool>(), 0..40)
        ) {
            let admission = if known_up { Admission::KnownUp } else { Admission::Outside };
            let mut member = Member::new(admission, at(0));
            let mut row = 0;
            for (second, good) in results.into_iter().enumerate() {
                let served = member.serves();
                member.record(if good { Outcome::Good } else { failure() }, failurecount, at(second as u64));
                row = if good { 0 } else { row + 1 };
                let expected = good || (served && row < failurecount);
                prop_assert_eq!(member.serves(), expected);
            }
        }
    }
}
