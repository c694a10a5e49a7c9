//! The resource agents, one file each: OCF actions that observe, plan, apply and answer.

mod announcer;
mod changes;
pub mod health_monitor;
mod ldirectord;
mod lvs;
mod parameters;
mod realserver;
mod vip;

use crate::netlink;
use crate::ocf::{Agent, Call, Failure};
use crate::system::{FileError, Folder, Lock};

pub use announcer::work as repeat_announcements;
pub use ldirectord::ANSWER_TIME as MONITOR_ANSWER_TIME;
pub use ldirectord::LATE as LATE_CHECKS;
pub use lvs::{Preview, preview_of_file, preview_of_resource, sync_faults};

/// Every agent by the name of its link in resource.d.
pub const AGENTS: [(&str, &dyn Agent); 4] = [
    ("vip", &vip::VipAgent),
    ("lvs", &lvs::Lvs),
    ("ldirectord", &ldirectord::LdirectordAgent),
    ("realserver", &realserver::RealServerAgent),
];

/// Returns the agent of that name.
pub fn find(name: &str) -> Option<&'static dyn Agent> {
    AGENTS.iter().find(|(known, _)| *known == name).map(|(_, agent)| *agent)
}

/// The lock of a folder of records, for what the instances of an agent share on this node.
#[must_use = "the lock is released as soon as this is dropped"]
enum FolderLock {
    /// No other instance changes anything while this is held.
    Held { _lock: Lock },
    /// Another instance has held the lock for too long, or there is nothing to lock. The action goes on: to fail for
    /// that would be worse than the race.
    NotHeld,
}

/// Waits for the lock of the folder, at most a quarter of the action's time limit. A lock that is not to be had is
/// logged.
fn lock_folder(call: &Call, folder: &Folder) -> FolderLock {
    match folder.lock().and_then(|path| Lock::acquire(&path, call.timeout / 4)) {
        Ok(Some(lock)) => FolderLock::Held { _lock: lock },
        Ok(None) => {
            call.log().warning(format!("{}: another instance has been at work for long; went on", folder.name()));
            FolderLock::NotHeld
        }
        Err(error) => {
            call.log().warning(error);
            FolderLock::NotHeld
        }
    }
}

/// Removes the record of a stopped instance. The kernel is clean by then: a file that cannot be removed is not a reason
/// to have the node fenced.
fn forget(call: &Call, folder: &Folder) {
    if let Err(error) = folder.remove(&call.instance) {
        call.log().warning(error);
    }
}

/// Returns the argument that names the instance. It is one word: a name may begin with a dash, which would make an
/// option of the next word.
fn instance_argument(instance: &str) -> String {
    format!("--instance={instance}")
}

/// Detaches a process of ours that outlives its starter, before it opens anything. Its short name would be `exe`, as it
/// was started through /proc. The file system of the folder that its starter was in could not be unmounted as long as it
/// lives; to be started in another folder it would have to be forked, which copies the starter's memory. A descriptor
/// that its starter left open would stay open, such as the pipe whose end a shell waits for.
pub fn detach_from_starter() {
    // The root can always be entered.
    let _ = std::env::set_current_dir("/");
    // The name is cosmetic: a kernel that refuses it leaves the process as able as before.
    let _ = nix::sys::prctl::set_name(c"lvs-agents");
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for descriptor in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // The descriptor of the listing itself is closed by now.
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
    fn every_description_is_sound_and_has_the_name_of_its_link() {
        for (name, agent) in AGENTS {
            assert_eq!(agent.description().name, name);
            assert_eq!(agent.description().mistakes(), [""; 0]);
        }
    }
}
