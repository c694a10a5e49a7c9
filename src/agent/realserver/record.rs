//! The real-server record of an instance: what it has set, and what it found (`<run>/realserver/<instance>.json`). It
//! is written before the kernel is touched, so that a stop after kill -9 puts it back.

use serde::{Deserialize, Serialize};

use super::wanted::{RealServerClaim, Wanted};
use crate::system::{Folder, RunDir};

/// What one instance has set.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RealServerRecord {
    /// What the parameters asked for.
    pub wanted: Wanted,
    /// Kernel settings by name, as they were before an instance of this node changed them. An instance that leaves
    /// hands them to another one that needs the same setting.
    pub former: Vec<(String, String)>,
}

impl RealServerRecord {
    /// Notes the former value of a setting. The first value is kept: later ones are the instances' own.
    pub fn remember(&mut self, name: String, value: String) {
        if !self.former.iter().any(|(known, _)| *known == name) {
            self.former.push((name, value));
        }
    }
}

/// Returns the folder of the real-server records.
pub fn folder() -> Folder {
    RunDir::system().real_servers()
}

/// Reads the record of an instance. `None` means that it was never started, or that the file cannot be understood.
pub fn read(instance: &str) -> Option<RealServerRecord> {
    folder().read_json(instance)
}

/// Returns the records of the other instances, by name.
pub fn others(instance: &str) -> Vec<(String, RealServerRecord)> {
    let others = folder().instances().into_iter().filter(|other| other != instance);
    others.filter_map(|other| read(&other).map(|record| (other, record))).collect()
}

/// Returns every address that a real server of this node answers for. An action that moves one between its device and
/// another interface holds the lock of [`RunDir::real_servers`].
pub fn claims() -> Vec<RealServerClaim> {
    folder().instances().iter().filter_map(|instance| read(instance)).flat_map(|record| record.wanted.claims).collect()
}
