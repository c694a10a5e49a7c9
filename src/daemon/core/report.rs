//! The part of the loop that reports: what `alive`, `status` and the OCF action monitor get to know.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Core;
use crate::daemon::event::DaemonPhase;
use crate::daemon::protocol::{EntryDrift, HealthMonitorStatus, Liveness, ServiceFault, VERSION};
use crate::daemon::services::LastingFault;
use crate::daemon::status;
use crate::health::Pool;
use crate::plan::Difference;
use crate::system::boot_by_wall_clock;

/// How long the table may be unreadable or unwritable until that is reported as a fault: a module that is being loaded
/// and a busy kernel pass.
const PASSING: Duration = Duration::from_secs(10);

impl Core<'_> {
    pub(super) fn liveness(&self, now: Instant) -> Liveness {
        let fault = |(key, fault): (&_, &LastingFault)| ServiceFault {
            service: ToString::to_string(key),
            cause: fault.cause.clone(),
            since: seconds(wall_clock(fault.since, now)),
        };
        let drift = |(difference, since): (&Difference, _)| EntryDrift::new(difference, boot_by_wall_clock(since));
        let alarms = |pool: &Pool| {
            let suspicions = pool.suspicions().map(|(real, one)| (format!("real server {real}: {one}"), one.since));
            let alarms: Vec<_> =
                pool.alarms().into_iter().map(|alarm| (alarm.cause, alarm.since)).chain(suspicions).collect();
            // Most services have none, and thousands of names cost more than the question.
            let service = if alarms.is_empty() { String::new() } else { pool.key().to_string() };
            let fault = |(cause, since)| ServiceFault {
                service: service.clone(),
                cause,
                since: seconds(wall_clock(since, now)),
            };
            alarms.into_iter().map(fault).collect::<Vec<_>>()
        };
        let silent = self.threads.kernel.waits_for(now);
        let silence = (silent > PASSING).then(|| format!("the kernel has not answered for {} s", silent.as_secs()));
        let lasting = self.table_fault.as_ref().filter(|fault| now.saturating_duration_since(fault.since) > PASSING);
        Liveness {
            version: VERSION,
            kernel_error: silence.or_else(|| lasting.map(|fault| fault.cause.clone())),
            check_error: self.services.check_error().cloned(),
            configuration_error: self.configuration.error.clone(),
            faults: self.services.faults().map(fault).collect(),
            unserved: self.services.unserved(now).map(ToString::to_string).collect(),
            stands_by: self.configuration.stands_by(),
            starting: self.configuration.is_first(),
            starts_or_ends: matches!(self.phase, DaemonPhase::Starting | DaemonPhase::Stopping),
            sink_errors: self.sink_errors(),
            following_error: self.configuration.trouble.clone(),
            drifts: self.services.drifts().map(drift).collect(),
            alarms: self.services.pools().flat_map(alarms).collect(),
            ..Liveness::default()
        }
    }

    fn sink_errors(&self) -> Vec<String> {
        let sinks = self.sink_troubles.iter().map(|(object, trouble)| format!("{object}: {}", trouble.cause));
        sinks.chain(self.record_error.clone()).chain(self.presence_error.clone()).collect()
    }

    pub(super) fn status(&self) -> HealthMonitorStatus {
        let now = Instant::now();
        self.view.publish(self.liveness(now));
        HealthMonitorStatus {
            instance: self.options.instance.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            source: match self.configuration.stands_by() {
                true => "standing by: another health monitor of this node follows the declarations".into(),
                false => self.configuration.source.clone(),
            },
            liveness: self.view.liveness(now),
            services: self
                .services
                .named_pools()
                .map(|(pool, names)| status::service(pool, names, self.services.orders(), now))
                .collect(),
            sync: self.sync.clone(),
        }
    }
}

/// Returns when `then` was by the wall clock: for display only, since an administrator may set that clock.
pub fn wall_clock(then: Instant, now: Instant) -> SystemTime {
    SystemTime::now().checked_sub(now.saturating_duration_since(then)).unwrap_or(UNIX_EPOCH)
}

/// Returns the seconds since 1970; a clock before that gives 0.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
