//! The monitor's own files in the run directory, put back when somebody removes them.
//!
//! Without its lock a living monitor would pass for stopped, and the next start would run a second one beside it;
//! without its socket nobody could ask it to end.

use std::mem::{self, ManuallyDrop};

use super::{Daemon, control};
use crate::system::Lock;

/// Whether this process still is the monitor of its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Kept,
    /// Another process has taken the lock's place since.
    Superseded,
}

impl Daemon {
    /// A run directory that cannot be written is told once and no reason to stop checking.
    pub(super) fn keep_run_files(&mut self) -> Presence {
        let (presence, error) = match self.restore_run_files() {
            Ok(presence) => (presence, None),
            Err(error) => (Presence::Kept, Some(format!("{error:#}"))),
        };
        if let Some(text) = error.as_ref().filter(|_| self.run_files_error != error) {
            self.log(&format!("ERROR: {text}"));
        }
        self.run_files_error = error;
        presence
    }

    fn restore_run_files(&mut self) -> anyhow::Result<Presence> {
        let run_dir = self.options.run_dir.clone();
        let (lock, socket) = (run_dir.lock(&self.options.instance), run_dir.socket(&self.options.instance));
        if !self.lock.is_in_place() {
            run_dir.create()?;
            let Some(taken) = Lock::try_acquire(&lock)? else { return Ok(Presence::Superseded) };
            self.log(&format!("{}: was removed: locked again", lock.display()));
            drop(ManuallyDrop::into_inner(mem::replace(&mut self.lock, ManuallyDrop::new(taken))));
        }
        if !socket.exists() {
            control::listen(&socket, self.calls_sender.clone())?;
        }
        if !run_dir.monitors().file(&self.options.instance).exists() {
            self.write_record(self.record_of(&self.config))?;
        }
        Ok(Presence::Kept)
    }
}
