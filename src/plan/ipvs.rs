//! The IPVS table: the way from what the kernel holds to what is wanted.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::{Change, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table};

/// What the caller is to the virtual services of its desired table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableRole {
    /// The caller owns the virtual services: missing ones are added, and wrong ones changed.
    OwnsServices,
    /// Another program owns the virtual services: only real servers of services that exist are touched. Without this, a
    /// health monitor would bring back a service that its owner has just removed.
    MovesRealServers,
    /// The caller looks and changes nothing.
    Observes,
}

/// Returns the changes that turn the desired services of `observed` into `desired`; every other service is left alone.
///
/// All additions and raised weights come first, then lowered weights, then deletions. So a fallback is in before the
/// last real server goes, and a real server is back before the fallback goes, across all services of one call.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use lvs_agents::model::{ForwardingMethod, RealServer, ServiceEntry, ServiceFlags, Table, VirtualService};
/// use lvs_agents::plan::{TableRole, table_changes};
///
/// let table = |servers: &[&str]| -> Table {
///     let service = VirtualService {
///         key: "tcp 198.51.100.1:80".parse().unwrap(),
///         scheduler: Default::default(),
///         persistence: None,
///         flags: ServiceFlags::default(),
///     };
///     let server = |text: &&str| RealServer {
///         key: text.parse().unwrap(),
///         forwarding: ForwardingMethod::Gate,
///         local: false,
///         weight: 1,
///         upper_threshold: 0,
///         lower_threshold: 0,
///     };
///     let real_servers: BTreeMap<_, _> = servers.iter().map(server).map(|real| (real.key, real)).collect();
///     [(service.key, ServiceEntry { service, real_servers })].into()
/// };
///
/// let changes = table_changes(&table(&["192.0.2.9:80"]), &table(&["192.0.2.1:80"]), TableRole::OwnsServices);
/// let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
/// assert_eq!(texts, [
///     "virtual service tcp 198.51.100.1:80: add real server 192.0.2.9:80 weight 1",
///     "virtual service tcp 198.51.100.1:80: delete real server 192.0.2.1:80",
/// ]);
/// ```
pub fn table_changes(desired: &Table, observed: &Table, role: TableRole) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, wanted) in desired {
        match (observed.get(key), role) {
            (_, TableRole::Observes) | (None, TableRole::MovesRealServers) => {}
            (Some(present), _) => changes.extend(entry_changes(wanted, present, role)),
            (None, TableRole::OwnsServices) => changes.extend(new_entry(wanted)),
        }
    }
    changes.sort_by_key(|(stage, _)| *stage);
    changes.into_iter().map(|(_, change)| change).collect()
}

/// Returns the deletion of virtual services with all their real servers, whether they exist or not: the deletion of a
/// missing one succeeds.
pub fn deletions<'a>(keys: impl IntoIterator<Item = &'a ServiceKey>) -> Vec<Change> {
    keys.into_iter().map(|key| Change::DeleteService(*key)).collect()
}

/// When a change is executed relative to the others of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Service,
    Raise,
    Lower,
    Delete,
}

fn new_entry(wanted: &ServiceEntry) -> Vec<(Stage, Change)> {
    let service = std::iter::once((Stage::Service, Change::AddService(wanted.service.clone())));
    let key = wanted.service.key;
    let reals = wanted.real_servers.values();
    service.chain(reals.map(|real| (Stage::Raise, Change::AddRealServer(key, real.clone())))).collect()
}

fn entry_changes(wanted: &ServiceEntry, present: &ServiceEntry, role: TableRole) -> Vec<(Stage, Change)> {
    let mut changes = Vec::new();
    if role == TableRole::OwnsServices && wanted.service != present.service {
        changes.push((Stage::Service, Change::EditService(wanted.service.clone())));
    }
    let key = wanted.service.key;
    changes.extend(real_server_changes(key, &wanted.real_servers, &present.real_servers));
    changes
}

fn real_server_changes(
    key: ServiceKey,
    wanted: &BTreeMap<RealServerKey, RealServer>,
    present: &BTreeMap<RealServerKey, RealServer>,
) -> Vec<(Stage, Change)> {
    let mut changes = Vec::new();
    for (real_key, real) in wanted {
        match present.get(real_key) {
            None => changes.push((Stage::Raise, Change::AddRealServer(key, real.clone()))),
            Some(held) if real.is_configured_as(held) => {}
            Some(held) => changes.push((edit_stage(real, held), Change::EditRealServer(key, real.clone()))),
        }
    }
    let gone = present.keys().filter(|real_key| !wanted.contains_key(real_key));
    changes.extend(gone.map(|real_key| (Stage::Delete, Change::DeleteRealServer(key, *real_key))));
    changes
}

fn edit_stage(wanted: &RealServer, held: &RealServer) -> Stage {
    match wanted.weight.cmp(&held.weight) {
        Ordering::Less => Stage::Lower,
        Ordering::Equal | Ordering::Greater => Stage::Raise,
    }
}

#[cfg(test)]
mod tests;
