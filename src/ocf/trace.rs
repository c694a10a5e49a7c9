//! The trace of one action, at the place where `crm resource trace` promises it.
//!
//! Shell agents write every command they run (`set -x`). Here it is what the cluster asked, every line logged at any
//! level, the reason and the exit code. Failing to write a trace never fails an action.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Action;
use super::description::Description;
use super::environment::Environment;
use super::parameter::{Kind, Parameter, boolean};

/// pcs knows these for the agents of heartbeat and pacemaker only; everyone else has to declare them.
pub(super) const PARAMETERS: [Parameter; 3] = [
    Parameter::new(
        "trace_ra",
        Kind::Boolean,
        "Trace this resource",
        "Writes a trace of every action to a file: what the cluster asked, what was done, and the answer. Values of \
         secret parameters are left out. Meant to be set by \"crm resource trace\".",
    )
    .default("false")
    .reloadable(),
    Parameter::new(
        "trace_file",
        Kind::Text,
        "File to append traces to",
        "Absolute path of one file for the traces of all actions, instead of a new file for each in trace_dir.",
    )
    .reloadable(),
    Parameter::new(
        "trace_dir",
        Kind::Text,
        "Directory of trace files",
        "Absolute path of the directory in which traces are written, as <agent>/<resource>.<action>.<date>.<time>.",
    )
    .default("/var/lib/heartbeat/trace_ra")
    .reloadable(),
];

/// An open trace file.
pub(super) struct Trace {
    file: File,
}

impl Trace {
    /// `None` when no trace is wanted, and for `validate-all`: crm_resource sends traces to stderr, and pcs shows
    /// whatever a validation writes there as a warning. `Err` when it is but there is no place for it, to be logged.
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

    /// Errors are ignored: a full disk must not be the reason for a failed stop, which fences the node.
    pub fn line(&self, text: &str) {
        let now = jiff::Zoned::now().strftime("%T%.6f");
        let _ = (&self.file).write_all(format!("{now} {text}\n").as_bytes());
    }
}

/// The rules of the shell agents' library: a file descriptor 3 to 9, an absolute path, or a new file per action.
fn path(agent: &str, action: Action, instance: &str, environment: &Environment) -> Result<PathBuf, String> {
    match environment.text("OCF_TRACE_FILE").or_else(|| environment.text("OCF_RESKEY_trace_file")) {
        Some(descriptor @ ("3" | "4" | "5" | "6" | "7" | "8" | "9")) => Ok(Path::new("/proc/self/fd").join(descriptor)),
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(other) => {
            Err(format!("OCF_TRACE_FILE \"{other}\": expected an absolute path or a file descriptor from 3 to 9"))
        }
        None => {
            let state = environment.text("HA_VARLIB").unwrap_or("/var/lib/heartbeat");
            let directory = match environment.text("OCF_RESKEY_trace_dir") {
                Some(directory) => PathBuf::from(directory),
                None => Path::new(state).join("trace_ra"),
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
    // Two actions in one second share a name. 0600: parameters may be nobody else's business even when no secret.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// `name=value` of a variable that belongs in a trace. Only what concerns the cluster is shown, and of the parameters
/// only those known not to be secret: a misspelt `passwrd` is not known.
fn shown(description: &Description, name: &OsStr, value: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    // Pacemaker takes whatever follows the last prefix in the output for the exit reason, and a trace may go there.
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
