//! Judges what a server says of itself. Pure.

use super::observation::{Member, Observation, Source};
use super::wanted::{LagBounds, Role, Wanted};
use crate::check::failure::one_line;
use crate::model::Advice;

/// The weight of a node that holds up the writes of its Galera cluster.
const SLOW_NODE: u8 = 50;
/// The weight of a server that has no connection left, in per cent: it must not be drained, or all clients would go to the next one.
const FULL_SERVER: u8 = 10;

/// Returns what a server that may serve wants of the director.
///
/// # Errors
/// Says why the server must not serve.
pub fn judge(seen: &Observation, wanted: &Wanted) -> Result<Option<Advice>, String> {
    if is_on(seen, "offline_mode") {
        return Err("it lets only administrators in (offline_mode=ON)".into());
    }
    let advices = [galera(seen, wanted)?, slow_node(seen), lag(seen, wanted), busy(seen, wanted)];
    group(&seen.members, seen)?;
    role(seen, wanted.role)?;
    Ok(advices.into_iter().flatten().reduce(both))
}

/// What a server wants that says by an error that it has no connection left.
pub fn overload(reason: &str) -> Advice {
    Advice { percent: FULL_SERVER, lets_in: false, reason: reason.into() }
}

fn both(one: Advice, other: Advice) -> Advice {
    Advice {
        percent: one.percent.min(other.percent),
        lets_in: one.lets_in && other.lets_in,
        reason: format!("{}; {}", one.reason, other.reason),
    }
}

fn advice(percent: u8, reason: impl Into<String>) -> Option<Advice> {
    Some(Advice { percent, lets_in: true, reason: one_line(&reason.into()) })
}

fn value<'a>(seen: &'a Observation, name: &str) -> Option<&'a str> {
    seen.values.get(name).map(String::as_str)
}

/// `ON`, `YES` and `TRUE` mean the same in different products. Everything but these and their opposites is a state of its own.
fn is_on(seen: &Observation, name: &str) -> bool {
    value(seen, name).is_some_and(|value| ["on", "yes", "true", "1"].contains(&value.to_lowercase().as_str()))
}

fn is_off(value: &str) -> bool {
    ["off", "no", "false", "0"].contains(&value.to_lowercase().as_str())
}

/// Returns why the server takes no writes. Newer ones know more kinds of it than ON.
fn read_only(seen: &Observation) -> Option<String> {
    let names = ["read_only", "super_read_only", "innodb_read_only"];
    let set = names.into_iter().filter_map(|name| Some((name, value(seen, name)?)));
    set.into_iter().find(|(_, value)| !is_off(value)).map(|(name, value)| format!("{name}={value}"))
}

fn role(seen: &Observation, role: Role) -> Result<(), String> {
    let known = value(seen, "read_only").is_some();
    match (role, read_only(seen)) {
        (Role::Any, _) | (Role::Reader, Some(_)) => Ok(()),
        (_, None) if !known => Err("it does not say whether it takes writes (read_only is missing)".into()),
        (Role::Writer, None) => Ok(()),
        (Role::Writer, Some(why)) => Err(one_line(&format!("no writer: {why}"))),
        (Role::Reader, None) => Err("no reader: it takes writes (read_only=OFF)".into()),
    }
}

fn is_galera(seen: &Observation) -> bool {
    is_on(seen, "wsrep_on") && value(seen, "wsrep_cluster_status").is_some()
}

fn galera(seen: &Observation, wanted: &Wanted) -> Result<Option<Advice>, String> {
    if !is_galera(seen) {
        return Ok(None);
    }
    let refused = |name: &str, what: &str| {
        let shown = value(seen, name).unwrap_or_default();
        Err(one_line(&format!("Galera: {what} ({name}={shown})")))
    };
    if value(seen, "wsrep_cluster_status") != Some("Primary") {
        return refused("wsrep_cluster_status", "cut off from the primary component");
    }
    if value(seen, "wsrep_connected").is_some_and(is_off) {
        return refused("wsrep_connected", "not connected to the other nodes");
    }
    if value(seen, "wsrep_ready").is_some_and(is_off) {
        return refused("wsrep_ready", "not ready");
    }
    if value(seen, "wsrep_reject_queries").is_some_and(|value| !value.eq_ignore_ascii_case("none")) {
        return refused("wsrep_reject_queries", "it refuses queries");
    }
    // A donor passes through "joined" when it has ended, and takes clients all the while. One that has just joined the cluster is
    // not ready meanwhile, which was looked at above.
    let (synced, donor, joined) = ("4", "2", "3");
    match value(seen, "wsrep_local_state") {
        Some(state) if ![synced, donor, joined].contains(&state) => {
            return refused("wsrep_local_state", "not synchronised yet");
        }
        _ => {}
    }
    let maintenance = value(seen, "pxc_maint_mode").filter(|mode| !mode.eq_ignore_ascii_case("disabled"));
    Ok(if let Some(mode) = maintenance {
        advice(0, format!("Galera: maintenance (pxc_maint_mode={mode})"))
    } else if wanted.donor_serves {
        None
    } else if is_on(seen, "wsrep_desync") {
        advice(0, "Galera: desynchronised (wsrep_desync=ON)")
    } else if value(seen, "wsrep_local_state") == Some(donor) {
        advice(0, "Galera: donor of another node (wsrep_local_state=2)")
    } else if value(seen, "wsrep_local_state") == Some(joined) {
        advice(0, "Galera: it catches up with the other nodes (wsrep_local_state=3)")
    } else {
        None
    })
}

/// A node that cannot apply writes as fast as they come makes all others wait for it.
fn slow_node(seen: &Observation) -> Option<Advice> {
    let names = ["wsrep_flow_control_requested", "wsrep_flow_control_status"];
    let name = names.into_iter().find(|name| is_galera(seen) && is_on(seen, name))?;
    advice(SLOW_NODE, format!("Galera: it makes the other nodes wait ({name}=ON)"))
}

fn group(members: &[Member], seen: &Observation) -> Result<(), String> {
    if value(seen, "group_replication_group_name").is_none_or(str::is_empty) {
        return Ok(());
    }
    match members.iter().find(|member| member.is_self) {
        None => return Err("Group Replication: it is no member of its group".into()),
        Some(member) if member.state != "ONLINE" => {
            return Err(one_line(&format!("Group Replication: its state is {}", member.state)));
        }
        Some(_) => {}
    }
    let lost = members.iter().filter(|member| member.state == "UNREACHABLE").count();
    match lost * 2 >= members.len() {
        true => Err(format!("Group Replication: {lost} of {} members are unreachable: no majority", members.len())),
        false => Ok(()),
    }
}

fn lag(seen: &Observation, wanted: &Wanted) -> Option<Advice> {
    let bounds = wanted.lag.as_ref()?;
    // What takes writes is no replica, whatever is left of an earlier replication.
    read_only(seen)?;
    if let Some(age) = seen.heartbeat {
        // The clocks of two servers differ by a little.
        return match age {
            Some(age) => by_seconds(age.max(0.0).floor() as u64, "age of the heartbeat", bounds),
            None => advice(0, "no heartbeat in its table"),
        };
    }
    let sources = seen.sources.as_deref().unwrap_or_default();
    if sources.is_empty() {
        let is_replica = !is_galera(seen) && seen.members.is_empty();
        return is_replica.then(|| advice(0, "replication is not set up: its lag is not known"))?;
    }
    sources.iter().filter_map(|source| of_source(source, bounds)).reduce(|one, other| {
        // The source that is worst decides, and the others add nothing.
        let rank = |advice: &Advice| (advice.percent, advice.lets_in);
        if rank(&other) < rank(&one) { other } else { one }
    })
}

/// A thread that was stopped, or has stopped at an error, falls behind from then on. One that looks for its source does not know
/// how far it is behind: were it drained, the death of a primary would take all its replicas with it.
fn of_source(source: &Source, bounds: &LagBounds) -> Option<Advice> {
    let stopped = |thread: &str, state: &str| advice(0, format!("replication is stopped ({thread} thread: {state})"));
    match (source.sql_running.as_str(), source.io_running.as_str(), source.seconds_behind) {
        ("Yes", "No", _) => stopped("I/O", "No"),
        ("Yes", "Yes", Some(seconds)) => by_seconds(seconds, "replication lag", bounds),
        ("Yes", io, _) => {
            let reason =
                one_line(&format!("replication looks for its source (I/O thread: {io}): its lag is not known"));
            Some(Advice { percent: Advice::FULL, lets_in: false, reason })
        }
        (sql, _, _) => stopped("SQL", sql),
    }
}

fn by_seconds(seconds: u64, what: &str, bounds: &LagBounds) -> Option<Advice> {
    let LagBounds { leave, enter, .. } = bounds;
    let (percent, lets_in, remark) = if seconds > u64::from(*leave) {
        (0, true, format!(", more than maxlag={leave}"))
    } else if seconds > u64::from(*enter) {
        (Advice::FULL, false, format!(", more than lagenter={enter}"))
    } else {
        (Advice::FULL, true, String::new())
    };
    Some(Advice { percent, lets_in, reason: format!("{what}: {seconds} s{remark}") })
}

/// From the bound on the weight falls to a tenth, in steps of ten per cent: with a finer one it would change at each check.
fn busy(seen: &Observation, wanted: &Wanted) -> Option<Advice> {
    let bound = u64::from(wanted.busy?);
    let number = |name| value(seen, name)?.parse::<u64>().ok();
    let (connected, most) = (number("threads_connected")?, number("max_connections").filter(|most| *most > 0)?);
    let used = (connected.saturating_mul(100) / most).min(100);
    if used <= bound || bound >= 100 {
        return None;
    }
    let left = (100 - used) * 100 / (100 - bound);
    let percent = u8::try_from(left / 10 * 10).unwrap_or(Advice::FULL).max(FULL_SERVER);
    advice(percent, format!("{connected} of {most} connections"))
}

#[cfg(test)]
mod tests;
