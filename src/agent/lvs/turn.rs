//! One `lvs` at a time on this node: two that declare the same service at once must not both find that nobody has.

use crate::ocf::{Call, Failure};
use crate::system::{Lock, RunDir};

/// Waits for half of the action's time limit.
///
/// # Errors
/// When another process has held the lock all the time; names it.
pub fn take(call: &Call, run_dir: &RunDir) -> Result<Lock, Failure> {
    let (path, patience) = (run_dir.declaring_lock()?, call.timeout / 2);
    if let Some(turn) = Lock::acquire(&path, patience)? {
        return Ok(turn);
    }
    let holder = Lock::holder(&path).ok().flatten();
    let holder = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let waited = patience.as_secs_f32();
    Err(Failure::generic(format!("{}: lock: {holder} has held it for {waited:.1} s", path.display())))
}
