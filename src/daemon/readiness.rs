//! Reports to the process that started the health monitor how the start went: one line on standard output, `ready` or
//! the reason of the failure.

use std::io::Write;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// The line that says that clients can be served.
pub const ANSWER_READY: &str = "ready";

/// Reports once, when a process waits for the line. None does when the health monitor was started by hand.
#[derive(Debug)]
pub struct Readiness {
    waited_for: bool,
    reported: bool,
}

impl Readiness {
    /// Creates the report; `waited_for` says whether a process waits for it.
    pub fn new(waited_for: bool) -> Self {
        Self { waited_for, reported: false }
    }

    /// Whether the line has been written.
    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Reports that clients can be served.
    pub fn report_ready(&mut self) {
        self.report(ANSWER_READY);
    }

    /// Reports why the start failed. It has no effect after [`Readiness::report_ready`].
    pub fn report_failure(&mut self, reason: &str) {
        self.report(&reason.replace('\n', "; "));
    }

    /// Writes the line. The other end may have been killed by a timeout: then no process wants the line, which is no
    /// failure of ours. Afterwards the descriptors point nowhere, since the pipes of the caller must close for it to
    /// end.
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
