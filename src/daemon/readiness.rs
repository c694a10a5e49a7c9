//! Reports to what has started the health monitor how the start went, and to a service manager that it is alive.

use std::io::Write;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::system::ServiceManager;

/// The line that says that clients can be served.
pub const ANSWER_READY: &str = "ready";

/// What has started the health monitor.
#[derive(Debug)]
pub enum Starter {
    /// A person or a program that reads the log and nothing else.
    Hand,
    /// A process that waits for one line on our standard output: `ready`, or the reason of the failure.
    WaitingProcess,
    /// systemd, by a unit of `Type=notify`.
    ServiceManager(ServiceManager),
}

/// Reports once how the start went. What is said of life afterwards is for a service manager only.
#[derive(Debug)]
pub struct Readiness {
    starter: Starter,
    reported: bool,
}

impl Readiness {
    /// Creates the report.
    pub fn new(starter: Starter) -> Self {
        Self { starter, reported: false }
    }

    /// Whether it has been reported how the start went.
    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Reports that clients can be served.
    pub fn report_ready(&mut self) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        match &self.starter {
            Starter::Hand => {}
            Starter::WaitingProcess => answer(ANSWER_READY),
            Starter::ServiceManager(manager) => manager.say_ready(),
        }
    }

    /// Reports why the start failed. It has no effect after [`Readiness::report_ready`].
    pub fn report_failure(&mut self, reason: &str) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let line = reason.replace('\n', "; ");
        match &self.starter {
            Starter::Hand => {}
            Starter::WaitingProcess => answer(&line),
            Starter::ServiceManager(manager) => manager.say_status(&line),
        }
    }

    /// Reports that the health monitor is alive. systemd wants to hear it from the end of the start on, at least once in
    /// `WatchdogSec`, and ends a health monitor that is silent.
    pub fn report_alive(&self) {
        if let Starter::ServiceManager(manager) = &self.starter
            && self.reported
        {
            manager.say_alive();
        }
    }
}

/// Writes the line. The other end may have been killed by a timeout: then no process wants the line, which is no failure
/// of ours. Afterwards the descriptors point nowhere, since the pipes of the caller must close for it to end.
fn answer(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
}
