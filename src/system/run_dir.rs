//! `/run/lvs-agents` holds the records: what one action leaves for the next one. None of it is needed after a reboot,
//! and every file may be missing or stale (kill -9): readers take absence as an answer.

use std::fmt;
use std::fs;
use std::io::{self, BufReader};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::comparison::Comparison;
use super::{FileError, ObservedFolder, write_private};

/// The run directory.
#[derive(Debug, Clone)]
pub struct RunDir {
    root: PathBuf,
    /// Where what may be shared with a group lies: beside the root, whose files hold passwords and whose mode stays 0700.
    observed: PathBuf,
}

impl RunDir {
    /// Returns the run directory of this machine, `/run/lvs-agents`, with `/run/lvs-agents-observe` beside it.
    pub fn system() -> Self {
        Self { observed: "/run/lvs-agents-observe".into(), ..Self::at("/run/lvs-agents") }
    }

    /// Returns the run directory at `root`, for tests.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { observed: root.join("observe"), root }
    }

    /// Returns the path of the directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The declaration of each `lvs` instance, in the configuration language.
    pub fn services(&self) -> Folder {
        self.folder("services", "cf")
    }

    /// What the kernel refused of each declaration.
    pub fn refusals(&self) -> Folder {
        self.folder("services", "refused")
    }

    /// What of each declaration stays as other programs have made it, as far as no health monitor knows it.
    pub fn drifts(&self) -> Folder {
        self.folder("services", "drift")
    }

    /// The role of each promotable `lvs` instance.
    pub fn roles(&self) -> Folder {
        self.folder("services", "role")
    }

    /// The record of each health monitor: what it looks after.
    pub fn monitors(&self) -> Folder {
        self.folder("monitors", "json")
    }

    /// The names of the node attributes that each health monitor may have in the cluster.
    pub fn node_attributes(&self) -> Folder {
        self.folder("monitors", "attributes")
    }

    /// The operators' orders that are kept on this node, each by its name.
    pub fn orders(&self) -> Folder {
        self.folder("orders", "order")
    }

    /// What was known last of the orders that the cluster keeps.
    pub fn known_orders(&self) -> Folder {
        self.folder("orders", "known")
    }

    /// The record of each `realserver` instance: what it has set.
    pub fn real_servers(&self) -> Folder {
        self.folder("realserver", "json")
    }

    /// The record of each `vip` instance: what it has set.
    pub fn addresses(&self) -> Folder {
        self.folder("vip", "json")
    }

    /// A file that is written when the address of a director that leaves has been given back to the device of a real
    /// server: its age says how long ago that was.
    pub fn handed_back(&self) -> PathBuf {
        self.real_servers().path.join(".handed-back")
    }

    /// The process that announces the addresses of each `vip` instance.
    pub fn announcers(&self) -> Folder {
        self.folder("vip", "announcer")
    }

    /// The moment at which the next announcement of this node may leave. The name of the file starts with a dot, or it
    /// would be that of the lock of a health monitor `announcements`.
    pub fn announcement_pace(&self) -> PathBuf {
        self.root.join(".announcements.lock")
    }

    /// The control socket of a health monitor.
    pub fn socket(&self, instance: &str) -> PathBuf {
        self.root.join(format!("{}.sock", file_name(instance)))
    }

    /// What a health monitor shows to those who may observe it.
    pub fn observed(&self, instance: &str) -> ObservedFolder {
        ObservedFolder::new(&self.observed, &file_name(instance))
    }

    /// Returns the folders of all health monitors that have run since the last boot, in the order of their names.
    pub fn all_observed(&self) -> Vec<ObservedFolder> {
        ObservedFolder::all(&self.observed)
    }

    /// The lock that a health monitor holds as long as it lives.
    pub fn lock(&self, instance: &str) -> PathBuf {
        self.root.join(format!("{}.lock", file_name(instance)))
    }

    /// The lock that the health monitor holds that follows the declarations.
    pub fn following_lock(&self) -> Result<PathBuf, FileError> {
        self.services().lock()
    }

    /// The lock that is held from the look at the declarations of others to the own declaration: by one `lvs` action at
    /// a time, and by the health monitor while it writes real servers of declared services.
    pub fn declaring_lock(&self) -> Result<PathBuf, FileError> {
        let services = self.services();
        services.create()?;
        Ok(services.path.join(".declaring.lock"))
    }

    /// Creates the directory itself, for sockets and locks.
    pub fn create(&self) -> Result<(), FileError> {
        create_folder(&self.root)
    }

    fn folder(&self, name: &str, extension: &'static str) -> Folder {
        Folder { root: self.root.clone(), path: self.root.join(name), extension }
    }
}

/// A folder with one file for each instance.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    path: PathBuf,
    extension: &'static str,
}

impl Folder {
    /// Returns the path of the file of an instance.
    pub fn file(&self, instance: &str) -> PathBuf {
        self.path.join(format!("{}.{}", file_name(instance), self.extension))
    }

    /// Returns its path, for messages.
    pub fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Returns the file to lock for all instances together. Its name starts with a dot, so it belongs to no instance.
    pub fn lock(&self) -> Result<PathBuf, FileError> {
        self.create()?;
        Ok(self.path.join(".lock"))
    }

    /// The lock that a process holds while it works for one instance.
    pub fn lock_of(&self, instance: &str) -> PathBuf {
        self.path.join(format!("{}.lock", file_name(instance)))
    }

    /// Writes the file of an instance as a whole or not at all, with mode 0600.
    pub fn write(&self, instance: &str, text: &str) -> Result<(), FileError> {
        self.create()?;
        write_private(&self.file(instance), text.as_bytes())
    }

    fn create(&self) -> Result<(), FileError> {
        create_folder(&self.root)?;
        create_folder(&self.path)
    }

    /// Reads the file of an instance. `None` means that there is no such file.
    pub fn read(&self, instance: &str) -> Result<Option<String>, FileError> {
        let path = self.file(instance);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if is_absent(&cause) => Ok(None),
            Err(cause) => Err(FileError::new(&path, "read", cause)),
        }
    }

    /// Whether the file says what `write` writes. A file that is missing or cannot be read does not.
    pub fn holds(&self, instance: &str, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> bool {
        fs::File::open(self.file(instance)).is_ok_and(|file| Comparison::holds(BufReader::new(file), write))
    }

    /// Removes the file of an instance. It succeeds when the file is gone already.
    pub fn remove(&self, instance: &str) -> Result<(), FileError> {
        let path = self.file(instance);
        match fs::remove_file(&path) {
            Err(cause) if !is_absent(&cause) => Err(FileError::new(&path, "remove", cause)),
            _ => Ok(()),
        }
    }

    /// Returns the names of the instances that have a file, in order. A folder that does not exist counts as an empty
    /// one.
    pub fn instances(&self) -> Vec<String> {
        let suffix = format!(".{}", self.extension);
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut instances: Vec<String> = names
            .filter(|name| !name.starts_with('.'))
            .filter_map(|name| name.strip_suffix(&suffix).map(Into::into))
            .collect();
        instances.sort();
        instances
    }

    /// Returns a value that changes with every write and removal, for processes that follow the folder.
    pub fn fingerprint(&self) -> Vec<(String, u64, SystemTime)> {
        let stamp = |instance: String| {
            let metadata = fs::metadata(self.file(&instance)).ok()?;
            Some((instance, metadata.ino(), metadata.modified().ok()?))
        };
        self.instances().into_iter().filter_map(stamp).collect()
    }

    /// Writes the file of an instance as JSON; see [`Folder::write`].
    pub fn write_json(&self, instance: &str, value: &impl Serialize) -> Result<(), FileError> {
        let text = serde_json::to_string(value)
            .map_err(|cause| FileError::new(&self.file(instance), "encode", cause.into()))?;
        self.write(instance, &text)
    }

    /// Reads the file of an instance as JSON. `None` stands also for a file that cannot be understood: one that is half
    /// written or foreign says nothing.
    pub fn read_json<T: DeserializeOwned>(&self, instance: &str) -> Option<T> {
        self.read(instance).ok().flatten().and_then(|text| serde_json::from_str(&text).ok())
    }
}

/// Whether a file is absent. It is absent too when something that is not a folder has the name of its folder.
pub(super) fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns the file name of an instance. The names of pacemaker resources are file names; any other name must not reach
/// outside the folder or be hidden in it.
fn file_name(instance: &str) -> String {
    let name = instance.replace(['/', '\0'], "_");
    if name.starts_with('.') { format!("_{name}") } else { name }
}

fn create_folder(path: &Path) -> Result<(), FileError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| FileError::new(path, "create", cause))?;
    take_possession(path).map_err(|cause| FileError::new(path, "make private", cause))
}

/// Makes a folder ours that was there already: what is in it says what root's actions remove.
fn take_possession(path: &Path) -> io::Result<()> {
    let (found, user) = (fs::metadata(path)?, nix::unistd::geteuid().as_raw());
    if found.uid() != user {
        chown(path, Some(user), None)?;
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, check_rows};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_and_gone_after_removal() {
        let scratch = Scratch::new("folder");
        let folder = RunDir::at(scratch.path().join("run")).services();
        assert_eq!(folder.read("db").expect("read"), None);
        assert_eq!(folder.instances(), [] as [String; 0]);
        folder.write("db", "text").expect("write");
        let before = folder.fingerprint();
        assert_eq!(fs::metadata(folder.file("db")).expect("file").permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.read("db").expect("read").as_deref(), Some("text"));
        folder.write("db", "other").expect("write");
        assert_ne!(folder.fingerprint(), before);
        assert_eq!(folder.instances(), ["db"]);
        folder.remove("db").expect("remove");
        folder.remove("db").expect("a second time");
        assert_eq!(folder.read("db").expect("read"), None);
    }

    #[test]
    fn a_leftover_of_a_killed_writer_is_not_a_declaration() {
        let scratch = Scratch::new("leftover");
        let folder = RunDir::at(scratch.path()).services();
        folder.write("db", "text").expect("write");
        fs::write(folder.file("db").with_file_name(".db.cf.4711"), "half").expect("leftover");
        assert_eq!(folder.instances(), ["db"]);
    }

    #[test]
    fn what_lies_beside_the_declarations_does_not_count_as_one() {
        let scratch = Scratch::new("beside");
        let run_dir = RunDir::at(scratch.path());
        fs::write(run_dir.declaring_lock().expect("lock"), "4711").expect("write");
        run_dir.refusals().write("db", "[]").expect("write");
        assert_eq!(run_dir.services().instances(), [""; 0]);
        assert_eq!(run_dir.refusals().instances(), ["db"]);
    }

    #[test]
    fn no_instance_has_the_name_of_a_file_of_all() {
        let run_dir = RunDir::at("/r");
        let of_all =
            [run_dir.announcement_pace(), run_dir.handed_back(), run_dir.services().path.join(".declaring.lock")];
        for file in of_all {
            let name = file.file_name().expect("name").to_string_lossy().into_owned();
            let (stem, _) = name.rsplit_once('.').expect("extension");
            for instance in [stem, stem.trim_start_matches('.'), &name] {
                let files = [run_dir.lock(instance), run_dir.socket(instance), run_dir.services().file(instance)];
                let locks = [run_dir.real_servers().lock_of(instance), run_dir.services().lock_of(instance)];
                assert!(files.iter().chain(&locks).all(|taken| *taken != file), "{instance}: {}", file.display());
            }
        }
    }

    #[test]
    fn no_instance_name_reaches_outside() {
        check_rows([("db:0", "db:0.cf"), ("../x", "_.._x.cf"), (".hidden", "_.hidden.cf")], |(name, file)| {
            assert_eq!(RunDir::at("/r").services().file(name), Path::new("/r/services").join(file));
        });
    }

    #[test]
    fn a_record_that_cannot_be_understood_counts_as_none() {
        let scratch = Scratch::new("json");
        let folder = RunDir::at(scratch.path()).monitors();
        folder.write_json("a", &vec![1, 2]).expect("write");
        assert_eq!(folder.read_json::<Vec<u32>>("a"), Some(vec![1, 2]));
        folder.write("a", "[1,").expect("write");
        assert_eq!(folder.read_json::<Vec<u32>>("a"), None);
    }
}
