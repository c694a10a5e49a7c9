//! Finding what the kernel holds otherwise than wanted, at the least cost: one read of `/proc/net/ip_vs` tells of most
//! services that they are as wanted, and netlink is asked for the rest.

use std::collections::HashMap;

use super::proc_table::ProcTable;
use super::{Ipvs, Result};
use crate::model::{ServiceEntry, ServiceKey, Table, VirtualService};

/// Of the thread, not of the process: the network namespace is the one in which [`Ipvs`] was opened.
const PROC_TABLE: &str = "/proc/thread-self/net/ip_vs";
/// Up to this many services are asked for one by one, exactly. Above, one list of all services is cheaper.
const ONE_BY_ONE: usize = 8;

/// How exactly [`Ipvs::compare`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What `/proc/net/ip_vs` shows as wanted is taken for it: scheduler flags and thresholds that another program has set
    /// on a service that is to have none stay unseen.
    Quick,
    /// Everything is read by netlink.
    Thorough,
}

impl Ipvs {
    /// Each of the desired services that the kernel may hold otherwise, in the order of the keys, with what it holds as
    /// netlink tells; `None`: it has no such service. Services that are left out are as wanted.
    ///
    /// # Errors
    /// On any failure: never a part of the answer.
    pub fn compare(&mut self, desired: &Table, depth: Depth) -> Result<Vec<(ServiceKey, Option<ServiceEntry>)>> {
        let text = match depth {
            // Without the file, or with one that cannot be understood, netlink is asked for everything.
            Depth::Quick if desired.len() > ONE_BY_ONE => std::fs::read(PROC_TABLE).unwrap_or_default(),
            _ => Vec::new(),
        };
        let shown = ProcTable::parse(&text);
        let unclear = desired.iter().filter(|(_, wanted)| !shown.shows(wanted)).map(|(key, _)| *key);
        self.read(unclear.collect(), |key| shown.lacks(key))
    }

    fn read(
        &mut self,
        keys: Vec<ServiceKey>,
        is_absent: impl Fn(&ServiceKey) -> bool,
    ) -> Result<Vec<(ServiceKey, Option<ServiceEntry>)>> {
        let mut listed: HashMap<ServiceKey, VirtualService> = match keys.len() {
            0..=ONE_BY_ONE => HashMap::new(),
            _ => self.services()?.into_iter().map(|service| (service.key, service)).collect(),
        };
        let was_listed = keys.len() > ONE_BY_ONE;
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            let entry = match listed.remove(&key) {
                Some(service) => self.completed(service)?,
                None if was_listed && is_absent(&key) => None,
                // The list may lack an entry, as another program changed the table while it was read.
                None => self.service(&key)?,
            };
            entries.push((key, entry));
        }
        Ok(entries)
    }

    /// The service with its real servers.
    fn completed(&mut self, service: VirtualService) -> Result<Option<ServiceEntry>> {
        let key = service.key;
        let during = |error: super::Error| error.during(format_args!("virtual service {key}: read"));
        let real_servers = self.real_servers(&key).map_err(during)?;
        match real_servers.is_empty() {
            // The list of real servers of a service that has gone meanwhile is empty too.
            true => self.service(&key),
            false => Ok(Some(ServiceEntry { service, real_servers })),
        }
    }
}
