//! Virtual services of ours that have left the configuration and are still to be removed from the table.

use std::collections::BTreeMap;

use super::fault::LastingFault;
use crate::model::{Change, ServiceKey};
use crate::plan;

/// Each service that leaves, until the kernel has let it go.
#[derive(Debug, Default)]
pub struct Removal {
    /// Each with the reason why the kernel does not let it go.
    leaving: BTreeMap<ServiceKey, Option<LastingFault>>,
    /// Whether the removal is to be tried, for the first time or again.
    is_due: bool,
}

impl Removal {
    pub fn add(&mut self, key: ServiceKey) {
        self.leaving.entry(key).or_default();
    }

    /// Notes that a service is gone, or has come back into the configuration.
    pub fn done(&mut self, key: &ServiceKey) {
        self.leaving.remove(key);
    }

    pub fn try_again(&mut self) {
        self.is_due = true;
    }

    /// Returns what the kernel has to be told now, once for each [`Removal::try_again`].
    pub fn changes(&mut self) -> Vec<Change> {
        match std::mem::take(&mut self.is_due) {
            true => plan::deletions(self.leaving.keys()),
            false => Vec::new(),
        }
    }

    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.leaving.keys()
    }

    /// Returns the fault of a service that leaves; `None` when it does not leave.
    pub fn fault_of(&mut self, key: &ServiceKey) -> Option<&mut Option<LastingFault>> {
        self.leaving.get_mut(key)
    }

    pub fn faults(&self) -> impl Iterator<Item = (&ServiceKey, &LastingFault)> {
        self.leaving.iter().filter_map(|(key, fault)| Some((key, fault.as_ref()?)))
    }
}
