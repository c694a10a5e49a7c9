//! Who serves where only one may: every director has to choose the same.

use super::selection::Place;
use super::settings::RealServerSettings;
use crate::health::{Admission, Health, Member};
use crate::model::RealServerKey;

/// Who serves where only one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Choice {
    /// Every one that is well could.
    #[default]
    Open,
    /// None yet: one that has yet to answer may be the better one.
    Waits,
    /// This one.
    Made(RealServerKey),
}

/// One that could serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    key: RealServerKey,
    /// Whether it serves now: it is kept.
    is_present: bool,
    /// One that was too busy to be asked all may have become something else meanwhile.
    is_asked_in_full: bool,
    weight: u32,
}

impl Choice {
    pub fn made(self) -> Option<RealServerKey> {
        match self {
            Self::Made(key) => Some(key),
            Self::Open | Self::Waits => None,
        }
    }

    /// Returns the best of the candidates, which are in the order of the configuration. While it `is_early`, because none serves
    /// and others have not answered for the first time, none is chosen: the first to answer may be another one at the other
    /// director.
    pub fn among(candidates: impl Iterator<Item = Candidate>, is_early: bool) -> Self {
        match candidates.min_by_key(|candidate| std::cmp::Reverse(candidate.rank())) {
            Some(best) if best.is_present || !is_early => Self::Made(best.key),
            Some(_) => Self::Waits,
            None => Self::Open,
        }
    }
}

impl Candidate {
    /// Returns the real server as a candidate, if it is one: `place` says what would become of it alone.
    pub fn of(real: &RealServerSettings, member: &Member, place: Place, choice: Choice) -> Option<Self> {
        let Place::Serves { whole: whole @ 1.., .. } = place else { return None };
        let key = real.real_server.key;
        let was_found = matches!(member.health(), Health::Unknown(Admission::Unchecked | Admission::KnownUp));
        Some(Self {
            key,
            is_present: choice.made().map_or(was_found, |made| made == key),
            is_asked_in_full: member.is_asked_in_full(),
            // What a real server wants of its weight differs from answer to answer.
            weight: if member.is_overridden() { whole } else { real.real_server.weight },
        })
    }

    /// Returns the choice of this one where no other one can be better.
    pub fn stays(self) -> Option<Choice> {
        (self.is_present && self.is_asked_in_full).then_some(Choice::Made(self.key))
    }

    fn rank(self) -> (bool, bool, u32) {
        (self.is_asked_in_full, self.is_present, self.weight)
    }
}
