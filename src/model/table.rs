//! A view of the kernel's IPVS table, or the part of it that somebody wants.

use std::collections::BTreeMap;

use super::{Change, RealServer, RealServerKey, ServiceKey, VirtualService};

/// One virtual service with its real servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    pub service: VirtualService,
    pub real_servers: BTreeMap<RealServerKey, RealServer>,
}

/// Virtual services by key, in the order of the keys: equal tables print alike.
pub type Table = BTreeMap<ServiceKey, ServiceEntry>;

/// The entry as it is after a change of its service that the kernel has executed; `None`: there is no such service.
pub fn apply_change(held: &mut Option<ServiceEntry>, change: &Change) {
    match change {
        Change::AddService(service) | Change::EditService(service) => match held {
            Some(entry) => entry.service = service.clone(),
            None => *held = Some(ServiceEntry { service: service.clone(), real_servers: BTreeMap::new() }),
        },
        Change::DeleteService(_) => *held = None,
        Change::AddRealServer(_, real) | Change::EditRealServer(_, real) => {
            if let Some(entry) = held {
                entry.real_servers.insert(real.key, real.clone());
            }
        }
        Change::DeleteRealServer(_, real) => {
            if let Some(entry) = held {
                entry.real_servers.remove(real);
            }
        }
    }
}
