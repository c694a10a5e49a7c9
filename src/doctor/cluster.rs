//! What is wrong with the cluster's configuration: fencing, what somebody has left behind, the resources, and what holds
//! between them (`cluster/placement.rs`). Pure.

mod placement;

use super::cib::{Cib, GivenUp, Operation, Primitive, is_true};
use super::finding::Finding;
use super::observe::Configured;
use super::scope::Scope;

/// The agents of this program.
const OURS: &str = "ocf:rust:";

/// Clocks that differ by fewer seconds than this do no harm.
const CLOCKS: u64 = 10;

/// Returns what is wrong at `now`, in seconds since 1970, with the resources of `scope` and with the cluster as a whole; nothing
/// where there is no cluster.
pub fn findings(cib: Option<&Cib>, configured: &[Configured], scope: &Scope, now: u64) -> Vec<Finding> {
    let Some(cib) = cib else { return Vec::new() };
    let ours: Vec<&Primitive> =
        cib.primitives.iter().filter(|one| one.agent.starts_with(OURS) && scope.has(&one.id)).collect();
    if ours.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = fencing(cib).into_iter().collect();
    found.extend(left_behind(cib, scope));
    found.extend(clocks(cib, now));
    for resource in ours {
        found.extend(by_order(resource));
        found.extend(monitors(resource));
        found.extend(stop_timeout(resource));
        found.extend(clone(cib, resource));
    }
    found.extend(placement::findings(cib, configured, scope));
    found
}

/// Says that the cluster has run on this node, and does not any more.
pub fn down(configured: &[Configured]) -> Finding {
    let left: Vec<&str> = configured.iter().filter(|one| one.is_resource).map(|one| one.name.as_str()).collect();
    let fix = "systemctl start pacemaker  (pcs cluster start; why it ended: journalctl -u corosync -u pacemaker)";
    if left.is_empty() {
        return Finding::warning("cluster", "it does not run on this node", "this node takes nothing over", fix);
    }
    let what = format!("it does not run on this node, which still has {}", left.join(", "));
    let why = "the other node fences this one, or serves beside it; here nothing is watched, started or stopped";
    Finding::error("cluster", what, why, fix)
}

/// Each node dates what it does by its own clock.
fn clocks(cib: &Cib, now: u64) -> Vec<Finding> {
    let ahead = cib.last_actions.iter().filter_map(|(node, last)| Some((node, last.checked_sub(now)?)));
    let ahead = ahead.filter(|(_, seconds)| *seconds > CLOCKS);
    ahead
        .map(|(node, seconds)| {
            let what = format!("what it did last is {seconds} s from now by this node's clock: the two clocks differ");
            let why = "operators' orders end at another moment on each node, and logs of the two cannot be compared";
            Finding::warning(
                format!("node {node}"),
                what,
                why,
                "chronyc tracking  (on each node; timedatectl set-ntp true)",
            )
        })
        .collect()
}

fn fencing(cib: &Cib) -> Option<Finding> {
    const WHY: &str = "a director that hangs or is cut off cannot be switched off, and both directors hold the address";
    let is_on = cib.properties.get("stonith-enabled").is_none_or(|value| is_true(value));
    // SBD without a device: a watchdog is all that it needs.
    let watchdog =
        cib.properties.get("stonith-watchdog-timeout").is_some_and(|value| !["", "0", "0s"].contains(&value.as_str()));
    let has_device = watchdog || cib.primitives.iter().any(|one| one.agent.starts_with("stonith:"));
    let on = "crm_attribute --type crm_config --name stonith-enabled --update true";
    let device =
        "pcs stonith create fence-NODE fence_ipmilan ip=… pcmk_host_list=NODE (pcs stonith list shows the kinds)";
    match (is_on, has_device) {
        (true, true) => None,
        (false, true) => Some(Finding::error("stonith-enabled", "fencing is off", WHY, on)),
        (false, false) => Some(Finding::error(
            "stonith-enabled",
            "fencing is off",
            WHY,
            format!("{device}, for each node; then {on}"),
        )),
        (true, false) => {
            let what = "fencing is on and there is no fence device: the cluster starts nothing";
            Some(Finding::error("stonith-enabled", what, WHY, format!("{device}, for each node")))
        }
    }
}

/// What somebody has ordered and may have forgotten.
fn left_behind(cib: &Cib, scope: &Scope) -> Vec<Finding> {
    let mut found = Vec::new();
    if cib.properties.get("maintenance-mode").is_some_and(|value| is_true(value)) {
        let fix = "crm_attribute --type crm_config --name maintenance-mode --delete";
        let why = "the cluster starts, stops and watches nothing: nothing takes over";
        found.push(Finding::error("maintenance-mode", "the whole cluster is in maintenance mode", why, fix));
    }
    if cib.properties.get("stop-all-resources").is_some_and(|value| is_true(value)) {
        let fix = "crm_attribute --type crm_config --name stop-all-resources --delete";
        found.push(Finding::error(
            "stop-all-resources",
            "every resource is stopped by order",
            "nothing is served",
            fix,
        ));
    }
    for node in &cib.standby {
        let fix = format!("crm_attribute --node {node} --name standby --delete");
        found.push(Finding::warning(format!("node {node}"), "it is in standby", "it takes nothing over", fix));
    }
    let is_meant = |resource: &str| scope.has(resource) || cib.members(resource).iter().any(|one| scope.has(one));
    for (resource, constraint) in cib.moved.iter().filter(|(resource, _)| is_meant(resource)) {
        let fix = format!("crm_resource --clear --resource {resource}");
        let why = "the constraint of an earlier move or ban stays until it is cleared, and decides at the next failure";
        found.push(Finding::warning(resource, format!("it is still bound by {constraint}"), why, fix));
    }
    for GivenUp { resource, node, failures } in cib.given_up.iter().filter(|one| is_meant(&one.resource)) {
        let fix = format!("crm_resource --cleanup --resource {resource} --node {node}");
        let often = failures.map(|failures| format!(" {failures} times (migration-threshold)")).unwrap_or_default();
        let what = format!("it has failed on {node}{often}, and may not run there any more");
        found.push(Finding::error(resource, what, "nothing takes over there", fix));
    }
    found
}

/// What somebody has ordered for one resource.
fn by_order(resource: &Primitive) -> Vec<Finding> {
    let id = &resource.id;
    let mut found = Vec::new();
    let is = |name: &str, value: &str| resource.meta.get(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
    if is("target-role", "Stopped") {
        let fix = format!("crm_resource --resource {id} --meta --delete-parameter target-role");
        found.push(Finding::error(id, "it is stopped by order (target-role)", "the cluster does not start it", fix));
    }
    if is("is-managed", "false") || is("maintenance", "true") {
        let name = if is("maintenance", "true") { "maintenance" } else { "is-managed" };
        let fix = format!("crm_resource --resource {id} --meta --delete-parameter {name}");
        let what = format!("the cluster does not manage it ({name})");
        found.push(Finding::error(id, what, "nothing takes it over when its node fails", fix));
    }
    found
}

/// The monitors that a resource needs: one, or one for each role, of which no two may have the same interval.
fn monitors(resource: &Primitive) -> Vec<Finding> {
    let id = &resource.id;
    let repeated: Vec<&Operation> =
        resource.operations.iter().filter(|op| op.name == "monitor" && op.interval > 0).collect();
    let add = |rest: &str| format!("pcs resource op add {id} monitor {rest}");
    let is_promotable = resource.clone.as_ref().is_some_and(|clone| clone.promotable);
    if repeated.is_empty() && !is_promotable {
        let why = "the cluster never looks whether it works: a failure is not noticed";
        return vec![Finding::error(id, "it has no monitor", why, add("interval=5s"))];
    }
    if !is_promotable {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (role, interval) in [("Promoted", 5), ("Unpromoted", 6)] {
        let is_of_role = |op: &&&Operation| op.role.as_deref().unwrap_or("Unpromoted") == role;
        if repeated.iter().find(is_of_role).is_none() {
            let what = format!("it has no monitor for the role {role}");
            let why = "where it has that role the cluster never looks whether it works, and a standby takes no changed \
                       parameter on";
            found.push(Finding::error(id, what, why, add(&format!("interval={interval}s role={role}"))));
        }
    }
    for (at, op) in repeated.iter().enumerate() {
        if repeated.iter().take(at).any(|other| other.interval == op.interval) {
            let seconds = op.interval / 1000;
            let what = format!("two of its monitors have the same interval, {seconds}s");
            let why = "the cluster knows an operation by its name and interval: one of the two never runs";
            let role = op.role.as_deref().unwrap_or("Unpromoted");
            let remove = format!("pcs resource op remove {id} monitor interval={seconds}s role={role}");
            let fix = format!("{remove}; {}", add(&format!("interval={}s role={role}", seconds + 1)));
            found.push(Finding::error(id, what, why, fix));
        }
    }
    found
}

/// A stop that is not done in time fences the node.
fn stop_timeout(resource: &Primitive) -> Option<Finding> {
    const LEAST: u64 = 10_000;
    let id = &resource.id;
    let timeout =
        resource.operations.iter().find(|op| op.name == "stop")?.timeout.filter(|timeout| *timeout < LEAST)?;
    let what = format!("its stop may take {} s only", timeout / 1000);
    let why = "a busy node needs longer, and a stop that is not done in time gets the node fenced";
    Some(Finding::warning(id, what, why, format!("pcs resource update {id} op stop timeout=30s")))
}

fn clone(cib: &Cib, resource: &Primitive) -> Vec<Finding> {
    let Some(clone) = &resource.clone else { return Vec::new() };
    let id = &clone.id;
    let meta = |name: &str| resource.meta.get(name).or_else(|| cib.defaults.get(name)).map(String::as_str);
    let set = |name: &str, value: &str| {
        format!("crm_resource --resource {id} --meta --set-parameter {name} --parameter-value {value}")
    };
    let mut found = Vec::new();
    let directs = ["ocf:rust:lvs", "ocf:rust:ldirectord"].contains(&resource.agent.as_str());
    if directs && !meta("interleave").is_some_and(is_true) {
        let why = "what is ordered after it waits for its instances on all nodes: a node that starts or stops interrupts the \
                   other one";
        found.push(Finding::warning(id, "it is not interleaved", why, set("interleave", "true")));
    }
    if meta("notify").is_some_and(is_true) {
        let why = "the agents need no notifications, and each is a barrier that a take-over waits for";
        found.push(Finding::warning(id, "its instances are notified (notify=true)", why, set("notify", "false")));
    }
    if !clone.promotable {
        return found;
    }
    if meta("resource-stickiness").is_none_or(|value| value == "0") {
        let why =
            "when a failed director comes back, the service may move back to it, and clients notice a second time";
        found.push(Finding::warning(id, "it has no stickiness", why, set("resource-stickiness", "100")));
    }
    for name in ["promoted-max", "master-max"] {
        if let Some(value) = meta(name).filter(|value| *value != "1") {
            let what = format!("it may be promoted on {value} nodes at once");
            let why = "two directors send their connections, and the address is on one of them only";
            found.push(Finding::error(id, what, why, set(name, "1")));
        }
    }
    if let Some("1") = meta("clone-max") {
        let why = "no node holds the table beside the promoted one: a take-over starts from nothing";
        found.push(Finding::warning(id, "it has a single instance (clone-max=1)", why, set("clone-max", "2")));
    }
    found
}

#[cfg(test)]
mod tests;
