//! The locks of one action. Two that declare the same service at once must not both find that nobody has: one `lvs` at a
//! time looks at what others have declared and declares its own. What comes after that, the changes of the kernel's table,
//! may take long, and keeps only other actions of the same resource waiting, and the health monitor.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::ocf::{Call, Failure};
use crate::system::{Lock, RunDir};

/// The turn of this action to declare.
pub struct Turn {
    /// Of all `lvs` resources of the node.
    _declaring: Lock,
    own: Lock,
}

impl Turn {
    /// Waits for half of the action's time limit. Its own lock comes first: while an action of this resource hangs, the
    /// other resources need not wait for it.
    ///
    /// # Errors
    /// When another process has held a lock all the time; names it.
    pub fn take(call: &Call, run_dir: &RunDir) -> Result<Self, Failure> {
        let deadline = Instant::now() + call.timeout / 2;
        let declaring = run_dir.declaring_lock()?;
        let own = acquire(&run_dir.services().lock_of(&call.instance), deadline)?;
        Ok(Self { _declaring: acquire(&declaring, deadline)?, own })
    }

    /// Others may declare from now on. What is left is held while this resource programs the table: a health monitor that
    /// read or wrote its services meanwhile would meet half of them.
    pub fn declared(self) -> Lock {
        self.own
    }
}

/// Kills another action of this resource that still programs the table: what it added after a stop would stay there, and
/// nothing would know of it. While the result is held, no other begins.
pub fn end_other(call: &Call, run_dir: &RunDir) -> Option<Lock> {
    /// What a process needs to end that is killed in the middle of a call of the kernel.
    const PATIENCE: Duration = Duration::from_secs(1);
    let path = run_dir.services().lock_of(&call.instance);
    match Lock::kill_holder(&path) {
        Ok(true) => call.log().warning(format!("{}: its holder does not end, killed", path.display())),
        Ok(false) => {}
        Err(error) => call.log().warning(error),
    }
    Lock::acquire(&path, PATIENCE).ok().flatten()
}

fn acquire(path: &Path, deadline: Instant) -> Result<Lock, Failure> {
    let patience = deadline.saturating_duration_since(Instant::now());
    if let Some(lock) = Lock::acquire(path, patience)? {
        return Ok(lock);
    }
    let holder = Lock::holder(path).ok().flatten();
    let holder = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let waited = patience.as_secs_f32();
    Err(Failure::generic(format!("{}: lock: {holder} has held it for {waited:.1} s", path.display())))
}
