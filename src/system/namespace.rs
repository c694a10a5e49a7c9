//! Network namespaces, as `ip netns` keeps them.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

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

/// Whether there is such a namespace now.
pub fn exists(name: &str) -> bool {
    path(name).exists()
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
