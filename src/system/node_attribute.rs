//! Transient attributes of this node in the cluster, by pacemaker's own program: its sockets speak a private language. They
//! vanish when the node leaves the cluster. An action and a check must not fail for one.

use std::process::Command;
use std::time::{Duration, Instant};

use super::program;

const PROGRAM: &str = "attrd_updater";

/// Gives the attribute this value at once.
///
/// # Errors
/// Says what the program answered.
pub fn set(name: &str, value: &str, deadline: Instant) -> Result<(), String> {
    run(name, &["-U", value], deadline).map(drop)
}

/// Gives the attribute this value; the cluster hears of it when the value has been the same for as long as `dampening`. That
/// goes with each write: the cluster's memory of it is lost with the program that has it, and to repeat it has no effect.
///
/// # Errors
/// Says what the program answered.
pub fn set_dampened(name: &str, value: &str, dampening: Duration, deadline: Instant) -> Result<(), String> {
    run(name, &["-B", value, "-d", &format!("{}ms", dampening.as_millis())], deadline).map(drop)
}

/// Takes the attribute away.
///
/// # Errors
/// Says what the program answered.
pub fn remove(name: &str, deadline: Instant) -> Result<(), String> {
    run(name, &["-D"], deadline).map(drop)
}

/// Whether the cluster has this value, or will when it has been dampened.
///
/// # Errors
/// Says what the program answered, also where there is no such attribute.
pub fn has(name: &str, value: &str, deadline: Instant) -> Result<bool, String> {
    run(name, &["-Q"], deadline).map(|text| text.contains(&format!("value=\"{value}\"")))
}

fn run(name: &str, arguments: &[&str], deadline: Instant) -> Result<String, String> {
    let cause = match program::run(Command::new(PROGRAM).args(["-n", name]).args(arguments), deadline) {
        Ok(ended) if ended.status.success() => return Ok(ended.text),
        Ok(ended) => ended.status.to_string(),
        Err(cause) => cause.to_string(),
    };
    Err(format!("{PROGRAM} {name}: {cause}"))
}
