//! What keeps directors from knowing each other's connections. Pure.

use std::net::IpAddr;
use std::time::Duration;

use super::finding::Finding;
use crate::model::{SyncChannel, SyncDaemon};
use crate::netlink::ipvs::SyncDaemons;

/// A standby that has been looking for longer than this has heard the director, if there is one.
const SETTLED: Duration = Duration::from_secs(15);

/// The synchronisation of one promotable resource, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synchronised {
    /// The resource.
    pub instance: String,
    /// Whether it is promoted here.
    pub promoted: bool,
    /// Its channel.
    pub channel: SyncChannel,
    /// Why its interface can carry no connections.
    pub interface: Result<(), String>,
    /// Whether another host answers for an address of its services: there is a director.
    pub has_director: bool,
}

/// Who was heard on the group of a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// Its address.
    pub from: IpAddr,
    /// The number that its datagrams carry.
    pub id: u8,
    /// The port to which it sends.
    pub port: u16,
}

/// Everything that is known of the synchronisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncFacts {
    /// The promotable resources that synchronise.
    pub resources: Vec<Synchronised>,
    /// The kernel's daemons; `None` where they could not be read.
    pub daemons: Option<SyncDaemons>,
    /// Other nodes that were heard in a second.
    pub heard: Vec<Heard>,
    /// Another director, as the health monitor has found it.
    pub clash: Option<String>,
    /// For how long a health monitor has lived that has heard no director.
    pub deaf_for: Option<Duration>,
    /// Whether the health monitor has heard the director, and does no more.
    pub hears_no_more: bool,
}

/// Returns what is wrong.
pub fn findings(facts: &SyncFacts) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.resources.iter().flat_map(|one| of_resource(one, facts)).collect();
    if let (Some(clash), Some(one)) = (&facts.clash, facts.resources.first()) {
        found.push(two_directors(one, clash));
    }
    found
}

fn of_resource(one: &Synchronised, facts: &SyncFacts) -> Vec<Finding> {
    let SyncChannel { interface, id, port, .. } = &one.channel;
    let object = format!("{} (sync)", one.instance);
    if let Err(cause) = &one.interface {
        let why = "the kernel's sync daemon runs and sends nothing: a take-over loses every connection";
        let fix = format!(
            "ip address add ADDRESS/24 dev {interface}; ip link set {interface} up  (or another sync_interface)"
        );
        return vec![Finding::error(object, format!("{interface}: {cause}"), why, fix)];
    }
    let mut found: Vec<Finding> = facts.daemons.iter().filter_map(|daemons| wrong_daemon(one, daemons)).collect();
    for Heard { from, id: other, port: other_port } in &facts.heard {
        if (other, other_port) == (id, port) {
            if one.promoted {
                found.push(two_directors(one, &from.to_string()));
            }
            continue;
        }
        let what = format!(
            "{from} sends with sync_id {other} to port {other_port}, and this node has sync_id {id} and port {port}"
        );
        let why =
            "where the two are a pair, neither knows the other's connections; two pairs on one network are best apart";
        let fix = format!(
            "on a node of the other one: crm_resource --resource LVS --set-parameter sync_id --parameter-value {id}  (sync_port \
             {port}; or, for two pairs, another sync_group)"
        );
        found.push(Finding::warning(&object, what, why, fix));
    }
    let is_deaf = facts.deaf_for.is_some_and(|deaf| deaf > SETTLED);
    if !one.promoted && one.has_director && (is_deaf || facts.hears_no_more) {
        let more = if facts.hears_no_more { " any more" } else { "" };
        let what = format!("no word of the director arrives on {interface}{more}");
        let why =
            "multicast does not come through, or the director's channel is another one: a take-over loses connections";
        let fix = format!(
            "tcpdump -ni {interface} host {}  (then the switch's IGMP snooping: bridge -d link; the filter: nft list ruleset)",
            one.channel.group
        );
        found.push(Finding::error(object, what, why, fix));
    }
    found
}

fn two_directors(one: &Synchronised, other: &str) -> Finding {
    let what = format!("{other} sends connections with the same sync_id {}", one.channel.id);
    let why = "two nodes take themselves for the director, or two pairs share a number: each overwrites the other's connections";
    let fix = format!(
        "crm_mon -1  (one promoted node only?); for two pairs: crm_resource --resource {} --set-parameter sync_id \
         --parameter-value {}",
        one.instance,
        one.channel.id % 255 + 1
    );
    Finding::error(format!("{} (sync)", one.instance), what, why, fix)
}

/// The kernel's daemon of this node's role has to run on the channel that the resource has declared.
fn wrong_daemon(one: &Synchronised, daemons: &SyncDaemons) -> Option<Finding> {
    let role = if one.promoted { SyncDaemon::Master } else { SyncDaemon::Backup };
    let why = "connections do not come through, and a take-over loses them";
    let object = format!("{} (sync)", one.instance);
    // Its monitor starts what belongs to the role. A start would make the director a standby.
    let renew = format!("crm_resource --force-check --resource {}", one.instance);
    let Some(held) = daemons.channel(role) else {
        return Some(Finding::error(object, format!("the kernel's sync daemon {role} does not run"), why, renew));
    };
    let shown = |channel: &SyncChannel| {
        format!("{} {} port {} sync_id {}", channel.interface, channel.group, channel.port, channel.id)
    };
    if shown(held) == shown(&one.channel) {
        return None;
    }
    let what = format!("the kernel's sync daemon {role} runs on {}, must be {}", shown(held), shown(&one.channel));
    Some(Finding::error(object, what, why, format!("ipvsadm --stop-daemon {role}; {renew}")))
}

#[cfg(test)]
mod tests;
