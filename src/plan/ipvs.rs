//! The IPVS table: from what the kernel holds to what is wanted.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::{Change, Persistence, RealServer, RealServerKey, ServiceEntry, ServiceKey, Table, VirtualService};

/// Who may create the virtual services of the desired table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The caller owns the virtual services: missing ones are added, wrong ones changed.
    Services,
    /// Somebody else owns them: only real servers of services that exist are touched. Without this, a health monitor
    /// would bring back a service that its owner has just removed.
    RealServersOnly,
}

/// Changes that turn the desired services of `observed` into `desired`; every other service is left alone.
///
/// All additions and raised weights come first, then lowered weights, then deletions. So a fallback is in before the
/// last real server goes, and a real server is back before the fallback goes, across all services of one call.
pub fn table_changes(desired: &Table, observed: &Table, scope: Scope) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, wanted) in desired {
        match (observed.get(key), scope) {
            (Some(present), _) => changes.extend(entry_changes(wanted, present, scope)),
            (None, Scope::Services) => changes.extend(new_entry(wanted)),
            (None, Scope::RealServersOnly) => {}
        }
    }
    changes.sort_by_key(|(stage, _)| *stage);
    changes.into_iter().map(|(_, change)| change).collect()
}

/// Deletion of those of `keys` that exist.
pub fn deletions<'a>(keys: impl IntoIterator<Item = &'a ServiceKey>, observed: &Table) -> Vec<Change> {
    keys.into_iter().filter(|key| observed.contains_key(key)).map(|key| Change::DeleteService(*key)).collect()
}

/// Where `observed` is not as `desired`, one line each, for a monitor's exit reason.
pub fn differences(desired: &Table, observed: &Table) -> Vec<String> {
    let changes = table_changes(desired, observed, Scope::Services);
    changes.iter().filter_map(|change| describe(change, observed)).collect()
}

fn describe(change: &Change, observed: &Table) -> Option<String> {
    match change {
        Change::AddService(service) => Some(format!("virtual service {}: missing in the kernel", service.key)),
        Change::EditService(service) => {
            let details = service_details(service, &observed.get(&service.key)?.service);
            Some(format!("virtual service {}: {details}", service.key))
        }
        Change::AddRealServer(key, real) => Some(format!("virtual service {key}: real server {} is missing", real.key)),
        Change::EditRealServer(key, real) => {
            let details = real_server_details(real, observed.get(key)?.real_servers.get(&real.key)?);
            Some(format!("virtual service {key}: real server {}: {details}", real.key))
        }
        Change::DeleteRealServer(key, real) => {
            Some(format!("virtual service {key}: real server {real} was added by somebody else"))
        }
        Change::DeleteService(_) => None,
    }
}

fn service_details(wanted: &VirtualService, held: &VirtualService) -> String {
    let persistence = |service: &VirtualService| match service.persistence {
        None => "none".to_owned(),
        Some(Persistence { timeout, prefix_length }) => format!("{timeout} s for each /{prefix_length}"),
    };
    let mut details = vec![
        ("scheduler", held.scheduler.to_string(), wanted.scheduler.to_string()),
        ("persistence", persistence(held), persistence(wanted)),
    ];
    if wanted.flags != held.flags {
        details.push(("flags", "others".into(), "as configured".into()));
    }
    tell(details)
}

fn real_server_details(wanted: &RealServer, held: &RealServer) -> String {
    let mut details = vec![
        ("weight", held.weight.to_string(), wanted.weight.to_string()),
        ("upper threshold", held.upper_threshold.to_string(), wanted.upper_threshold.to_string()),
        ("lower threshold", held.lower_threshold.to_string(), wanted.lower_threshold.to_string()),
    ];
    if !held.local {
        details.push(("forwarding method", held.forwarding.to_string(), wanted.forwarding.to_string()));
    }
    tell(details)
}

/// `NAME is HELD, must be WANTED` for each that differs.
fn tell(details: Vec<(&str, String, String)>) -> String {
    let wrong = details.into_iter().filter(|(_, held, wanted)| held != wanted);
    let texts: Vec<String> = wrong.map(|(name, held, wanted)| format!("{name} is {held}, must be {wanted}")).collect();
    texts.join(", ")
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

fn entry_changes(wanted: &ServiceEntry, present: &ServiceEntry, scope: Scope) -> Vec<(Stage, Change)> {
    let mut changes = Vec::new();
    if scope == Scope::Services && wanted.service != present.service {
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
            Some(held) if same_configuration(real, held) => {}
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

/// The kernel reports an address of its own as local, whatever method was asked for: the method then says nothing.
fn same_configuration(wanted: &RealServer, held: &RealServer) -> bool {
    (held.local || wanted.forwarding == held.forwarding)
        && wanted.weight == held.weight
        && wanted.upper_threshold == held.upper_threshold
        && wanted.lower_threshold == held.lower_threshold
}

#[cfg(test)]
mod tests;
