//! Which virtual services are configured: by resources of the cluster, by what `lvs` has declared here, and in files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Instant;

use super::{Facts, Unseen};
use crate::config::{self, Config, DIRECTIVES};
use crate::director::{self, SystemResolver};
use crate::doctor::cib::Primitive;
use crate::system::{RunDir, secret_file};

/// The file that ldirectord reads when none is named.
const DEFAULT_FILE: &str = "/etc/ha.d/ldirectord.cf";

/// The virtual services of one resource or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The name of the resource or file.
    pub name: String,
    /// The file that says them, where it is one.
    pub file: Option<PathBuf>,
    /// Whether it is a resource: it claims its services.
    pub is_resource: bool,
    /// The services, or why they are refused.
    pub config: Result<Config, String>,
}

/// Where the services of one resource or file are written.
struct Source {
    name: String,
    file: Option<PathBuf>,
    is_resource: bool,
    /// Names are looked up, which may take time.
    read: Box<dyn FnOnce() -> Result<Config, String> + Send>,
}

/// Looks at the services that are in the scope of the subjects, and in the files that they name. What is not read at the
/// deadline, because a name server does not answer, is left to itself: it ends with the process.
pub fn look(subjects: &[String], facts: &mut Facts, run_dir: &RunDir, deadline: Instant) {
    let cib = facts.cib.as_ref();
    let mut sources: Vec<Source> = cib.into_iter().flat_map(|cib| &cib.primitives).filter_map(of_resource).collect();
    for instance in run_dir.services().instances() {
        if !sources.iter().any(|one| one.name == instance) {
            match run_dir.services().read(&instance) {
                Ok(text) => sources.extend(text.map(|text| declared(instance, text))),
                Err(error) => facts.unseen.push(Unseen::new(instance, error.to_string())),
            }
        }
    }
    if subjects.is_empty() && sources.is_empty() && Path::new(DEFAULT_FILE).exists() {
        sources.push(of_file(Path::new(DEFAULT_FILE)));
    }
    let known = read(sources, deadline, &mut facts.unseen);
    facts.configured = known.into_iter().filter_map(|one| facts.scope.narrow(cib, one)).collect();
    let is_known = |file: &Path| facts.configured.iter().any(|one| one.file.as_deref() == Some(file));
    let files = subjects.iter().map(Path::new).filter(|file| is_path(file));
    let files: Vec<Source> = files.filter(|file| !is_known(file)).map(of_file).collect();
    let read = read(files, deadline, &mut facts.unseen);
    facts.configured.extend(read);
}

/// Whether a subject is meant as a file: it has a `/`, or there is one of this name.
fn is_path(subject: &Path) -> bool {
    subject.components().count() > 1 || subject.exists()
}

/// Reads all sources side by side.
fn read(sources: Vec<Source>, deadline: Instant, unseen: &mut Vec<Unseen>) -> Vec<Configured> {
    let (sender, received) = channel();
    let mut waiting: BTreeMap<usize, Configured> = BTreeMap::new();
    for (at, Source { name, file, is_resource, read }) in sources.into_iter().enumerate() {
        waiting.insert(at, Configured { name, file, is_resource, config: Err(String::new()) });
        let sender = sender.clone();
        // One that cannot be started does not answer.
        let _ = std::thread::Builder::new().spawn(move || drop(sender.send((at, read()))));
    }
    drop(sender);
    let mut found = BTreeMap::new();
    while let Ok((at, config)) = received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        found.extend(waiting.remove(&at).map(|one| (at, Configured { config, ..one })));
    }
    let late =
        "not read in time: a name in it that no name server answers for (getent hosts NAME), or a machine that is busy";
    unseen.extend(waiting.into_values().map(|one| Unseen::new(one.name, late)));
    found.into_values().collect()
}

fn of_file(path: &Path) -> Source {
    let file = path.to_owned();
    let read = Box::new(move || director::load_file(&file).map_err(|error| format!("{error:#}")));
    Source { name: path.display().to_string(), file: Some(path.into()), is_resource: false, read }
}

fn declared(name: String, text: String) -> Source {
    let read = Box::new(move || config::parse_declaration(text.as_bytes()).map_err(|problems| joined(&problems)));
    Source { name, file: None, is_resource: true, read }
}

/// Returns where the services of a resource of this program are; `None` for one that has none.
fn of_resource(resource: &Primitive) -> Option<Source> {
    let file = resource.parameters.get("configfile").filter(|file| !file.trim().is_empty()).map(PathBuf::from);
    let read: Box<dyn FnOnce() -> Result<Config, String> + Send> = match (resource.agent.as_str(), file.clone()) {
        ("ocf:rust:lvs" | "ocf:rust:ldirectord", Some(file)) => {
            Box::new(move || director::load_file_of_resource(&file).map_err(|error| format!("configfile {error:#}")))
        }
        ("ocf:rust:lvs", None) => of_parameters(resource),
        _ => return None,
    };
    Some(Source { name: resource.id.clone(), file, is_resource: true, read })
}

fn of_parameters(resource: &Primitive) -> Box<dyn FnOnce() -> Result<Config, String> + Send> {
    let directives = DIRECTIVES.iter().filter(|directive| directive.is_parameter);
    let mut set: Vec<(&'static str, String)> = directives
        .filter_map(|directive| Some((directive.name, resource.parameters.get(directive.name)?.clone())))
        .collect();
    let id = resource.id.clone();
    Box::new(move || {
        secret_file::reveal(&id, &mut set)?;
        config::parse_parameters(&set, &SystemResolver::new()).map_err(|problems| joined(&problems))
    })
}

fn joined(problems: &[config::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads the services of a resource, however long that takes.
#[cfg(test)]
pub fn of_resource_now(resource: &Primitive) -> Option<Configured> {
    let Source { name, file, is_resource, read } = of_resource(resource)?;
    Some(Configured { name, file, is_resource, config: read() })
}
