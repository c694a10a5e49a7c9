//! The clock of what is kept in the run directory: it has no other jumps than the end of the machine's time, which ends the run
//! directory as well. An administrator or a time server may set the wall clock to anything.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Returns the whole seconds since this machine was started, its sleep included (`CLOCK_BOOTTIME`); 0 where the kernel has no
/// such clock.
pub fn seconds_since_boot() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME);
    now.ok().and_then(|now| u64::try_from(now.tv_sec()).ok()).unwrap_or(0)
}

/// Returns when this machine had run for so many seconds, in seconds since 1970: for display only, since the wall clock may
/// have been set meanwhile.
pub fn boot_by_wall_clock(boot: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    now.saturating_sub(seconds_since_boot()).saturating_add(boot)
}
