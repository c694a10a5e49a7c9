//! What the cluster has noted of its nodes: failures, and when something was done. Pure.

use std::collections::BTreeMap;

use super::{Cib, Element, pair};

/// The cluster's number for infinitely many.
const INFINITY: u64 = 1_000_000;

/// A resource that may not run on a node any more for its failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The resource.
    pub resource: String,
    /// The node.
    pub node: String,
    /// The failures, where they are as many as the resource's `migration-threshold` allows; `None` for a failure that is enough
    /// by itself.
    pub failures: Option<u64>,
}

/// The failures that keep a resource away from a node until they are cleaned up.
pub fn given_up(status: &Element, cib: &Cib) -> Vec<GivenUp> {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for node in status.children_named("node_state") {
        let name = node.get("uname").unwrap_or_default();
        for (attribute, value) in node.below("nvpair").into_iter().filter_map(pair) {
            // fail-count-RESOURCE#OPERATION_INTERVAL
            let Some(resource) = attribute.strip_prefix("fail-count-").and_then(|rest| rest.split('#').next()) else {
                continue;
            };
            // The cluster adds up the failures of all operations.
            let count = counts.entry((resource.to_owned(), name.to_owned())).or_default();
            *count = count.saturating_add(number(&value)).min(INFINITY);
        }
    }
    let reached = counts.into_iter().filter(|((resource, _), count)| *count >= threshold(cib, resource));
    reached
        .map(|((resource, node), count)| GivenUp { resource, node, failures: (count < INFINITY).then_some(count) })
        .collect()
}

fn number(text: &str) -> u64 {
    match text.trim_start_matches('+') {
        "INFINITY" => INFINITY,
        text => text.parse().unwrap_or(0).min(INFINITY),
    }
}

/// How many failures of a resource on one node are enough. Zero means that no number is.
fn threshold(cib: &Cib, resource: &str) -> u64 {
    const NAME: &str = "migration-threshold";
    let own = cib.primitive(resource).and_then(|one| one.meta.get(NAME));
    let set = own.or_else(|| cib.defaults.get(NAME)).map(|text| number(text));
    set.filter(|threshold| *threshold > 0).unwrap_or(INFINITY)
}

/// When each node did something last, by its own clock.
pub fn last_actions(status: &Element) -> BTreeMap<String, u64> {
    let of_node = |node: &Element| {
        let actions = node.below("lrm_rsc_op");
        let last = actions.iter().filter_map(|action| action.get("last-rc-change")?.parse().ok()).max()?;
        Some((node.get("uname")?.to_owned(), last))
    };
    status.children_named("node_state").filter_map(of_node).collect()
}
