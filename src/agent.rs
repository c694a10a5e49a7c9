//! The resource agents, one file each: OCF actions that observe, plan, apply and answer.

mod announcer;
mod ldirectord;
mod lvs;
mod parameters;
mod realserver;
mod vip;

use crate::netlink;
use crate::ocf::{Agent, Call, Failure};
use crate::system::{FileError, Folder};

pub use announcer::{Announcement, announce};

/// Every agent by the name of its link in resource.d.
pub const AGENTS: [(&str, &dyn Agent); 4] = [
    ("vip", &vip::Vip),
    ("lvs", &lvs::Lvs),
    ("ldirectord", &ldirectord::Ldirectord),
    ("realserver", &realserver::RealServer),
];

/// The agent of that name.
pub fn find(name: &str) -> Option<&'static dyn Agent> {
    AGENTS.iter().find(|(known, _)| *known == name).map(|(_, agent)| *agent)
}

/// Removes what a stopped instance has left in the run directory. The kernel is clean by then: a file that cannot be
/// removed is no reason to have the node fenced.
fn forget(call: &Call, folder: &Folder) {
    if let Err(error) = folder.remove(&call.instance) {
        call.log().warning(error);
    }
}

impl From<netlink::Error> for Failure {
    fn from(error: netlink::Error) -> Self {
        let text = error.to_string();
        match error {
            netlink::Error::Unavailable { .. } => Self::not_installed(text),
            netlink::Error::Permission { .. } => Self::permission(text),
            _ => Self::generic(text),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let what = format!("{}: {}", error.path.display(), error.action);
        Self::io(what, &error.cause)
    }
}
