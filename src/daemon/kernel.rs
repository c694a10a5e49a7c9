//! The monitor's hand on the kernel's IPVS table.

use crate::model::{Change, ServiceKey, Table};
use crate::netlink;
use crate::netlink::ipvs::{Failure, Ipvs};

/// Opens its netlink socket when needed and again after an error: a broken socket must not end the monitor, whose
/// next look repairs what this one could not.
#[derive(Debug, Default)]
pub struct Kernel {
    ipvs: Option<Ipvs>,
}

impl Kernel {
    /// Those of `keys` that exist, with their real servers.
    pub fn observe<'a>(
        &mut self,
        keys: impl ExactSizeIterator<Item = &'a ServiceKey>,
    ) -> Result<Table, netlink::Error> {
        /// Above this many services, one dump of everything is cheaper than a question for each.
        const ONE_BY_ONE: usize = 8;
        self.with(|ipvs| {
            if keys.len() > ONE_BY_ONE {
                return ipvs.table();
            }
            let mut table = Table::new();
            for key in keys {
                if let Some(entry) = ipvs.service(key)? {
                    table.insert(*key, entry);
                }
            }
            Ok(table)
        })
    }

    /// Executes all changes; those that failed.
    pub fn apply(&mut self, changes: &[Change]) -> Result<Vec<Failure>, netlink::Error> {
        self.with(|ipvs| Ok(ipvs.apply(changes)))
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Ipvs) -> Result<T, netlink::Error>) -> Result<T, netlink::Error> {
        let ipvs = match self.ipvs.take() {
            Some(ipvs) => ipvs,
            None => Ipvs::open_loading()?,
        };
        let ipvs = self.ipvs.insert(ipvs);
        let result = work(ipvs);
        if result.is_err() {
            self.ipvs = None;
        }
        result
    }
}
