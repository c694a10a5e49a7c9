//! Keeps the other addresses of a subnet when one of them leaves.
//!
//! By default the kernel removes them together with the first one, and with them the routes that use them: the node's
//! own address and its default route, for instance. With `promote_secondaries` the next one takes its place.

use foldhash::HashSet;

use super::node::VipNode;
use super::parameters::VipCall;
use super::record::{self, AddressRecord};
use crate::ocf::Failure;
use crate::system::sysctl;

/// Sets `promote_secondaries` before primary addresses leave `interfaces` whose subnets keep others. The caller holds
/// the lock of the folder: what is set for one instance must not be set back while another one deletes. It is written
/// down before it is set, so that a stop after kill -9 sets it back. Where it cannot be set, the deletion goes on, and
/// what it takes along is added again.
pub fn keep_others(
    call: &VipCall<'_>,
    node: &VipNode,
    record: &mut AddressRecord,
    interfaces: &HashSet<u32>,
) -> Result<(), Failure> {
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
pub fn release(call: &VipCall<'_>, record: &mut AddressRecord) {
    if record.promoting.is_empty() {
        return;
    }
    for nic in record.promoting.drain(..) {
        if let Err(error) = sysctl::set_back(&setting(&nic), "1", "0") {
            call.log().warning(error);
        }
    }
    // Otherwise a later call would take another program's setting for ours.
    record::write(call, record).unwrap_or_else(|failure| call.log().warning(failure));
}

fn setting(interface: &str) -> String {
    format!("net/ipv4/conf/{interface}/promote_secondaries")
}
