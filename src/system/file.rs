//! Files: small ones are written so that a reader sees the old text or the new one, never half of it, and one that may be another
//! user's is opened without waiting for it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::libc;

/// A file operation that failed: `/run/lvs-agents/services/db.cf: write: No space left on device`.
#[derive(Debug)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What was tried: "open", "read", "write", "lock" ...
    pub action: &'static str,
    /// Why it failed.
    pub cause: io::Error,
}

impl FileError {
    /// An error of `action` on `path`.
    pub fn new(path: &Path, action: &'static str, cause: io::Error) -> Self {
        Self { path: path.into(), action, cause }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.action, self.cause)
    }
}

/// Without a source: the text has the cause already, and whoever shows the chain of causes would show it twice.
impl std::error::Error for FileError {}

/// Opens a file for reading. Another user may have put something else in its place: a device and a pipe might never end, and are
/// refused.
///
/// # Errors
/// It fails as `open(2)` does, and with `InvalidInput` for what is neither a file nor a folder. The error of reading a folder says
/// what it is.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Without this flag, to open a pipe would wait for a writer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() || kind.is_dir() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// Returns the time since the file was written, by the wall clock. `None` means that there is no such file, or that it
/// is from the future, because the clock was set back.
pub fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// Replaces the file as a whole, readable by its owner only, since it may hold passwords. The temporary name starts
/// with a dot and carries our pid: a file left by kill -9 is neither read as a declaration nor in the way of the next
/// writer.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), FileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|cause| {
        let _ = fs::remove_file(&temporary);
        FileError::new(path, "write", cause)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::testing::{Scratch, check_rows};

    #[test]
    fn the_cause_is_told_once_however_the_error_is_shown() {
        let error = FileError::new(Path::new("/x"), "write", io::Error::other("full"));
        assert_eq!(format!("{:#}", anyhow::Error::from(error)), "/x: write: full");
    }

    #[test]
    fn a_pipe_and_a_device_are_refused_without_waiting_and_links_are_followed() {
        let scratch = Scratch::new("open-regular");
        let at = |name| scratch.path().join(name);
        fs::write(at("file"), "text").expect("write");
        mkfifo(&at("pipe"), Mode::S_IRWXU).expect("pipe");
        symlink("file", at("link")).expect("link");
        symlink("pipe", at("link-to-pipe")).expect("link");
        symlink("nowhere", at("broken")).expect("link");
        let opened = |path: PathBuf| open_regular(&path).map(drop).map_err(|error| error.kind());
        check_rows(
            [
                (at("file"), Ok(())),
                (at("link"), Ok(())),
                (scratch.path().into(), Ok(())),
                (at("pipe"), Err(io::ErrorKind::InvalidInput)),
                (at("link-to-pipe"), Err(io::ErrorKind::InvalidInput)),
                ("/dev/zero".into(), Err(io::ErrorKind::InvalidInput)),
                (at("broken"), Err(io::ErrorKind::NotFound)),
            ],
            |(path, expected)| assert_eq!(opened(path), expected),
        );
    }
}
