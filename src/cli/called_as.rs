//! What this process is, by the path that it was called by.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::agent;
use crate::ocf::Agent;

/// The folder in which links are agents: that of a provider below any OCF root.
const AGENT_FOLDER: [&str; 2] = ["resource.d", "rust"];

/// What the process is.
pub enum CalledAs {
    /// An agent, called by the cluster.
    Agent(&'static dyn Agent),
    /// A stand-in for the original ldirectord.
    Ldirectord,
    /// The command line `lvs-agents COMMAND`.
    CommandLine,
}

/// Tells what the process is by the folder of the link, and only then by its name: `ldirectord` in another folder than
/// `resource.d/rust` is the name of the original's command line, whose exit codes mean something else than an agent's.
/// `called` is `argv[0]`; a relative one counts from `folder`, the working directory.
pub fn called_as(called: &Path, folder: &Path) -> CalledAs {
    let path = normal(&folder.join(called));
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if path.parent().is_some_and(|parent| parent.ends_with(AGENT_FOLDER.iter().collect::<PathBuf>()))
        && let Some(agent) = agent::find(name)
    {
        return CalledAs::Agent(agent);
    }
    if name == "ldirectord" { CalledAs::Ldirectord } else { CalledAs::CommandLine }
}

/// Returns the path without `.` and `..`. Links are not followed: their names are what counts.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_rows;

    fn shown(called: &str, folder: &str) -> &'static str {
        match called_as(Path::new(called), Path::new(folder)) {
            CalledAs::Agent(agent) => agent.description().name,
            CalledAs::Ldirectord => "stand-in",
            CalledAs::CommandLine => "command line",
        }
    }

    #[test]
    fn the_folder_of_the_link_decides_and_then_its_name() {
        const RUST: &str = "/usr/lib/ocf/resource.d/rust";
        check_rows(
            [
                ("/usr/lib/ocf/resource.d/rust/vip", "/", "vip"),
                ("/usr/lib/ocf/resource.d/rust/ldirectord", "/", "ldirectord"),
                ("/usr/lib/ocf//resource.d/./rust/lvs", "/", "lvs"),
                ("/usr/lib/ocf/resource.d/heartbeat/../rust/realserver", "/", "realserver"),
                ("resource.d/rust/vip", "/usr/lib/ocf", "vip"),
                ("./vip", RUST, "vip"),
                ("vip", RUST, "vip"),
                ("../rust/vip", RUST, "vip"),
                ("/usr/lib/ocf/resource.d/rust/lvs-agents", "/", "command line"),
                ("/usr/lib/ocf/resource.d/rust", "/", "command line"),
                ("/usr/lib/ocf/resource.d/rust/vip/x", "/", "command line"),
                ("/usr/lib/ocf/resource.d/heartbeat/ldirectord", "/", "stand-in"),
                ("/usr/sbin/ldirectord", "/", "stand-in"),
                ("/usr/sbin/ldirectord", RUST, "stand-in"),
                ("ldirectord", "/root", "stand-in"),
                ("/rust/vip", "/", "command line"),
                ("/opt/other.resource.d/rust/vip", "/", "command line"),
                ("/usr/sbin/vip", RUST, "command line"),
                ("vip", "", "command line"),
                ("/usr/sbin/lvs-agents", "/", "command line"),
                ("", "/", "command line"),
            ],
            |(called, folder, wanted)| {
                assert_eq!(shown(called, folder), wanted, "{called} in {folder:?}");
            },
        );
    }
}
