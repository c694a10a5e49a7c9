//! The role that a promotable `lvs` resource has on this node.

use serde::{Deserialize, Serialize};

use super::HealthRecord;
use crate::model::SyncChannel;
use crate::system::{Lock, RunDir};

/// The record `<run>/services/<lvs>.role`. It is written before the kernel is touched and removed at stop; a resource that is
/// not promotable has none. Each field has a default: a record of another version of this program is understood all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleRecord {
    /// Whether the resource is promoted here: this node is the active director.
    pub promoted: bool,
    /// When it was promoted, in seconds since this machine was started.
    pub promoted_since: Option<u64>,
    /// The channel of the sync daemon that this resource has started; `None` where connections are not synchronised.
    pub channel: Option<SyncChannel>,
    /// A fingerprint of the parameters, as they are written, that were taken on last.
    pub parameters: Option<u64>,
    /// The promotion score that the cluster was told last.
    pub score: Option<u32>,
    /// When it was told, in seconds since this machine was started.
    pub score_told_at: Option<u64>,
    /// Which process of the cluster was told, by the number of its socket; `None` where that was not to be found out.
    pub score_told_to: Option<u64>,
    /// The index of the interface on which the sync daemon was started: one that was deleted and made again has another. `None`
    /// where it could not carry connections then.
    pub interface_index: Option<u32>,
    /// Whether the services have checks, which a health monitor has to make.
    pub has_checks: bool,
    /// When no health monitor was seen here to make them, in seconds since this machine was started; `None` while one runs.
    pub unchecked_since: Option<u64>,
}

/// What a living health monitor of this node says of the synchronisation. Without one nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncKnowledge {
    /// See [`HealthRecord::sync_coverage`].
    pub coverage: Option<u8>,
    /// See [`HealthRecord::sync_hears_no_more`].
    pub hears_no_more: bool,
    /// See [`HealthRecord::sync_clash`].
    pub clash: Option<String>,
}

impl SyncKnowledge {
    /// Reads the records of the health monitors.
    pub fn read(run_dir: &RunDir) -> Self {
        let monitors = run_dir.monitors();
        let living =
            monitors.instances().into_iter().filter(|name| Lock::is_held(&run_dir.lock(name)).unwrap_or(false));
        let records = living.filter_map(|name| monitors.read_json::<HealthRecord>(&name));
        // The one that follows the declarations is the only one that knows.
        records.fold(Self::default(), |known, record| Self {
            coverage: known.coverage.or(record.sync_coverage),
            hears_no_more: known.hears_no_more || record.sync_hears_no_more,
            clash: known.clash.or(record.sync_clash),
        })
    }
}
