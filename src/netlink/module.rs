//! Kernel modules that are loaded on demand.

use std::process::{Command, Stdio};

/// Where distributions have modprobe. PATH is not asked: an agent runs with whatever its caller had.
const MODPROBE: [&str; 2] = ["/sbin/modprobe", "/usr/sbin/modprobe"];

/// Runs `modprobe NAME` once. It succeeds also when the module was loaded before.
///
/// # Errors
/// Fails with what modprobe said, or why it could not be started.
pub fn load_module(name: &str) -> Result<(), String> {
    let mut reason = String::new();
    for program in MODPROBE {
        let run = Command::new(program).arg(name).env_clear().stdin(Stdio::null()).output();
        match run {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{program} {name}: {}: {}", output.status, said.trim()));
            }
            Err(error) => reason = format!("{program}: {error}"),
        }
    }
    Err(reason)
}
