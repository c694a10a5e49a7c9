//! Finds what the kernel holds otherwise than wanted, at the least cost: one read of `/proc/net/ip_vs` tells of most
//! services that they are as wanted, one list by netlink of the services themselves tells what the text leaves out, and
//! real servers are asked for where there is still a doubt. This is the part of [`Ipvs`] that compares.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;

use super::proc_table::ProcTable;
use super::{Error, Ipvs, Result};
use crate::model::{ServiceEntry, ServiceKey, Table, VirtualService};

/// The table of the thread and not of the process: the network namespace is the one in which [`Ipvs`] was opened.
pub(super) const PROC_TABLE: &str = "/proc/thread-self/net/ip_vs";
/// The most services that are asked for one by one, exactly. Above, one list of all services is cheaper.
pub const ONE_BY_ONE: usize = 8;

/// The bytes that are read at once. The kernel gives a page of it at a time.
pub(super) const AT_ONCE: usize = 4096;

/// How exactly [`Ipvs::compare`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonDepth {
    /// What `/proc/net/ip_vs` shows as wanted counts as such: scheduler flags and thresholds that another program has
    /// set on a service that is to have none stay unseen, and so does another kind of tunnel in the place of an IP in IP
    /// one.
    Quick,
    /// Everything is read by netlink.
    Thorough,
}

/// Virtual services with what the kernel holds of each; `None` means that it has no such service.
pub type Held = Vec<(ServiceKey, Option<ServiceEntry>)>;

impl Ipvs {
    /// Returns each of the desired services that the kernel may hold otherwise, in the order of the keys, with what it
    /// holds as netlink tells. Services that are left out are as wanted.
    ///
    /// # Errors
    /// Fails as a whole: it never returns a part of the answer.
    pub fn compare(&mut self, desired: &Table, depth: ComparisonDepth) -> Result<Held> {
        let shown = match depth {
            // Without the file, or with one that is not understood, netlink is asked for everything.
            ComparisonDepth::Quick if desired.len() > ONE_BY_ONE => {
                let file = File::open(PROC_TABLE).map(|file| BufReader::with_capacity(AT_ONCE, file));
                file.map_or_else(|_| ProcTable::default(), |file| ProcTable::read(file, desired))
            }
            _ => ProcTable::default(),
        };
        let unclear: Vec<&ServiceEntry> = desired.values().filter(|wanted| !shown.shows(&wanted.service)).collect();
        if unclear.len() > ONE_BY_ONE {
            return self.compare_listed(&unclear, &shown);
        }
        unclear.iter().map(|wanted| wanted.service.key).map(|key| Ok((key, self.service(&key)?))).collect()
    }

    fn compare_listed(&mut self, unclear: &[&ServiceEntry], shown: &ProcTable) -> Result<Held> {
        let services = self.services()?.into_iter();
        let mut listed: HashMap<ServiceKey, VirtualService> = services.map(|service| (service.key, service)).collect();
        let mut held = Held::new();
        for wanted in unclear {
            let key = wanted.service.key;
            let entry = match listed.remove(&key) {
                Some(service) if service == wanted.service && shown.shows_real_servers(&key) => continue,
                Some(service) => self.completed(service)?,
                None if shown.lacks(&key) => None,
                // The list may lack an entry, because another program changed the table while it was read.
                None => self.service(&key)?,
            };
            held.push((key, entry));
        }
        Ok(held)
    }

    /// Returns the service with its real servers.
    fn completed(&mut self, service: VirtualService) -> Result<Option<ServiceEntry>> {
        let key = service.key;
        let during = |error: Error| error.during(format_args!("virtual service {key}: read"));
        let real_servers = self.real_servers(&key).map_err(during)?;
        match real_servers.is_empty() {
            // The list of real servers of a service that has gone meanwhile is empty too.
            true => self.service(&key),
            false => Ok(Some(ServiceEntry { service, real_servers })),
        }
    }
}
