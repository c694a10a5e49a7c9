//! One virtual service: the health of its real servers to the entry that the kernel shall hold.

mod tally;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{Admission, Member, Outcome, Standing, Transition};
use crate::model::{RealServer, RealServerKey, ServiceEntry, ServiceKey, VirtualService};
use tally::Tally;

/// How long the fallback waits for first results when no real server serves: healthy ones answer within milliseconds,
/// so that an ordinary cold start never sees the fallback, and a client that connects meanwhile only sends its SYN once
/// more (after 1 s, RFC 6298).
const FIRST_RESULT: Duration = Duration::from_millis(500);

/// A real server and what its health is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerSettings {
    pub real_server: RealServer,
    /// `checktype=off`: it is not activated, and its absence does not call the fallback.
    pub disabled: bool,
}

/// What the configuration says of one virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    pub service: VirtualService,
    /// Each key at most once.
    pub real_servers: Vec<RealServerSettings>,
    pub fallback: Option<RealServer>,
    /// A failed real server stays at weight 0 instead of being removed. Never applies to the fallback.
    pub quiescent: bool,
    /// Failures in a row until a serving real server is down, at least 1.
    pub failurecount: u32,
}

/// What the monitors before this one knew of the real servers of a virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    pub up: BTreeSet<RealServerKey>,
    pub down: BTreeSet<RealServerKey>,
}

/// What has happened to a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolEvent {
    Member {
        real: RealServerKey,
        transition: Transition,
    },
    FallbackIn,
    FallbackOut,
    /// No real server serves, none is expected to at once, and there is no fallback.
    NobodyServes,
    /// The end of [`PoolEvent::NobodyServes`].
    SomebodyServes,
}

/// A virtual service with the health of its real servers. One result costs the same whatever their number.
#[derive(Debug, Clone)]
pub struct Pool {
    settings: PoolSettings,
    /// In the order of `settings.real_servers`.
    members: Vec<Member>,
    index: HashMap<RealServerKey, usize>,
    tally: Tally,
    /// Until then the first results of those that came last are waited for.
    patient_until: Instant,
    /// No real server takes connections and none is waited for: the case for the fallback. State, not derived: while
    /// first results are waited for it stays as it was.
    unserved: bool,
}

impl Pool {
    /// `observed` is the kernel's entry, if there is one: a real server that is in there goes on serving until a check
    /// says otherwise. One that is not starts outside, so that no dead server gets a connection.
    ///
    /// The events of the beginning come from the first [`Pool::advance`], which is due at once.
    pub fn new(settings: PoolSettings, observed: Option<&ServiceEntry>, known: &Known, now: Instant) -> Self {
        let held = |key: &RealServerKey| observed.and_then(|entry| entry.real_servers.get(key));
        let admission = |real: &RealServer| match held(&real.key) {
            // Weight 0 is a failed real server that was quiesced, unless it is what the configuration asks for.
            Some(held) if held.weight > 0 || real.weight == 0 => match known.up.contains(&real.key) {
                true => Admission::KnownUp,
                false => Admission::Unchecked,
            },
            _ if known.down.contains(&real.key) => Admission::KnownDown,
            _ => Admission::Outside,
        };
        let members = settings.real_servers.iter().map(|real| Member::new(admission(&real.real_server), now)).collect();
        let fallback = settings.fallback.as_ref().and_then(|fallback| held(&fallback.key));
        let unserved = fallback.is_some_and(|held| held.weight > 0);
        Self::of(settings, members, now + FIRST_RESULT, unserved)
    }

    fn of(settings: PoolSettings, members: Vec<Member>, patient_until: Instant, unserved: bool) -> Self {
        let keys = settings.real_servers.iter().map(|real| real.real_server.key);
        let index = keys.enumerate().map(|(place, key)| (key, place)).collect();
        let tally = Tally::count(&settings.real_servers, &members);
        Self { settings, members, index, tally, patient_until, unserved }
    }

    pub fn key(&self) -> ServiceKey {
        self.settings.service.key
    }

    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Takes a new configuration. What is known of a real server that stays is kept; a new one starts outside, and so
    /// does one that was switched off, since no check of it was made meanwhile.
    pub fn reconfigure(&mut self, settings: PoolSettings, now: Instant) -> Vec<PoolEvent> {
        let before = self.presence();
        let mut patient_until = self.patient_until;
        let members = settings.real_servers.iter().map(|real| match self.known(real) {
            Some(member) => member.clone(),
            None => {
                patient_until = now + FIRST_RESULT;
                Member::new(Admission::Outside, now)
            }
        });
        let members = members.collect();
        *self = Self::of(settings, members, patient_until, self.unserved);
        self.unserved = self.is_unserved(now);
        before.events_until(self.presence()).collect()
    }

    fn known(&self, real: &RealServerSettings) -> Option<&Member> {
        let place = *self.index.get(&real.real_server.key)?;
        let switched_on = self.settings.real_servers.get(place)?.disabled && !real.disabled;
        self.members.get(place).filter(|_| !switched_on)
    }

    /// The first checks of this configuration begin by then: many are not all asked at once, and until they are the
    /// fallback would come for no reason.
    pub fn wait_until_asked(&mut self, asked_by: Instant) {
        self.patient_until = self.patient_until.max(asked_by + FIRST_RESULT);
    }

    /// Takes the result of a check. One of a real server that is not of this pool (any more), or is switched off,
    /// changes nothing.
    pub fn note(&mut self, key: RealServerKey, outcome: &Outcome, now: Instant) -> Vec<PoolEvent> {
        let before = self.presence();
        let found = self
            .index
            .get(&key)
            .and_then(|place| Some((self.settings.real_servers.get(*place)?, self.members.get_mut(*place)?)));
        let Some((real, member)) = found else { return Vec::new() };
        if real.disabled {
            return Vec::new();
        }
        self.tally -= Tally::of(real, member);
        let transition = member.note(outcome, self.settings.failurecount, now);
        self.tally += Tally::of(real, member);
        self.unserved = self.is_unserved(now);
        let mut events = Vec::new();
        events.extend(transition.map(|transition| PoolEvent::Member { real: key, transition }));
        events.extend(before.events_until(self.presence()));
        events
    }

    /// Does what time alone changes.
    pub fn advance(&mut self, now: Instant) -> Vec<PoolEvent> {
        let before = self.presence();
        self.unserved = self.is_unserved(now);
        before.events_until(self.presence()).collect()
    }

    /// When [`Pool::advance`] is due, if no result comes before; `None`: never.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        if self.is_unserved(now) != self.unserved {
            return Some(now);
        }
        let wait_ends = !self.unserved && self.is_unserved(self.patient_until);
        wait_ends.then_some(self.patient_until)
    }

    /// Whether the fallback is called for. While the first result of a real server is still waited for nothing changes:
    /// else the fallback would flap at every cold start. A real server of weight 0 serves nobody, however healthy it
    /// is, and is not waited for.
    fn is_unserved(&self, now: Instant) -> bool {
        if self.tally.serving > 0 || self.is_switched_off() {
            return false;
        }
        let waits = self.tally.awaited > 0 && now < self.patient_until;
        self.unserved || !waits
    }

    /// Every real server is (`checktype=off`): the service shall serve nobody, not even by its fallback.
    pub fn is_switched_off(&self) -> bool {
        self.tally.enabled == 0 && !self.settings.real_servers.is_empty()
    }

    fn presence(&self) -> Presence {
        let has_fallback = self.settings.fallback.is_some();
        Presence { fallback: self.unserved && has_fallback, nobody: self.unserved && !has_fallback }
    }

    /// The fallback is in.
    pub fn fallback_serves(&self) -> bool {
        self.presence().fallback
    }

    /// Neither a real server of weight above 0 nor the fallback is in.
    pub fn nobody_serves(&self) -> bool {
        self.tally.serving == 0 && !self.fallback_serves()
    }

    /// Every real server has had a result.
    pub fn all_asked(&self) -> bool {
        self.tally.unasked == 0
    }

    /// Whether a start need not wait for more results: a real server that has passed a check serves and none that was
    /// put in without one is still to be asked, or the fallback serves, or every real server has been asked.
    pub fn is_settled(&self, now: Instant) -> bool {
        let Tally { trusted, untried, unasked, .. } = self.tally;
        let fallback_serves = self.settings.fallback.is_some() && self.is_unserved(now);
        unasked == 0 || fallback_serves || (trusted > 0 && untried == 0)
    }

    /// The entry that the kernel shall hold.
    pub fn entry(&self, now: Instant) -> ServiceEntry {
        let reals = self.settings.real_servers.iter().zip(&self.members);
        let reals = reals.filter_map(|(real, member)| self.placed(real, member));
        let fallback = self.settings.fallback.clone().filter(|_| self.is_unserved(now));
        ServiceEntry {
            service: self.settings.service.clone(),
            real_servers: reals.chain(fallback).map(|real| (real.key, real)).collect(),
        }
    }

    /// The real server as it shall stand in the kernel, if at all.
    fn placed(&self, real: &RealServerSettings, member: &Member) -> Option<RealServer> {
        if !real.disabled && member.serves() {
            return Some(real.real_server.clone());
        }
        self.settings.quiescent.then(|| RealServer { weight: 0, ..real.real_server.clone() })
    }

    /// The real servers that the next monitor shall trust.
    pub fn known_up(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_up)
    }

    /// The real servers that the next monitor need not wait for.
    pub fn known_down(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_down)
    }

    fn keys_of(&self, is_one: fn(&Member) -> bool) -> impl Iterator<Item = RealServerKey> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        let ones = members.filter(move |(real, member)| !real.disabled && is_one(member));
        ones.map(|(real, _)| real.real_server.key)
    }

    /// Each real server with its health, and whether and why it serves.
    pub fn members(&self) -> impl Iterator<Item = (&RealServer, &Member, Standing)> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        members.map(|(real, member)| (&real.real_server, member, self.standing_of(real, member)))
    }

    /// Whether and why one real server serves; `None` when it is not of this pool.
    pub fn standing(&self, key: &RealServerKey) -> Option<Standing> {
        let place = *self.index.get(key)?;
        Some(self.standing_of(self.settings.real_servers.get(place)?, self.members.get(place)?))
    }

    fn standing_of(&self, real: &RealServerSettings, member: &Member) -> Standing {
        match real.disabled {
            true => Standing { serves: false, reason: "checktype=off".into() },
            false => member.standing(self.settings.failurecount),
        }
    }
}

/// What clients get when no real server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Presence {
    fallback: bool,
    nobody: bool,
}

impl Presence {
    fn events_until(self, now: Self) -> impl Iterator<Item = PoolEvent> {
        let fallback = match (self.fallback, now.fallback) {
            (false, true) => Some(PoolEvent::FallbackIn),
            (true, false) => Some(PoolEvent::FallbackOut),
            _ => None,
        };
        let nobody = match (self.nobody, now.nobody) {
            (false, true) => Some(PoolEvent::NobodyServes),
            (true, false) => Some(PoolEvent::SomebodyServes),
            _ => None,
        };
        fallback.into_iter().chain(nobody)
    }
}

#[cfg(test)]
mod tests;
