//! What has happened to a virtual service: what differs between two selections.

use super::opinion::{Opinion, Stand};
use super::reason::Condition;
use super::selection::Selection;
use crate::health::Transition;
use crate::model::RealServerKey;

/// What has happened to a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolEvent {
    /// The health of a real server changed, or came nearer to a change.
    Member {
        /// The real server.
        real: RealServerKey,
        /// What changed.
        transition: Transition,
    },
    /// The fallback serves from now on.
    FallbackIn,
    /// The fallback serves no longer.
    FallbackOut,
    /// No real server serves, none is expected to at once, and there is no fallback.
    NobodyServes,
    /// The end of [`PoolEvent::NobodyServes`].
    ServedAgain,
    /// A state of the service as a whole begins.
    Began(Condition),
    /// It has ended.
    Ended(Condition),
    /// Failed checks are about to take out the last real server, or have: other directors are to be asked about
    /// [`Pool::doubted`](super::Pool::doubted), and [`Pool::hear`](super::Pool::hear) takes what they say.
    AsksOthers,
    /// The kernel may have to hold something else, such as the next weight of a slow start.
    Reweighted,
}

impl PoolEvent {
    /// Whether a real server went down.
    pub fn takes_out(&self) -> bool {
        matches!(self, Self::Member { transition: Transition::WentDown, .. })
    }
}

/// Returns what has happened between two selections. `has_quorum` says for each whether the configuration asks for more than
/// one real server.
pub(super) fn between(before: (Selection, bool), now: (Selection, bool)) -> impl Iterator<Item = PoolEvent> {
    let facts = |(selection, has_quorum): (Selection, bool)| {
        [
            (selection.fallback, (PoolEvent::FallbackIn, PoolEvent::FallbackOut)),
            (selection.nobody, (PoolEvent::NobodyServes, PoolEvent::ServedAgain)),
            (selection.backups, of(Condition::BackupsServe)),
            (selection.lost.is_some() && has_quorum, of(Condition::QuorumLost)),
            (selection.cap.is_some(), of(Condition::CapReached)),
            (selection.several.is_some(), of(Condition::SeveralUp)),
            (is(selection, |opinion| opinion.stand == Stand::Reached), of(Condition::OthersReach)),
            (is(selection, |opinion| opinion.stand.is_alone()), of(Condition::DecidedAlone)),
        ]
    };
    let number = |(selection, _): (Selection, bool)| selection.opinion.map(|opinion| opinion.questions);
    let asks = number(now).is_some() && number(now) != number(before);
    let pairs = facts(before).into_iter().zip(facts(now));
    let changes = pairs.filter_map(|((before, _), (now, (begins, ends)))| match (before, now) {
        (false, true) => Some(begins),
        (true, false) => Some(ends),
        _ => None,
    });
    changes.chain(asks.then_some(PoolEvent::AsksOthers))
}

fn is(selection: Selection, what: impl Fn(Opinion) -> bool) -> bool {
    selection.opinion.is_some_and(what)
}

fn of(condition: Condition) -> (PoolEvent, PoolEvent) {
    (PoolEvent::Began(condition), PoolEvent::Ended(condition))
}
