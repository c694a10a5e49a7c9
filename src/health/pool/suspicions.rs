//! The real servers of a pool that swallow the connections of clients: the part of [`Pool`] that hears of them.

use std::time::Instant;

use super::{Pool, PoolEvent};
use crate::health::{Member, Suspicion};
use crate::model::RealServerKey;

/// Returns the places of those that are suspected.
pub(super) fn suspects(members: &[Member]) -> Vec<usize> {
    let places = members.iter().enumerate().filter(|(_, member)| member.suspicion().is_some());
    places.map(|(place, _)| place).collect()
}

impl Pool {
    /// Takes what the connections of clients say of a real server: why it seems to swallow them. `acts`: it counts as
    /// failed for a while, under the rules of the service.
    pub fn suspect(&mut self, key: &RealServerKey, cause: &str, acts: bool, now: Instant) -> Vec<PoolEvent> {
        let place = self.index.get(key).copied();
        self.change_suspicions(place, now, |member| member.suspect(cause, acts, now))
    }

    /// Ends the suspicion of a real server: it has answered a client, or its suspicion counts no more.
    pub fn clear(&mut self, key: &RealServerKey, now: Instant) -> Vec<PoolEvent> {
        if !self.is_suspected(key) {
            return Vec::new();
        }
        let place = self.index.get(key).copied();
        self.change_suspicions(place, now, |member| member.clear(now))
    }

    /// Whether the real server is suspected.
    pub fn is_suspected(&self, key: &RealServerKey) -> bool {
        self.suspicions().any(|(real, _)| real == *key)
    }

    /// Returns the real servers that are suspected.
    pub fn suspicions(&self) -> impl Iterator<Item = (RealServerKey, &Suspicion)> {
        self.suspects.iter().filter_map(|place| {
            let (real, member) = (self.settings.real_servers.get(*place)?, self.members.get(*place)?);
            Some((real.real_server.key, member.suspicion()?))
        })
    }

    /// Gives clients to those whose time is over, to see whether they answer. The caller selects.
    pub(super) fn begin_trials(&mut self, now: Instant) -> Vec<PoolEvent> {
        if self.next_trial().is_none_or(|due| now < due) {
            return Vec::new();
        }
        let mut events = Vec::new();
        for place in std::mem::take(&mut self.suspects) {
            let is_due = |member: &Member| member.suspicion().and_then(Suspicion::trial).is_some_and(|due| due <= now);
            events.extend(
                self.change_member(place, now, |member, _| is_due(member).then(|| member.clear(now)).flatten()),
            );
        }
        self.suspects = suspects(&self.members);
        events
    }

    /// Returns when the next of them is tried.
    pub(super) fn next_trial(&self) -> Option<Instant> {
        self.suspicions().filter_map(|(_, suspicion)| suspicion.trial()).min()
    }

    fn change_suspicions(
        &mut self,
        place: Option<usize>,
        now: Instant,
        change: impl FnOnce(&mut Member) -> Option<crate::health::Transition>,
    ) -> Vec<PoolEvent> {
        let Some(place) = place else { return Vec::new() };
        let mut events: Vec<_> = self.change_member(place, now, |member, _| change(member)).into_iter().collect();
        self.suspects = suspects(&self.members);
        self.select(now, &mut events);
        events
    }
}
