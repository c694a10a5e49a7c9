//! Puts a configuration in force.

use std::collections::BTreeSet;

use super::drift::Drifts;
use super::watched::{Names, WatchedService};
use super::{Moment, Services, drain, emit, overrides};
use crate::config::{self, OnDrift};
use crate::daemon::checker;
use crate::daemon::event::{Event, Sinks};
use crate::daemon::maintenance::MaintenanceFiles;
use crate::health::{
    DrainingServer, EjectionCap, Evidence, Limits, Policy, Pool, PoolSettings, RealServerSettings, SecondOpinion,
};
use crate::model::{ServiceEntry, Table};
use crate::ownership::Registry;
use crate::plan::TableRole;

/// What comes with a configuration.
pub struct Arrival<'a> {
    /// What the kernel holds of the services that are new.
    pub observed: Table,
    /// What the health monitors before this one knew.
    pub known: &'a Registry,
    /// A user has ordered it, by a start, a reload or an edit; else it follows from records in DNS.
    pub is_ordered: bool,
}

impl Services {
    /// Puts a configuration in force: what is known of services and real servers that stay is kept, new services adopt
    /// what the kernel holds, and services that are gone leave the table if they were ours.
    pub fn configure(
        &mut self,
        services: &[config::Service],
        role: TableRole,
        arrival: Arrival<'_>,
        moment: Moment,
        sinks: &mut Sinks,
    ) {
        let mut before = std::mem::take(&mut self.watched);
        let Arrival { mut observed, known, is_ordered } = arrival;
        let now = moment.now;
        for service in services {
            let key = service.service.key;
            let watched = before.get(&key);
            let held = watched.map_or_else(|| observed.get(&key), |watched| watched.held.as_ref());
            let draining = drain::draining(service, role, watched.map(|watched| &watched.pool), held, moment);
            let settings = pool_settings(service, draining);
            let mut watched = match before.remove(&key) {
                Some(mut watched) => {
                    let events = watched.pool.reconfigure(settings, now);
                    emit(&watched.pool, events, sinks);
                    watched
                }
                None => self.adopt(service, role, (settings, observed.remove(&key)), known, moment, sinks),
            };
            (watched.readdquiescent, watched.on_drift) = (service.readdquiescent, service.on_drift);
            // The start and the reload of a health monitor are orders of the user only where it owns the service.
            if (role == TableRole::OwnsServices && is_ordered) || service.on_drift == OnDrift::Repair {
                watched.drifts.end_all().for_each(|real| sinks.emit(Event::DriftEnded { service: key, real }));
            }
            watched.names = names(service);
            // What is declared anew is put in force as a whole.
            if is_ordered {
                watched.deleted_by_hand.clear();
            }
            watched.maintenance = MaintenanceFiles::of(service, &self.maintenance.host_names);
            let mut events = watched.answer_evidence(service.on_evidence, now);
            events.extend(watched.look_for_overrides(&self.maintenance.listings, &self.orders, now));
            emit(&watched.pool, events, sinks);
            self.watched.insert(key, watched);
            self.removal.done(&key);
        }
        self.remembered.forget_old(now);
        for (key, watched) in before {
            self.remembered.keep(key, &watched.pool, now);
            if role == TableRole::OwnsServices {
                self.removal.add(key);
            }
        }
        self.role = role;
        let asked_by = now + checker::first_round(self.questions.replace(services));
        self.watched.values_mut().for_each(|watched| watched.pool.wait_until_asked(asked_by));
        self.dirty = self.watched.keys().copied().collect();
        self.removal.try_again();
        self.next_change = Some(now);
    }

    /// Begins to look after a service of which the kernel holds `held`.
    fn adopt(
        &mut self,
        service: &config::Service,
        role: TableRole,
        (settings, held): (PoolSettings, Option<ServiceEntry>),
        known: &Registry,
        moment: Moment,
        sinks: &mut Sinks,
    ) -> WatchedService {
        let key = service.service.key;
        let is_left = role == TableRole::MovesRealServers && service.on_drift == OnDrift::Report;
        let drifts = Drifts::inherited(known.drifts().of(&key).filter(|_| is_left));
        let mut known = self.remembered.recall(&key, known, moment);
        known.drained = overrides::drained(service, &self.orders);
        let adopted = held.as_ref().map(|held| drifts.undone(held, &settings.real_servers));
        let pool = Pool::new(settings, adopted.as_ref(), &known, moment.now);
        if known.quorum_lost && pool.has_lost_quorum() {
            sinks.emit(Event::QuorumStillLost { pool: &pool });
        }
        WatchedService {
            pool,
            held,
            fault: None,
            maintenance: None,
            on_drift: service.on_drift,
            drifts,
            names: Names::new(),
            on_evidence: service.on_evidence,
            evidence: Evidence::default(),
            readdquiescent: false,
            deleted_by_hand: BTreeSet::new(),
        }
    }
}

fn names(service: &config::Service) -> Names {
    service.real_servers.iter().filter_map(|real| Some((real.real_server.key, real.dns.clone()?))).collect()
}

/// Returns what the configuration says of a service, for its [`Pool`].
pub fn pool_settings(service: &config::Service, draining: Vec<DrainingServer>) -> PoolSettings {
    let real_server = |real: &config::RealServerConfig| RealServerSettings {
        real_server: real.real_server.clone(),
        disabled: real.check.question.is_off(),
        backup: real.backup,
    };
    let round = service.checkinterval + service.checktimeout;
    let ejection_cap = (service.maxejected < 100).then_some(EjectionCap { percent: service.maxejected, round });
    PoolSettings {
        service: service.service.clone(),
        real_servers: service.real_servers.iter().map(real_server).collect(),
        draining,
        fallback: service.fallback.clone(),
        quiescent: service.quiescent,
        limits: Limits { failurecount: service.failurecount, rise: service.rise },
        policy: Policy {
            quorum: service.quorum,
            ejection_cap,
            second_opinion: service.secondopinion.then_some(SecondOpinion { round }),
            slow_start: service.slowstart,
            starts_up: service.starts_up,
            single: service.question.standing.role == "writer",
            switch_takes: round.saturating_mul(service.failurecount),
        },
    }
}
