//! One step from the kernel's table to the wanted one. [`crate::plan`] decides it, and `netlink::ipvs` executes it.

use std::fmt;

use super::{RealServer, RealServerKey, ServiceKey, VirtualService};

/// A single change of the IPVS table. Each is idempotent when executed: an addition of what exists edits it, and a
/// deletion of what is gone succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The virtual service is added, without real servers.
    AddService(VirtualService),
    /// The virtual service gets this configuration.
    EditService(VirtualService),
    /// The virtual service is deleted, and its real servers with it.
    DeleteService(ServiceKey),
    /// The real server is added to the virtual service.
    AddRealServer(ServiceKey, RealServer),
    /// The real server of the virtual service gets this configuration.
    EditRealServer(ServiceKey, RealServer),
    /// The real server is deleted from the virtual service.
    DeleteRealServer(ServiceKey, RealServerKey),
}

impl Change {
    /// Returns the virtual service that is changed, or whose real server is.
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
