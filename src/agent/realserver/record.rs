//! What an instance has set, and what it found: `<run>/realserver/<instance>.json`, written before the kernel is touched,
//! so that a stop after kill -9 puts it back.

use serde::{Deserialize, Serialize};

use super::wanted::{Claim, Wanted};
use crate::system::{Folder, RunDir};

/// One instance.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub wanted: Wanted,
    /// Kernel settings by name, as they were before an instance of this node changed them. One that leaves hands them
    /// to another one that needs the same setting.
    pub former: Vec<(String, String)>,
}

impl Record {
    /// Keeps the first value: later ones are the instances' own.
    pub fn remember(&mut self, name: String, value: String) {
        if !self.former.iter().any(|(known, _)| *known == name) {
            self.former.push((name, value));
        }
    }
}

pub fn folder() -> Folder {
    RunDir::system().real_servers()
}

/// `None`: never started, or nobody can tell any more.
pub fn read(instance: &str) -> Option<Record> {
    folder().read_json(instance)
}

/// Those of the other instances, by name.
pub fn others(instance: &str) -> Vec<(String, Record)> {
    let others = folder().instances().into_iter().filter(|other| other != instance);
    others.filter_map(|other| read(&other).map(|record| (other, record))).collect()
}

/// Every address that a real server of this node answers for. Whoever moves one between its device and another
/// interface does so in its `turn` with [`RunDir::real_servers`].
pub fn claims() -> Vec<Claim> {
    folder().instances().iter().filter_map(|instance| read(instance)).flat_map(|record| record.wanted.claims).collect()
}
