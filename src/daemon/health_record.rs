//! The record that the health monitor leaves for calls that come when it is dead, and for `lvs start`:
//! `<run>/monitors/<instance>.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::configuration::InForce;
use super::protocol::SyncStatus;
use super::services::{Knowledge, Moment, Services};
use crate::model::ServiceKey;
use crate::ownership::{HealthRecord, Left, SyncKnowledge};
use crate::plan::TableRole;
use crate::system::{FileError, RunDir};

/// How often changed health is written down. A health monitor that is killed in between leaves what it knew before, and
/// the next one asks the real servers anyway.
const EVERY: Duration = Duration::from_secs(1);

/// The record's file and when it is due.
#[derive(Debug)]
pub struct HealthRecordFile {
    run_dir: RunDir,
    instance: String,
    is_stale: bool,
    written: Option<Instant>,
    /// What this node knows of the director's connections.
    sync: SyncKnowledge,
}

impl HealthRecordFile {
    pub fn new(run_dir: RunDir, instance: String) -> Self {
        Self { run_dir, instance, is_stale: false, written: None, sync: SyncKnowledge::default() }
    }

    /// Notes that the record is out of date.
    pub fn outdate(&mut self) {
        self.is_stale = true;
    }

    /// Notes what this node knows of the director's connections.
    pub fn note_sync(&mut self, status: Option<&SyncStatus>) {
        let sync = status.map(|status| SyncKnowledge {
            coverage: status.coverage,
            hears_no_more: status.hears_no_more,
            clash: status.clash.clone(),
        });
        let sync = sync.unwrap_or_default();
        self.is_stale |= sync != self.sync;
        self.sync = sync;
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.is_stale && self.written.is_none_or(|written| now >= written + EVERY)
    }

    /// Writes the record now. `before` is the configuration that is being replaced, whose services may have to be
    /// removed too when the health monitor is killed in between.
    ///
    /// # Errors
    /// Fails when the file cannot be written; it is then as it was, and due again.
    pub fn write(
        &mut self,
        in_force: &InForce,
        before: Option<&InForce>,
        services: &Services,
        now: Instant,
    ) -> Result<(), FileError> {
        let Knowledge { up, down, reduced, quorum_lost } = services.known(Moment::of(now));
        let leaving = services.leaving();
        // Until its services are looked after, a configuration alone knows what is drained of them.
        let mut drains = in_force.drains.clone();
        drains.extend(services.drains(now));
        let both = |keys: fn(&InForce) -> &BTreeSet<ServiceKey>| {
            before.map(keys).into_iter().chain([keys(in_force)]).flatten().collect::<BTreeSet<_>>()
        };
        let watched = both(|in_force| &in_force.services);
        let mut removed = both(|in_force| &in_force.removed_at_stop);
        removed.extend(leaving);
        let executed: BTreeSet<&String> =
            before.into_iter().chain([in_force]).flat_map(|in_force| &in_force.executed).collect();
        self.write_record(
            &HealthRecord {
                owns_services: in_force.role == Some(TableRole::OwnsServices),
                services: watched.iter().map(ToString::to_string).collect(),
                removed_at_stop: removed.iter().map(ToString::to_string).collect(),
                executed: executed.into_iter().cloned().collect(),
                known_up: up,
                known_down: down,
                known_reduced: reduced,
                quorum_lost,
                draining: written(drains),
                dns: in_force.dns.clone(),
                drifts: services.drift_records(),
                sync_coverage: self.sync.coverage,
                sync_hears_no_more: self.sync.hears_no_more,
                sync_clash: self.sync.clash.clone(),
            },
            now,
        )
    }

    /// Leaves of the record what the end of a health monitor of services of its own leaves, where `removed` have left the
    /// table.
    ///
    /// # Errors
    /// Fails when the file cannot be written or removed.
    pub fn end(&mut self, removed: &BTreeSet<ServiceKey>, services: &Services, now: Instant) -> Result<(), FileError> {
        let removed_at_stop = removed.iter().map(ToString::to_string).collect();
        let draining = written(services.drains(now));
        let record = HealthRecord { owns_services: true, removed_at_stop, draining, ..HealthRecord::default() };
        match record.after_end() {
            Some(record) => self.write_record(&record, now),
            None => self.run_dir.monitors().remove(&self.instance),
        }
    }

    /// Writes the record at the end of a health monitor that only moved real servers: it watched the table up to now,
    /// and the next one comes to a table that no health monitor has watched in between.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn write_end(&mut self, in_force: &InForce, services: &Services, now: Instant) -> Result<(), FileError> {
        let drifts = services.drift_records();
        let services = in_force.services.iter().map(ToString::to_string).collect();
        self.write_record(&HealthRecord { services, drifts, ..HealthRecord::default() }, now)
    }

    fn write_record(&mut self, record: &HealthRecord, now: Instant) -> Result<(), FileError> {
        // After a failure, such as a full disk, the next attempt comes after the pause and not at every turn of the
        // loop.
        self.written = Some(now);
        self.is_stale = true;
        self.run_dir.monitors().write_json(&self.instance, record)?;
        self.is_stale = false;
        Ok(())
    }

    pub fn exists(&self) -> bool {
        self.run_dir.monitors().file(&self.instance).exists()
    }
}

fn written(drains: BTreeMap<ServiceKey, Left>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let reals = |left: Left| left.into_iter().map(|(real, since)| (real.to_string(), since)).collect();
    drains.into_iter().filter(|(_, left)| !left.is_empty()).map(|(key, left)| (key.to_string(), reals(left))).collect()
}
