//! One step from the kernel's table to the wanted one. Decided by [`crate::plan`], executed by `netlink::ipvs`.

use std::fmt;

use super::{RealServer, RealServerKey, ServiceKey, VirtualService};

/// A single change of the IPVS table. Each is idempotent when executed: adding what exists edits it, deleting what is
/// gone is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    AddService(VirtualService),
    EditService(VirtualService),
    /// Takes its real servers with it.
    DeleteService(ServiceKey),
    AddRealServer(ServiceKey, RealServer),
    EditRealServer(ServiceKey, RealServer),
    DeleteRealServer(ServiceKey, RealServerKey),
}

impl Change {
    /// The virtual service that is changed, or whose real server is.
    pub fn service(&self) -> &ServiceKey {
        match self {
            Self::AddService(service) | Self::EditService(service) => &service.key,
            Self::DeleteService(key)
            | Self::AddRealServer(key, _)
            | Self::EditRealServer(key, _)
            | Self::DeleteRealServer(key, _) => key,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService(service) => write!(f, "virtual service {}: add", service.key),
            Self::EditService(service) => write!(f, "virtual service {}: change", service.key),
            Self::DeleteService(key) => write!(f, "virtual service {key}: delete"),
            Self::AddRealServer(key, real) => {
                write!(f, "virtual service {key}: add real server {} weight {}", real.key, real.weight)
            }
            Self::EditRealServer(key, real) => {
                write!(f, "virtual service {key}: change real server {} to weight {}", real.key, real.weight)
            }
            Self::DeleteRealServer(key, real) => write!(f, "virtual service {key}: delete real server {real}"),
        }
    }
}
