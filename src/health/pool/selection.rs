//! The one step between the health of the real servers and the entry of their service: which of them serve, at which
//! weight and why, and whether the fallback does. Pure; every rule of a service as a whole is a rule of this step.
//!
//! [`Selection::next`] decides for the service from counts, so that a result costs the same whatever the number of real
//! servers. [`Selection::place`] says then what becomes of each of them.

use std::time::Instant;

use super::PoolSettings;
use super::choice::Choice;
use super::opinion::{News, Opinion, Outlook};
use super::ramp::Ramps;
use super::settings::{Policy, RealServerSettings};
use super::tally::{Hold, Holds, Tally};
use crate::health::Member;
use crate::model::QuorumAction;

/// What is decided for a service as a whole. It is state and not derived: bounds of a hysteresis ask what stood before, and
/// while first results are waited for it stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Selection {
    /// The real servers alone have not the weight of the quorum: backups join them, until it is met without those that have
    /// just come up. A slow start would be none for one that had to bear all at once.
    pub short: bool,
    /// Since when the backups do not help either.
    pub lost: Option<Instant>,
    /// More real servers have failed than failed checks may take out.
    pub cap: Option<CapReached>,
    /// No real server is well here without doubt, and other directors are asked about those that have failed.
    pub opinion: Option<Opinion>,
    /// The one that serves, where only one may.
    pub choice: Choice,
    /// Since when several are up where only one may serve.
    pub overlap: Option<Instant>,
    /// The same, where they are for longer than a planned switch takes.
    pub several: Option<Instant>,
    /// Backups serve.
    pub backups: bool,
    /// The fallback serves.
    pub fallback: bool,
    /// Neither a real server nor the fallback serves, and none is expected to at once.
    pub nobody: bool,
}

/// The share of failed real servers is above the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CapReached {
    pub since: Instant,
    /// What has failed from then on stays in: those that failed at once with the one too many are back.
    pub from: Instant,
}

/// What a selection is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation<'a> {
    pub settings: &'a PoolSettings,
    pub tally: &'a Tally,
    /// Until then first results are waited for.
    pub patient_until: Instant,
    pub news: News,
    pub now: Instant,
}

impl Situation<'_> {
    /// Whether every real server is switched off (`checktype=off`): the service shall serve no client, not even by its
    /// fallback.
    pub fn is_switched_off(&self) -> bool {
        self.tally.enabled == 0 && !self.settings.real_servers.is_empty()
    }

    /// Whether so much weight is too little. While first results are still waited for nothing changes: else the fallback
    /// would flap at every cold start. A real server of weight 0 serves no client, however healthy it is, and is not
    /// waited for.
    fn is_too_little(&self, was_too_little: bool, weight: u64, awaited: u64) -> bool {
        let threshold = self.settings.policy.quorum.threshold(was_too_little, self.tally.primary.configured);
        if weight >= threshold || self.is_switched_off() {
            return false;
        }
        let waits = awaited > 0 && self.now < self.patient_until;
        was_too_little || !waits
    }
}

impl Selection {
    /// Returns what stands before the first step: whether the kernel sends clients to the fallback, or to a backup, and whether
    /// the health monitor before this one knew the quorum to be lost. With `keep` those that failed are taken for well until
    /// they are asked: it is found out again.
    pub fn found(
        settings: &PoolSettings,
        (fallback_held, backup_held, was_lost): (bool, bool, bool),
        now: Instant,
    ) -> Self {
        let (has_fallback, action) = (settings.fallback.is_some(), settings.policy.quorum.action);
        let stays_lost = was_lost && action != QuorumAction::Keep;
        let is_lost = fallback_held || stays_lost;
        Self {
            short: is_lost || backup_held,
            lost: is_lost.then_some(now),
            backups: backup_held,
            fallback: fallback_held && has_fallback,
            nobody: (fallback_held && !has_fallback) || (stays_lost && action == QuorumAction::Stop),
            ..Self::default()
        }
    }

    /// Returns what stands from now on, but for the one that is chosen where only one may serve.
    pub fn next(self, situation: Situation<'_>) -> Self {
        let Situation { settings, tally: Tally { primary, backup, .. }, now, .. } = situation;
        let cap = self.cap_reached(situation);
        let opinion = self.opinion(situation, cap);
        let weight = if self.short { primary.settled() } else { primary.in_service() };
        let short = situation.is_too_little(self.short, weight, primary.awaited);
        let weight = primary.in_service() + if short { backup.in_service() } else { 0 };
        let is_lost = short && situation.is_too_little(self.lost.is_some(), weight, primary.awaited + backup.awaited);
        let lost = is_lost.then(|| self.lost.unwrap_or(now));
        let well = primary.well + if short { backup.well } else { 0 };
        let overlap = (settings.policy.single && well > 1).then(|| self.overlap.unwrap_or(now));
        let next = Self { short, lost, cap, opinion, overlap, several: None, ..self };
        let is_lasting = next.alarm_due(&settings.policy).is_some_and(|due| due <= now);
        let next = Self { several: overlap.filter(|_| is_lasting), ..next };
        let remaining = next.weight_in_service(settings, situation.tally);
        let fallback = is_lost
            && settings.fallback.is_some()
            && settings.policy.quorum.action != QuorumAction::Stop
            && remaining == 0;
        let backups = short && backup.in_service() > 0 && next.reals_serve(settings);
        Self { backups, fallback, nobody: is_lost && !fallback && remaining == 0, ..next }
    }

    /// Returns when it is an alarm that several are up where only one may serve.
    pub fn alarm_due(self, policy: &Policy) -> Option<Instant> {
        self.overlap.filter(|_| self.several.is_none()).and_then(|since| since.checked_add(policy.switch_takes))
    }

    /// What failed within one round of checks has failed at once.
    fn cap_reached(self, Situation { settings, tally, now, .. }: Situation<'_>) -> Option<CapReached> {
        let cap = settings.policy.ejection_cap?;
        let is_reached = tally.failed * 100 > tally.judged * u64::from(cap.percent);
        let reached = || CapReached { since: now, from: now.checked_sub(cap.round).unwrap_or(now) };
        is_reached.then(|| self.cap.unwrap_or_else(reached))
    }

    /// Others are not asked where what fails stays in anyway.
    fn opinion(self, situation: Situation<'_>, cap: Option<CapReached>) -> Option<Opinion> {
        let Situation { settings: PoolSettings { policy, .. }, tally, news, now, .. } = situation;
        let keeps_all = cap.is_some() || policy.quorum.action == QuorumAction::Keep;
        let outlook = match tally.sure {
            _ if keeps_all || tally.fallen == 0 => Outlook::Clear,
            0 => Outlook::Alone,
            // Where only one may serve it does at once.
            _ if policy.single => Outlook::Clear,
            _ => Outlook::Mending,
        };
        Opinion::next(self.opinion, policy.second_opinion?, outlook, news, now)
    }

    /// Returns the weight that takes connections now.
    pub fn weight_in_service(self, settings: &PoolSettings, tally: &Tally) -> u64 {
        let Tally { primary, backup, kept, .. } = tally;
        match (self.reals_serve(settings), self.short) {
            (false, _) => 0,
            (true, false) => primary.in_service() + kept,
            (true, true) => primary.in_service() + backup.in_service() + kept,
        }
    }

    /// Whether those that are well serve.
    fn reals_serve(self, settings: &PoolSettings) -> bool {
        match settings.policy.quorum.action {
            _ if self.lost.is_none() => true,
            QuorumAction::Fallback => settings.fallback.is_none(),
            QuorumAction::Stop => false,
            QuorumAction::Keep | QuorumAction::Command => true,
        }
    }

    /// Returns from when on those that fail stay in.
    pub fn holds(self, settings: &PoolSettings) -> Holds {
        let keeps = settings.policy.quorum.action == QuorumAction::Keep;
        Holds {
            cap: self.cap.map(|cap| cap.from),
            opinion: self.opinion.and_then(Opinion::holds_from),
            quorum: self.lost.filter(|_| keeps),
        }
    }

    /// Returns what becomes of one real server.
    pub fn place(self, settings: &PoolSettings, real: &RealServerSettings, member: &Member, ramps: &Ramps) -> Place {
        let policy = settings.policy;
        let (key, hold) = (&real.real_server.key, self.holds(settings).of(member));
        if real.disabled {
            return Place::SwitchedOff;
        }
        if hold.is_none() && !member.serves() {
            return Place::Out;
        }
        let whole = member.weight(real.real_server.weight);
        // One of weight 0 takes no client, so no rule has to keep clients from it.
        if whole > 0 {
            if real.backup && !self.short && !member.is_overridden() {
                return Place::Waits(Wait::Backup);
            }
            if !self.reals_serve(settings) {
                return Place::Waits(Wait::Quorum);
            }
            match self.choice {
                Choice::Made(chosen) if chosen != *key => return Place::Waits(Wait::Single),
                Choice::Waits => return Place::Waits(Wait::Single),
                Choice::Made(_) | Choice::Open => {}
            }
        }
        // What a person has ordered counts at once.
        let weight = if member.is_overridden() { whole } else { ramps.weight(key, whole, policy.slow_start) };
        Place::Serves { weight, whole, hold }
    }
}

/// What becomes of one real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It serves.
    Serves {
        /// At this weight, which may be 0.
        weight: u32,
        /// The weight at the end of its slow start.
        whole: u32,
        /// Why it does although it has failed.
        hold: Option<Hold>,
    },
    /// It is well, and a rule of the service keeps it from new clients.
    Waits(Wait),
    /// Its health, or a person, keeps it out.
    Out,
    /// The configuration does not activate it.
    SwitchedOff,
}

/// Why a real server waits that is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is a backup, and not needed.
    Backup,
    /// The quorum is lost.
    Quorum,
    /// Another one serves, or will, and only one may.
    Single,
}

impl Place {
    /// Returns the weight that the kernel shall hold; `None`: no entry. One that waits keeps the connections that it has,
    /// but where a second one must not have any.
    pub fn weight(self, settings: &PoolSettings, member: &Member) -> Option<u32> {
        match self {
            Self::Serves { weight, .. } => Some(weight),
            Self::Waits(Wait::Backup | Wait::Quorum) => Some(0),
            Self::Waits(Wait::Single) => None,
            Self::Out | Self::SwitchedOff => {
                (settings.quiescent && !settings.policy.single && !member.is_removed()).then_some(0)
            }
        }
    }

    pub fn serves(self) -> bool {
        matches!(self, Self::Serves { .. })
    }
}
