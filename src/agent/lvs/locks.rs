//! The locks of one action. Two actions that declare the same service at once must not both find that it is free: one
//! `lvs` at a time looks at what others have declared and declares its own. The changes of the kernel's table that
//! follow may take long, and keep only other actions of the same resource waiting, and the health monitor.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::ocf::{Call, Failure};
use crate::system::{Lock, RunDir};

/// The lock for declaring, and the lock of this resource.
#[must_use = "the locks are released as soon as this is dropped"]
pub struct DeclaringLock {
    /// The lock of all `lvs` resources of the node.
    _declaring: Lock,
    own: Lock,
}

impl DeclaringLock {
    /// Waits for both locks, for half of the action's time limit. The own lock comes first: while an action of this
    /// resource hangs, the other resources need not wait for it.
    ///
    /// # Errors
    /// It fails when another process has held a lock all the time, and names it.
    pub fn acquire(call: &Call, run_dir: &RunDir) -> Result<Self, Failure> {
        let deadline = Instant::now() + call.timeout / 2;
        let declaring = run_dir.declaring_lock()?;
        let own = lock_by(&run_dir.services().lock_of(&call.instance), deadline)?;
        Ok(Self { _declaring: lock_by(&declaring, deadline)?, own })
    }

    /// Lets others declare from now on. The lock that is left is held while this resource programs the table: a health
    /// monitor that read or wrote its services meanwhile would meet half of them.
    pub fn end_declaring(self) -> Lock {
        self.own
    }
}

/// Kills another action of this resource that still programs the table: what it added after a stop would stay there,
/// and nothing would know of it. While the returned lock is held, no other action begins.
pub fn end_other_action(call: &Call, run_dir: &RunDir) -> Option<Lock> {
    /// The time that a process needs to end that is killed in the middle of a call of the kernel.
    const PATIENCE: Duration = Duration::from_secs(1);
    let path = run_dir.services().lock_of(&call.instance);
    match Lock::kill_holder(&path) {
        Ok(true) => call.log().warning(format!("{}: its holder does not end, killed", path.display())),
        Ok(false) => {}
        Err(error) => call.log().warning(error),
    }
    match Lock::acquire(&path, PATIENCE) {
        Ok(None) => {
            call.log().warning(format!("{}: lock: another process still holds it; went on", path.display()));
            None
        }
        Ok(lock) => lock,
        Err(error) => {
            call.log().warning(error);
            None
        }
    }
}

fn lock_by(path: &Path, deadline: Instant) -> Result<Lock, Failure> {
    let patience = deadline.saturating_duration_since(Instant::now());
    if let Some(lock) = Lock::acquire(path, patience)? {
        return Ok(lock);
    }
    let holder = Lock::holder(path).ok().flatten();
    let holder = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let waited = patience.as_secs_f32();
    Err(Failure::generic(format!("{}: lock: {holder} has held it for {waited:.1} s", path.display())))
}
