//! The clock of what is kept in the run directory: it has no other jumps than the end of the machine's time, which ends the run
//! directory as well. An administrator or a time server may set the wall clock to anything.

use nix::time::{ClockId, clock_gettime};

/// Returns the whole seconds since this machine was started, its sleep included (`CLOCK_BOOTTIME`); 0 where the kernel has no
/// such clock.
pub fn seconds_since_boot() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME);
    now.ok().and_then(|now| u64::try_from(now.tv_sec()).ok()).unwrap_or(0)
}
