//! One virtual service: it turns the health of its real servers into the entry that the kernel shall hold.

mod choice;
mod event;
mod found;
mod handover;
mod opinion;
mod ramp;
mod reason;
mod selection;
mod settings;
mod suspicions;
mod tally;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::{Admission, Member, Outcome, Override, Transition};
use crate::model::{RealServer, RealServerKey, ServiceEntry, ServiceKey};
use choice::{Candidate, Choice};
pub use event::PoolEvent;
use opinion::{News, Opinion};
pub use opinion::{OthersAnswer, Silence};
use ramp::Ramps;
use reason::Reasons;
pub use reason::{Alarm, Condition, SWITCHED_OFF, ServingState};
use selection::{Place, Selection, Situation};
pub use settings::{
    DrainingServer, EjectionCap, KnownHealth, Policy, PoolSettings, RealServerSettings, ReducedWeight, SecondOpinion,
};
use tally::{Holds, Tally};

/// How long the fallback waits for first results when no real server serves: healthy ones answer within milliseconds,
/// so that an ordinary cold start never sees the fallback, and a client that connects meanwhile only sends its SYN once
/// more (after 1 s, RFC 6298).
const FIRST_RESULT: Duration = Duration::from_millis(500);

/// A virtual service with the health of its real servers. One result costs the same whatever their number.
///
/// A failed real server leaves, and the fallback takes its place:
///
/// ```
/// use std::time::Instant;
///
/// use lvs_agents::health::{Limits, Outcome, Pool, PoolSettings, RealServerSettings};
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
///     real_servers: vec![RealServerSettings::new(web.clone())],
///     draining: Vec::new(),
///     fallback: Some(fallback.clone()),
///     quiescent: false,
///     limits: Limits { failurecount: 1, rise: 1 },
///     policy: Default::default(),
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
    /// The counts, with those that have failed and stay in by these holds.
    tally: Tally,
    holds: Holds,
    /// The real servers that have not their whole weight yet.
    ramps: Ramps,
    /// The places of the members that swallow the connections of clients.
    suspects: Vec<usize>,
    /// Whether the first results have come: what comes up from now on finds others that serve.
    has_begun: bool,
    /// Until then the pool waits for the first results of the real servers that came last.
    patient_until: Instant,
    /// What stands for the service as a whole.
    selection: Selection,
    /// The director that was the last to reach a real server which had failed here.
    reached_by: String,
}

impl Pool {
    /// Creates the pool. `observed` is the kernel's entry, if there is one: a real server that is in there goes on
    /// serving until a check says otherwise. A real server that is not in there starts outside, so that no dead server
    /// gets a connection.
    ///
    /// The events of the beginning come from the first [`Pool::advance`], which is due at once.
    pub fn new(settings: PoolSettings, observed: Option<&ServiceEntry>, known: &KnownHealth, now: Instant) -> Self {
        let held = |key: &RealServerKey| observed.and_then(|entry| entry.real_servers.get(key));
        let is_served = |real: &RealServer| held(&real.key).is_some_and(|held| held.weight > 0);
        let starts_up = settings.policy.starts_up;
        let members: Vec<Member> = settings
            .real_servers
            .iter()
            .map(|real| found::member(real, held(&real.real_server.key), known, starts_up, now))
            .collect();
        let fallback = settings.fallback.as_ref().is_some_and(is_served);
        let backup = settings.real_servers.iter().any(|real| real.backup && is_served(&real.real_server));
        let selection = Selection::found(&settings, (fallback, backup, known.quorum_lost), now);
        let begun = settings.real_servers.iter().zip(&members).filter(|(_, member)| member.is_known_up());
        let begun = begun.filter_map(|(real, _)| {
            let key = real.real_server.key;
            Some((key, known.reduced.get(&key)?.rising_since?))
        });
        let ramps = Ramps::resumed(begun, settings.policy.slow_start, now);
        Self::of(settings, members, ramps, now + FIRST_RESULT, selection)
    }

    fn of(
        settings: PoolSettings,
        members: Vec<Member>,
        ramps: Ramps,
        patient_until: Instant,
        selection: Selection,
    ) -> Self {
        let keys = settings.real_servers.iter().map(|real| real.real_server.key);
        let index = keys.enumerate().map(|(place, key)| (key, place)).collect();
        let holds = selection.holds(&settings);
        let tally = Tally::count(&settings.real_servers, &members, holds, &ramps);
        let suspects = suspicions::suspects(&members);
        Self {
            settings,
            members,
            index,
            tally,
            holds,
            ramps,
            suspects,
            has_begun: false,
            patient_until,
            selection,
            reached_by: String::new(),
        }
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
        let mut patient_until = self.patient_until;
        let starts_up = settings.policy.starts_up;
        let members = settings.real_servers.iter().map(|real| match self.known(real) {
            Some(member) => member.clone(),
            None => {
                patient_until = now + FIRST_RESULT;
                Member::new(Admission::of_newcomer(starts_up), now)
            }
        });
        let members = members.collect();
        let had_quorum = reason::has_quorum(&self.settings);
        let mut ramps = std::mem::take(&mut self.ramps);
        let reals: HashSet<RealServerKey> = settings.real_servers.iter().map(|real| real.real_server.key).collect();
        ramps.keep_only(settings.policy.slow_start, |real| reals.contains(real));
        let has_begun = self.has_begun;
        let reached_by = std::mem::take(&mut self.reached_by);
        *self = Self { has_begun, reached_by, ..Self::of(settings, members, ramps, patient_until, self.selection) };
        let mut events = Vec::new();
        self.settle(had_quorum, News::None, now, &mut events);
        events
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
        let Some(place) = self.index.get(&key).copied() else { return Vec::new() };
        if self.settings.real_servers.get(place).is_none_or(|real| real.disabled) {
            return Vec::new();
        }
        let limits = self.settings.limits;
        let is_empty = self.selection.weight_in_service(&self.settings, &self.tally) == 0;
        let mut events = Vec::new();
        events.extend(self.change_member(place, now, |member, _| {
            // Others say nothing of what the real server wants.
            if is_empty && matches!(outcome, Outcome::Good | Outcome::Advised(_)) {
                member.is_urgent();
            }
            member.note(outcome, limits, now)
        }));
        self.select(now, &mut events);
        events
    }

    /// Takes what people say by hand: `override_of` returns it for each real server of which anything is said.
    pub fn set_overrides(
        &mut self,
        override_of: impl Fn(&RealServerKey) -> Option<Override>,
        now: Instant,
    ) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        for place in 0..self.members.len() {
            events.extend(self.change_member(place, now, |member, key| member.set_override(override_of(key))));
        }
        self.select(now, &mut events);
        events
    }

    /// Does what time alone changes.
    pub fn advance(&mut self, now: Instant) -> Vec<PoolEvent> {
        let mut events = self.begin_trials(now);
        self.select(now, &mut events);
        events
    }

    /// Changes one member and its part of the counts. One that comes up while others serve begins its slow start.
    fn change_member(
        &mut self,
        place: usize,
        now: Instant,
        change: impl FnOnce(&mut Member, &RealServerKey) -> Option<Transition>,
    ) -> Option<PoolEvent> {
        let (real, member) = (self.settings.real_servers.get(place)?, self.members.get_mut(place)?);
        let key = real.real_server.key;
        let offered = |member: &Member| if member.serves() { member.weight(real.real_server.weight) } else { 0 };
        // One that has failed and stays in has clients all the time.
        let before = if self.holds.of(member).is_some() { real.real_server.weight } else { offered(member) };
        self.tally -= Tally::of(real, member, self.holds, &self.ramps);
        let are_others_well = self.tally.primary.well > 0 || (self.selection.short && self.tally.backup.well > 0);
        let transition = change(member, &key);
        match (before, offered(member)) {
            (0, 1..)
                if self.has_begun && are_others_well && !real.backup && !self.settings.policy.slow_start.is_zero() =>
            {
                self.ramps.begin(key, now);
            }
            (_, 0) => self.ramps.end(&key),
            _ => {}
        }
        self.tally += Tally::of(real, member, self.holds, &self.ramps);
        transition.map(|transition| PoolEvent::Member { real: key, transition })
    }

    /// Selects anew, and adds what that changes for the service as a whole.
    fn select(&mut self, now: Instant, events: &mut Vec<PoolEvent>) {
        self.settle(reason::has_quorum(&self.settings), self.news_of(events), now, events);
    }

    /// The same after a new configuration: `had_quorum` says whether the one before asked for more than one real server.
    fn settle(&mut self, had_quorum: bool, news: News, now: Instant, events: &mut Vec<PoolEvent>) {
        let has_stepped = self.ramps.advance(self.settings.policy.slow_start, now);
        if has_stepped {
            // Those that have reached their whole weight count as the others.
            self.tally = Tally::count(&self.settings.real_servers, &self.members, self.holds, &self.ramps);
        }
        self.has_begun |= self.tally.awaited() == 0 || now >= self.patient_until;
        let Decision { selection, tally, holds } = self.decided(news, now);
        let before = std::mem::replace(&mut self.selection, selection);
        (self.tally, self.holds) = (tally, holds);
        events.extend(event::between((before, had_quorum), (selection, reason::has_quorum(&self.settings))));
        if events.is_empty() && (has_stepped || before != selection) {
            events.push(PoolEvent::Reweighted);
        }
    }

    /// Decides for a moment. Those that have failed and stay in are part of the counts: where the holds change, they are
    /// counted anew. The cap asks only for the numbers of failed ones, and the quorum for no weight that it keeps itself,
    /// so that each changes once at most.
    fn decided(&self, news: News, now: Instant) -> Decision {
        let Self { settings, members, ramps, patient_until, .. } = self;
        let (mut tally, mut holds) = (self.tally, self.holds);
        loop {
            let situation = Situation { settings, tally: &tally, patient_until: *patient_until, news, now };
            let selection = self.selection.next(situation);
            let wanted = selection.holds(settings);
            if wanted == holds {
                let choice = if settings.policy.single { self.choice(selection, now) } else { Choice::Open };
                return Decision { selection: Selection { choice, ..selection }, tally, holds };
            }
            holds = wanted;
            tally = Tally::count(&settings.real_servers, members, holds, ramps);
        }
    }

    /// Returns who serves where only one may.
    fn choice(&self, selection: Selection, now: Instant) -> Choice {
        // Without a present one every real server is a candidate.
        let open = Selection { choice: Choice::Open, ..selection };
        let candidate = |place: usize| {
            let (real, member) = (self.settings.real_servers.get(place)?, self.members.get(place)?);
            let place = open.place(&self.settings, real, member, &self.ramps);
            Candidate::of(real, member, place, selection.choice)
        };
        let present = selection.choice.made().and_then(|key| self.index.get(&key).copied()).and_then(candidate);
        if let Some(choice) = present.and_then(Candidate::stays) {
            return choice;
        }
        let has_served = self.has_begun || selection.short || selection.choice.made().is_some();
        let is_early = !has_served && now < self.patient_until && self.tally.awaited() > 0;
        Choice::among((0..self.members.len()).filter_map(candidate), is_early)
    }

    /// Returns when [`Pool::advance`] is due, if no result comes before; `None` means never.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        if self.decided(News::None, now).selection != self.selection {
            return Some(now);
        }
        let wait_ends =
            now < self.patient_until && self.decided(News::None, self.patient_until).selection != self.selection;
        let step = self.ramps.next_step(self.settings.policy.slow_start);
        let alarm = self.selection.alarm_due(&self.settings.policy);
        let opinion = self.selection.opinion.map(Opinion::due);
        let moments = [wait_ends.then_some(self.patient_until), step, alarm, opinion, self.next_trial()];
        moments.into_iter().flatten().min()
    }

    /// Whether every real server is switched off (`checktype=off`): the service shall serve no client, not even by its
    /// fallback.
    pub fn is_switched_off(&self) -> bool {
        self.tally.enabled == 0 && !self.settings.real_servers.is_empty()
    }

    /// Whether the fallback is in.
    pub fn fallback_serves(&self) -> bool {
        self.selection.fallback
    }

    /// Whether neither a real server of weight above 0 nor the fallback is in.
    pub fn nobody_serves(&self) -> bool {
        let Selection { fallback, choice, .. } = self.selection;
        let is_empty = || self.selection.weight_in_service(&self.settings, &self.tally) == 0;
        !fallback && (choice == Choice::Waits || is_empty())
    }

    /// Whether every real server has had a result.
    pub fn all_asked(&self) -> bool {
        self.tally.unasked == 0
    }

    /// Whether a start need not wait for more results: a real server that has passed a check serves and none that was
    /// put in without one is still to be asked, or the fallback serves, or every real server has been asked.
    pub fn is_decided(&self, now: Instant) -> bool {
        let Tally { trusted, untried, unasked, .. } = self.tally;
        let Selection { fallback, choice, .. } = self.decided(News::None, now).selection;
        let has_chosen = choice != Choice::Waits;
        unasked == 0 || fallback || (trusted > 0 && untried == 0 && has_chosen)
    }

    /// Returns the entry that the kernel shall hold.
    pub fn entry(&self, now: Instant) -> ServiceEntry {
        let selection = self.decided(News::None, now).selection;
        let reals = self.settings.real_servers.iter().zip(&self.members);
        let reals = reals.filter_map(|(real, member)| {
            let place = selection.place(&self.settings, real, member, &self.ramps);
            Some(RealServer { weight: place.weight(&self.settings, member)?, ..real.real_server.clone() })
        });
        let fallback = self.settings.fallback.clone().filter(|_| selection.fallback);
        // One that has come back into the configuration and serves is drained no more: the later entry of a key counts.
        let draining = self.draining().map(|draining| draining.real_server.clone());
        ServiceEntry {
            service: self.settings.service.clone(),
            real_servers: draining.chain(reals).chain(fallback).map(|real| (real.key, real)).collect(),
        }
    }

    /// Returns the weight that the real servers that are well and serve have together, without the fallback. A slow start
    /// does not count: the weight is there.
    pub fn healthy_weight(&self) -> u64 {
        let reals = self.settings.real_servers.iter().zip(&self.members).filter(|(_, member)| member.serves());
        let weights = reals.map(|(real, member)| match self.place(real, member) {
            Place::Serves { whole, .. } => u64::from(whole),
            Place::Waits(_) | Place::Out | Place::SwitchedOff => 0,
        });
        weights.sum()
    }

    /// Returns what is wrong with the service as a whole.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.reasons().alarms()
    }

    /// Whether the checks of this real server, and people, let it serve, whatever the service makes of it.
    pub fn is_well(&self, key: &RealServerKey) -> bool {
        let member = self.index.get(key).and_then(|place| self.members.get(*place));
        member.is_some_and(Member::serves)
    }

    /// Returns the real servers that have left the configuration and keep the connections that they have.
    pub fn draining(&self) -> impl Iterator<Item = &DrainingServer> {
        self.settings.draining.iter()
    }

    /// Ends the drain of a real server: nothing keeps its entry any more.
    pub fn end_drain(&mut self, key: &RealServerKey) {
        self.settings.draining.retain(|draining| draining.real_server.key != *key);
    }

    /// Whether the real servers have not the weight of the quorum, where the configuration asks for more than one real server or
    /// for another answer than the fallback.
    pub fn has_lost_quorum(&self) -> bool {
        self.selection.lost.is_some() && reason::has_quorum(&self.settings)
    }

    /// Whether the events so far say that neither a real server nor the fallback serves.
    pub fn has_told_that_nobody_serves(&self) -> bool {
        self.selection.nobody
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
        self.reasons().state(real, member, self.place(real, member))
    }

    fn place(&self, real: &RealServerSettings, member: &Member) -> Place {
        self.selection.place(&self.settings, real, member, &self.ramps)
    }

    fn reasons(&self) -> Reasons<'_> {
        Reasons {
            settings: &self.settings,
            tally: &self.tally,
            selection: self.selection,
            reached_by: &self.reached_by,
        }
    }
}

/// What is decided for a moment, with the counts that it rests on.
struct Decision {
    selection: Selection,
    tally: Tally,
    holds: Holds,
}

#[cfg(test)]
mod tests;
