//! A lock that one process holds at a time. The kernel drops it with the process, so kill -9 leaves nothing to clean
//! up.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::FileError;
use super::run_dir::is_absent;

/// An exclusive lock of an open file (`F_OFD_SETLK`, fcntl(2)) on a file that holds the pid of its owner. It is held
/// until it is dropped; the file itself stays, since removing it would let two processes lock two files of the same
/// name.
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock if it is free. `None` means that another process holds it.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, FileError> {
        let mut file = open(path).map_err(|cause| FileError::new(path, "open", cause))?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(None),
            Err(errno) => return Err(FileError::new(path, "lock", errno.into())),
        }
        write_pid(&mut file).map_err(|cause| FileError::new(path, "write", cause))?;
        Ok(Some(Self { file, path: path.into() }))
    }

    /// Waits for the lock, for `patience` at most. `None` means that another process has held it all the time.
    pub fn acquire(path: &Path, patience: Duration) -> Result<Option<Self>, FileError> {
        /// The interval is short against the time for which the lock is held, and long against the cost of asking.
        const POLL: Duration = Duration::from_millis(2);
        let deadline = Instant::now() + patience;
        loop {
            let attempt = Self::try_acquire(path)?;
            if attempt.is_some() || Instant::now() >= deadline {
                return Ok(attempt);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Returns the path of the locked file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the name still leads to the file that is locked. If it does not, the directory was emptied, and a
    /// process that looks by name sees this lock no more.
    pub fn is_in_place(&self) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let named = std::fs::metadata(&self.path).map(identity);
        matches!((named, self.file.metadata().map(identity)), (Ok(named), Ok(ours)) if named == ours)
    }

    /// Whether a process holds the lock now. It asks without locking: a question must never make the attempt of another
    /// process fail.
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        // The kernel wants the file open for writing even to be asked about a write lock.
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(cause) if is_absent(&cause) => return Ok(false),
            Err(cause) => return Err(FileError::new(path, "open", cause)),
        };
        let mut answer = whole_file(libc::F_WRLCK);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut answer)).map_err(|errno| FileError::new(path, "lock", errno.into()))?;
        Ok(i32::from(answer.l_type) != libc::F_UNLCK)
    }

    /// Kills the process that holds the lock, and no other. `false` means that no process holds it.
    pub fn kill_holder(path: &Path) -> Result<bool, FileError> {
        let Some(pid) = Self::holder(path)? else { return Ok(false) };
        let fault = |action, errno: rustix::io::Errno| FileError::new(path, action, errno.into());
        let process = rustix::process::Pid::from_raw(pid.as_raw());
        let Some(process) = process else { return Ok(false) };
        let process = match pidfd_open(process, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            opened => opened.map_err(|errno| fault("find the holder of", errno))?,
        };
        // The process must still be named now that its number cannot be given to another one, and it must have the file
        // open: until a new holder has written its own number, the file names a holder that has ended, or whose number
        // a stranger has by now.
        if Self::holder(path)? != Some(pid) || !has_open(pid, path) {
            return Ok(false);
        }
        match pidfd_send_signal(process, Signal::KILL) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(true),
            Err(errno) => Err(fault("kill the holder of", errno)),
        }
    }

    /// Returns the process that holds the lock, if there is one and it has written its pid already.
    pub fn holder(path: &Path) -> Result<Option<Pid>, FileError> {
        if !Self::is_held(path)? {
            return Ok(None);
        }
        let mut text = String::new();
        let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|cause| FileError::new(path, "read", cause))?;
        Ok(text.trim().parse().ok().filter(|pid| *pid > 1).map(Pid::from_raw))
    }
}

/// Describes a lock from the first byte to the last, however long the file becomes. `kind` is `F_WRLCK` (exclusive) or
/// `F_UNLCK`.
pub(super) fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Whether the process has the file open.
fn has_open(pid: Pid, path: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let (file, descriptors) = (identity(path), std::fs::read_dir(format!("/proc/{pid}/fd")));
    file.is_some() && descriptors.into_iter().flatten().flatten().any(|entry| identity(&entry.path()) == file)
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn a_lock_is_held_by_one_and_free_when_dropped() {
        let scratch = Scratch::new("lock");
        let path = scratch.path().join("a.lock");
        assert_eq!(Lock::holder(&path).expect("no file"), None);
        let lock = Lock::try_acquire(&path).expect("lock").expect("free");
        assert!(Lock::try_acquire(&path).expect("lock").is_none());
        assert_eq!(Lock::holder(&path).expect("holder"), Some(Pid::this()));
        assert!(lock.is_in_place());
        std::fs::rename(&path, scratch.path().join("b.lock")).expect("rename");
        assert!(!lock.is_in_place());
        std::fs::rename(scratch.path().join("b.lock"), &path).expect("rename back");
        drop(lock);
        assert!(!Lock::is_held(&path).expect("held"));
        assert_eq!(Lock::holder(&path).expect("holder"), None);
    }

    /// A holder that has not written its number yet leaves that of its predecessor, which another process may have by
    /// now.
    #[test]
    fn only_a_process_that_has_the_file_open_is_killed() {
        let scratch = Scratch::new("kill");
        let path = scratch.path().join("a.lock");
        assert!(!Lock::kill_holder(&path).expect("nobody"));
        let _lock = Lock::try_acquire(&path).expect("lock").expect("free");
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        std::fs::write(&path, format!("{}\n", stranger.id())).expect("write");
        assert!(!Lock::kill_holder(&path).expect("ask"));
        assert!(stranger.try_wait().expect("wait").is_none(), "it lives");
        stranger.kill().expect("kill");
        stranger.wait().expect("wait");
    }
}
