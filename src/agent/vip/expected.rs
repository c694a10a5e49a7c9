//! What should be on the interfaces, and what says which addresses are this instance's.

use foldhash::{HashMap, HashSet};
use std::net::IpAddr;

use super::assignment::{self, Assignment, Surroundings};
use super::node::VipNode;
use super::owner::AddressClaims;
use super::parameters::VipCall;
use super::record::{self, AddressRecord, RecordedAddress};
use super::requested::RequestedAddresses;
use crate::agent::parameters::AddressEntry;
use crate::netlink::route::{ConnectedRoute, Link};
use crate::ocf::{Failure, ValidationLevel};

/// Returns the interface of each requested address; where the parameters do not say it, that of an earlier start.
pub fn assign(
    mut requested: RequestedAddresses,
    record: Option<&AddressRecord>,
    node: &mut VipNode,
) -> Result<Vec<Assignment>, Failure> {
    assignment::remember(&mut requested, record.into_iter().flat_map(AddressRecord::all), &node.links);
    let routes = connected_routes(&requested, node)?;
    assignment::assign_all(&requested, &Surroundings { links: &node.links, routes: &routes, held: &node.held })
}

/// Returns what should be on the interfaces. The file of `ip_file` counts as start has read it: an edit of it, or its
/// loss, must not restart what clients use. The second value says what has become of the file since.
pub fn expected(
    call: &VipCall<'_>,
    record: Option<&AddressRecord>,
    node: &mut VipNode,
) -> Result<(Vec<Assignment>, Option<String>), Failure> {
    let (Some(path), Some(record)) = (&call.parameters.ip_file, record) else {
        let requested = RequestedAddresses::of(&call.parameters, ValidationLevel::Local)?;
        return Ok((assign(requested, record, node)?, None));
    };
    let edited = match RequestedAddresses::of(&call.parameters, ValidationLevel::Local) {
        Ok(now) => edit(path, &now, record, &node.links),
        Err(failure) => Some(failure.to_string()),
    };
    let mut requested = RequestedAddresses::of(&call.parameters, ValidationLevel::Consistency)?;
    requested.entries = record.entries();
    Ok((assign(requested, Some(record), node)?, edited))
}

/// Whether `nic` names the interface `proper`. It may be an alternative name; a record has the proper one.
fn is_name_of(nic: &str, proper: &str, links: &[Link]) -> bool {
    nic == proper || links.iter().any(|link| link.name == proper && link.is_called(nic))
}

/// Returns how the addresses of `now` differ from those that were started.
fn edit(path: &str, now: &RequestedAddresses, record: &AddressRecord, links: &[Link]) -> Option<String> {
    let mut then: HashMap<IpAddr, Vec<&RecordedAddress>> = HashMap::default();
    for placed in &record.placed {
        then.entry(placed.address).or_default().push(placed);
    }
    let is_new = |entry: &&AddressEntry| {
        let same = |placed: &&RecordedAddress| {
            entry.prefix_length.is_none_or(|length| length == placed.prefix_length)
                && now.nic_of(entry).is_none_or(|nic| is_name_of(nic, &placed.nic, links))
        };
        !then.get(&entry.address).is_some_and(|placed| placed.iter().any(same))
    };
    let new = now.entries.iter().filter(is_new).count();
    let gone = (record.placed.len() + new).saturating_sub(now.entries.len());
    let text = format!("ip_file {path}: edited, {new} addresses to add or change, {gone} to remove; start applies it");
    (new + gone > 0).then_some(text)
}

/// Returns what says which addresses of this node are this instance's: its record, or else what can be read of its
/// parameters.
///
/// # Errors
/// It fails when the routes cannot be read that tell where an address belongs.
pub fn claims(
    call: &VipCall<'_>,
    record: Option<&AddressRecord>,
    node: &mut VipNode,
) -> Result<AddressClaims, Failure> {
    if let Some(record) = record {
        return Ok(AddressClaims::recorded(record));
    }
    let mut requested = RequestedAddresses::readable(&call.parameters);
    // Addresses that are on no interface need no question to the routes and to the records of the others.
    let there: HashSet<IpAddr> = node.held.iter().map(|held| held.address).collect();
    requested.entries.retain(|entry| there.contains(&entry.address));
    let others = if requested.entries.is_empty() { Vec::new() } else { record::others(call) };
    let routes = connected_routes(&requested, node)?;
    let surroundings = Surroundings { links: &node.links, routes: &routes, held: &node.held };
    Ok(AddressClaims::presumed(&requested, &surroundings, others.iter().flat_map(|(_, other)| other.all())))
}

fn connected_routes(requested: &RequestedAddresses, node: &mut VipNode) -> Result<Vec<ConnectedRoute>, Failure> {
    if assignment::needs_routes(requested) { Ok(node.route.connected_routes()?) } else { Ok(Vec::new()) }
}
