//! Where resources run and in which order they start: the address beside the table and after it, and a health monitor wherever
//! there is a table. Pure.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use crate::doctor::cib::{Cib, Primitive};
use crate::doctor::finding::Finding;
use crate::doctor::observe::Configured;
use crate::doctor::scope::Scope;
use crate::doctor::vip::holds;
use crate::model::ServiceKey;

/// Returns what is wrong with the resources that own virtual services.
pub fn findings(cib: &Cib, configured: &[Configured], scope: &Scope) -> Vec<Finding> {
    let mut found = Vec::new();
    for owner in configured.iter().filter_map(|one| Some((cib.primitive(&one.name)?, one))) {
        found.extend(addresses(cib, owner, scope));
        found.extend(health_monitor(cib, owner, scope));
    }
    found
}

fn addresses(cib: &Cib, (owner, configured): (&Primitive, &Configured), scope: &Scope) -> Vec<Finding> {
    let Ok(config) = &configured.config else { return Vec::new() };
    let addresses: BTreeSet<IpAddr> = config
        .services
        .iter()
        .filter_map(|service| match service.service.key {
            ServiceKey::Address { address, .. } => Some(address),
            ServiceKey::Fwmark { .. } => None,
        })
        .collect();
    let mut found = Vec::new();
    let mut judged = BTreeSet::new();
    for address in addresses {
        let vip = cib.primitives.iter().find(|one| holds(one, address));
        match vip {
            Some(vip) if (scope.has(&owner.id) || scope.has(&vip.id)) && judged.insert(&vip.id) => {
                found.extend(pair(cib, owner, vip));
            }
            Some(_) => {}
            None if !scope.has(&owner.id) => {}
            None if cib.primitives.iter().any(|one| one.parameters.contains_key("ip_file")) => {}
            None => {
                let id = &owner.id;
                let fix = format!(
                    "pcs resource create {id}-vip ocf:rust:vip ip={address} op monitor interval=2s --disabled; then constraints: \
                     docs/pair.md"
                );
                let what = format!("no vip resource has its address {address}");
                found.push(Finding::warning(id, what, "the address does not move with the table", fix));
            }
        }
    }
    found
}

/// What holds between the owner of the table and its address.
fn pair(cib: &Cib, owner: &Primitive, vip: &Primitive) -> Vec<Finding> {
    let promotable = owner.clone.as_ref().filter(|clone| clone.promotable).map(|clone| clone.id.as_str());
    let (table, address) = (owner.id.as_str(), vip.id.as_str());
    let name = promotable.unwrap_or(table);
    let mut found = Vec::new();
    let role = promotable.map(|_| "Promoted");
    let colocate = match promotable {
        Some(clone) => format!("pcs constraint colocation add Started {address} with Promoted {clone} INFINITY"),
        None => format!("pcs constraint colocation add {address} with {table} INFINITY"),
    };
    if !reaches(address, table, |from| beside(cib, from, None)) {
        let why = "the address may come up on a node that has no table, and nothing answers there";
        found.push(Finding::error(address, format!("no colocation with {name}"), why, colocate));
    } else if !reaches(address, table, |from| beside(cib, from, role.map(|role| (table, role)))) {
        let why = "the address may stay on a standby, which directs nothing";
        let what = format!("its colocation with {name} does not say the role Promoted");
        found.push(Finding::error(address, what, why, colocate));
    }
    let action = if promotable.is_some() { "promote" } else { "start" };
    let order = format!("pcs constraint order {action} {name} then start {address}");
    if reaches(address, table, |from| after(cib, from, None)) {
        let why =
            "clients that connect between the two reach no table, and are refused or served by the director itself";
        let what = format!("it comes up before {table}");
        let fix = match (&vip.group, vip.group == owner.group) {
            (Some(group), true) => {
                format!(
                    "pcs resource group remove {group} {address}; pcs resource group add {group} {address} --after {table}"
                )
            }
            _ => {
                format!("pcs constraint delete ID of the order that says so (pcs constraint --full shows it); {order}")
            }
        };
        found.push(Finding::error(address, what, why, fix));
    } else if !reaches(table, address, |from| after(cib, from, None)) {
        let why = "the address may come up before the table, and leave after it: clients are refused meanwhile";
        found.push(Finding::error(address, format!("no order that puts it after {name}"), why, order));
    } else if promotable.is_some() && !reaches(table, address, |from| after(cib, from, Some((table, "promote")))) {
        let why = "the order is about its start: the address may come up before this node is promoted";
        found.push(Finding::error(address, format!("it does not wait for the promotion of {name}"), why, order));
    }
    found
}

/// Whether a way leads from one resource to another.
fn reaches(from: &str, to: &str, next: impl Fn(&str) -> Vec<String>) -> bool {
    let (mut seen, mut open) = (BTreeSet::from([from.to_owned()]), VecDeque::from([from.to_owned()]));
    while let Some(at) = open.pop_front() {
        if at == to {
            return true;
        }
        open.extend(next(&at).into_iter().filter(|one| seen.insert(one.clone())));
    }
    false
}

fn same_group<'a>(cib: &'a Cib, id: &str) -> impl Iterator<Item = &'a str> {
    let group = cib.primitive(id).and_then(|one| one.group.as_deref());
    let members = cib.primitives.iter().filter(move |one| group.is_some() && one.group.as_deref() == group);
    members.map(|one| one.id.as_str())
}

/// Which run where this one does. A constraint with `role.0` counts where it says the role `role.1`.
fn beside(cib: &Cib, id: &str, role: Option<(&str, &str)>) -> Vec<String> {
    let constraints = cib.colocations.iter().filter(|one| match role {
        Some((resource, role)) if one.with == resource => one.role.as_deref() == Some(role),
        _ => true,
    });
    let others = constraints.filter_map(|one| match (one.resource == id, one.with == id) {
        (true, _) => Some(one.with.as_str()),
        (_, true) => Some(one.resource.as_str()),
        _ => None,
    });
    others.chain(same_group(cib, id)).map(str::to_owned).collect()
}

/// Which start after this one. A constraint that begins with `action.0` counts where it is about its action `action.1`.
fn after(cib: &Cib, id: &str, action: Option<(&str, &str)>) -> Vec<String> {
    let orders = cib.orders.iter().filter(|one| one.first == id).filter(|one| match action {
        Some((resource, action)) if one.first == resource => one.action == action,
        _ => true,
    });
    let later = same_group(cib, id).skip_while(|member| *member != id).skip(1);
    orders.map(|one| one.then.as_str()).chain(later).map(str::to_owned).collect()
}

/// A health monitor has to run wherever the table is.
fn health_monitor(cib: &Cib, (owner, configured): (&Primitive, &Configured), scope: &Scope) -> Option<Finding> {
    let has_checks = configured.config.as_ref().is_ok_and(crate::config::Config::has_checks);
    let id = &owner.id;
    let first = cib.primitives.iter().find(|one| one.follows_declarations());
    if !owner.is_lvs() || !has_checks || !(scope.has(id) || first.is_some_and(|health| scope.has(&health.id))) {
        return None;
    }
    let Some(first) = first else {
        let why = "a real server that fails stays in the table, and clients are sent to it";
        let fix =
            format!("pcs resource create {id}-health ocf:rust:ldirectord op monitor interval=5s clone interleave=true");
        return Some(Finding::error(id, "no ocf:rust:ldirectord resource checks its real servers", why, fix));
    };
    let health = &first.id;
    match (owner.clone.is_some(), first.clone.is_some()) {
        (true, false) => {
            let why = "the table of the standby is not checked: a take-over sends clients to servers that are down";
            let what = format!("{health} checks its real servers on one node only");
            Some(Finding::warning(id, what, why, format!("pcs resource clone {health} interleave=true")))
        }
        (false, false) if !reaches(health, id, |from| beside(cib, from, None)) => {
            let why = "it may run on a node that has no table, and a real server that fails stays in it";
            let fix = format!("pcs constraint colocation add {health} with {id} INFINITY");
            Some(Finding::error(health, format!("no colocation with {id}"), why, fix))
        }
        _ => None,
    }
}
