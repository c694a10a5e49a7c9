//! The role that a promotable `lvs` resource has on this node.

use serde::{Deserialize, Serialize};

use crate::model::SyncChannel;

/// The record `<run>/services/<lvs>.role`. It is written before the kernel is touched and removed at stop; a resource that is
/// not promotable has none. Each field has a default: a record of another version of this program is understood all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleRecord {
    /// Whether the resource is promoted here: this node is the active director.
    pub promoted: bool,
    /// The channel of the sync daemon that this resource has started; `None` where connections are not synchronised.
    pub channel: Option<SyncChannel>,
}
