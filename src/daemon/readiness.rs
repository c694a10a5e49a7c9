//! Tells who started the monitor how the start went: one line on standard output, `ready` or the reason of failure.

use std::io::Write;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// The line that says that clients can be served.
pub const ANSWER_READY: &str = "ready";

/// Somebody waits for the line, or nobody does (started by hand).
#[derive(Debug)]
pub struct Readiness {
    waited_for: bool,
    told: bool,
}

impl Readiness {
    pub fn new(waited_for: bool) -> Self {
        Self { waited_for, told: false }
    }

    pub fn is_told(&self) -> bool {
        self.told
    }

    pub fn tell_ready(&mut self) {
        self.tell(ANSWER_READY);
    }

    /// Before [`Readiness::tell_ready`] only: later, nobody listens.
    pub fn tell_failure(&mut self, reason: &str) {
        self.tell(&reason.replace('\n', "; "));
    }

    /// The other end may have been killed by a timeout: then nobody wants the line, which is no failure of ours.
    /// Afterwards the descriptors point nowhere, since the pipes of the caller must close for it to end.
    fn tell(&mut self, line: &str) {
        if self.told {
            return;
        }
        self.told = true;
        if !self.waited_for {
            return;
        }
        let mut out = std::io::stdout();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
            let _ = dup2_stdin(&null);
            let _ = dup2_stdout(&null);
            let _ = dup2_stderr(&null);
        }
    }
}
