//! Which resource owns and which process looks after each virtual service on this node. Two owners of one would undo
//! each other's work for ever.
//!
//! [`Registry`] is a plain value that answers questions; [`Registry::read`] makes it from the run directory, each file
//! read once.

mod addresses;
mod declaration;
mod drift;
mod leaving;
mod record;
mod registry;
mod role;

pub use addresses::virtual_ips;
pub use declaration::{Declaration, Declared, Drain, count_declared, declaration, keys};
pub use drift::DriftTimes;
pub use leaving::{Left, drain_left, leaving};
pub use record::{DriftRecord, HealthRecord, ReducedRecord, Refusal};
pub use registry::{RealServerMover, Registry, ServiceOwner};
pub use role::{RoleRecord, SyncKnowledge};
