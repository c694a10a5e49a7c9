//! The health monitor's state as `status` shows it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::core::{seconds, wall_clock};
use super::protocol::{FallbackStatus, OrderStatus, RealServerStatus, RulesStatus, ServiceStatus};
use super::services::Names;
use crate::health::{DrainingServer, Member, Policy, Pool, ServingState};
use crate::model::{RealServer, ServiceEntry};
use crate::orders::OrdersInForce;

pub fn service(pool: &Pool, names: &Names, orders: &OrdersInForce, now: Instant) -> ServiceStatus {
    let settings = pool.settings();
    let entry = pool.entry(now);
    let backups: BTreeSet<_> =
        settings.real_servers.iter().filter(|real| real.backup).map(|real| real.real_server.key).collect();
    let row = |(real, member, serving_state): (&RealServer, &Member, ServingState)| {
        let order = orders.find(&pool.key(), &real.key).map(OrderStatus::from);
        let backup = backups.contains(&real.key);
        let dns = names.get(&real.key).map(ToString::to_string);
        RealServerStatus { order, backup, dns, ..real_server(real, member, serving_state, &entry, now) }
    };
    let drained = pool.draining().filter(|one| pool.serving_state(&one.real_server.key).is_none());
    ServiceStatus {
        service: pool.key().to_string(),
        scheduler: settings.service.scheduler.to_string(),
        real_servers: pool.members().map(row).chain(drained.map(|draining| drained_row(draining, now))).collect(),
        fallback: settings.fallback.as_ref().map(|fallback| FallbackStatus {
            real_server: fallback.key.to_string(),
            forwarding: fallback.forwarding.to_string(),
            serves: pool.fallback_serves(),
        }),
        single: settings.policy.single,
        rules: Some(rules(&settings.policy)),
    }
}

fn rules(policy: &Policy) -> RulesStatus {
    RulesStatus {
        quorum: policy.quorum.required.to_string(),
        hysteresis: policy.quorum.hysteresis.to_string(),
        quorumaction: policy.quorum.action.name().into(),
        maxejected: policy.ejection_cap.map_or(100, |cap| cap.percent),
    }
}

fn drained_row(DrainingServer { real_server, since, until }: &DrainingServer, now: Instant) -> RealServerStatus {
    let left = until.saturating_duration_since(now).as_secs();
    RealServerStatus {
        real_server: real_server.key.to_string(),
        forwarding: real_server.forwarding.to_string(),
        configured_weight: 0,
        wanted_weight: Some(0),
        health: "draining".into(),
        since: seconds(wall_clock(*since, now)),
        reason: format!("left the configuration: goes with its last connection, in {left} s at the latest"),
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
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
        order: None,
        backup: false,
        dns: None,
        own_weight: member.serves().then(|| member.weight(real.weight)),
    }
}
