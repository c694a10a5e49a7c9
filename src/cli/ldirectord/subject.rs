//! Which configuration a call means, and what its daemon is called.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What is read when no configuration is named.
const DEFAULT_CONFIG: &str = "ldirectord.cf";
/// The name of its daemon then: not that of the file.
const DEFAULT_NAME: &str = "ldirectord";
/// Where a configuration is looked for, before it counts as a path.
const FOLDERS: [&str; 2] = ["/etc/ha.d", "/etc/ha.d/conf"];

/// A configuration and its daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// As it was written, for messages.
    pub named: PathBuf,
    /// The file, if there is one.
    pub config: Option<PathBuf>,
    /// Of the daemon: the file's name.
    pub name: String,
}

impl Subject {
    /// `exists` says whether a path leads to a file; `folder` is the working directory.
    pub fn find(config: Option<OsString>, folder: &Path, exists: impl Fn(&Path) -> bool) -> Self {
        let named = PathBuf::from(config.clone().unwrap_or_else(|| DEFAULT_CONFIG.into()));
        // The daemon leaves the working directory: what it reads again later must be a whole path.
        let places = FOLDERS.iter().map(|place| Path::new(place).join(&named)).chain([folder.join(&named)]);
        let name = match config {
            None => DEFAULT_NAME.into(),
            Some(_) => named.file_name().unwrap_or(OsStr::new(DEFAULT_NAME)).to_string_lossy().into_owned(),
        };
        Self { config: places.into_iter().find(|place| exists(place)), named, name }
    }

    /// For messages: the file that was found, else what was written.
    pub fn shown(&self) -> std::path::Display<'_> {
        self.config.as_ref().unwrap_or(&self.named).display()
    }

    /// Where init scripts and systemd look for the daemon's process number.
    pub fn pid_file(&self) -> PathBuf {
        format!("/run/ldirectord.{}.pid", self.name).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_looked_for_where_the_original_looks() {
        let rows = [
            (None, "/etc/ha.d/ldirectord.cf", Some("/etc/ha.d/ldirectord.cf"), "ldirectord"),
            (Some("x.cf"), "/etc/ha.d/x.cf", Some("/etc/ha.d/x.cf"), "x.cf"),
            (Some("x.cf"), "/etc/ha.d/conf/x.cf", Some("/etc/ha.d/conf/x.cf"), "x.cf"),
            (Some("x.cf"), "/root/x.cf", Some("/root/x.cf"), "x.cf"),
            (Some("/a/x.cf"), "/a/x.cf", Some("/a/x.cf"), "x.cf"),
            (Some("ldirectord.cf"), "/nowhere", None, "ldirectord.cf"),
        ];
        let found = |config: Option<&str>, there: &str| {
            Subject::find(config.map(Into::into), Path::new("/root"), |path| path == Path::new(there))
        };
        let wrong: Vec<_> = rows
            .iter()
            .filter(|(config, there, file, name)| {
                let subject = found(*config, there);
                subject.config.as_deref() != file.map(Path::new) || subject.name != *name
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(found(None, "").pid_file(), Path::new("/run/ldirectord.ldirectord.pid"));
    }
}
