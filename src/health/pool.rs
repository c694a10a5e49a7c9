//! One virtual service: the health of its real servers to the entry that the kernel shall hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::{Admission, Health, Member, Outcome, Standing, Transition};
use crate::model::{RealServer, RealServerKey, ServiceEntry, ServiceKey, VirtualService};

/// How long the first result of a real server is waited for before the fallback takes its place: longer than a healthy
/// one needs, shorter than clients wait.
const FIRST_RESULT: Duration = Duration::from_secs(5);

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
    pub real_servers: Vec<RealServerSettings>,
    pub fallback: Option<RealServer>,
    /// A failed real server stays at weight 0 instead of being removed. Never applies to the fallback.
    pub quiescent: bool,
    /// Failures in a row until a serving real server is down, at least 1.
    pub failurecount: u32,
}

/// A virtual service with the health of its real servers.
#[derive(Debug, Clone)]
pub struct Pool {
    settings: PoolSettings,
    members: BTreeMap<RealServerKey, Member>,
    /// The fallback is in. State, not derived: while somebody has not been asked yet it stays as it was.
    fallback_serves: bool,
}

impl Pool {
    /// `observed` is the kernel's entry, if there is one: a real server that is in there goes on serving until a check
    /// says otherwise. One that is not starts outside, so that no dead server gets a connection. `known_up`: those that
    /// the monitor before this one knew to be well.
    pub fn new(
        settings: PoolSettings,
        observed: Option<&ServiceEntry>,
        known_up: &BTreeSet<RealServerKey>,
        now: SystemTime,
    ) -> Self {
        let held = |key: &RealServerKey| observed.and_then(|entry| entry.real_servers.get(key));
        let admission = |real: &RealServer| match held(&real.key) {
            // Weight 0 is a failed real server that was quiesced, unless it is what the configuration asks for.
            Some(held) if held.weight == 0 && real.weight > 0 => Admission::Outside,
            Some(_) if known_up.contains(&real.key) => Admission::KnownUp,
            Some(_) => Admission::Unchecked,
            None => Admission::Outside,
        };
        let reals = settings.real_servers.iter().map(|real| &real.real_server);
        let members = reals.map(|real| (real.key, Member::new(admission(real), now))).collect();
        let fallback_serves = settings.fallback.as_ref().is_some_and(|fallback| held(&fallback.key).is_some());
        let mut pool = Self { settings, members, fallback_serves };
        pool.settle_fallback(now);
        pool
    }

    /// Takes a new configuration. What is known of a real server that stays is kept; a new one starts outside.
    pub fn reconfigure(&mut self, settings: PoolSettings, now: SystemTime) {
        let mut known = std::mem::take(&mut self.members);
        let keys = settings.real_servers.iter().map(|real| real.real_server.key);
        self.members =
            keys.map(|key| (key, known.remove(&key).unwrap_or_else(|| Member::new(Admission::Outside, now)))).collect();
        self.settings = settings;
        self.settle_fallback(now);
    }

    pub fn key(&self) -> ServiceKey {
        self.settings.service.key
    }

    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// Takes the result of a check. `None` also when the real server is not of this pool (any more).
    pub fn record(&mut self, key: RealServerKey, outcome: Outcome, now: SystemTime) -> Option<Transition> {
        let transition = self.members.get_mut(&key)?.record(outcome, self.settings.failurecount, now);
        self.settle_fallback(now);
        transition
    }

    /// The entry that the kernel shall hold now.
    pub fn entry(&self) -> ServiceEntry {
        let reals = self.settings.real_servers.iter().filter_map(|real| self.placed(real));
        let fallback = self.settings.fallback.clone().filter(|_| self.fallback_serves);
        ServiceEntry {
            service: self.settings.service.clone(),
            real_servers: reals.chain(fallback).map(|real| (real.key, real)).collect(),
        }
    }

    /// The real server as it shall stand in the kernel, if at all.
    fn placed(&self, real: &RealServerSettings) -> Option<RealServer> {
        if self.serves(real) {
            return Some(real.real_server.clone());
        }
        self.settings.quiescent.then(|| RealServer { weight: 0, ..real.real_server.clone() })
    }

    fn serves(&self, real: &RealServerSettings) -> bool {
        !real.disabled && self.members.get(&real.real_server.key).is_some_and(Member::serves)
    }

    /// The fallback serves when no real server takes connections. While the first result of one of them is still waited
    /// for nothing changes: else the fallback would flap at every cold start, and leave a gap at every warm one. To be
    /// called now and then, since the wait has an end. A real server of weight 0 serves nobody, however healthy it is.
    pub fn settle_fallback(&mut self, now: SystemTime) {
        let enabled = || self.settings.real_servers.iter().filter(|real| !real.disabled);
        let all_disabled = enabled().next().is_none() && !self.settings.real_servers.is_empty();
        if all_disabled || enabled().any(|real| self.serves(real) && real.real_server.weight > 0) {
            self.fallback_serves = false;
        } else if !enabled().any(|real| self.waits_for_first_check(&real.real_server.key, now)) {
            self.fallback_serves = true;
        }
    }

    pub fn fallback_serves(&self) -> bool {
        self.fallback_serves && self.settings.fallback.is_some()
    }

    fn waits_for_first_check(&self, key: &RealServerKey, now: SystemTime) -> bool {
        let waits =
            |member: &Member| matches!(member.health(), Health::Unknown { .. }) && now < member.since() + FIRST_RESULT;
        self.members.get(key).is_some_and(waits)
    }

    /// The real servers that the next monitor shall trust.
    pub fn known_up(&self) -> impl Iterator<Item = RealServerKey> {
        self.members.iter().filter(|(_, member)| member.is_known_up()).map(|(key, _)| *key)
    }

    /// Each real server with its health, and whether and why it serves.
    pub fn members(&self) -> impl Iterator<Item = (&RealServer, &Member, Standing)> {
        self.settings.real_servers.iter().filter_map(|real| {
            let member = self.members.get(&real.real_server.key)?;
            let standing = match real.disabled {
                true => Standing { serves: false, reason: "checktype=off".into() },
                false => member.standing(self.settings.failurecount),
            };
            Some((&real.real_server, member, standing))
        })
    }
}

#[cfg(test)]
mod tests;
