//! Network namespaces, as `ip netns` keeps them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{FsType, statfs};

use super::FileError;

/// The folder in which `ip netns add` puts them (ip-netns(8)).
const FOLDER: &str = "/run/netns";

/// Moves this thread into a network namespace, given by its name or absolute path. Sockets that are opened, kernel
/// settings that are read and processes that are started from then on belong to that namespace. Only a process with a
/// single thread may call it.
///
/// # Errors
/// Fails when there is no such namespace, or no right to enter it.
pub fn enter(name: &str) -> Result<(), FileError> {
    let path = path(name);
    let file = File::open(&path).map_err(|cause| FileError::new(&path, "open", cause))?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| FileError::new(&path, "enter", errno.into()))
}

/// Whether there is such a namespace now. When a namespace is lost with a reboot, or `ip netns` is killed halfway, a
/// plain file is left in its place.
pub fn exists(name: &str) -> bool {
    exists_at(&path(name))
}

fn exists_at(path: &Path) -> bool {
    /// The number is in the kernel's include/uapi/linux/magic.h.
    const NSFS_MAGIC: FsType = FsType(0x6e73_6673);
    statfs(path).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC)
}

/// Returns what identifies the namespace whatever its name: the number of its inode. `None` means that there is no such
/// namespace.
pub fn identity(name: &str) -> Option<u64> {
    fs::metadata(path(name)).ok().filter(|_| exists(name)).map(|metadata| metadata.ino())
}

/// Returns a path to a namespace that has lost its name and lives on, because a process is in it or has it open. A
/// namespace that only a socket keeps alive is not found.
pub fn kept_alive(identity: u64) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == identity) && exists_at(path);
    // The namespaces of the processes are looked at first: they are few, while the files that processes have open are
    // many.
    let processes = || entries(Path::new("/proc")).filter(|path| path.join("ns").exists());
    let threads = || processes().flat_map(|process| entries(&process.join("task")));
    threads().map(|thread| thread.join("ns/net")).find(is_it).or_else(|| {
        let open = processes().flat_map(|process| entries(&process.join("fd")));
        open.filter(may_be_a_namespace).find(is_it)
    })
}

/// Whether an open file may be a namespace, judged by its link. Other files are not looked at: a file on a file server
/// that is gone would never answer.
fn may_be_a_namespace(descriptor: &PathBuf) -> bool {
    let Ok(link) = fs::read_link(descriptor) else { return false };
    let link = link.to_string_lossy();
    // The first form is that of /proc; the others are those of `ip netns`, before and after its mount was removed.
    link.starts_with("net:[") || link.starts_with(FOLDER) || link == "/"
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
