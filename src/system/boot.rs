//! The clock of what is kept in the run directory: it has no other jumps than the end of the machine's time, which ends the run
//! directory as well. An administrator or a time server may set the wall clock to anything.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Returns the whole seconds since this machine was started, its sleep included (`CLOCK_BOOTTIME`); 0 where the kernel has no
/// such clock.
pub fn seconds_since_boot() -> u64 {
    since_boot().as_secs()
}

/// Returns when this machine had run for so many seconds, in seconds since 1970: for display only, since the wall clock may
/// have been set meanwhile. Two processes say the same.
pub fn boot_by_wall_clock(boot: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(since_boot()).saturating_add(Duration::from_secs(boot)).as_secs()
}

fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
