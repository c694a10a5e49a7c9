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
    /// The channel of the sync daemon that this resource has started; `None` where connections are not synchronised.
    pub channel: Option<SyncChannel>,
    /// The promotion score that the cluster was told last.
    pub score: Option<u32>,
}

/// Returns how much of the active director's connections this node knows, in per cent, as a living health monitor counts them.
pub fn sync_coverage(run_dir: &RunDir) -> Option<u8> {
    let monitors = run_dir.monitors();
    let living = monitors.instances().into_iter().filter(|name| Lock::is_held(&run_dir.lock(name)).unwrap_or(false));
    let mut coverages = living.filter_map(|name| monitors.read_json::<HealthRecord>(&name)?.sync_coverage);
    coverages.next()
}
