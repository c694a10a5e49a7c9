//! Virtual services that no health monitor checks, as their declarations and the kernel have them. Pure.

use std::collections::BTreeSet;

use super::kernel_index::KernelIndex;
use super::overview::KernelRow;
use crate::daemon::protocol::{FallbackStatus, RealServerStatus, ServiceStatus};
use crate::model::{RealServer, RealServerKey, ServiceKey};
use crate::ownership::{Declared, Drain};

const KNOWN_DOWN: &str = "not checked; its health monitor, which has ended, knew it to be down";

/// The clock of drains.
#[derive(Debug, Clone, Copy)]
pub struct BootClock {
    /// When this machine was started, in seconds since 1970.
    pub started: u64,
    /// The present, in seconds since then.
    pub now: u64,
}

/// Returns a service as its `lvs` resource has declared it. `known_down` are the real servers that a health monitor which has
/// ended knew to be down.
pub fn service(
    key: &ServiceKey,
    declared: &Declared,
    known_down: &BTreeSet<RealServerKey>,
    kernel: &KernelIndex<'_>,
    clock: BootClock,
) -> Option<ServiceStatus> {
    let entry = declared.table.get(key)?;
    let name = key.to_string();
    let declared_one =
        |real: &RealServer| configured(real, known_down.contains(&real.key), kernel.row(&name, &real.key.to_string()));
    let mut real_servers: Vec<RealServerStatus> = entry.real_servers.values().map(declared_one).collect();
    let draining = declared.draining.get(key);
    for row in kernel.rows_of(&name) {
        let Ok(real) = row.real_server.parse::<RealServerKey>() else { continue };
        let is_fallback = declared.fallbacks.get(key) == Some(&real);
        match draining.and_then(|draining| draining.get(&real)) {
            _ if entry.real_servers.contains_key(&real) || is_fallback => {}
            Some(drain) => real_servers.push(drained(row, drain, clock)),
            None => real_servers.push(unchecked(row, 0, "not declared")),
        }
    }
    let fallback = declared.fallbacks.get(key).map(ToString::to_string);
    let fallback = fallback.map(|real_server| {
        let row = kernel.row(&name, &real_server);
        let forwarding = row.map_or("-", |row| row.forwarding.as_str()).to_owned();
        FallbackStatus { serves: row.is_some(), real_server, forwarding }
    });
    Some(ServiceStatus {
        service: name,
        scheduler: entry.service.scheduler.to_string(),
        real_servers,
        fallback,
        single: false,
        rules: None,
    })
}

/// Returns a service of which no declaration is there: its real servers are those of the kernel, and those that its health
/// monitor knew to be down.
pub fn named(name: &str, known_down: &BTreeSet<RealServerKey>, kernel: &KernelIndex<'_>) -> ServiceStatus {
    let rows = kernel.rows_of(name);
    let was_down = |row: &KernelRow| row.real_server.parse().is_ok_and(|real| known_down.contains(&real));
    let held = rows.iter().filter(|row| !was_down(row)).map(|row| unchecked(row, row.weight, "not checked"));
    let down = known_down.iter().map(|real| {
        let real_server = real.to_string();
        let forwarding = kernel.row(name, &real_server).map_or("-", |row| row.forwarding.as_str()).to_owned();
        RealServerStatus {
            real_server,
            forwarding,
            // What is known of its weight is that it was to serve.
            configured_weight: 1,
            wanted_weight: None,
            health: "unknown".into(),
            since: 0,
            reason: KNOWN_DOWN.into(),
            backup: false,
            dns: None,
            own_weight: None,
            order: None,
        }
    });
    ServiceStatus {
        service: name.into(),
        scheduler: "-".into(),
        real_servers: held.chain(down).collect(),
        fallback: None,
        single: false,
        rules: None,
    }
}

fn configured(real: &RealServer, was_down: bool, row: Option<&KernelRow>) -> RealServerStatus {
    let reason = match row {
        _ if was_down => KNOWN_DOWN.to_owned(),
        None => "not checked; the kernel does not have it".to_owned(),
        Some(row) if row.weight != real.weight => format!("not checked; configured is weight {}", real.weight),
        Some(_) => "not checked".to_owned(),
    };
    RealServerStatus {
        real_server: real.key.to_string(),
        forwarding: real.forwarding.to_string(),
        configured_weight: real.weight,
        wanted_weight: Some(real.weight),
        health: "unknown".into(),
        since: 0,
        reason,
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
    }
}

fn drained(row: &KernelRow, drain: &Drain, clock: BootClock) -> RealServerStatus {
    let left = drain.until.saturating_sub(clock.now);
    let reason = format!("left the configuration: goes with its last connection, in {left} s at the latest");
    let since = clock.started.saturating_add(drain.since);
    RealServerStatus { health: "draining".into(), since, ..unchecked(row, 0, &reason) }
}

fn unchecked(row: &KernelRow, configured_weight: u32, reason: &str) -> RealServerStatus {
    RealServerStatus {
        real_server: row.real_server.clone(),
        forwarding: row.forwarding.clone(),
        configured_weight,
        wanted_weight: Some(row.weight),
        health: "unknown".into(),
        since: 0,
        reason: reason.into(),
        order: None,
        backup: false,
        dns: None,
        own_weight: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::Declaration;

    const TEXT: &str = "virtual=192.0.2.1:80\n\treal=10.0.0.1:80 gate 1\n\treal=10.0.0.2:80 gate 3\n\treal=10.0.0.3:80 gate 1\n\treal=10.0.0.4:80 gate 1\n\tfallback=127.0.0.1:80\n";
    const NAME: &str = "tcp 192.0.2.1:80";

    #[test]
    fn a_service_whose_owner_was_killed_has_the_real_servers_that_it_knew_to_be_down_as_well() {
        let row = |name: &str, weight| KernelRow {
            service: NAME.into(),
            real_server: name.into(),
            forwarding: "masq".into(),
            weight,
            active: 0,
            inactive: 0,
            traffic: None,
            draining: None,
        };
        let rows = [row("10.0.0.1:80", 3), row("10.0.0.2:80", 0)];
        let down = ["10.0.0.2:80", "10.0.0.3:80"].map(|real| real.parse().expect("a real server"));
        let service = named(NAME, &down.into(), &KernelIndex::of(&rows));
        let shown =
            |real: &RealServerStatus| format!("{} {} {}", real.real_server, real.configured_weight, real.reason);
        let expected = [
            "10.0.0.1:80 3 not checked".to_owned(),
            format!("10.0.0.2:80 1 {KNOWN_DOWN}"),
            format!("10.0.0.3:80 1 {KNOWN_DOWN}"),
        ];
        assert_eq!(service.real_servers.iter().map(shown).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_declared_service_says_what_is_known_of_each_real_server() {
        let held = |name: &str, weight| KernelRow {
            service: NAME.into(),
            real_server: name.into(),
            forwarding: "gate".into(),
            weight,
            active: 0,
            inactive: 0,
            traffic: None,
            draining: None,
        };
        let Declaration::Services(mut declared) = Declaration::of(TEXT) else { panic!("not understood") };
        let key: ServiceKey = NAME.parse().expect("key");
        let gone: RealServerKey = "10.0.0.8:80".parse().expect("key");
        declared.draining.insert(key, [(gone, Drain { since: 50, until: 350 })].into());
        let rows = vec![
            held("10.0.0.1:80", 1),
            held("10.0.0.2:80", 0),
            held("10.0.0.8:80", 0),
            held("10.0.0.9:80", 1),
            held("127.0.0.1:80", 1),
        ];
        let down = [("10.0.0.4:80").parse().expect("key")].into();
        let clock = BootClock { started: 1000, now: 60 };
        let shown = service(&key, &declared, &down, &KernelIndex::of(&rows), clock).expect("declared");
        let lines: Vec<String> = shown
            .real_servers
            .iter()
            .map(|real| format!("{} {} {} {}", real.real_server, real.health, real.since, real.reason))
            .collect();
        let expected = [
            "10.0.0.1:80 unknown 0 not checked",
            "10.0.0.2:80 unknown 0 not checked; configured is weight 3",
            "10.0.0.3:80 unknown 0 not checked; the kernel does not have it",
            "10.0.0.4:80 unknown 0 not checked; its health monitor, which has ended, knew it to be down",
            "10.0.0.8:80 draining 1050 left the configuration: goes with its last connection, in 290 s at the latest",
            "10.0.0.9:80 unknown 0 not declared",
        ];
        assert_eq!(lines, expected);
        assert!(shown.fallback.is_some_and(|fallback| fallback.serves));
        let named = named(NAME, &BTreeSet::new(), &KernelIndex::of(&rows));
        assert_eq!(named.real_servers.len(), rows.len(), "all that the kernel has");
    }
}
