//! A virtual service with its rules: what the health monitor would make of it is played with the health monitor's own rules.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Aftermath;
use crate::config;
use crate::daemon::pool_settings;
use crate::daemon::protocol::{RealServerStatus, RulesStatus, ServiceStatus};
use crate::health::{
    EjectionCap, KnownHealth, Limits, MAINTENANCE, Outcome, Override, Policy, Pool, PoolSettings, RealServerSettings,
};
use crate::model::{
    ForwardingMethod, OrderKind, Quorum, QuorumAction, RealServer, RealServerKey, Scheduler, ServiceEntry,
    ServiceFlags, VirtualService,
};
use crate::plan::Outage;

/// A failure and a good check count at once.
const AT_ONCE: Limits = Limits { failurecount: 1, rise: 1 };

/// What a service is like now.
#[derive(Debug)]
pub(super) struct Scene {
    settings: PoolSettings,
    /// What the kernel holds; `None`: all begins with healthy real servers.
    held: Option<ServiceEntry>,
    /// The weight at which each real server would serve; `None`: it does not, or is kept out.
    own_weights: Vec<(RealServerKey, Option<u32>)>,
    /// Those that a person keeps out: they have not failed.
    kept_out: HashSet<RealServerKey>,
    /// No client is served, since the quorum is lost (`quorumaction=stop`).
    has_stopped: bool,
}

impl Scene {
    /// Returns what a file says, with all real servers healthy.
    pub fn of_file(service: &config::Service) -> Self {
        let settings = pool_settings(service, Vec::new());
        // What is down here is down for every director.
        let policy = Policy { slow_start: Duration::ZERO, second_opinion: None, ..settings.policy };
        let own = |real: &config::RealServerConfig| (real.real_server.key, Some(real.real_server.weight));
        Self {
            own_weights: service.real_servers.iter().map(own).collect(),
            kept_out: HashSet::new(),
            settings: PoolSettings { limits: AT_ONCE, policy, ..settings },
            held: None,
            has_stopped: false,
        }
    }

    /// Returns what a health monitor says; `None` where it is not understood.
    pub fn of_status(status: &ServiceStatus) -> Option<Self> {
        let service = VirtualService {
            key: status.service.parse().ok()?,
            scheduler: Scheduler::named(status.scheduler.clone()),
            persistence: None,
            flags: ServiceFlags::default(),
        };
        let members: Vec<Member<'_>> = status.real_servers.iter().filter_map(|real| Member::of(status, real)).collect();
        let fallback =
            status.fallback.as_ref().and_then(|fallback| Some((fallback.real_server.parse().ok()?, fallback)));
        let policy = policy(status);
        let waits = |member: &Member<'_>| member.own_weight > Some(0) && member.status.wanted_weight == Some(0);
        let needed = || members.iter().filter(|member| !member.status.backup && member.own_weight > Some(0));
        let has_stopped =
            policy.quorum.action == QuorumAction::Stop && needed().next().is_some() && needed().all(waits);
        let held = members.iter().filter_map(|member| Some((member.key, member.status.wanted_weight?)));
        let held = held.chain(fallback.iter().filter(|(_, status)| status.serves).map(|(key, _)| (*key, 1)));
        Some(Self {
            held: Some(ServiceEntry {
                service: service.clone(),
                real_servers: held.map(|(key, weight)| (key, real_server(key, weight))).collect(),
            }),
            own_weights: members.iter().map(|member| (member.key, member.own_weight)).collect(),
            kept_out: members.iter().filter(|member| member.is_kept_out()).map(|member| member.key).collect(),
            settings: PoolSettings {
                service,
                real_servers: members.iter().map(Member::settings).collect(),
                draining: Vec::new(),
                fallback: fallback.map(|(key, _)| real_server(key, 1)),
                quiescent: false,
                limits: AT_ONCE,
                policy,
            },
            has_stopped,
        })
    }

    /// Plays what the health monitor does: the real servers that are healthy pass their checks, then those that go down fail
    /// theirs.
    pub fn play(&self, reals: impl Iterator<Item = RealServerKey>, outages: &[Outage]) -> Aftermath {
        let Self { settings, held, own_weights, kept_out, has_stopped } = self;
        let now = Instant::now();
        let healthy = own_weights.iter().filter(|(_, weight)| weight.is_some()).map(|(real, _)| *real);
        let known = KnownHealth { up: healthy.collect(), quorum_lost: *has_stopped, ..KnownHealth::default() };
        let mut pool = Pool::new(settings.clone(), held.as_ref(), &known, now);
        let configured = settings.real_servers.iter().map(|real| (real.real_server.key, real.real_server.weight));
        let configured: HashMap<RealServerKey, u32> = configured.collect();
        let others = own_weights.iter().filter_map(|(real, weight)| {
            let weight = weight.filter(|weight| configured.get(real) != Some(weight))?;
            Some((*real, Override::Weight { weight, reason: String::new() }))
        });
        let removed = kept_out.iter().map(|real| (*real, Override::Removal { reason: String::new() }));
        // What has another weight than the configured one has it whatever the reason.
        let others: HashMap<RealServerKey, Override> = others.chain(removed).collect();
        pool.set_overrides(|real| others.get(real).cloned(), now);
        let bad = || Outcome::Bad("down".into());
        for (real, weight) in own_weights {
            pool.note(*real, &if weight.is_some() { Outcome::Good } else { bad() }, now);
        }
        for (real, _) in own_weights.iter().filter(|(real, _)| takes(outages, real)) {
            pool.note(*real, &bad(), now);
        }
        let entry = pool.entry(now);
        let weight = |real: RealServerKey| (real, entry.real_servers.get(&real).map_or(0, |held| held.weight));
        let well = own_weights.iter().filter(|(real, weight)| weight.is_some() && !takes(outages, real));
        let is_served = well.clone().any(|(real, _)| entry.real_servers.get(real).is_some_and(|held| held.weight > 0));
        let serving = settings.fallback.as_ref().filter(|_| pool.fallback_serves()).map(|fallback| fallback.key);
        Aftermath {
            weights: reals.map(weight).collect(),
            is_served,
            fallback: serving.filter(|fallback| !takes(outages, fallback)),
            rules: pool.alarms().into_iter().map(|alarm| alarm.cause).collect(),
        }
    }
}

/// One real server, as a health monitor tells of it.
struct Member<'a> {
    key: RealServerKey,
    status: &'a RealServerStatus,
    own_weight: Option<u32>,
}

impl<'a> Member<'a> {
    fn of(service: &ServiceStatus, status: &'a RealServerStatus) -> Option<Self> {
        if status.health == "draining" {
            return None;
        }
        let own_weight = match &service.rules {
            Some(_) => status.own_weight,
            // A health monitor of an earlier version.
            None if status.backup => Some(status.configured_weight).filter(|_| status.health != "down"),
            None => status.wanted_weight.filter(|_| status.health != "down"),
        };
        Some(Self { key: status.real_server.parse().ok()?, status, own_weight })
    }

    /// Whether a person keeps it out, by a file or an order, whatever its checks say.
    fn is_kept_out(&self) -> bool {
        let RealServerStatus { order, reason, .. } = self.status;
        let is_disabled = order.as_ref().is_some_and(|order| order.order == OrderKind::Disable.to_string());
        is_disabled || reason.starts_with(MAINTENANCE)
    }

    fn settings(&self) -> RealServerSettings {
        let RealServerStatus { configured_weight, backup, .. } = self.status;
        // The quorum is a share of what all but the backups have by the configuration.
        let weight = if *backup { self.own_weight.unwrap_or(*configured_weight) } else { *configured_weight };
        RealServerSettings { backup: *backup, ..RealServerSettings::new(real_server(self.key, weight)) }
    }
}

fn takes(outages: &[Outage], real: &RealServerKey) -> bool {
    outages.iter().any(|outage| outage.takes(real))
}

fn policy(status: &ServiceStatus) -> Policy {
    let single = status.single;
    let Some(RulesStatus { quorum, hysteresis, quorumaction, maxejected }) = &status.rules else {
        return Policy { single, ..Policy::default() };
    };
    let usual = Quorum::default();
    let quorum = Quorum {
        required: quorum.parse().unwrap_or(usual.required),
        hysteresis: hysteresis.parse().unwrap_or(usual.hysteresis),
        action: quorumaction.parse().unwrap_or(usual.action),
    };
    let cap = EjectionCap { percent: *maxejected, round: Duration::ZERO };
    Policy { quorum, ejection_cap: (*maxejected < 100).then_some(cap), single, ..Policy::default() }
}

fn real_server(key: RealServerKey, weight: u32) -> RealServer {
    let forwarding = ForwardingMethod::Gate;
    RealServer { key, forwarding, local: false, weight, upper_threshold: 0, lower_threshold: 0 }
}
