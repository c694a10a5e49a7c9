//! Why each real server has its weight, and what is wrong with a service as a whole: in words for people.

use std::time::Instant;

use super::choice::Choice;
use super::opinion::{Opinion, Stand};
use super::selection::{Place, Selection, Wait};
use super::settings::{PoolSettings, RealServerSettings};
use super::tally::{Hold, Tally};
use crate::health::{CONFIGURED, Member};
use crate::model::Quorum;

/// The reason of a real server that the configuration does not activate.
pub const SWITCHED_OFF: &str = "checktype=off";

/// Whether a real server serves, and the reason that `status` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingState {
    /// Whether it takes its part in the service.
    pub serves: bool,
    /// Why, in words for people.
    pub reason: String,
}

/// What is wrong with a service as a whole while its real servers are what the rules make of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about.
    pub condition: Condition,
    /// When it began.
    pub since: Instant,
    /// What is wrong, in words for people.
    pub cause: String,
}

/// A state of a service as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Backups serve: the other real servers have not the weight of the quorum.
    BackupsServe,
    /// The real servers have not the weight of the quorum, backups among them, where the configuration asks for more than
    /// one real server or for another answer than the fallback.
    QuorumLost,
    /// More real servers have failed than failed checks may take out.
    CapReached,
    /// Several real servers are up where only one may serve, for longer than a planned switch takes.
    SeveralUp,
    /// No real server is well here, and another director reaches one: the last ones stay in.
    OthersReach,
    /// No real server is well here, and no other director has said whether it reaches one: this node has decided alone.
    DecidedAlone,
}

impl Condition {
    /// Whether a person has to look at it.
    pub fn is_alarm(self) -> bool {
        self != Self::BackupsServe
    }
}

/// What reasons are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reasons<'a> {
    pub settings: &'a PoolSettings,
    pub tally: &'a Tally,
    pub selection: Selection,
    /// See [`super::OthersAnswer::Reached`].
    pub reached_by: &'a str,
}

impl Reasons<'_> {
    /// Returns whether a real server serves and why: the rule of the service first, then what its checks say.
    pub fn state(&self, real: &RealServerSettings, member: &Member, place: Place) -> ServingState {
        let rule = match place {
            Place::SwitchedOff => return ServingState { serves: false, reason: SWITCHED_OFF.into() },
            Place::Out => self.why_others_do_not_help(member),
            Place::Waits(Wait::Backup) => Some("backup: not needed".into()),
            Place::Waits(Wait::Quorum) => Some(self.quorum_lost()),
            Place::Waits(Wait::Single) => Some(self.waits_for_chosen()),
            Place::Serves { hold: Some(Hold::Cap), .. } => Some(format!("kept in: {}", self.cap_reached())),
            Place::Serves { hold: Some(Hold::Opinion), .. } => Some(format!("kept in: {}", self.others())),
            Place::Serves { hold: Some(Hold::Quorum), .. } => Some(format!("kept in: {}", self.quorum_lost())),
            Place::Serves { weight, whole, .. } if weight < whole => {
                Some(format!("slow start: weight {weight} of {whole}"))
            }
            Place::Serves { .. } if real.backup => Some("backup: needed".into()),
            Place::Serves { .. } => None,
        };
        let own = member.reason(self.settings.limits);
        let reason = match rule {
            Some(rule) if own == CONFIGURED => rule,
            Some(rule) => format!("{rule}; {own}"),
            None => own,
        };
        ServingState { serves: place.serves(), reason }
    }

    /// Returns what is wrong with the service as a whole.
    pub fn alarms(&self) -> Vec<Alarm> {
        let Self { selection, .. } = self;
        let lost = selection.lost.filter(|_| has_quorum(self.settings));
        let stands =
            |is: fn(&Opinion) -> bool| selection.opinion.as_ref().filter(|opinion| is(opinion)).map(|one| one.since);
        let alarm = |condition, since: Option<Instant>, cause: &dyn Fn() -> String| {
            since.map(|since| Alarm { condition, since, cause: cause() })
        };
        let alarms = [
            alarm(Condition::QuorumLost, lost, &|| self.quorum_lost()),
            alarm(Condition::CapReached, selection.cap.map(|cap| cap.since), &|| self.cap_reached()),
            alarm(Condition::SeveralUp, selection.several, &|| self.several_up()),
            alarm(Condition::OthersReach, stands(|opinion| opinion.stand == Stand::Reached), &|| self.others()),
            alarm(Condition::DecidedAlone, stands(|opinion| opinion.stand.is_alone()), &|| self.others()),
        ];
        alarms.into_iter().flatten().collect()
    }

    fn quorum_lost(&self) -> String {
        let Tally { primary, backup, .. } = self.tally;
        let needed = self.settings.policy.quorum.threshold(true, primary.configured);
        let action = self.settings.policy.quorum.action.name();
        let weight = primary.in_service() + backup.in_service();
        format!("quorum lost: weight {weight}, needs {needed} (quorumaction={action})")
    }

    fn cap_reached(&self) -> String {
        let Tally { failed, judged, .. } = self.tally;
        let percent = self.settings.policy.ejection_cap.map_or(100, |cap| cap.percent);
        format!(
            "{failed} of {judged} real servers fail, more than maxejected={percent}%: the fault is sought at this node"
        )
    }

    /// What the other directors say while no real server is well here. What follows from it comes first: the cluster's programs
    /// cut a reason off.
    fn others(&self) -> String {
        let Some(Opinion { stand, .. }) = self.selection.opinion else { return String::new() };
        let here = "no real server passes its check here";
        match stand {
            Stand::Asked | Stand::Awaited => format!("{here}: the other directors are asked whether they reach one"),
            Stand::Reached => format!(
                "the fault is sought at this node, nothing is removed: {here}, and the director {} reaches one",
                self.reached_by
            ),
            Stand::NotReached => format!("{here}, and no other director reaches one"),
            Stand::Over { .. } => format!(
                "another one is well here again, and the director {} reached one: the next check is awaited",
                self.reached_by
            ),
            Stand::Alone(why) => format!("decided alone: {here}, and {}", why.words()),
        }
    }

    /// Why the question to the other directors keeps one out no longer that has failed with the last ones.
    fn why_others_do_not_help(&self, member: &Member) -> Option<String> {
        let opinion = self.selection.opinion?;
        let is_asked_about = member.failed_checks_at().is_some_and(|fell| fell >= opinion.from);
        is_asked_about.then(|| self.others())
    }

    fn waits_for_chosen(&self) -> String {
        match self.selection.choice {
            Choice::Made(chosen) => format!("only one may serve, and {chosen} does"),
            Choice::Waits | Choice::Open => "only one may serve, and not all have answered yet".into(),
        }
    }

    fn several_up(&self) -> String {
        let well = self.tally.primary.well + if self.selection.short { self.tally.backup.well } else { 0 };
        format!("{well} real servers are up: {}", self.waits_for_chosen())
    }
}

/// Whether the configuration says more of a quorum than that one real server is enough.
pub(super) fn has_quorum(settings: &PoolSettings) -> bool {
    settings.policy.quorum != Quorum::default()
}
