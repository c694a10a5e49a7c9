//! The counts that decide for a whole service, kept up to date by each change of one real server.

use std::ops::{AddAssign, SubAssign};
use std::time::Instant;

use super::RealServerSettings;
use super::ramp::Ramps;
use crate::health::Member;

/// From when on real servers that fail stay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holds {
    /// Too many have failed.
    pub cap: Option<Instant>,
    /// Other directors are asked about the last ones, or reach one.
    pub opinion: Option<Instant>,
    /// The quorum is lost.
    pub quorum: Option<Instant>,
}

/// Why a real server stays in that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Cap,
    Opinion,
    Quorum,
}

impl Holds {
    /// Returns why this one stays, if it has failed and stays.
    pub fn of(self, member: &Member) -> Option<Hold> {
        let fell = member.fell();
        let holds = [
            (self.cap, fell, Hold::Cap),
            (self.opinion, member.failed_checks_at(), Hold::Opinion),
            (self.quorum, fell, Hold::Quorum),
        ];
        let stays = |from: Option<Instant>, fell: Option<Instant>| Some(from? <= fell?);
        holds.into_iter().find(|(from, fell, _)| stays(*from, *fell) == Some(true)).map(|(.., hold)| hold)
    }
}

/// How many real servers of a service are in which state. Those that are switched off count as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub enabled: u64,
    /// They take connections, and have passed a check of this health monitor or the one before. Backups do not count.
    pub trusted: u64,
    /// They take connections, were put in without a check and have had none since. Backups do not count.
    pub untried: u64,
    /// None of their checks has ended yet.
    pub unasked: u64,
    /// The configuration gives them a weight.
    pub judged: u64,
    /// Of these, those whose checks have failed, where no person keeps them from clients.
    pub failed: u64,
    /// Those that serve, and whose last check was good.
    pub sure: u64,
    /// Those that failed checks have taken from their clients.
    pub fallen: u64,
    /// The weight of those that have failed and stay since the quorum was lost.
    pub kept: u64,
    pub primary: Tier,
    pub backup: Tier,
}

/// The real servers that serve as a rule, or the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tier {
    /// They may take connections: they are well, and their weight is above 0.
    pub well: u64,
    /// The weight of these together.
    pub weight: u64,
    /// The part of it that a slow start keeps from being the settled weight: the whole weight of those that rise.
    pub rising: u64,
    /// The weight of those that have failed and stay, as too many have or others are asked about them.
    pub held: u64,
    /// They take no connections yet, and their first result may change that any moment.
    pub awaited: u64,
    /// The weight that the configuration gives all of them together.
    pub configured: u64,
}

impl Tally {
    pub fn count(reals: &[RealServerSettings], members: &[Member], holds: Holds, ramps: &Ramps) -> Self {
        let mut all = Self::default();
        for (real, member) in reals.iter().zip(members) {
            all += Self::of(real, member, holds, ramps);
        }
        all
    }

    /// Returns what one real server adds.
    pub fn of(real: &RealServerSettings, member: &Member, holds: Holds, ramps: &Ramps) -> Self {
        if real.disabled {
            return Self::default();
        }
        let weight = u64::from(member.weight(real.real_server.weight));
        let (is_weighted, is_unasked) = (weight > 0, member.awaits_first_result());
        let (is_well, known_up) = (is_weighted && member.serves(), member.is_known_up());
        // A real server that was drained is no sign of a fault: the share is one of all that the service has.
        let is_judged = real.real_server.weight > 0;
        let is_let_serve = is_weighted && !member.is_kept_out();
        let hold = holds.of(member);
        let weight_if = |is_so| if is_so { weight } else { 0 };
        // What a person has ordered counts at once.
        let rises = ramps.rises(&real.real_server.key) && !member.is_overridden();
        let tier = Tier {
            well: is_well.into(),
            weight: weight_if(is_well),
            rising: weight_if(is_well && rises),
            held: weight_if(matches!(hold, Some(Hold::Cap | Hold::Opinion))),
            awaited: (is_weighted && !is_well && is_unasked && !member.is_known_down()).into(),
            configured: real.real_server.weight.into(),
        };
        let none = Tier::default();
        let (primary, backup) = if real.backup { (none, tier) } else { (tier, none) };
        Self {
            enabled: 1,
            trusted: (is_well && known_up && !real.backup).into(),
            untried: (is_well && !known_up && is_unasked && !real.backup).into(),
            unasked: is_unasked.into(),
            judged: is_judged.into(),
            failed: (is_judged && is_let_serve && member.has_failed()).into(),
            sure: (is_weighted && member.is_sure()).into(),
            fallen: (is_weighted && member.failed_checks_at().is_some()).into(),
            kept: weight_if(hold == Some(Hold::Quorum)),
            primary,
            backup,
        }
    }

    /// Returns how many take no connections yet and may any moment.
    pub fn awaited(self) -> u64 {
        self.primary.awaited + self.backup.awaited
    }

    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            enabled: of(self.enabled, other.enabled),
            trusted: of(self.trusted, other.trusted),
            untried: of(self.untried, other.untried),
            unasked: of(self.unasked, other.unasked),
            judged: of(self.judged, other.judged),
            failed: of(self.failed, other.failed),
            sure: of(self.sure, other.sure),
            fallen: of(self.fallen, other.fallen),
            kept: of(self.kept, other.kept),
            primary: self.primary.with(other.primary, &of),
            backup: self.backup.with(other.backup, &of),
        }
    }
}

impl Tier {
    /// Returns the weight of those that can take connections.
    pub fn in_service(self) -> u64 {
        self.weight + self.held
    }

    /// Returns the same without those whose slow start is not over.
    pub fn settled(self) -> u64 {
        self.in_service() - self.rising
    }

    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            well: of(self.well, other.well),
            weight: of(self.weight, other.weight),
            rising: of(self.rising, other.rising),
            held: of(self.held, other.held),
            awaited: of(self.awaited, other.awaited),
            configured: of(self.configured, other.configured),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = self.with(other, |one, other| one + other);
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        *self = self.with(other, |one, other| one - other);
    }
}
