//! Decides what to change: `(desired, observed) -> changes`. It is pure, and its order of changes never leaves out a
//! healthy real server.

mod addresses;
mod difference;
mod drain;
mod drift;
mod ipvs;
mod real_server;
mod sysctls;
mod what_if;

pub use addresses::{
    AddressState, AddressTable, address_changes, address_state, deletion_order, host_prefix, interfaces_to_promote_on,
    lost_addresses,
};
pub use difference::{Difference, DifferenceKind, differences, entry_differences};
pub use drain::{HeldRealServer, drain_changes};
pub use drift::{DriftVerdict, Place, Sighting, keep_drift};
pub use ipvs::{TableRole, deletions, table_changes};
pub use real_server::{InterfaceSetting, held_elsewhere, passes_on, real_server_settings, services_at};
pub use sysctls::{BACKUP_ONLY, EXPIRE_QUIESCED, director_sysctls, stateless_sysctl};
pub use what_if::{Outage, Share, shares};
