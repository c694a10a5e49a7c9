//! Real servers that have left the configuration and keep the connections that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::config::Service;
use crate::health::{DrainingServer, Pool};
use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey};
use crate::netlink::ipvs::RealServerInUse;
use crate::ownership::Left;
use crate::plan::{self, HeldRealServer, TableRole};
use crate::system::seconds_since_boot;

/// The real servers of some virtual services, with what the kernel counts for each.
pub type InUse = Vec<(ServiceKey, Vec<RealServerInUse>)>;

/// The same moment by both clocks: declarations have the time since this machine was started.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: Instant,
    /// Seconds since this machine was started.
    pub boot: u64,
}

impl Moment {
    pub fn of(now: Instant) -> Self {
        Self { now, boot: seconds_since_boot() }
    }

    /// Returns when this machine had run for so many seconds. A time to come counts as now.
    pub fn at(self, boot: u64) -> Instant {
        let ago = Duration::from_secs(self.boot.saturating_sub(boot));
        self.now.checked_sub(ago).unwrap_or(self.now)
    }

    /// Returns the seconds for which this machine had run at an earlier time.
    pub fn boot_at(self, earlier: Instant) -> u64 {
        self.boot.saturating_sub(self.now.saturating_duration_since(earlier).as_secs())
    }
}

/// Returns the real servers of `service` that are drained from now on, as far as the kernel holds them: those that are
/// drained already, those that its declaration names, and those that leave an owned service now. One that comes back
/// into the configuration keeps its connections too, until a check lets it serve.
pub fn draining(
    service: &Service,
    role: TableRole,
    before: Option<&Pool>,
    held: Option<&ServiceEntry>,
    moment: Moment,
) -> Vec<DrainingServer> {
    let (Some(held), false) = (held, service.drain_timeout.is_zero()) else { return Vec::new() };
    let configured: BTreeSet<RealServerKey> = service.real_servers.iter().map(|real| real.real_server.key).collect();
    let mut since: BTreeMap<RealServerKey, Instant> = BTreeMap::new();
    if let Some(before) = before.filter(|_| role == TableRole::OwnsServices) {
        let leaving = before.members().map(|(real, _, _)| real.key).filter(|key| !configured.contains(key));
        since.extend(leaving.map(|key| (key, moment.now)));
    }
    since.extend(service.draining.iter().map(|one| (one.real_server.key, moment.at(one.since))));
    since.extend(before.into_iter().flat_map(|pool| pool.draining()).map(|one| (one.real_server.key, one.since)));
    let drained = since.into_iter().filter_map(|(key, since)| {
        let real_server = RealServer { weight: 0, ..held.real_servers.get(&key)?.clone() };
        // A time that no clock reaches is none; the configuration has 32 bits of seconds.
        let until = since.checked_add(service.drain_timeout)?;
        Some(DrainingServer { real_server, since, until })
    });
    drained.collect()
}

/// Returns what is drained of each pool, and since when.
pub fn left<'a>(pools: impl Iterator<Item = &'a Pool>, moment: Moment) -> BTreeMap<ServiceKey, Left> {
    let of_pool = |pool: &Pool| pool.draining().map(|one| (one.real_server.key, moment.boot_at(one.since))).collect();
    pools.map(|pool| (pool.key(), of_pool(pool))).collect()
}

/// Returns the real servers of `pool` whose drain is over.
pub fn drained(pool: &Pool, in_use: Vec<RealServerInUse>, now: Instant) -> Vec<RealServerKey> {
    let until = pool.draining().map(|one| (one.real_server.key, one.until)).collect();
    let held = in_use.into_iter();
    let held = held.map(|one| HeldRealServer { real_server: one.real_server, connections: one.connections.open() });
    let steps = plan::drain_changes(pool.key(), &until, &held.collect::<Vec<_>>(), &now);
    let over = steps.into_iter().filter_map(|step| match step {
        Change::DeleteRealServer(_, real) => Some(real),
        _ => None,
    });
    over.collect()
}
