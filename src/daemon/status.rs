//! The health monitor's state as `status` shows it.

use std::time::Instant;

use super::core::{seconds, wall_clock};
use super::protocol::{FallbackStatus, RealServerStatus, ServiceStatus};
use crate::health::{Member, Pool, ServingState};
use crate::model::{RealServer, ServiceEntry};

pub fn service(pool: &Pool, now: Instant) -> ServiceStatus {
    let settings = pool.settings();
    let entry = pool.entry(now);
    let row = |(real, member, serving_state)| real_server(real, member, serving_state, &entry, now);
    ServiceStatus {
        service: pool.key().to_string(),
        scheduler: settings.service.scheduler.to_string(),
        real_servers: pool.members().map(row).collect(),
        fallback: settings.fallback.as_ref().map(|fallback| FallbackStatus {
            real_server: fallback.key.to_string(),
            forwarding: fallback.forwarding.to_string(),
            serves: pool.fallback_serves(),
        }),
    }
}

fn real_server(
    real: &RealServer,
    member: &Member,
    serving_state: ServingState,
    entry: &ServiceEntry,
    now: Instant,
) -> RealServerStatus {
    RealServerStatus {
        real_server: real.key.to_string(),
        forwarding: real.forwarding.to_string(),
        configured_weight: real.weight,
        wanted_weight: entry.real_servers.get(&real.key).map(|held| held.weight),
        health: member.health().to_string(),
        since: seconds(wall_clock(member.since(), now)),
        reason: serving_state.reason,
    }
}
