//! One virtual service that is looked after, and which entry the kernel shall hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::drift::{self, Drifts};
use super::{LastingFault, overrides};
use crate::config::{OnDrift, OnEvidence};
use crate::daemon::maintenance::{Listings, MaintenanceFiles};
use crate::health::{Evidence, Pool, PoolEvent};
use crate::model::{DnsName, RealServerKey, ServiceEntry};
use crate::orders::OrdersInForce;
use crate::plan::{self, Place, TableRole};

/// The name in DNS of each real server that has one.
pub type Names = BTreeMap<RealServerKey, Arc<DnsName>>;

/// One virtual service.
#[derive(Debug)]
pub(super) struct WatchedService {
    pub pool: Pool,
    /// What the kernel holds, as far as is known; `None` means no such service.
    pub held: Option<ServiceEntry>,
    pub fault: Option<LastingFault>,
    /// The files that take its real servers out; `None` without a `maintenancedir`.
    pub maintenance: Option<MaintenanceFiles>,
    pub on_drift: OnDrift,
    pub drifts: Drifts,
    /// The names in DNS whose records have its real servers.
    pub names: Names,
    pub on_evidence: OnEvidence,
    /// What the kernel counts for its real servers.
    pub evidence: Evidence,
    pub readdquiescent: bool,
    /// Real servers whose entry of weight 0 another program has deleted: without `readdquiescent` they stay away until they
    /// serve.
    pub deleted_by_hand: BTreeSet<RealServerKey>,
}

impl WatchedService {
    /// Returns the entry that the kernel shall hold.
    pub fn entry(&self, now: Instant) -> ServiceEntry {
        let mut entry = self.pool.entry(now);
        if !self.deleted_by_hand.is_empty() {
            let stays_away = |key: &RealServerKey| self.deleted_by_hand.contains(key) && !self.serves(key);
            entry.real_servers.retain(|key, _| !stays_away(key));
        }
        // What is drained is never brought back, unless it serves or is the fallback.
        let is_held = |key| self.held.as_ref().is_some_and(|held| held.real_servers.contains_key(key));
        for key in self.pool.draining().map(|draining| &draining.real_server.key).filter(|key| !is_held(key)) {
            if !self.serves(key) && entry.real_servers.get(key).is_some_and(|real| real.weight == 0) {
                entry.real_servers.remove(key);
            }
        }
        entry
    }

    /// Returns the entry that the kernel shall hold while what other programs have made of it stays, as far as it may;
    /// `None` means that there is no such service and that this stays so.
    pub fn target(&self, role: TableRole, now: Instant) -> Option<ServiceEntry> {
        let wanted = self.entry(now);
        if !self.drifts.is_any() {
            return Some(wanted);
        }
        let stays =
            |place: &Place| self.drifts.stands(place) && drift::may_stay(&self.pool, self.on_drift, role, place);
        plan::keep_drift(wanted, self.held.as_ref(), stays)
    }

    pub fn serves(&self, key: &RealServerKey) -> bool {
        self.pool.serving_state(key).is_some_and(|state| state.serves)
    }

    /// Takes the absence of entries that are there only because their real servers have failed for the will of an
    /// administrator, and returns what is wanted then. What was not there before has not been deleted.
    pub fn leave_deleted(&mut self, mut wanted: ServiceEntry, held: Option<&ServiceEntry>) -> ServiceEntry {
        let (Some(held), Some(before), false) = (held, &self.held, self.readdquiescent) else { return wanted };
        let is_deleted = |key: &RealServerKey| {
            before.real_servers.contains_key(key) && !held.real_servers.contains_key(key) && !self.serves(key)
        };
        let mut deleted: BTreeSet<RealServerKey> = wanted.real_servers.keys().copied().filter(is_deleted).collect();
        // The fallback has no health of its own, and always has to be there.
        deleted.retain(|key| self.pool.serving_state(key).is_some());
        wanted.real_servers.retain(|key, _| !deleted.contains(key));
        deleted.extend(self.deleted_by_hand.iter().copied().filter(|key| !self.serves(key)));
        self.deleted_by_hand = deleted;
        wanted
    }

    pub fn look_for_overrides(&mut self, listings: &Listings, orders: &OrdersInForce, now: Instant) -> Vec<PoolEvent> {
        let (service, files) = (self.pool.key(), self.maintenance.as_ref());
        let file_of = |real: &RealServerKey| files?.find(real, listings);
        self.pool.set_overrides(|real| overrides::override_of(file_of(real), orders.find(&service, real)), now)
    }
}
