//! `/run/lvs-agents-observe/NAME`: what a health monitor shows to those who may observe it, its events and a socket.
//!
//! The folder is the one gate: it belongs to root, with mode 0700, or 0750 for one group. What is in it needs no mode of
//! its own, and another group takes one call. The run directory itself has the passwords of all declarations, and stays
//! closed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::FileError;

/// The largest file of events in bytes. There are two at most: ten thousand real servers that fail at once make about six
/// million bytes, and `/run` is in memory.
pub const EVENTS_LIMIT: u64 = 8 << 20;

const CLOSED: u32 = 0o700;
const SHARED: u32 = 0o750;

/// The folder of one health monitor.
#[derive(Debug, Clone)]
pub struct ObservedFolder {
    path: PathBuf,
    name: String,
}

impl ObservedFolder {
    pub(super) fn new(root: &Path, name: &str) -> Self {
        Self { path: root.join(name), name: name.to_owned() }
    }

    pub(super) fn all(root: &Path) -> Vec<Self> {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names.iter().map(|name| Self::new(root, name)).collect()
    }

    /// Returns the name of the health monitor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The socket at which the health monitor answers questions, and no orders.
    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }

    /// The newest events.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// The events before those, in a file that is full.
    pub fn earlier_events(&self) -> PathBuf {
        self.path.join("events.1.jsonl")
    }

    /// Returns the group that may look into the folder; `None` stands for root alone, and for no such folder.
    pub fn group(&self) -> Option<u32> {
        fs::metadata(&self.path).ok().filter(|found| found.mode() & 0o777 == SHARED).map(|found| found.gid())
    }

    /// Creates the folder, for root alone. One that is there stays as it is.
    ///
    /// # Errors
    /// Fails when that is not possible.
    pub fn create(&self) -> Result<(), FileError> {
        let failed = |cause| FileError::new(&self.path, "create", cause);
        if let Some(root) = self.path.parent() {
            fs::create_dir_all(root).map_err(failed)?;
            // Whatever the umask is, and the mode that a service manager gives it, everything that runs here may know which
            // health monitors there are.
            fs::set_permissions(root, Permissions::from_mode(0o755)).map_err(failed)?;
        }
        match fs::DirBuilder::new().mode(CLOSED).create(&self.path) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(failed(cause)),
            _ => Ok(()),
        }
    }

    /// Opens the folder for a group, or closes it for all but root. A folder that is as it shall be is not touched.
    ///
    /// # Errors
    /// Fails when that is not possible; a folder that does not exist needs not be closed.
    pub fn share(&self, group: Option<u32>) -> Result<(), FileError> {
        let failed = |cause| FileError::new(&self.path, "set its group", cause);
        let (mode, group) = (if group.is_some() { SHARED } else { CLOSED }, group.unwrap_or(0));
        let found = match fs::metadata(&self.path) {
            Err(cause) if mode == CLOSED && super::run_dir::is_absent(&cause) => return Ok(()),
            found => found.map_err(failed)?,
        };
        let user = nix::unistd::geteuid().as_raw();
        if found.mode() & 0o777 != mode || found.gid() != group || found.uid() != user {
            // The group before must not get in, nor the new one before the folder is its own.
            fs::set_permissions(&self.path, Permissions::from_mode(CLOSED)).map_err(failed)?;
            chown(&self.path, Some(user), Some(group)).map_err(failed)?;
            fs::set_permissions(&self.path, Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(())
    }

    /// Appends whole lines to the newest events. A file that would grow beyond the limit takes the place of the earlier
    /// ones. A line that a killed process has not finished is closed first, so that it takes no line of ours along.
    ///
    /// # Errors
    /// Fails when that is not possible; a part of the lines may have been written then.
    pub fn append_events(&self, lines: &str) -> Result<(), FileError> {
        self.create()?;
        let path = self.events();
        let failed = |cause| FileError::new(&path, "write", cause);
        let (mut file, mut length) = open_events(&path).map_err(failed)?;
        if length > 0 && length.saturating_add(lines.len() as u64) >= EVENTS_LIMIT {
            fs::rename(&path, self.earlier_events()).map_err(failed)?;
            (file, length) = open_events(&path).map_err(failed)?;
        }
        let is_torn = length > 0 && {
            let mut last = [0];
            file.read_exact_at(&mut last, length - 1).map_err(failed)?;
            last != *b"\n"
        };
        let text = if is_torn { format!("\n{lines}") } else { lines.to_owned() };
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
    }
}

/// Opens the file, and returns its length too. Whatever the umask is, those who reach it can read it.
fn open_events(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).read(true).mode(0o644).open(path)?;
    let found = file.metadata()?;
    if found.mode() & 0o777 != 0o644 {
        file.set_permissions(Permissions::from_mode(0o644))?;
    }
    Ok((file, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::RunDir;
    use crate::testing::Scratch;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn the_folder_is_closed_until_it_is_shared_and_again_afterwards() {
        let scratch = Scratch::new("observed");
        let folder = RunDir::at(scratch.path()).observed("db");
        folder.share(None).expect("there is nothing to close");
        folder.append_events("one\n").expect("write");
        assert_eq!((mode(folder.path()), folder.group()), (0o700, None));
        let own = nix::unistd::getegid().as_raw();
        folder.share(Some(own)).expect("share");
        assert_eq!((mode(folder.path()), folder.group()), (0o750, Some(own)));
        assert_eq!(mode(&folder.events()), 0o644, "the folder is the gate");
        folder.create().expect("again");
        assert_eq!(folder.group(), Some(own), "a writer that finds the folder leaves it as it is");
        if nix::unistd::geteuid().is_root() {
            folder.share(None).expect("close");
            assert_eq!((mode(folder.path()), folder.group()), (0o700, None));
        }
        assert_eq!(
            RunDir::at(scratch.path()).all_observed().iter().map(ObservedFolder::name).collect::<Vec<_>>(),
            ["db"]
        );
    }

    #[test]
    fn no_name_of_a_health_monitor_leads_out_of_the_folder_of_all() {
        crate::testing::check_rows(
            [("../x", "_.._x"), (".hidden", "_.hidden"), ("..", "_.."), ("db:0", "db:0")],
            |(name, file)| {
                let folder = RunDir::at("/r").observed(name);
                assert_eq!(folder.path(), Path::new("/r/observe").join(file));
            },
        );
    }

    #[test]
    fn the_files_never_grow_beyond_their_limit_and_the_newest_lines_are_always_there() {
        let scratch = Scratch::new("observed-limit");
        let folder = RunDir::at(scratch.path()).observed("db");
        let line = "x".repeat(1023) + "\n";
        let lines = line.repeat(512);
        for round in 0..40 {
            folder.append_events(&lines).expect("write");
            folder.append_events(&format!("round {round}\n")).expect("write");
            let sizes = [folder.events(), folder.earlier_events()]
                .map(|path| fs::metadata(path).map_or(0, |found| found.len()));
            assert!(sizes.iter().all(|size| *size <= EVENTS_LIMIT), "{sizes:?}");
            let newest = fs::read_to_string(folder.events()).expect("read");
            assert!(newest.ends_with(&format!("round {round}\n")));
        }
        let earlier = fs::read_to_string(folder.earlier_events()).expect("read");
        let newest = fs::read_to_string(folder.events()).expect("read");
        let both = earlier + &newest;
        let rounds: Vec<&str> = both.lines().filter(|line| line.starts_with("round")).collect();
        assert_eq!(rounds.last(), Some(&"round 39"));
        assert!(rounds.len() > 16, "{rounds:?}");
    }

    #[test]
    fn a_line_that_was_cut_takes_no_other_line_along() {
        let scratch = Scratch::new("observed-torn");
        let folder = RunDir::at(scratch.path()).observed("db");
        folder.append_events("whole\n").expect("write");
        io::Write::write_all(&mut OpenOptions::new().append(true).open(folder.events()).expect("open"), b"{\"cut")
            .expect("cut");
        folder.append_events("next\n").expect("write");
        assert_eq!(fs::read_to_string(folder.events()).expect("read"), "whole\n{\"cut\nnext\n");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
        let scratch = Scratch::new("observed-file");
        fs::write(scratch.path().join("observe"), "").expect("a file in its place");
        let error = RunDir::at(scratch.path()).observed("db").append_events("x\n").expect_err("no folder").to_string();
        assert!(error.contains("observe/db: create: "), "{error}");
    }
}
