//! The file that init scripts and systemd look for the daemon's process number in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::system::FileError;

/// Written by a daemon that holds its lock, and removed at its end. A daemon that was killed leaves it behind, and the next
/// one writes it anew.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// # Errors
    /// When the file cannot be written: what manages the daemon would take it for dead.
    pub fn write(path: &Path) -> Result<Self, FileError> {
        fs::write(path, text()).map_err(|cause| FileError::new(path, "write", cause))?;
        Ok(Self(path.into()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another daemon may have written it since an administrator removed ours.
        if fs::read_to_string(&self.0).is_ok_and(|held| held == text()) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn text() -> String {
    format!("{}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn the_file_goes_with_the_daemon_and_that_of_another_stays() {
        let scratch = Scratch::new("pid-file");
        let path = scratch.path().join("x.pid");
        let file = PidFile::write(&path).expect("write");
        assert_eq!(fs::read_to_string(&path).expect("read"), text());
        drop(file);
        assert!(!path.exists());
        let file = PidFile::write(&path).expect("write");
        fs::write(&path, "1\n").expect("another's");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("read"), "1\n");
    }
}
