//! A view of the kernel's IPVS table, or the part of it that somebody wants.

use std::collections::BTreeMap;

use super::{RealServer, RealServerKey, ServiceKey, VirtualService};

/// One virtual service with its real servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    pub service: VirtualService,
    pub real_servers: BTreeMap<RealServerKey, RealServer>,
}

/// Virtual services by key, in the order of the keys: equal tables print alike.
pub type Table = BTreeMap<ServiceKey, ServiceEntry>;
