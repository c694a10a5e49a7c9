//! Who looks after which virtual service on this node. Two owners of one would undo each other's work for ever.
//!
//! [`Registry`] is a plain value that answers questions; [`Registry::read`] makes it from the run directory, each file
//! read once.

mod declaration;
mod record;
mod registry;

pub use declaration::{Declaration, Declared, declaration, keys};
pub use record::{MonitorRecord, Refusal};
pub use registry::{Care, Owner, Registry};
