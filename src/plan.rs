//! Decides what to change: `(desired, observed) -> changes`, pure, in an order in which no healthy real server is
//! ever missing.

mod addresses;
mod ipvs;
mod real_server;
mod sysctls;

pub use addresses::{AddressState, AddressTable, address_changes, address_state, host_prefix, lost_addresses};
pub use ipvs::{Scope, deletions, differences, table_changes};
pub use real_server::{InterfaceSetting, held_elsewhere, passes_on, real_server_settings, services_at};
pub use sysctls::{STANDBY_SERVES, director_sysctls};
