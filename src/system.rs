//! Files of this machine: the run directory with what survives between calls, locks, and settings of the kernel and of
//! this process.

mod comparison;
pub mod descriptors;
mod file;
mod lock;
pub mod memory;
pub mod namespace;
mod pace;
mod program;
pub mod random;
mod run_dir;
pub mod sysctl;
pub mod syslog;

pub use file::{FileError, age, write_private};
pub use lock::Lock;
pub use pace::Pace;
pub use program::own_program;
pub use run_dir::{Folder, RunDir};
