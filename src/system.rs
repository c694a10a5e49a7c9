//! Files of this machine: the run directory with what survives between calls, locks, and kernel settings.

mod file;
mod lock;
mod run_dir;
pub mod sysctl;
pub mod syslog;

pub use file::{FileError, write_private};
pub use lock::Lock;
pub use run_dir::{Folder, RunDir};
