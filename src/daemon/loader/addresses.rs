//! The virtual IPs of other resources of this node: no path check comes from one, since the real servers may have it too.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::daemon::source::Stamp;
use crate::ownership;
use crate::system::RunDir;

/// Looks for them. A look at folders that have not changed is two questions to a file system in memory.
#[derive(Debug)]
pub struct VirtualIpWatch {
    run_dir: RunDir,
    /// What the folders of the declarations and of the addresses were like; `None`: they have to be read.
    seen: Option<[Stamp; 2]>,
    known: BTreeSet<IpAddr>,
}

impl VirtualIpWatch {
    pub fn new(run_dir: RunDir) -> Self {
        Self { run_dir, seen: None, known: BTreeSet::new() }
    }

    /// Makes the next look read: a file of another health monitor changes neither of the folders.
    pub fn forget(&mut self) {
        self.seen = None;
    }

    /// Returns all of them, where they have changed.
    pub fn look(&mut self) -> Option<BTreeSet<IpAddr>> {
        let stamps = ["services", "vip"].map(|folder| Stamp::of(&self.run_dir.root().join(folder)));
        if self.seen == Some(stamps) {
            return None;
        }
        let found = ownership::virtual_ips(&self.run_dir);
        let now = SystemTime::now();
        self.seen = stamps.iter().all(|stamp| stamp.doubtful_for(now) == Duration::ZERO).then_some(stamps);
        if found == self.known {
            return None;
        }
        self.known.clone_from(&found);
        Some(found)
    }
}
