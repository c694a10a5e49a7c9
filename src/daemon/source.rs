//! Where the configuration comes from: a file, or what the `lvs` agents of this node have declared.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{self, Config};
use crate::system::RunDir;

/// A source of virtual services.
#[derive(Debug, Clone)]
pub enum Source {
    /// A ldirectord.cf: the monitor creates and removes the virtual services itself.
    File(PathBuf),
    /// `<run>/services`: the `lvs` agents own the virtual services, the monitor follows them.
    Declarations(RunDir),
}

/// Equal stamps: nothing was written in between.
pub type Stamp = Vec<(String, u64, SystemTime)>;

impl Source {
    /// Reads everything, or says everything that is wrong.
    pub fn load(&self) -> anyhow::Result<Config> {
        match self {
            Self::File(path) => config::load_file(path),
            Self::Declarations(run_dir) => load_declarations(run_dir),
        }
    }

    pub fn stamp(&self) -> Stamp {
        match self {
            Self::File(path) => file_stamp(path).into_iter().collect(),
            Self::Declarations(run_dir) => run_dir.services().fingerprint(),
        }
    }

    pub fn owns_services(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// As `status` names it.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Declarations(run_dir) => run_dir.root().join("services").display().to_string(),
        }
    }
}

fn file_stamp(path: &Path) -> Option<(String, u64, SystemTime)> {
    let metadata = fs::metadata(path).ok()?;
    Some((String::new(), metadata.len(), metadata.modified().ok()?))
}

/// The services of every declaration. One that cannot be read must not blind the monitor for the others' services,
/// but forgetting its services would take their real servers out: the whole is refused, and the state before stays.
fn load_declarations(run_dir: &RunDir) -> anyhow::Result<Config> {
    let folder = run_dir.services();
    let mut whole = Config::default();
    for instance in folder.instances() {
        let Some(text) = folder.read(&instance)? else { continue };
        let config = config::parse_named(text.as_bytes(), &folder.file(&instance))?;
        whole.services.extend(config.services);
    }
    Ok(whole)
}
