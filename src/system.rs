//! Files of this machine: the run directory with what survives between calls, locks, and settings of the kernel and of
//! this process.

mod boot;
mod comparison;
pub mod descriptors;
mod file;
pub mod group;
mod lock;
pub mod memory;
pub mod namespace;
pub mod node_attribute;
mod observed;
mod own_addresses;
mod own_program;
mod pace;
pub mod program;
pub mod random;
mod run_dir;
pub mod secret_file;
mod service_manager;
pub mod sysctl;
pub mod syslog;

pub use boot::{boot_by_wall_clock, seconds_since_boot};
pub use file::{FileError, age, open_regular, write_private};
pub use lock::Lock;
pub use observed::ObservedFolder;
pub use own_addresses::own_addresses;
pub use own_program::own_program;
pub use pace::Pace;
pub use run_dir::{Folder, RunDir};
pub use service_manager::ServiceManager;
