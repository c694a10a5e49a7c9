//! What should be there, and what is this instance's of what is there.

use std::collections::HashMap;
use std::net::IpAddr;

use super::assignment::{self, Assignment, Surroundings};
use super::node::Node;
use super::parameters::{self, Parameters};
use super::record::{Record, RecordedAddress};
use crate::agent::parameters::AddressEntry;
use crate::model::InterfaceAddress;
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure, ValidationLevel};

/// The interface of each address of the parameters; where they do not say, that of an earlier start.
pub fn locate(mut parameters: Parameters, record: &Record, node: &mut Node) -> Result<Vec<Assignment>, Failure> {
    assignment::remember(&mut parameters, record.all(), &node.links);
    let routes = if assignment::needs_routes(&parameters) { node.route.connected_routes()? } else { Vec::new() };
    assignment::assign_all(&parameters, &Surroundings { links: &node.links, routes: &routes, held: &node.held })
}

/// What should be there. The file of `ip_file` counts as start has read it: an edit of it, or its loss, must not restart
/// what clients use. The second value says what has become of it since.
pub fn expected(
    call: &Call,
    record: Option<&Record>,
    node: &mut Node,
) -> Result<(Vec<Assignment>, Option<String>), Failure> {
    let (Some(path), Some(record)) = (call.text("ip_file"), record) else {
        let parameters = parameters::parse(call, ValidationLevel::Local)?;
        return Ok((locate(parameters, record.unwrap_or(&Record::default()), node)?, None));
    };
    let edited = match parameters::parse(call, ValidationLevel::Local) {
        Ok(now) => edit(path, &now, record, &node.links),
        Err(failure) => Some(failure.to_string()),
    };
    let mut parameters = parameters::parse(call, ValidationLevel::Consistency)?;
    parameters.entries = record.entries();
    Ok((locate(parameters, record, node)?, edited))
}

/// `nic` may be an alternative name; a record has the proper one.
fn is_name_of(nic: &str, proper: &str, links: &[Link]) -> bool {
    nic == proper || links.iter().any(|link| link.name == proper && link.is_called(nic))
}

/// How the addresses of `now` differ from those that were started.
fn edit(path: &str, now: &Parameters, record: &Record, links: &[Link]) -> Option<String> {
    let mut then: HashMap<IpAddr, Vec<&RecordedAddress>> = HashMap::new();
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

/// The addresses of this instance that are there: by its record, or else by what can be read of its parameters.
pub fn ours(call: &Call, record: Option<&Record>, node: &Node) -> Vec<InterfaceAddress> {
    if let Some(record) = record {
        return record.held(&node.links, &node.held);
    }
    // Without what cannot be read of a file, there is what the parameters themselves say.
    let parameters = parameters::parse(call, ValidationLevel::Local)
        .or_else(|_| parameters::parse(call, ValidationLevel::Consistency));
    parameters.map_or(Vec::new(), |parameters| presumed(&parameters, &node.links, &node.held))
}

/// Without a record: those of the addresses in `observed` that a start with these parameters would have led to. A second
/// copy of a virtual IP on the network is worse than any other mistake of a stop.
fn presumed(parameters: &Parameters, links: &[Link], observed: &[InterfaceAddress]) -> Vec<InterfaceAddress> {
    let mut known: HashMap<IpAddr, Vec<&AddressEntry>> = HashMap::new();
    for entry in &parameters.entries {
        known.entry(entry.address).or_default().push(entry);
    }
    let links_by_index: HashMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
    let is_there = |nic: &str| links.iter().any(|link| link.is_called(nic));
    let may_be_on = |entry: &AddressEntry, link: &Link| match parameters.nic_of(entry) {
        Some(nic) if link.is_called(nic) => true,
        // It may have been renamed; but not into a device of real servers.
        Some(nic) => !is_there(nic) && !assignment::is_device(link),
        None => !assignment::is_device(link),
    };
    let is_ours = |held: &&InterfaceAddress| {
        let Some(link) = links_by_index.get(&held.interface) else { return false };
        known.get(&held.address).into_iter().flatten().any(|entry| {
            let prefix_fits = entry.prefix_length.is_none_or(|length| length == held.prefix_length);
            prefix_fits && may_be_on(entry, link)
        })
    };
    observed.iter().filter(is_ours).cloned().collect()
}
