//! Every virtual service that is looked after: its pool, what the kernel holds of it as far as is known, and what is
//! wrong with it. Pure but for the sinks: results, configurations and the kernel's answers come in, changes and events
//! go out.
//!
//! A result marks its service dirty; the changes of all dirty services are asked for together, once in a tick. They are
//! computed against what the kernel is known to hold, so no write needs a reading. Where that knowledge is wrong, since
//! another program has been at the table, the kernel's answer or the next comparison says so.

mod comparison;
mod configure;
mod drain;
mod drift;
mod evidence;
mod fault;
mod known;
mod opinion;
mod overrides;
mod questions;
mod removal;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

pub use configure::{Arrival, pool_settings};
pub use drain::{InUse, Moment};
use drift::WrittenDrift;
pub use evidence::Samples;
pub use fault::LastingFault;
pub use known::Knowledge;
use known::RecentHealth;
pub use opinion::Consulted;
use questions::Questions;
use removal::Removal;
pub use watched::Names;
use watched::WatchedService;

use super::checker::{Finished, Job};
use super::event::{Event, Repair, Sinks};
use super::maintenance::{KnownMaintenance, Listings};
use crate::health::{Pool, PoolEvent};
use crate::model::{Change, RealServerKey, ServiceEntry, ServiceKey, Table, apply_change};
use crate::netlink::ipvs::ChangeFailure;
use crate::orders::OrdersInForce;
use crate::ownership::{DriftRecord, Left};
use crate::plan::{self, Difference, TableRole};

/// All virtual services.
#[derive(Debug)]
pub struct Services {
    role: TableRole,
    watched: BTreeMap<ServiceKey, WatchedService>,
    questions: Questions,
    /// Services whose entry in the kernel may have to change.
    dirty: BTreeSet<ServiceKey>,
    removal: Removal,
    /// Whose turn it is when connections are counted next; `None`: the first one's.
    next_counted: Option<ServiceKey>,
    /// When time alone may change something.
    next_change: Option<Instant>,
    remembered: RecentHealth,
    maintenance: KnownMaintenance,
    orders: OrdersInForce,
    virtual_ips_here: BTreeSet<IpAddr>,
}

impl Services {
    pub fn new() -> Self {
        Self {
            role: TableRole::Observes,
            watched: BTreeMap::new(),
            questions: Questions::default(),
            dirty: BTreeSet::new(),
            removal: Removal::default(),
            next_counted: None,
            next_change: None,
            remembered: RecentHealth::default(),
            maintenance: KnownMaintenance::default(),
            orders: OrdersInForce::default(),
            virtual_ips_here: BTreeSet::new(),
        }
    }

    pub fn pools(&self) -> impl Iterator<Item = &Pool> + Clone {
        self.watched.values().map(|watched| &watched.pool)
    }

    /// Returns each pool with the names in DNS that its real servers are known by.
    pub fn named_pools(&self) -> impl Iterator<Item = (&Pool, &Names)> {
        self.watched.values().map(|watched| (&watched.pool, &watched.names))
    }

    /// Returns the services of ours that have left the configuration and are still to be removed.
    pub fn leaving(&self) -> impl Iterator<Item = &ServiceKey> {
        self.removal.services()
    }

    /// Returns what is wrong with which service.
    pub fn faults(&self) -> impl Iterator<Item = (&ServiceKey, &LastingFault)> {
        let watched = self.watched.iter().filter_map(|(key, watched)| Some((key, watched.fault.as_ref()?)));
        watched.chain(self.removal.faults())
    }

    /// Returns the services that should have a server and have none. A service whose first checks are under way may
    /// have one in a moment.
    pub fn unserved(&self, now: Instant) -> impl Iterator<Item = &ServiceKey> {
        let is_unserved = move |pool: &Pool| pool.nobody_serves() && !pool.is_switched_off() && pool.is_decided(now);
        self.watched.iter().filter(move |(_, watched)| is_unserved(&watched.pool)).map(|(key, _)| key)
    }

    /// Returns why a check could not be made, if one could not.
    pub fn check_error(&self) -> Option<&String> {
        self.questions.error()
    }

    /// Whether every service has been checked as far as a start has to wait for it.
    pub fn are_decided(&self, now: Instant) -> bool {
        self.watched.values().all(|watched| watched.pool.is_decided(now))
    }

    /// Whether every real server has had a result.
    pub fn are_asked(&self) -> bool {
        self.watched.values().all(|watched| watched.pool.all_asked())
    }

    /// Whether the kernel has refused so much that not one of the services can be served.
    pub fn all_failed(&self) -> bool {
        let is_empty = |held: &ServiceEntry| held.real_servers.is_empty();
        let has_failed =
            |watched: &WatchedService| watched.fault.is_some() && watched.held.as_ref().is_none_or(is_empty);
        !self.watched.is_empty() && self.watched.values().all(has_failed)
    }

    /// Returns what the next health monitor and a start of `lvs` shall know: of the services that are here and of those
    /// that have left a moment ago.
    pub fn known(&self, moment: Moment) -> Knowledge {
        self.remembered.with(self.pools(), moment)
    }

    /// Takes over services that a health monitor of this name has left behind: those that are not configured any more
    /// are removed.
    pub fn inherit(&mut self, orphans: impl IntoIterator<Item = ServiceKey>) {
        orphans.into_iter().for_each(|key| self.removal.add(key));
    }

    /// Takes what was found out of maintenance, for the configuration that is put in force next.
    pub fn expect_maintenance(&mut self, known: KnownMaintenance) {
        // A folder that could not be listed in time keeps what is known of it.
        let before = std::mem::replace(&mut self.maintenance, known);
        for (folder, files) in before.listings {
            self.maintenance.listings.entry(folder).or_insert(files);
        }
    }

    /// Takes the files of maintenance folders and returns whether they have changed anything.
    pub fn note_maintenance(&mut self, listings: Listings, now: Instant, sinks: &mut Sinks) -> bool {
        self.maintenance.listings.extend(listings);
        self.look_for_overrides(|watched| watched.maintenance.is_some(), now, sinks)
    }

    /// Takes the operators' orders and returns whether they have changed anything.
    pub fn note_orders(&mut self, orders: OrdersInForce, now: Instant, sinks: &mut Sinks) -> bool {
        self.orders = orders;
        self.look_for_overrides(|_| true, now, sinks)
    }

    pub fn orders(&self) -> &OrdersInForce {
        &self.orders
    }

    fn look_for_overrides(
        &mut self,
        concerns: impl Fn(&WatchedService) -> bool,
        now: Instant,
        sinks: &mut Sinks,
    ) -> bool {
        let mut has_changed = false;
        for watched in self.watched.values_mut().filter(|watched| concerns(watched)) {
            let events = watched.look_for_overrides(&self.maintenance.listings, &self.orders, now);
            has_changed |= heed(&watched.pool, events, &mut self.dirty, sinks);
            self.next_change = earlier(self.next_change, watched.pool.next_change(now));
        }
        has_changed
    }

    /// Notes the virtual IPs that resources of this node have.
    pub fn note_virtual_ips(&mut self, virtual_ips: BTreeSet<IpAddr>) {
        self.virtual_ips_here = virtual_ips;
    }

    /// Returns the addresses of the services, and the virtual IPs of other resources.
    pub fn virtual_ips(&self) -> BTreeSet<IpAddr> {
        let address = |key: &ServiceKey| match key {
            ServiceKey::Address { address, .. } => Some(*address),
            ServiceKey::Fwmark { .. } => None,
        };
        self.watched.keys().filter_map(address).chain(self.virtual_ips_here.iter().copied()).collect()
    }

    /// Returns the jobs that the present configuration asks for.
    pub fn jobs(&self) -> HashSet<Arc<Job>> {
        self.questions.jobs()
    }

    /// Takes the result of a check and returns whether it has changed anything. The result of a job that is no longer
    /// wanted changes nothing.
    pub fn note(&mut self, finished: &Finished, now: Instant, sinks: &mut Sinks) -> bool {
        let Finished { verdicts, timing, .. } = finished;
        let Some(concerned) = self.questions.note(finished, sinks) else { return false };
        let heard = concerned.iter().zip(verdicts);
        let heard = heard.flat_map(|(concerned, verdict)| concerned.iter().map(move |one| (one, &verdict.outcome)));
        let mut has_changed = false;
        for ((key, real), outcome) in heard {
            let Some(watched) = self.watched.get_mut(key) else { continue };
            sinks.emit(Event::Result { service: key, real, outcome, timing: *timing });
            let events = watched.pool.note(*real, outcome, now);
            // What was done to it by hand counts no more, also where nothing is left to be written.
            if events.iter().any(PoolEvent::takes_out) && watched.drifts.end(&Some(*real)) {
                sinks.emit(Event::DriftEnded { service: *key, real: Some(*real) });
            }
            has_changed |= heed(&watched.pool, events, &mut self.dirty, sinks);
            self.next_change = earlier(self.next_change, watched.pool.next_change(now));
        }
        has_changed
    }

    /// Returns when [`Services::advance`] may have something to do.
    pub fn next_change(&self) -> Option<Instant> {
        self.next_change
    }

    /// Does what time alone changes, and returns whether that is anything.
    pub fn advance(&mut self, now: Instant, sinks: &mut Sinks) -> bool {
        if self.next_change.is_none_or(|due| now < due) {
            return false;
        }
        let (mut next, mut has_changed) = (None, false);
        for watched in self.watched.values_mut() {
            let events = watched.pool.advance(now);
            has_changed |= heed(&watched.pool, events, &mut self.dirty, sinks);
            next = earlier(next, watched.pool.next_change(now));
        }
        self.next_change = next;
        has_changed
    }

    /// Returns what the kernel has to be told now; nothing is dirty afterwards. The caller reports back by
    /// [`Services::written`] or, when nothing was tried, by [`Services::not_written`].
    pub fn changes(&mut self, now: Instant) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        let watched = || dirty.iter().filter_map(|key| Some((key, self.watched.get(key)?)));
        let target = |(key, watched): (&ServiceKey, &WatchedService)| Some((*key, watched.target(self.role, now)?));
        let desired: Table = watched().filter_map(target).collect();
        let held: Table = watched().filter_map(|(key, watched)| Some((*key, watched.held.clone()?))).collect();
        let mut changes = plan::table_changes(&desired, &held, self.role);
        changes.extend(self.removal.changes());
        changes
    }

    /// Whether something is still to be told to the kernel.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Notes that the kernel has tried the changes. Only a comparison takes a fault back: it sees what other changes of
    /// the service have left out.
    pub fn written(&mut self, changes: &[Change], failures: Vec<ChangeFailure>, now: Instant, sinks: &mut Sinks) {
        let mut failures = failures.into_iter().peekable();
        let mut refused: BTreeMap<ServiceKey, Vec<String>> = BTreeMap::new();
        for change in changes {
            // Failures come in the order of their changes.
            match failures.next_if(|failure| failure.change == *change) {
                Some(failure) => self.note_failure(&failure, &mut refused),
                None => self.note_success(change, now, sinks),
            }
        }
        for (key, causes) in refused {
            let fault = match self.watched.get_mut(&key) {
                Some(watched) => Some(&mut watched.fault),
                None => self.removal.fault_of(&key),
            };
            // A service that is neither looked after nor leaving was another program's, and has gone with its
            // declaration.
            if let Some(fault) = fault {
                fault::update(fault, &key, Some(causes.join("; ")), now, sinks);
            }
        }
    }

    fn note_failure(&mut self, failure: &ChangeFailure, refused: &mut BTreeMap<ServiceKey, Vec<String>>) {
        let key = failure.change.service();
        if self.role == TableRole::MovesRealServers && failure.is_about_a_missing_service() {
            // Its owner has removed the service: that is as it shall be.
            if let Some(watched) = self.watched.get_mut(key) {
                watched.held = None;
            }
            return;
        }
        refused.entry(*key).or_default().push(failure.to_string());
    }

    fn note_success(&mut self, change: &Change, now: Instant, sinks: &mut Sinks) {
        let key = change.service();
        if let Change::DeleteService(key) = change {
            self.removal.done(key);
        }
        let Some(watched) = self.watched.get_mut(key) else {
            return sinks.emit(Event::Changed { change, held: None, pool: None, repair: None });
        };
        let WrittenDrift { ended, repaired } = watched.drifts.written(change, now);
        let repair = repaired.as_ref().map(|(difference, is_again)| Repair { difference, is_again: *is_again });
        sinks.emit(Event::Changed { change, held: watched.held.as_ref(), pool: Some(&watched.pool), repair });
        ended.into_iter().for_each(|real| sinks.emit(Event::DriftEnded { service: *key, real }));
        apply_change(&mut watched.held, change);
    }

    /// Notes that nothing was tried: the same changes are asked for again.
    pub fn not_written(&mut self, changes: &[Change]) {
        self.removal.try_again();
        self.dirty.extend(changes.iter().map(|change| *change.service()).filter(|key| self.watched.contains_key(key)));
    }

    /// Returns the table that the kernel shall hold.
    pub fn desired(&self, now: Instant) -> Table {
        self.watched.iter().map(|(key, watched)| (*key, watched.entry(now))).collect()
    }

    /// Returns what stays as other programs have made it, with the time at which it was found, in seconds since this
    /// machine was started.
    pub fn drifts(&self) -> impl Iterator<Item = (&Difference, u64)> {
        self.watched.values().flat_map(|watched| watched.drifts.differences())
    }

    /// Returns the services with such entries.
    pub fn drifting(&self) -> Vec<ServiceKey> {
        self.watched.iter().filter(|(_, watched)| watched.drifts.is_any()).map(|(key, _)| *key).collect()
    }

    /// Returns the same as the next health monitor shall know it.
    pub fn drift_records(&self) -> Vec<DriftRecord> {
        let records = |(key, watched): (&ServiceKey, &WatchedService)| -> Vec<DriftRecord> {
            watched.drifts.places().map(|(place, since)| DriftRecord::new(key, place, since)).collect()
        };
        self.watched.iter().flat_map(records).collect()
    }

    /// Returns the services whose real servers' connections are to be counted.
    pub fn draining(&self) -> Vec<ServiceKey> {
        let watched = self.watched.iter().filter(|(_, watched)| watched.pool.draining().next().is_some());
        watched.map(|(key, _)| *key).collect()
    }

    /// Returns the real servers that are drained of services of our own, each with the time at which it left, in seconds since
    /// this machine was started.
    pub fn drains(&self, now: Instant) -> BTreeMap<ServiceKey, Left> {
        match self.role {
            TableRole::OwnsServices => drain::left(self.pools(), Moment::of(now)),
            TableRole::MovesRealServers | TableRole::Observes => BTreeMap::new(),
        }
    }

    /// Notes a count of connections, which was made when the kernel's table had been compared.
    pub fn counted(&mut self, in_use: InUse, now: Instant, sinks: &mut Sinks) {
        for (key, in_use) in in_use {
            let Some(watched) = self.watched.get_mut(&key) else { continue };
            let is_back = |key: &RealServerKey| watched.serves(key);
            let back: Vec<_> = watched.pool.draining().map(|one| one.real_server.key).filter(is_back).collect();
            back.iter().for_each(|real| watched.pool.end_drain(real));
            for real in drain::drained(&watched.pool, in_use, now) {
                watched.pool.end_drain(&real);
                sinks.emit(Event::Drained { service: key, real });
                self.dirty.insert(key);
            }
        }
    }
}

/// Tells what has happened in a pool, whose entry is to be written then. Returns whether anything has.
fn heed(pool: &Pool, events: Vec<PoolEvent>, dirty: &mut BTreeSet<ServiceKey>, sinks: &mut Sinks) -> bool {
    let has_changed = !events.is_empty();
    if has_changed {
        dirty.insert(pool.key());
        emit(pool, events, sinks);
    }
    has_changed
}

fn emit(pool: &Pool, events: Vec<PoolEvent>, sinks: &mut Sinks) {
    let service = pool.key();
    for event in events {
        sinks.emit(match event {
            // The change of the table says it.
            PoolEvent::Reweighted => continue,
            PoolEvent::AsksOthers => Event::OthersAsked { pool },
            PoolEvent::Began(condition) => Event::ConditionBegan { pool, condition },
            PoolEvent::Ended(condition) => Event::ConditionEnded { service, condition },
            PoolEvent::Member { real, transition } => Event::Transition { pool, real, transition },
            PoolEvent::FallbackIn => Event::FallbackIn { service },
            PoolEvent::FallbackOut => Event::FallbackOut { service },
            PoolEvent::NobodyServes => Event::NobodyServes { service },
            PoolEvent::ServedAgain => Event::ServedAgain { service },
        });
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
