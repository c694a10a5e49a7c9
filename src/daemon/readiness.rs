//! Tells who started the monitor how the start went: one line on standard output, `ready` or the reason of failure.

use std::io::Write;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// The line that says that clients can be served.
pub const ANSWER_READY: &str = "ready";

/// Somebody waits for the line, or nobody does (started by hand).
#[derive(Debug)]
pub struct Readiness {
    waited_for: bool,
    reported: bool,
}

impl Readiness {
    pub fn new(waited_for: bool) -> Self {
        Self { waited_for, reported: false }
    }

    pub fn is_reported(&self) -> bool {
        self.reported
    }

    pub fn report_ready(&mut self) {
        self.report(ANSWER_READY);
    }

    /// Before [`Readiness::report_ready`] only: later, nobody listens.
    pub fn report_failure(&mut self, reason: &str) {
        self.report(&reason.replace('\n', "; "));
    }

    /// The other end may have been killed by a timeout: then nobody wants the line, which is no failure of ours.
    /// Afterwards the descriptors point nowhere, since the pipes of the caller must close for it to end.
    fn report(&mut self, line: &str) {
        if self.reported {
            return;
        }
        self.reported = true;
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
