//! The kernel's IPVS table, or the part of it that a program wants.

use std::collections::BTreeMap;

use super::{Change, RealServer, RealServerKey, ServiceKey, VirtualService};

/// One virtual service with its real servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// The virtual service.
    pub service: VirtualService,
    /// Its real servers by key.
    pub real_servers: BTreeMap<RealServerKey, RealServer>,
}

/// Virtual services by key, in the order of the keys: equal tables print alike.
pub type Table = BTreeMap<ServiceKey, ServiceEntry>;

/// Turns the entry of a service into what it is after a change of that service that the kernel has executed; `None`
/// means that there is no such service.
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
