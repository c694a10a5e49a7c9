//! The counts that decide for a whole service, kept up to date by each change of one real server.

use std::ops::{AddAssign, SubAssign};

use super::RealServerSettings;
use crate::health::Member;

/// How many real servers of a service are in which state. Those that are switched off count as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub enabled: usize,
    /// They take connections: their weight is above 0.
    pub serving: usize,
    /// They take connections, and have passed a check of this health monitor or the one before.
    pub trusted: usize,
    /// They take connections, were put in without a check and have had none since.
    pub untried: usize,
    /// None of their checks has ended yet.
    pub unasked: usize,
    /// They take no connections yet, and their first result may change that any moment.
    pub awaited: usize,
}

impl Tally {
    pub(super) fn count(reals: &[RealServerSettings], members: &[Member]) -> Self {
        let mut all = Self::default();
        for (real, member) in reals.iter().zip(members) {
            all += Self::of(real, member);
        }
        all
    }

    /// Returns what one real server adds.
    pub(super) fn of(real: &RealServerSettings, member: &Member) -> Self {
        if real.disabled {
            return Self::default();
        }
        let (weighted, unasked) = (member.weight(real.real_server.weight) > 0, member.awaits_first_result());
        let (serving, known_up) = (weighted && member.serves(), member.is_known_up());
        Self {
            enabled: 1,
            serving: serving.into(),
            trusted: (serving && known_up).into(),
            untried: (serving && !known_up && unasked).into(),
            unasked: unasked.into(),
            awaited: (weighted && !serving && unasked && !member.is_known_down()).into(),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.enabled += other.enabled;
        self.serving += other.serving;
        self.trusted += other.trusted;
        self.untried += other.untried;
        self.unasked += other.unasked;
        self.awaited += other.awaited;
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        self.enabled -= other.enabled;
        self.serving -= other.serving;
        self.trusted -= other.trusted;
        self.untried -= other.untried;
        self.unasked -= other.unasked;
        self.awaited -= other.awaited;
    }
}
