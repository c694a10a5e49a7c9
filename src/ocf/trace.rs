//! The trace of one action, at the place where `crm resource trace` promises it.
//!
//! Shell agents write every command that they run (`set -x`). Here the trace is what the cluster asked, every line
//! logged at any level, the reason and the exit code. Failing to write a trace never fails an action.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Action;
use super::description::Description;
use super::environment::Environment;
use super::parameter::{Parameter, ParameterKind, boolean};

/// Where the shell agents trace when neither a parameter nor `HA_VARLIB` says another place.
const DEFAULT_FOLDER: &str = "/var/lib/heartbeat/trace_ra";

/// The parameters of tracing. pcs knows them for the agents of heartbeat and pacemaker only; every other agent has to
/// declare them.
pub(super) const PARAMETERS: [Parameter; 3] = [
    Parameter::new(
        "trace_ra",
        ParameterKind::Boolean,
        "Trace this resource",
        "Writes a trace of every action to a file: what the cluster asked, what was done, and the answer. Values of \
         secret parameters are left out. Meant to be set by \"crm resource trace\".",
    )
    .default("false")
    .reloadable(),
    Parameter::new(
        "trace_file",
        ParameterKind::Text,
        "File to append traces to",
        "Absolute path of one file for the traces of all actions, instead of a new file for each in trace_dir.",
    )
    .reloadable(),
    Parameter::new(
        "trace_dir",
        ParameterKind::Text,
        "Directory of trace files",
        "Absolute path of the directory in which traces are written, as <agent>/<resource>.<action>.<date>.<time>.",
    )
    .default(DEFAULT_FOLDER)
    .reloadable(),
];

/// An open trace file.
pub(super) struct Trace {
    file: File,
}

impl Trace {
    /// Opens the trace file. `None` means that no trace is wanted, or that the action is `validate-all`: crm_resource
    /// sends traces to stderr, and pcs shows whatever a validation writes there as a warning. `Err` says why a wanted
    /// trace has no place, for the log.
    pub fn open(
        description: &Description,
        action: Action,
        instance: &str,
        environment: &Environment,
    ) -> Result<Option<Self>, String> {
        let wanted = environment.text("OCF_TRACE_RA").or_else(|| environment.text("OCF_RESKEY_trace_ra"));
        if action == Action::ValidateAll || !wanted.and_then(boolean).unwrap_or(false) {
            return Ok(None);
        }
        let path = path(description.name, action, instance, environment)?;
        let file = open(&path).map_err(|error| format!("trace file {}: open: {error}", path.display()))?;
        let trace = Self { file };
        trace.line(&format!("{} {action} of {instance}", description.name));
        for (name, value) in environment.iter() {
            if let Some(shown) = shown(description, name, value) {
                trace.line(&format!("environment {shown}"));
            }
        }
        Ok(Some(trace))
    }

    /// Writes a line. Errors are ignored: a full disk must not be the reason for a failed stop, which fences the node.
    pub fn line(&self, text: &str) {
        let now = jiff::Zoned::now().strftime("%T%.6f");
        let _ = (&self.file).write_all(format!("{now} {text}\n").as_bytes());
    }
}

/// Returns the file of the trace by the rules of the shell agents' library: a file descriptor 3 to 9, an absolute path,
/// or a new file for each action.
fn path(agent: &str, action: Action, instance: &str, environment: &Environment) -> Result<PathBuf, String> {
    match environment.text("OCF_TRACE_FILE").or_else(|| environment.text("OCF_RESKEY_trace_file")) {
        Some(descriptor @ ("3" | "4" | "5" | "6" | "7" | "8" | "9")) => Ok(Path::new("/proc/self/fd").join(descriptor)),
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(other) => {
            Err(format!("OCF_TRACE_FILE \"{other}\": expected an absolute path or a file descriptor from 3 to 9"))
        }
        None => {
            let directory = match (environment.text("OCF_RESKEY_trace_dir"), environment.text("HA_VARLIB")) {
                (Some(directory), _) => PathBuf::from(directory),
                (None, Some(state)) => Path::new(state).join("trace_ra"),
                (None, None) => PathBuf::from(DEFAULT_FOLDER),
            };
            let now = jiff::Zoned::now().strftime("%F.%T");
            Ok(directory.join(agent).join(format!("{instance}.{action}.{now}")))
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    // Two actions in one second share a name. The mode is 0600, since parameters may be private even when they are not
    // secret.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Returns `name=value` of a variable that belongs in a trace. Only what concerns the cluster is shown, and of the
/// parameters only those known not to be secret: a misspelt `passwrd` is not known.
fn shown(description: &Description, name: &OsStr, value: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    // Pacemaker takes what follows the last prefix in the output for the exit reason, and a trace may go there.
    if name == "OCF_EXIT_REASON_PREFIX" {
        return None;
    }
    let is_shown = match name.strip_prefix("OCF_RESKEY_") {
        Some(key) if key.starts_with("CRM_meta_") || key == "crm_feature_set" || key == "OCF_CHECK_LEVEL" => true,
        Some(key) => description.parameter(key).is_some_and(|parameter| !parameter.secret),
        None if ["OCF_", "HA_", "PCMK_"].iter().any(|prefix| name.starts_with(prefix)) || name == "PATH" => true,
        None => return None,
    };
    Some(if is_shown { format!("{name}={:?}", value.to_string_lossy()) } else { format!("{name}=(hidden)") })
}
