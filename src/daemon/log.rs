//! The health monitor's log, in ldirectord's format: `[Mon Nov 23 07:26:51 2026|db-health|4711] text`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::config::LogTarget;
use crate::system::syslog;

/// A log whose writes never fail the monitor: a full disk is no reason to stop checking.
#[derive(Debug, Clone)]
pub struct Log {
    target: LogTarget,
    instance: String,
}

impl Log {
    pub fn new(target: LogTarget, instance: &str) -> Self {
        Self { target, instance: instance.into() }
    }

    pub fn retarget(&mut self, target: LogTarget) {
        self.target = target;
    }

    /// One line. The file is opened for each, so that log rotation needs no signal.
    pub fn line(&self, text: &str) {
        let written = match &self.target {
            LogTarget::File(path) => {
                let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string();
                let line = format!("[{now}|{}|{}] {}\n", self.instance, std::process::id(), text.replace('\n', " "));
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                file.and_then(|mut file| file.write_all(line.as_bytes()))
            }
            LogTarget::Syslog(facility) => self.to_syslog(facility, text),
        };
        if written.is_err() && matches!(self.target, LogTarget::File(_)) {
            let _ = self.to_syslog("daemon", text);
        }
    }

    fn to_syslog(&self, facility: &str, text: &str) -> std::io::Result<()> {
        /// Informational.
        const SEVERITY: u8 = 6;
        let line = format!("ldirectord({})[{}]: {text}", self.instance, std::process::id());
        match syslog::facility_number(facility) {
            Some(facility) => syslog::send(Path::new(syslog::SOCKET), facility, SEVERITY, &line),
            None => Ok(()),
        }
    }
}
