//! The resource agents, one file each: OCF actions that observe, plan, apply and answer.

mod announcer;
mod changes;
pub mod health_monitor;
mod ldirectord;
mod lvs;
mod parameters;
mod realserver;
mod vip;

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::netlink;
use crate::ocf::{Agent, Call, Failure};
use crate::system::{FileError, Folder, Lock};

pub use announcer::work as repeat_announcements;

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

/// One instance of an agent on this node at a time, for what they share: until it is dropped.
#[must_use]
enum Turn {
    /// No other instance changes anything meanwhile.
    Alone { _lock: Lock },
    /// Another one has had its turn for too long, or there is nothing to lock. The action goes on: to fail for that
    /// would be worse than the race.
    Shared,
}

/// Waits for the turn of this instance, at most a quarter of the action's time limit.
fn turn(call: &Call, folder: &Folder) -> Turn {
    match folder.lock().and_then(|path| Lock::acquire(&path, call.timeout / 4)) {
        Ok(Some(lock)) => Turn::Alone { _lock: lock },
        Ok(None) => {
            call.log().warning(format!("{}: another instance has been at work for long; went on", folder.name()));
            Turn::Shared
        }
        Err(error) => {
            call.log().warning(error);
            Turn::Shared
        }
    }
}

/// Removes what a stopped instance has left in the run directory. The kernel is clean by then: a file that cannot be
/// removed is no reason to have the node fenced.
fn forget(call: &Call, folder: &Folder) {
    if let Err(error) = folder.remove(&call.instance) {
        call.log().warning(error);
    }
}

/// This program again, under a name that process lists show: what administrators, and the scripts that look for
/// ldirectord, can find.
fn own_program(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name);
    command
}

/// One word: a name may begin with a dash, which would make an option of the next word.
fn instance_argument(instance: &str) -> String {
    format!("--instance={instance}")
}

/// What a process of ours that outlives its starter does first: its short name would be `exe`, as it was started through
/// /proc, and a descriptor that somebody left open for us would stay open as long as we live, such as the pipe whose end
/// a shell waits for. Nothing of our own is open yet.
pub fn settle_in() {
    // Cosmetic: a kernel that refuses leaves the process as able as before.
    let _ = nix::sys::prctl::set_name(c"lvs-agents");
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for descriptor in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // The one of the listing itself is closed by now.
        let _ = nix::unistd::close(descriptor);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_is_sound_and_has_the_name_of_its_link() {
        for (name, agent) in AGENTS {
            assert_eq!(agent.description().name, name);
            assert_eq!(agent.description().mistakes(), [""; 0]);
        }
    }
}
