//! One virtual service: it turns the health of its real servers into the entry that the kernel shall hold.

mod tally;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{Admission, Member, Outcome, Override, ServingState, Transition};
use crate::model::{RealServer, RealServerKey, ServiceEntry, ServiceKey, VirtualService};
use tally::Tally;

/// How long the fallback waits for first results when no real server serves: healthy ones answer within milliseconds,
/// so that an ordinary cold start never sees the fallback, and a client that connects meanwhile only sends its SYN once
/// more (after 1 s, RFC 6298).
const FIRST_RESULT: Duration = Duration::from_millis(500);

/// A real server and what its health is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerSettings {
    /// The real server at its configured weight.
    pub real_server: RealServer,
    /// Whether it is switched off (`checktype=off`): it is not activated, and its absence does not call the fallback.
    pub disabled: bool,
}

/// A real server that has left the configuration and keeps the connections that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainingServer {
    /// The real server, with weight 0.
    pub real_server: RealServer,
    /// When it left.
    pub since: Instant,
    /// When it is removed at the latest.
    pub until: Instant,
}

/// What the configuration says of one virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// The virtual service.
    pub service: VirtualService,
    /// The real servers, each key at most once.
    pub real_servers: Vec<RealServerSettings>,
    /// Real servers that have left, each key at most once. They have no health and serve no new client.
    pub draining: Vec<DrainingServer>,
    /// The server that takes connections when no real server serves.
    pub fallback: Option<RealServer>,
    /// Whether a failed real server stays at weight 0 instead of being removed. This never applies to the fallback.
    pub quiescent: bool,
    /// The failures in a row until a serving real server is down, at least 1.
    pub failurecount: u32,
}

/// What the health monitors before this one knew of the real servers of a virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownHealth {
    /// The real servers that were well.
    pub up: BTreeSet<RealServerKey>,
    /// The real servers that were down.
    pub down: BTreeSet<RealServerKey>,
    /// The real servers whose weight of 0 in the kernel is what an operator has ordered, and says nothing of their health.
    pub drained: BTreeSet<RealServerKey>,
}

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
}

/// A virtual service with the health of its real servers. One result costs the same whatever their number.
///
/// A failed real server leaves, and the fallback takes its place:
///
/// ```
/// use std::time::Instant;
///
/// use lvs_agents::health::{Outcome, Pool, PoolSettings, RealServerSettings};
/// use lvs_agents::model::{ForwardingMethod, RealServer, ServiceFlags, VirtualService};
///
/// let server = |address: &str| RealServer {
///     key: address.parse().unwrap(),
///     forwarding: ForwardingMethod::Gate,
///     local: false,
///     weight: 1,
///     upper_threshold: 0,
///     lower_threshold: 0,
/// };
/// let (web, fallback) = (server("192.0.2.1:80"), server("192.0.2.9:80"));
/// let settings = PoolSettings {
///     service: VirtualService {
///         key: "tcp 198.51.100.1:80".parse().unwrap(),
///         scheduler: Default::default(),
///         persistence: None,
///         flags: ServiceFlags::default(),
///     },
///     real_servers: vec![RealServerSettings { real_server: web.clone(), disabled: false }],
///     draining: Vec::new(),
///     fallback: Some(fallback.clone()),
///     quiescent: false,
///     failurecount: 1,
/// };
/// let now = Instant::now();
/// let mut pool = Pool::new(settings, None, &Default::default(), now);
///
/// pool.note(web.key, &Outcome::Good, now);
/// assert!(pool.entry(now).real_servers.contains_key(&web.key));
///
/// pool.note(web.key, &Outcome::Bad("connection refused".into()), now);
/// assert_eq!(pool.entry(now).real_servers.into_keys().collect::<Vec<_>>(), [fallback.key]);
/// assert_eq!(pool.serving_state(&web.key).unwrap().reason, "check failed 1 of 1: connection refused");
/// ```
#[derive(Debug, Clone)]
pub struct Pool {
    settings: PoolSettings,
    /// The members, in the order of `settings.real_servers`.
    members: Vec<Member>,
    index: HashMap<RealServerKey, usize>,
    tally: Tally,
    /// Until then the pool waits for the first results of the real servers that came last.
    patient_until: Instant,
    /// Whether no real server takes connections and none is waited for: the case for the fallback. This is state and
    /// not derived: while first results are waited for it stays as it was.
    unserved: bool,
}

impl Pool {
    /// Creates the pool. `observed` is the kernel's entry, if there is one: a real server that is in there goes on
    /// serving until a check says otherwise. A real server that is not in there starts outside, so that no dead server
    /// gets a connection.
    ///
    /// The events of the beginning come from the first [`Pool::advance`], which is due at once.
    pub fn new(settings: PoolSettings, observed: Option<&ServiceEntry>, known: &KnownHealth, now: Instant) -> Self {
        let held = |key: &RealServerKey| observed.and_then(|entry| entry.real_servers.get(key));
        let admission = |real: &RealServer| match held(&real.key) {
            // Weight 0 is a failed real server that was quiesced, unless it is what the configuration or an operator asks for.
            Some(held) if held.weight > 0 || real.weight == 0 || known.drained.contains(&real.key) => {
                match known.up.contains(&real.key) {
                    true => Admission::KnownUp,
                    false => Admission::Unchecked,
                }
            }
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

    /// Returns the virtual service's key.
    pub fn key(&self) -> ServiceKey {
        self.settings.service.key
    }

    /// Returns the configuration in force.
    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Takes a new configuration. What is known of a real server that stays is kept. A new real server starts outside,
    /// and so does one that was switched off, since no check of it was made meanwhile.
    pub fn reconfigure(&mut self, settings: PoolSettings, now: Instant) -> Vec<PoolEvent> {
        let before = self.unserved_state();
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
        before.events_until(self.unserved_state()).collect()
    }

    fn known(&self, real: &RealServerSettings) -> Option<&Member> {
        let place = *self.index.get(&real.real_server.key)?;
        let switched_on = self.settings.real_servers.get(place)?.disabled && !real.disabled;
        self.members.get(place).filter(|_| !switched_on)
    }

    /// Waits for first results until they can be there: the first checks of this configuration begin by `asked_by`.
    /// Many real servers are not all asked at once, and until they are, the fallback would come for no reason.
    pub fn wait_until_asked(&mut self, asked_by: Instant) {
        self.patient_until = self.patient_until.max(asked_by + FIRST_RESULT);
    }

    /// Takes the result of a check. The result of a real server that is not of this pool (any more), or is switched
    /// off, changes nothing.
    pub fn note(&mut self, key: RealServerKey, outcome: &Outcome, now: Instant) -> Vec<PoolEvent> {
        let before = self.unserved_state();
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
        events.extend(before.events_until(self.unserved_state()));
        events
    }

    /// Takes what people say by hand: `override_of` returns it for each real server of which anything is said.
    pub fn set_overrides(
        &mut self,
        override_of: impl Fn(&RealServerKey) -> Option<Override>,
        now: Instant,
    ) -> Vec<PoolEvent> {
        let before = self.unserved_state();
        let mut events = Vec::new();
        for (real, member) in self.settings.real_servers.iter().zip(&mut self.members) {
            let key = real.real_server.key;
            self.tally -= Tally::of(real, member);
            let transition = member.set_override(override_of(&key));
            self.tally += Tally::of(real, member);
            events.extend(transition.map(|transition| PoolEvent::Member { real: key, transition }));
        }
        self.unserved = self.is_unserved(now);
        events.extend(before.events_until(self.unserved_state()));
        events
    }

    /// Does what time alone changes.
    pub fn advance(&mut self, now: Instant) -> Vec<PoolEvent> {
        let before = self.unserved_state();
        self.unserved = self.is_unserved(now);
        before.events_until(self.unserved_state()).collect()
    }

    /// Returns when [`Pool::advance`] is due, if no result comes before; `None` means never.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        if self.is_unserved(now) != self.unserved {
            return Some(now);
        }
        let wait_ends = !self.unserved && self.is_unserved(self.patient_until);
        wait_ends.then_some(self.patient_until)
    }

    /// Whether the fallback is called for. While the first result of a real server is still waited for nothing changes:
    /// else the fallback would flap at every cold start. A real server of weight 0 serves no client, however healthy it
    /// is, and is not waited for.
    fn is_unserved(&self, now: Instant) -> bool {
        if self.tally.serving > 0 || self.is_switched_off() {
            return false;
        }
        let waits = self.tally.awaited > 0 && now < self.patient_until;
        self.unserved || !waits
    }

    /// Whether every real server is switched off (`checktype=off`): the service shall serve no client, not even by its
    /// fallback.
    pub fn is_switched_off(&self) -> bool {
        self.tally.enabled == 0 && !self.settings.real_servers.is_empty()
    }

    fn unserved_state(&self) -> UnservedState {
        let has_fallback = self.settings.fallback.is_some();
        UnservedState { fallback: self.unserved && has_fallback, nobody: self.unserved && !has_fallback }
    }

    /// Whether the fallback is in.
    pub fn fallback_serves(&self) -> bool {
        self.unserved_state().fallback
    }

    /// Whether neither a real server of weight above 0 nor the fallback is in.
    pub fn nobody_serves(&self) -> bool {
        self.tally.serving == 0 && !self.fallback_serves()
    }

    /// Whether every real server has had a result.
    pub fn all_asked(&self) -> bool {
        self.tally.unasked == 0
    }

    /// Whether a start need not wait for more results: a real server that has passed a check serves and none that was
    /// put in without one is still to be asked, or the fallback serves, or every real server has been asked.
    pub fn is_decided(&self, now: Instant) -> bool {
        let Tally { trusted, untried, unasked, .. } = self.tally;
        let fallback_serves = self.settings.fallback.is_some() && self.is_unserved(now);
        unasked == 0 || fallback_serves || (trusted > 0 && untried == 0)
    }

    /// Returns the entry that the kernel shall hold.
    pub fn entry(&self, now: Instant) -> ServiceEntry {
        let reals = self.settings.real_servers.iter().zip(&self.members);
        let reals = reals.filter_map(|(real, member)| self.placed(real, member));
        let fallback = self.settings.fallback.clone().filter(|_| self.is_unserved(now));
        // One that has come back into the configuration and serves is drained no more: the later entry of a key counts.
        let draining = self.draining().map(|draining| draining.real_server.clone());
        ServiceEntry {
            service: self.settings.service.clone(),
            real_servers: draining.chain(reals).chain(fallback).map(|real| (real.key, real)).collect(),
        }
    }

    /// Returns the real server as it shall stand in the kernel, if at all.
    fn placed(&self, real: &RealServerSettings, member: &Member) -> Option<RealServer> {
        let at = |weight| RealServer { weight, ..real.real_server.clone() };
        if !real.disabled && member.serves() {
            return Some(at(member.weight(real.real_server.weight)));
        }
        (self.settings.quiescent && !member.is_removed()).then(|| at(0))
    }

    /// Returns the real servers that have left the configuration and keep the connections that they have.
    pub fn draining(&self) -> impl Iterator<Item = &DrainingServer> {
        self.settings.draining.iter()
    }

    /// Ends the drain of a real server: nothing keeps its entry any more.
    pub fn end_drain(&mut self, key: &RealServerKey) {
        self.settings.draining.retain(|draining| draining.real_server.key != *key);
    }

    /// Returns the real servers that the next health monitor shall trust.
    pub fn known_up(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_up)
    }

    /// Returns the real servers that the next health monitor need not wait for.
    pub fn known_down(&self) -> impl Iterator<Item = RealServerKey> {
        self.keys_of(Member::is_known_down)
    }

    fn keys_of(&self, is_one: fn(&Member) -> bool) -> impl Iterator<Item = RealServerKey> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        let ones = members.filter(move |(real, member)| !real.disabled && is_one(member));
        ones.map(|(real, _)| real.real_server.key)
    }

    /// Returns each real server with its health, and whether and why it serves.
    pub fn members(&self) -> impl Iterator<Item = (&RealServer, &Member, ServingState)> {
        let members = self.settings.real_servers.iter().zip(&self.members);
        members.map(|(real, member)| (&real.real_server, member, self.serving_state_of(real, member)))
    }

    /// Whether a person has said something of this real server by hand.
    pub fn is_overridden(&self, key: &RealServerKey) -> bool {
        let member = self.index.get(key).and_then(|place| self.members.get(*place));
        member.is_some_and(Member::is_overridden)
    }

    /// Returns whether and why one real server serves; `None` when it is not of this pool.
    pub fn serving_state(&self, key: &RealServerKey) -> Option<ServingState> {
        let place = *self.index.get(key)?;
        Some(self.serving_state_of(self.settings.real_servers.get(place)?, self.members.get(place)?))
    }

    fn serving_state_of(&self, real: &RealServerSettings, member: &Member) -> ServingState {
        match real.disabled {
            true => ServingState { serves: false, reason: "checktype=off".into() },
            false => member.serving_state(self.settings.failurecount),
        }
    }
}

/// What clients get when no real server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct UnservedState {
    fallback: bool,
    nobody: bool,
}

impl UnservedState {
    fn events_until(self, now: Self) -> impl Iterator<Item = PoolEvent> {
        let fallback = match (self.fallback, now.fallback) {
            (false, true) => Some(PoolEvent::FallbackIn),
            (true, false) => Some(PoolEvent::FallbackOut),
            _ => None,
        };
        let nobody = match (self.nobody, now.nobody) {
            (false, true) => Some(PoolEvent::NobodyServes),
            (true, false) => Some(PoolEvent::ServedAgain),
            _ => None,
        };
        fallback.into_iter().chain(nobody)
    }
}

#[cfg(test)]
mod tests;
