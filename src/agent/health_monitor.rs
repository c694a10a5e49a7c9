//! Starts and ends a health monitor without the cluster, for the original's command line.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::unistd::Pid;

use super::ldirectord::{self, LdirectordAgent, LdirectordParameters, process};
use crate::daemon::protocol::{ControlReply, ControlRequest};
use crate::daemon::{HealthMonitorOptions, control};
use crate::ocf::{Action, Agent, Call, Environment, Failure};
use crate::ownership::HealthRecord;
use crate::system::{Lock, RunDir};

/// For a start with thousands of real servers, and for the end of one.
const TIME: &str = "120000";

/// The process of the health monitor of this name, if one runs.
///
/// # Errors
/// Why that cannot be known: the run directory is root's, and the question needs a file system that can be written to.
pub fn pid(name: &str) -> Result<Option<Pid>, Failure> {
    Ok(Lock::holder(&RunDir::system().lock(name))?)
}

/// Returns what the health monitor of this name looks after: its file, or the folder of the declarations. `None` means that
/// it does not answer.
pub fn source(name: &str) -> Option<PathBuf> {
    match control::ask(&RunDir::system().socket(name), &ControlRequest::Status, ldirectord::ANSWER_TIME) {
        Ok(ControlReply::Status(status)) => Some(status.source.into()),
        _ => None,
    }
}

/// Returns the files that the health monitor of this name executes, by their names in its own file. One that was killed
/// has left them behind.
pub fn executed(name: &str) -> Vec<String> {
    RunDir::system().monitors().read_json(name).map(|record: HealthRecord| record.executed).unwrap_or_default()
}

/// Whether the health monitor of this name runs. A start of it that is under way is waited for, and so is an end.
///
/// # Errors
/// Why that cannot be known.
pub fn has_started(name: &str) -> Result<bool, Failure> {
    let timeout = call(Action::Start, name, None).timeout;
    ldirectord::has_started(&RunDir::system(), name, Instant::now() + timeout)
}

/// Returns when clients can be served. The monitor writes its process number into `pid_file` and removes that at its end.
///
/// # Errors
/// Why it did not start.
pub fn start(name: &str, configfile: Option<&Path>, pid_file: &Path) -> Result<(), Failure> {
    let path = configfile.map(|path| path.to_string_lossy().into_owned());
    let call = call(Action::Start, name, path.as_deref());
    // What a daemon that was killed has left is removed by the next one: it reads the same record.
    process::start(&call, &LdirectordParameters::of(&call), Some(pid_file))
}

/// Returns when the monitor has ended and nothing is left that its end removes.
///
/// # Errors
/// What is left.
pub fn stop(name: &str) -> Result<(), Failure> {
    LdirectordAgent.stop(&call(Action::Stop, name, None))
}

/// Returns when the configuration was read again.
///
/// # Errors
/// Why the new configuration is not in force.
pub fn reload(name: &str) -> Result<(), Failure> {
    let patience = HealthMonitorOptions::new(name, RunDir::system()).ready_within;
    match control::ask(&RunDir::system().socket(name), &ControlRequest::Reload, patience) {
        Ok(ControlReply::Failed(cause)) => Err(Failure::generic(format!("reload: {cause}"))),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::generic(format!("reload: {error:#}"))),
    }
}

fn call(action: Action, name: &str, configfile: Option<&str>) -> Call {
    let mut environment = vec![("OCF_RESOURCE_INSTANCE", name), ("OCF_RESKEY_CRM_meta_timeout", TIME)];
    environment.extend(configfile.map(|path| ("OCF_RESKEY_configfile", path)));
    Call::by_hand(&ldirectord::DESCRIPTION, action, &environment.into_iter().collect::<Environment>())
}
