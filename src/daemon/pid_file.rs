//! The file in which init scripts and systemd look for the health monitor's process number.

use std::fs;
use std::path::{Path, PathBuf};

use crate::system::FileError;

/// The file of a health monitor that holds its lock, removed at its end. A killed health monitor leaves it behind, and
/// the next one writes it anew.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file.
    ///
    /// # Errors
    /// Fails when the file cannot be written: the program that manages the health monitor would take it for dead.
    pub fn write(path: &Path) -> Result<Self, FileError> {
        fs::write(path, text()).map_err(|cause| FileError::new(path, "write", cause))?;
        Ok(Self(path.into()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another health monitor may have written it since an administrator removed ours.
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
