//! Network namespaces, as `ip netns` keeps them.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{FsType, statfs};

use super::FileError;

/// Where `ip netns add` puts them (ip-netns(8)).
const FOLDER: &str = "/run/netns";

/// Moves this thread into a network namespace, by its name or absolute path. Sockets that are opened, kernel settings that
/// are read and processes that are started from then on are of that namespace. For a process with a single thread.
///
/// # Errors
/// When there is no such namespace, or no right to enter it.
pub fn enter(name: &str) -> Result<(), FileError> {
    let path = path(name);
    let file = File::open(&path).map_err(|cause| FileError::new(&path, "open", cause))?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| FileError::new(&path, "enter", errno.into()))
}

/// Whether there is such a namespace now. What `ip netns` leaves when a namespace is lost with a reboot, or when it is
/// killed halfway, is a plain file.
pub fn exists(name: &str) -> bool {
    /// include/uapi/linux/magic.h
    const NSFS_MAGIC: FsType = FsType(0x6e73_6673);
    statfs(&path(name)).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC)
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
