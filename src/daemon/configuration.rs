//! Which configuration is in force, why a newer one is not, and which callers wait for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;

use super::loader::{Loaded, Loader};
use super::protocol::ControlReply;
use super::source::Stamp;
use crate::config::{Config, Service};
use crate::model::{DnsRecord, ServiceKey};
use crate::ownership::{self, Left};
use crate::plan::TableRole;

/// What the loop still needs of a configuration after its services are looked after.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    pub role: Option<TableRole>,
    pub stamp: Stamp,
    pub services: BTreeSet<ServiceKey>,
    /// The services that the health monitor's end removes.
    pub removed_at_stop: BTreeSet<ServiceKey>,
    /// The files that it executes.
    pub executed: BTreeSet<String>,
    /// The real servers of services of our own that a health monitor before this one drained.
    pub drains: BTreeMap<ServiceKey, Left>,
    /// What the names stand for that are followed.
    pub dns: Vec<DnsRecord>,
}

impl InForce {
    pub fn new(config: &Config, role: TableRole, stamp: Stamp) -> Self {
        let removed = config.services.iter().filter(|service| role == TableRole::OwnsServices && service.cleanstop);
        let drains =
            config.services.iter().filter(|service| role == TableRole::OwnsServices && !service.draining.is_empty());
        let left = |service: &Service| service.draining.iter().map(|one| (one.real_server.key, one.since)).collect();
        Self {
            role: Some(role),
            stamp,
            services: ownership::keys(config).into_iter().collect(),
            removed_at_stop: removed.map(|service| service.service.key).collect(),
            drains: drains.map(|service| (service.service.key, left(service))).collect(),
            dns: dns_records(config),
            executed: config.global.executed.iter().map(|file| file.name.to_string()).collect(),
        }
    }
}

/// Each name once: several services may follow it.
fn dns_records(config: &Config) -> Vec<DnsRecord> {
    let followed = config.services.iter().flat_map(|service| &service.followed);
    let known = followed.filter(|followed| !followed.members.is_empty());
    let records: BTreeSet<DnsRecord> =
        known.map(|followed| DnsRecord { name: (*followed.name).clone(), members: followed.members.clone() }).collect();
    records.into_iter().collect()
}

/// The loop's side of its configuration.
#[derive(Debug)]
pub struct Configuration {
    pub loader: Loader,
    /// The source's name in `status`.
    pub source: String,
    pub in_force: InForce,
    /// Why the newest configuration is not in force, in whole or in part.
    pub error: Option<String>,
    /// What keeps the health monitor from following the declarations as they are made, as long as it does.
    pub trouble: Option<String>,
    /// A configuration that was read and is not yet in force, because the record that must come first could not be
    /// written.
    pub pending: Option<Box<Loaded>>,
    /// Whether it has come into force since the last beat: the memory that its reading took can be given back.
    pub is_fresh: bool,
    callers: Vec<(u64, Sender<ControlReply>)>,
}

impl Configuration {
    pub fn new(loader: Loader, source: String) -> Self {
        Self {
            loader,
            source,
            in_force: InForce::default(),
            error: None,
            trouble: None,
            pending: None,
            is_fresh: false,
            callers: Vec::new(),
        }
    }

    /// Whether nothing is in force yet, as the health monitor is starting.
    pub fn is_first(&self) -> bool {
        self.in_force.role.is_none()
    }

    /// Whether another health monitor follows the declarations, so that this one only waits.
    pub fn stands_by(&self) -> bool {
        self.in_force.role == Some(TableRole::Observes)
    }

    /// Reads the source again and tells `caller`, if there is one, how it went.
    pub fn reload(&mut self, caller: Option<Sender<ControlReply>>) {
        let order = self.loader.reload();
        self.callers.extend(caller.map(|caller| (order, caller)));
    }

    /// Answers the callers of the first `answered` orders with how the configuration is now.
    pub fn answer(&mut self, answered: u64) {
        let reply = self.error.clone().map_or(ControlReply::Done, ControlReply::Failed);
        self.callers.retain(|(order, caller)| {
            let is_answered = *order <= answered;
            if is_answered {
                // The caller may have stopped waiting.
                let _ = caller.send(reply.clone());
            }
            !is_answered
        });
    }
}
