//! Keeps the other addresses of a network when one of them leaves.
//!
//! By default the kernel removes them together with the first one, and with them the routes that use them: the node's own
//! address and its default route, for instance. With `promote_secondaries` the next one takes its place.

use std::collections::HashSet;

use super::node::Node;
use super::record::{self, Record};
use crate::ocf::{Call, Failure};
use crate::system::sysctl;

/// Before primary addresses leave `interfaces` whose subnets keep others. In the turn of all instances: what is set for one of
/// them must not be set back while another one deletes. Written down before it is set, so that a stop after kill -9 sets it
/// back. Where it cannot be, the deletion goes on, and what it takes along is added again.
pub fn keep(call: &Call, node: &Node, record: &mut Record, interfaces: &HashSet<u32>) -> Result<(), Failure> {
    let links = interfaces.iter().filter_map(|index| node.link(*index));
    let is_off = |nic: &str| sysctl::read(&setting(nic)).is_ok_and(|value| value == "0");
    let to_set: Vec<String> =
        links.filter(|link| is_off(&link.name) && is_off("all")).map(|link| link.name.clone()).collect();
    if to_set.is_empty() {
        return Ok(());
    }
    record.promoting.extend(to_set.iter().filter(|nic| !record.promoting.contains(nic)).cloned().collect::<Vec<_>>());
    record::write(call, record)?;
    for nic in to_set {
        sysctl::write(&setting(&nic), "1").unwrap_or_else(|error| call.log().warning(error));
    }
    Ok(())
}

/// Sets back what this instance has set, now or before it was killed.
pub fn release(call: &Call, record: &mut Record) {
    if record.promoting.is_empty() {
        return;
    }
    for nic in record.promoting.drain(..) {
        let name = setting(&nic);
        // An interface that is gone has taken its settings along.
        if sysctl::read(&name).is_ok_and(|value| value == "1") {
            sysctl::write(&name, "0").unwrap_or_else(|error| call.log().warning(error));
        }
    }
    // Or a later call would take somebody else's setting for ours.
    record::write(call, record).unwrap_or_else(|failure| call.log().warning(failure));
}

fn setting(interface: &str) -> String {
    format!("net/ipv4/conf/{interface}/promote_secondaries")
}
