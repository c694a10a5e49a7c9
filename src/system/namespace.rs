//! Network namespaces, as `ip netns` keeps them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
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
    exists_at(&path(name))
}

fn exists_at(path: &Path) -> bool {
    /// include/uapi/linux/magic.h
    const NSFS_MAGIC: FsType = FsType(0x6e73_6673);
    statfs(path).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC)
}

/// What makes it itself, whatever its name: the number of its inode. `None`: there is no such namespace.
pub fn identity(name: &str) -> Option<u64> {
    fs::metadata(path(name)).ok().filter(|_| exists(name)).map(|metadata| metadata.ino())
}

/// A path to a namespace that has lost its name and lives on, because a process is in it or has it open. One that only a
/// socket keeps alive is not found.
pub fn kept_alive(identity: u64) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == identity) && exists_at(path);
    // Those of the processes first: they are few, and what a process has open are many.
    let processes = || entries(Path::new("/proc")).filter(|path| path.join("ns").exists());
    let threads = || processes().flat_map(|process| entries(&process.join("task")));
    threads().map(|thread| thread.join("ns/net")).find(is_it).or_else(|| {
        let open = processes().flat_map(|process| entries(&process.join("fd")));
        open.filter(may_be_a_namespace).find(is_it)
    })
}

/// By the link of an open file. Other files are not looked at: that of a file server that is gone would never answer.
fn may_be_a_namespace(descriptor: &PathBuf) -> bool {
    let Ok(link) = fs::read_link(descriptor) else { return false };
    let link = link.to_string_lossy();
    // As /proc has it; and as `ip netns` has it, before and after its mount was removed.
    link.starts_with("net:[") || link.starts_with(FOLDER) || link == "/"
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
