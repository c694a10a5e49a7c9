//! The health monitor's own lock and socket in the run directory, put back when they have been removed.
//!
//! Without its lock a living health monitor would pass for stopped, and the next start would run a second one beside
//! it; without its socket no program could ask it to end.

use std::mem::{self, ManuallyDrop};

use super::control::{self, ControlCall};
use super::view::LivenessView;
use crate::system::{Lock, RunDir};

/// Whether this process still is the health monitor of its instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceStanding {
    Kept,
    /// The lock had been removed and was taken again, as the sentence says.
    Restored(String),
    /// Another process has taken the lock's place since.
    Superseded,
}

/// The lock and the socket.
pub struct InstancePresence {
    run_dir: RunDir,
    instance: String,
    /// The kernel unlocks it with the end of the process: a process that finds it free knows that this one is gone.
    lock: ManuallyDrop<Lock>,
    listen: Box<dyn Fn() -> anyhow::Result<()>>,
}

impl InstancePresence {
    /// Starts to listen. `forward` hands a call to the loop, and answers false when the loop has ended.
    ///
    /// # Errors
    /// Fails when the socket cannot be made.
    pub fn new(
        run_dir: RunDir,
        instance: String,
        lock: Lock,
        view: LivenessView,
        forward: impl Fn(ControlCall) -> bool + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        let socket = run_dir.socket(&instance);
        let listen = Box::new(move || control::listen(&socket, view.clone(), forward.clone()));
        listen()?;
        Ok(Self { run_dir, instance, lock: ManuallyDrop::new(lock), listen })
    }

    /// Looks at the lock and the socket and puts back what is missing.
    ///
    /// # Errors
    /// Fails when the run directory cannot be written; the checks go on all the same.
    pub fn keep(&mut self) -> anyhow::Result<InstanceStanding> {
        let mut standing = InstanceStanding::Kept;
        if !self.lock.is_in_place() {
            let path = self.run_dir.lock(&self.instance);
            self.run_dir.create()?;
            let Some(taken) = Lock::try_acquire(&path)? else { return Ok(InstanceStanding::Superseded) };
            drop(ManuallyDrop::into_inner(mem::replace(&mut self.lock, ManuallyDrop::new(taken))));
            standing = InstanceStanding::Restored(format!("{}: was removed: locked again", path.display()));
        }
        if !self.run_dir.socket(&self.instance).exists() {
            (self.listen)()?;
        }
        Ok(standing)
    }
}
