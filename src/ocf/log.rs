//! The log of an agent action, where administrators of shell agents look for it, without a process for every line.
//!
//! Nothing here can fail an action: an error of logging is ignored throughout, since a syslog that is down or a disk
//! that is full must not become a failed stop, which fences the node. Nothing is written to stderr except on a
//! terminal: stderr is for the exit reason, and pcs shows whatever else it finds there as a warning.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::trace::Trace;
use crate::system::syslog;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The action failed.
    Error,
    /// The action goes on, but not everything is as it should be.
    Warning,
    /// The action changed something.
    Info,
    /// Details that are shown only while debug messages are on.
    Debug,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }

    /// Returns the severity of RFC 5424, section 6.2.1.
    const fn severity(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }
}

/// Writes the log lines of one action. It is a part of the [`Call`](super::Call).
pub struct Logger {
    tag: String,
    /// The facility number; `None` means that there is no syslog.
    facility: Option<u8>,
    socket: PathBuf,
    file: Option<PathBuf>,
    debug_file: Option<PathBuf>,
    debug: bool,
    terminal: bool,
    trace: Option<Trace>,
}

impl Logger {
    /// Reads from the environment where the cluster wants the log. `terminal` means that a person watches stderr, which
    /// then replaces all other places.
    pub(super) fn new(agent: &str, instance: &str, environment: &Environment, terminal: bool) -> Self {
        let facility = environment.text("HA_logfacility").or_else(|| environment.text("HA_LOGFACILITY"));
        let file = |name| environment.get(name).map(PathBuf::from);
        Self {
            tag: format!("{agent}({instance})[{}]", std::process::id()),
            facility: syslog::facility_number(facility.unwrap_or(syslog::DEFAULT_FACILITY)),
            socket: PathBuf::from(syslog::SOCKET),
            file: file("HA_LOGFILE"),
            // Shell agents write each line once when both variables name the same file.
            debug_file: file("HA_DEBUGLOG").filter(|path| Some(path) != file("HA_LOGFILE").as_ref()),
            debug: environment.text("HA_debug").is_some_and(|level| level != "0"),
            terminal,
            trace: None,
        }
    }

    pub(super) fn set_trace(&mut self, trace: Option<Trace>) {
        self.trace = trace;
    }

    /// Logs an error.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message);
    }

    /// Logs a warning.
    pub fn warning(&self, message: impl fmt::Display) {
        self.log(Level::Warning, message);
    }

    /// Logs a change.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Logs a line that is shown only when the cluster runs with debug messages on (`HA_debug`).
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message);
    }

    /// Logs a line at `level`, in all places that the cluster wants.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        let text = format!("{}: {}", level.name(), shortened(fold(&message.to_string())));
        if let Some(trace) = &self.trace {
            trace.line(&text);
        }
        if level == Level::Debug && !self.debug {
            return;
        }
        if self.terminal {
            let _ = writeln!(io::stderr(), "{}: {text}", self.tag);
            return;
        }
        let now = jiff::Zoned::now().strftime("%b %e %H:%M:%S");
        if let Some(facility) = self.facility {
            let _ = syslog::send(&self.socket, facility, level.severity(), &format!("{}: {text}", self.tag));
        }
        let line = format!("{now} {}: {text}\n", self.tag);
        if let Some(path) = self.file.as_ref().filter(|_| level != Level::Debug) {
            let _ = append(path, &line);
        }
        if let Some(path) = &self.debug_file {
            let _ = append(path, &line);
        }
    }

    /// Writes a line to the trace file alone.
    pub(super) fn trace(&self, text: impl fmt::Display) {
        if let Some(trace) = &self.trace {
            trace.line(&fold(&text.to_string()));
        }
    }
}

/// Cuts a text that is too long: syslog refuses a datagram that is too long as a whole, and people do not read so far
/// either.
fn shortened(mut text: String) -> String {
    /// The length that syslog daemons take by default.
    const LONGEST: usize = 8000;
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push_str(" ...");
    }
    text
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    // The line is one write with O_APPEND, so that concurrent actions do not mix their lines.
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

/// Folds a text into one line: runs of white space and control characters become one blank. A message may carry text of
/// a user or a peer, and a newline in it would forge a line of its own.
pub(super) fn fold(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;
