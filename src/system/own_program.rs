//! This program, to be run again.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Returns a command that runs this program under a name that process lists show: administrators, and the scripts that
/// look for ldirectord, can find it.
pub fn own_program(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name);
    command
}
