//! Which configuration is in force, and how another takes its place.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{anyhow, bail};

use super::{Daemon, log_target};
use crate::config::Config;
use crate::director;
use crate::ownership::{self, Owner, Registry};
use crate::system::Lock;

impl Daemon {
    /// Changed since it was last read, and the same for a whole beat: an editor that writes in place has finished.
    pub(super) fn source_has_settled(&mut self) -> bool {
        let stamp = self.source.stamp();
        if stamp == self.stamp {
            return false;
        }
        let settled = self.fresh_stamp.as_ref() == Some(&stamp);
        self.fresh_stamp = Some(stamp);
        settled
    }

    /// Becomes the one that follows the declarations, unless another monitor of this node does.
    pub(super) fn follow_if_nobody_does(&mut self) -> anyhow::Result<()> {
        let held = self.following.as_ref().is_some_and(Lock::is_in_place);
        if !self.source.owns_services() && !held {
            self.following = Lock::try_acquire(&self.options.run_dir.following_lock()?)?;
        }
        Ok(())
    }

    pub(super) fn take_over(&mut self) -> anyhow::Result<()> {
        let stood_by = self.stands_by();
        self.follow_if_nobody_does()?;
        match (stood_by, self.stands_by()) {
            (true, false) => self.log("The health monitor that followed the declarations has ended: taking over"),
            (false, true) => self.log("Another health monitor follows the declarations: standing by"),
            _ => return Ok(()),
        }
        self.reload().map_err(|error| anyhow!(error))
    }

    pub(super) fn stands_by(&self) -> bool {
        !self.source.owns_services() && self.following.is_none()
    }

    /// The configuration that this monitor looks after: none while it stands by.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        if self.stands_by() {
            return Ok(Config::default());
        }
        let config = self.source.load()?;
        self.refuse_conflicts(&config)?;
        Ok(config)
    }

    /// What the `lvs` agents declare is always followed; a file only with `autoreload=yes`. The callback of a file is
    /// run either way, as ldirectord does.
    pub(super) fn follow_change(&mut self) {
        self.stamp = self.source.stamp();
        self.log(&format!("Configuration '{}' has changed", self.source.name()));
        if !self.source.owns_services() || self.config.global.autoreload {
            let _ = self.reload();
        }
        let callback = self.config.global.callback.clone().zip(self.options.configfile.clone());
        if let Some((program, configfile)) = callback
            && let Err(cause) = run_callback(&program, &configfile)
        {
            self.log(&format!("ERROR: callback {}: start: {cause}", program.display()));
        }
    }

    /// A configuration that is wrong changes nothing: the old one stays in force and is still followed.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        self.stamp = self.source.stamp();
        let outcome = self.load().and_then(|config| self.take(config));
        let error = outcome.err().map(|error| format!("{error:#}"));
        match &error {
            None => self.log("Reread new configuration"),
            Some(text) => self.log(&format!("Ignore new configuration: {text}")),
        }
        self.configuration_error = error.clone();
        error.map_or(Ok(()), Err)
    }

    /// Two owners of one virtual service would undo each other's work for ever.
    fn refuse_conflicts(&self, config: &Config) -> anyhow::Result<()> {
        if !self.source.owns_services() {
            return Ok(());
        }
        let me = Owner::Ldirectord(self.options.instance.clone());
        let conflicts = Registry::read(&self.options.run_dir).conflicts(&me, &ownership::keys(config));
        if conflicts.is_empty() { Ok(()) } else { bail!("{}", conflicts.join("; ")) }
    }

    /// Puts a configuration in force. The record comes first, with the services of the old one too: killed in between,
    /// the next stop knows all that may have to be removed.
    pub(super) fn take(&mut self, config: Config) -> anyhow::Result<()> {
        for warning in &config.warnings {
            self.log(&format!("WARNING: {}: {warning}", self.source.name()));
        }
        // Before the record is written: that of a predecessor who was killed is the same file.
        let known_up = Registry::read_monitors(&self.options.run_dir).into_known_up();
        self.write_record(self.record_of(&config).and(self.record_of(&self.config)))?;
        if self.source.owns_services() {
            // Opening the table loads ip_vs, and with it come its settings.
            self.monitor.open_table()?;
            director::prepare(&config, |text| self.monitor.log().line(&text))?;
        }
        self.monitor.reconfigure(&config.services, &known_up, Instant::now())?;
        self.monitor.log().retarget(log_target(&self.options, &config));
        self.jobs.replace(self.monitor.jobs());
        self.config = config;
        self.write_record(self.record_of(&self.config))
    }
}

/// Not waited for: whatever the program does, the checks go on. The runtime reaps it.
fn run_callback(program: &Path, configfile: &Path) -> std::io::Result<()> {
    let mut command = tokio::process::Command::new(program);
    command.arg(configfile).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(|_| ())
}
