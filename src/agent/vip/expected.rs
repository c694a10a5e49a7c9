//! What should be there, and what says which addresses are this instance's.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::assignment::{self, Assignment, Surroundings};
use super::node::Node;
use super::owner::Claims;
use super::parameters::{self, Parameters};
use super::record::{self, Record, RecordedAddress};
use crate::agent::parameters::AddressEntry;
use crate::netlink::route::{ConnectedRoute, Link};
use crate::ocf::{Call, Failure, ValidationLevel};

/// The interface of each address of the parameters; where they do not say, that of an earlier start.
pub fn assign(
    mut parameters: Parameters,
    record: Option<&Record>,
    node: &mut Node,
) -> Result<Vec<Assignment>, Failure> {
    assignment::remember(&mut parameters, record.into_iter().flat_map(Record::all), &node.links);
    let routes = connected_routes(&parameters, node)?;
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
        return Ok((assign(parameters, record, node)?, None));
    };
    let edited = match parameters::parse(call, ValidationLevel::Local) {
        Ok(now) => edit(path, &now, record, &node.links),
        Err(failure) => Some(failure.to_string()),
    };
    let mut parameters = parameters::parse(call, ValidationLevel::Consistency)?;
    parameters.entries = record.entries();
    Ok((assign(parameters, Some(record), node)?, edited))
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

/// What says which addresses of this node are this instance's: its record, or else what can be read of its parameters.
///
/// # Errors
/// When the routes cannot be read that tell where an address belongs.
pub fn claims(call: &Call, record: Option<&Record>, node: &mut Node) -> Result<Claims, Failure> {
    if let Some(record) = record {
        return Ok(Claims::recorded(record));
    }
    let mut parameters = parameters::readable(call);
    // What nobody has needs no question to the routes and to the records of the others.
    let there: HashSet<IpAddr> = node.held.iter().map(|held| held.address).collect();
    parameters.entries.retain(|entry| there.contains(&entry.address));
    let others = if parameters.entries.is_empty() { Vec::new() } else { record::others(call) };
    let routes = connected_routes(&parameters, node)?;
    let surroundings = Surroundings { links: &node.links, routes: &routes, held: &node.held };
    Ok(Claims::presumed(&parameters, &surroundings, others.iter().flat_map(|(_, other)| other.all())))
}

fn connected_routes(parameters: &Parameters, node: &mut Node) -> Result<Vec<ConnectedRoute>, Failure> {
    if assignment::needs_routes(parameters) { Ok(node.route.connected_routes()?) } else { Ok(Vec::new()) }
}
