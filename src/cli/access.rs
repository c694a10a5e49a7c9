//! What a user who is not root gets to know of the health monitors of this node: what `observe_group` opens to his group.

use std::fs;
use std::io::{self, ErrorKind};

use anyhow::bail;

use crate::agent::MONITOR_ANSWER_TIME;
use crate::daemon::control;
use crate::daemon::protocol::{ControlReply, HealthMonitorStatus, ObserveRequest};
use crate::system::{ObservedFolder, RunDir, group};

/// Whether this user is root, who reaches everything.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Asks every health monitor of this node at its observe socket. The second list has those that do not answer, or that this
/// user may not ask, and why.
pub fn ask_all(run_dir: &RunDir) -> (Vec<HealthMonitorStatus>, Vec<String>) {
    let (mut monitors, mut silent) = (Vec::new(), Vec::new());
    for folder in run_dir.all_observed() {
        match ask(&folder) {
            Ok(Some(status)) => monitors.push(status),
            Ok(None) => {}
            Err(error) => silent.push(format!("health monitor {}: {error:#}", folder.name())),
        }
    }
    (monitors, silent)
}

/// Asks one health monitor. `None` means that it does not run.
fn ask(folder: &ObservedFolder) -> anyhow::Result<Option<HealthMonitorStatus>> {
    if let Some(denial) = denial(folder) {
        bail!(denial);
    }
    match control::ask(&folder.socket(), &ObserveRequest::Status, MONITOR_ANSWER_TIME) {
        Ok(ControlReply::Status(status)) => Ok(Some(*status)),
        Ok(ControlReply::Failed(cause)) => bail!(cause),
        Ok(_) => bail!("the answer makes no sense"),
        Err(error) => {
            let cause = error.downcast_ref::<io::Error>().map(io::Error::kind);
            let is_gone = matches!(cause, Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused));
            if is_gone { Ok(None) } else { Err(error) }
        }
    }
}

/// Returns why this user may not look into the folder, and what would let him; `None` means that he may, or that there is
/// no such folder any more.
pub fn denial(folder: &ObservedFolder) -> Option<String> {
    match fs::read_dir(folder.path()) {
        Err(cause) if cause.kind() == ErrorKind::PermissionDenied => Some(match folder.group() {
            Some(number) => {
                format!("only root and the group {} may look, and this user is not in it", group::name(number))
            }
            None => "only root may look: observe_group=GROUP in its configuration, or as a parameter of its resource, lets a \
                     group"
                .into(),
        }),
        _ => None,
    }
}
