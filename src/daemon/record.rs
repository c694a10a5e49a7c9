//! What the monitor leaves for calls that come when it is dead: `<run>/monitors/<instance>.json`.

use super::Daemon;
use crate::config::Config;
use crate::ownership::{self, MonitorRecord};

impl Daemon {
    pub(super) fn record_of(&self, config: &Config) -> MonitorRecord {
        let owns_services = self.source.owns_services();
        let ours = config.services.iter().filter(|service| owns_services && service.cleanstop);
        let known_up = self.monitor.known_up().into_iter();
        MonitorRecord {
            owns_services,
            services: ownership::keys(config).iter().map(ToString::to_string).collect(),
            removed_at_stop: ours
                .map(|service| service.service.key)
                .chain(self.monitor.leaving().iter().copied())
                .map(|key| key.to_string())
                .collect(),
            known_up: known_up
                .map(|(key, reals)| (key.to_string(), reals.iter().map(ToString::to_string).collect()))
                .collect(),
            ..MonitorRecord::default()
        }
    }

    pub(super) fn write_record(&self, record: MonitorRecord) -> anyhow::Result<()> {
        Ok(self.options.run_dir.monitors().write_json(&self.options.instance, &record)?)
    }

    /// Brings the record up to date. A full disk must not end the checks: without it, the next monitor only knows less.
    pub(super) fn remember(&mut self) {
        if let Err(error) = self.write_record(self.record_of(&self.config)) {
            self.log(&format!("ERROR: {error:#}"));
        }
    }
}
