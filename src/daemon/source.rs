//! Where the configuration comes from: a file, or what the `lvs` agents of this node have declared.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;

use crate::config::{self, Config, Service};
use crate::director::{self, ConfigText, DnsNames};
use crate::system::{Folder, RunDir};

/// Two changes of a folder that lie closer together than this may leave the same time of change: the kernel takes it from
/// a clock that moves with the timer's ticks, 10 ms at the longest (Documentation/filesystems/multigrain-ts.rst).
const CLOCK_GRAIN: Duration = Duration::from_millis(20);

/// A source of virtual services.
#[derive(Debug, Clone)]
pub enum ServiceSource {
    /// A ldirectord.cf: the health monitor creates and removes the virtual services itself.
    File(PathBuf),
    /// `<run>/services`: the `lvs` agents own the virtual services, and the health monitor follows them.
    Declarations(RunDir),
}

/// Equal stamps mean that nothing was written in between. `None` stands for a source that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp(Option<(u64, u64, SystemTime)>);

impl Stamp {
    /// Whether there is no such source, as far as it can be seen.
    pub fn is_absent(self) -> bool {
        self.0.is_none()
    }

    pub fn of(path: &Path) -> Self {
        let read = || -> std::io::Result<_> {
            let metadata = fs::metadata(path)?;
            // The length of a folder says nothing and depends on the file system.
            let length = if metadata.is_dir() { 0 } else { metadata.len() };
            Ok((metadata.ino(), length, metadata.modified()?))
        };
        Self(read().ok())
    }

    /// Returns the stamp of all declarations. The records of roles, refusals and drift lie in the same folder and change it too,
    /// each time that an action writes one: a promotion must not have thousands of real servers read again.
    fn of_declarations(folder: &Folder) -> Self {
        let files = folder.fingerprint();
        let mut hasher = DefaultHasher::new();
        files.hash(&mut hasher);
        Self(files.iter().map(|(.., written)| *written).max().map(|newest| (hasher.finish(), 0, newest)))
    }

    /// Whether the declarations are still those of this stamp.
    pub fn is_current(&self, run_dir: &RunDir) -> bool {
        *self == ServiceSource::Declarations(run_dir.clone()).stamp()
    }

    /// Returns for how long a change may still come that leaves the same stamp.
    pub fn doubtful_for(&self, now: SystemTime) -> Duration {
        let Some((_, _, changed)) = self.0 else { return Duration::ZERO };
        // A clock that was set back makes the change lie in the future.
        let age = now.duration_since(changed).unwrap_or_else(|error| error.duration());
        CLOCK_GRAIN.saturating_sub(age)
    }
}

/// A configuration that was read, and the stamp of its source.
pub struct Reading {
    pub config: Config,
    pub stamp: Stamp,
    /// The text of a file, for the time when other real servers follow from its names.
    pub text: Option<ConfigText>,
    /// The declarations that could not be read, and why. What was known of them before is in `config`.
    pub troubles: Vec<String>,
}

/// The text of each declaration that could be understood, for the time when a newer one cannot be.
pub type UnderstoodTexts = BTreeMap<String, String>;

impl ServiceSource {
    pub fn stamp(&self) -> Stamp {
        match self {
            Self::File(_) => self.stamp_of_place(),
            Self::Declarations(run_dir) => Stamp::of_declarations(&run_dir.services()),
        }
    }

    /// Returns the stamp of the file or folder itself, which costs one look however many declarations there are. Another one says
    /// that something was written there, which need not be a declaration.
    pub fn stamp_of_place(&self) -> Stamp {
        match self {
            Self::File(path) => Stamp::of(path),
            // A declaration is put in place by a rename, which changes its folder.
            Self::Declarations(run_dir) => Stamp::of(&run_dir.root().join("services")),
        }
    }

    pub fn owns_services(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Returns the source's name in `status`.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Declarations(run_dir) => run_dir.root().join("services").display().to_string(),
        }
    }

    /// Reads everything, or fails with everything that is wrong. `followed` has what is known of the names that it follows.
    pub fn read(&self, remembered: &mut UnderstoodTexts, followed: &Arc<DnsNames>) -> anyhow::Result<Reading> {
        match self {
            Self::File(path) => {
                let stamp = self.stamp();
                let text = ConfigText::read(path, Arc::clone(followed))?;
                Ok(Reading { config: text.config()?, stamp, text: Some(text), troubles: Vec::new() })
            }
            Self::Declarations(run_dir) => Ok(self.read_declarations(run_dir, remembered)),
        }
    }

    /// Reads every declaration. One that cannot be read must not blind the health monitor for the others, and its own
    /// services must not be forgotten: their real servers would stay as they are, whatever becomes of them.
    fn read_declarations(&self, run_dir: &RunDir, remembered: &mut UnderstoodTexts) -> Reading {
        let stamp = self.certain_stamp();
        let folder = run_dir.services();
        let mut reading = Reading { config: Config::default(), stamp, text: None, troubles: Vec::new() };
        let mut understood = UnderstoodTexts::new();
        for instance in folder.instances() {
            let (newest, before) = (folder.read(&instance), remembered.remove(&instance));
            let candidates = [newest.map_err(anyhow::Error::from), Ok(before)];
            for text in candidates {
                let read = text.and_then(|text| {
                    let services = text.as_ref().map(|text| parse(text, &folder.file(&instance))).transpose()?;
                    Ok(text.zip(services))
                });
                match read {
                    Ok(Some((text, services))) => {
                        understood.insert(instance, text);
                        reading.config.services.extend(services);
                        break;
                    }
                    // The declaration has gone since it was listed.
                    Ok(None) => break,
                    Err(error) => reading.troubles.push(format!("{error:#}")),
                }
            }
        }
        *remembered = understood;
        reading
    }

    /// Returns the stamp, after the time in which a change could still hide behind it.
    fn certain_stamp(&self) -> Stamp {
        std::thread::sleep(self.stamp().doubtful_for(SystemTime::now()));
        self.stamp()
    }
}

fn parse(text: &str, path: &Path) -> anyhow::Result<Vec<Service>> {
    config::refuse_newer_form(text).map_err(|cause| anyhow!("{}: {cause}", path.display()))?;
    let config = config::parse_declaration(text.as_bytes());
    Ok(config.map_err(|problems| anyhow!(director::described(path, &problems)))?.services)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    const SERVICE: &str = "virtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\n\tchecktype=on\n";

    fn addresses(reading: &Reading) -> Vec<String> {
        reading.config.services.iter().map(|service| service.service.key.to_string()).collect()
    }

    #[test]
    fn one_unreadable_declaration_keeps_its_services_and_does_not_hide_the_others() {
        let scratch = Scratch::new("source");
        let run_dir = RunDir::at(scratch.path());
        let source = ServiceSource::Declarations(run_dir.clone());
        let mut remembered = UnderstoodTexts::new();
        let write = |instance: &str, text: &str| run_dir.services().write(instance, text).expect("write");
        write("a", SERVICE);
        write("b", &SERVICE.replace("192.0.2.1", "192.0.2.9"));
        let reading = source.read(&mut remembered, &Arc::default()).expect("read");
        assert_eq!(addresses(&reading), ["tcp 192.0.2.1:80", "tcp 192.0.2.9:80"]);
        assert!(reading.troubles.is_empty() && reading.stamp.is_current(&run_dir));
        write("a", "nonsense");
        write("b", &SERVICE.replace("192.0.2.1", "192.0.2.8"));
        assert!(!reading.stamp.is_current(&run_dir));
        for _ in 0..2 {
            let reading = source.read(&mut remembered, &Arc::default()).expect("read");
            assert_eq!(addresses(&reading), ["tcp 192.0.2.1:80", "tcp 192.0.2.8:80"]);
            assert!(matches!(reading.troubles.as_slice(), [one] if one.contains("a.cf")), "{:?}", reading.troubles);
        }
        run_dir.services().remove("a").expect("remove");
        assert_eq!(addresses(&source.read(&mut remembered, &Arc::default()).expect("read")), ["tcp 192.0.2.8:80"]);
    }

    #[test]
    fn every_rename_into_the_folder_after_a_reading_changes_the_stamp() {
        let scratch = Scratch::new("stamp");
        let run_dir = RunDir::at(scratch.path());
        let source = ServiceSource::Declarations(run_dir.clone());
        for number in 0..20 {
            run_dir.services().write("a", SERVICE).expect("write");
            let stamp = source.certain_stamp();
            run_dir.services().write("a", SERVICE).expect("write");
            assert!(!stamp.is_current(&run_dir), "{number}");
        }
    }

    #[test]
    fn what_an_action_records_beside_the_declarations_is_no_change_of_them() {
        let scratch = Scratch::new("beside");
        let run_dir = RunDir::at(scratch.path());
        let source = ServiceSource::Declarations(run_dir.clone());
        run_dir.services().write("a", SERVICE).expect("write");
        let (stamp, place) = (source.certain_stamp(), source.stamp_of_place());
        for folder in [run_dir.roles(), run_dir.refusals(), run_dir.drifts()] {
            folder.write("a", "{}").expect("write");
        }
        assert!(stamp.is_current(&run_dir));
        assert_ne!(source.stamp_of_place(), place);
        run_dir.services().write("b", SERVICE).expect("write");
        assert!(!stamp.is_current(&run_dir));
        run_dir.services().remove("b").expect("remove");
        assert!(stamp.is_current(&run_dir));
        run_dir.services().remove("a").expect("remove");
        assert!(!stamp.is_current(&run_dir));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_reading_wait() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let stamp = |seconds| Stamp(Some((1, 0, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))));
        assert_eq!(stamp(2000).doubtful_for(now), Duration::ZERO);
        assert_eq!(stamp(10).doubtful_for(now), Duration::ZERO);
        assert_eq!(stamp(1000).doubtful_for(now), CLOCK_GRAIN);
        assert_eq!(Stamp::default().doubtful_for(now), Duration::ZERO);
    }
}
