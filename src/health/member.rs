//! One real server: check results to up or down.

use std::fmt;
use std::time::SystemTime;

/// Result of one check; the text says why the real server is not healthy.
pub type Outcome = Result<(), String>;

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
}

impl Member {
    /// `admitted`: the kernel already sends it connections.
    pub fn new(admitted: bool, now: SystemTime) -> Self {
        Self { health: Health::Unknown { admitted }, since: now, failures: 0, last_failure: None }
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// When [`Member::health`] last changed.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Takes the result of a check. A member that serves stays until `failurecount` checks in a row have failed; one
    /// that does not serve comes in with the first good one, as with ldirectord.
    pub fn record(&mut self, outcome: Outcome, failurecount: u32, now: SystemTime) -> Option<Transition> {
        match outcome {
            Ok(()) => self.succeed(now),
            Err(reason) => self.fail(reason, failurecount, now),
        }
    }

    fn succeed(&mut self, now: SystemTime) -> Option<Transition> {
        let had_failures = self.failures > 0;
        self.failures = 0;
        self.last_failure = None;
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
            Health::Up | Health::Unknown { .. } if serves && self.failures < failurecount => {
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
        Err("refused".into())
    }

    #[test]
    fn a_serving_member_goes_after_failurecount_failures_in_a_row() {
        let mut member = Member::new(true, at(0));
        assert_eq!(member.record(failure(), 3, at(1)), Some(Transition::SoftFailure { failures: 1 }));
        assert_eq!(member.record(Ok(()), 3, at(2)), Some(Transition::CameUp));
        assert_eq!(member.record(failure(), 3, at(3)), Some(Transition::SoftFailure { failures: 1 }));
        assert_eq!(member.record(Ok(()), 3, at(4)), Some(Transition::Recovered));
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
        let mut member = Member::new(false, at(0));
        assert_eq!(member.standing(3), Standing { serves: false, reason: "not checked yet".into() });
        assert_eq!(member.clone().record(Ok(()), 3, at(1)), Some(Transition::CameUp));
        assert_eq!(member.record(failure(), 3, at(1)), Some(Transition::WentDown));
    }

    proptest! {
        #[test]
        fn one_good_check_brings_any_member_in_and_only_a_full_row_of_bad_ones_takes_it_out(
            admitted: bool, failurecount in 1..5u32, results in proptest::collection::vec(any::<bool>(), 0..40)
        ) {
            let mut member = Member::new(admitted, at(0));
            let mut row = 0;
            for (second, good) in results.into_iter().enumerate() {
                let served = member.serves();
                member.record(if good { Ok(()) } else { failure() }, failurecount, at(second as u64));
                row = if good { 0 } else { row + 1 };
                let expected = good || (served && row < failurecount);
                prop_assert_eq!(member.serves(), expected);
            }
        }
    }
}
