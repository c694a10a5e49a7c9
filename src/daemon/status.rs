//! The monitor's state as `status` shows it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::protocol::{FallbackStatus, RealServerStatus, ServiceStatus};
use crate::health::{Member, Pool, Standing};
use crate::model::{RealServer, ServiceEntry};

pub fn service(pool: &Pool) -> ServiceStatus {
    let settings = pool.settings();
    let entry = pool.entry(Instant::now());
    ServiceStatus {
        service: pool.key().to_string(),
        scheduler: settings.service.scheduler.to_string(),
        real_servers: pool.members().map(|(real, member, standing)| row(real, member, standing, &entry)).collect(),
        fallback: settings.fallback.as_ref().map(|fallback| FallbackStatus {
            real_server: fallback.key.to_string(),
            forwarding: fallback.forwarding.to_string(),
            serves: pool.fallback_serves(),
        }),
    }
}

fn row(real: &RealServer, member: &Member, standing: Standing, entry: &ServiceEntry) -> RealServerStatus {
    RealServerStatus {
        real_server: real.key.to_string(),
        forwarding: real.forwarding.to_string(),
        configured_weight: real.weight,
        wanted_weight: entry.real_servers.get(&real.key).map(|held| held.weight),
        health: member.health().to_string(),
        since: seconds(member.since()),
        reason: standing.reason,
    }
}

/// Since 1970; a clock before that says 0.
fn seconds(moment: Instant) -> u64 {
    let time = SystemTime::now().checked_sub(moment.elapsed()).unwrap_or(UNIX_EPOCH);
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
