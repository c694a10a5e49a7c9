//! `ocf:rust:vip`: addresses on interfaces of this node, and their announcement to the neighbours.
//!
//! Which address went to which interface is written to `<run>/vip/<instance>.json` before the kernel is touched: from
//! there `stop` knows what to remove whatever became of the parameters and the routes.

mod conflicts;
mod description;
mod loopback;
mod node;
mod parameters;
mod place;
mod policy;
mod record;
mod verdict;

use std::collections::HashSet;
use std::net::IpAddr;

use super::{announcer, forget, turn};
use crate::model::{AddressChange, InterfaceAddress};
use crate::netlink::route::Events;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{self, AddressState, AddressTable};
use crate::system::{RunDir, namespace};
use node::{Node, Undo};
use parameters::Parameters;
use place::{Surroundings, Wanted};
use record::Record;
use verdict::{Evidence, Verdict};

pub struct Vip;

impl Agent for Vip {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        let parameters = parameters::parse(call, level)?;
        if level == ValidationLevel::Local {
            let mut node = Node::enter(call.text("network_namespace"))?;
            locate(parameters, &record::read(call).unwrap_or_default(), &mut node)?;
        }
        Ok(())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let mut record = record::read(call).unwrap_or_default();
        let parameters = parameters::parse(call, ValidationLevel::Local)?;
        let options = parameters.options;
        let wanted = locate(parameters, &record, &mut node)?;
        node.raise_links(call, &wanted)?;
        if call.boolean("run_arping") {
            conflicts::refuse(&node, &wanted)?;
        }
        let events = Events::subscribe()?;
        record.namespace = call.text("network_namespace").map(Into::into);
        let undo = bring_up(call, &mut node, &wanted, &mut record, |wanted, node| {
            let places: Vec<InterfaceAddress> = wanted.iter().map(|wanted| wanted.place.clone()).collect();
            plan::address_changes(&places, options, &node.held.iter().collect())
        })?;
        let completed = node
            .wait_for_duplicate_detection(&wanted, &events)
            .and_then(|()| policy::apply(call, &mut node, &wanted, &mut record))
            .and_then(|()| loopback::move_aside(call, &mut node, &wanted, &mut record))
            .and_then(|()| announcer::start(call, wanted.iter().map(|wanted| &wanted.place)));
        if completed.is_err() {
            undo.execute(&mut node, call);
            return completed;
        }
        record.forget_all_but(call, &wanted)
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        announcer::cancel(call);
        let record = record::read(call);
        let namespace = match &record {
            Some(record) => record.namespace.clone(),
            None => call.text("network_namespace").map(Into::into),
        };
        // What was in a namespace that is gone went with it.
        if namespace.as_deref().is_none_or(namespace::exists) {
            take_down(call, namespace.as_deref(), record)?;
        }
        forget(call, &record::folder());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let record = record::read(call);
        let (wanted, edited) = match expected(call, record.as_ref(), &mut node) {
            Ok(expected) => expected,
            Err(failure) => return without_a_place(call, failure, &ours(call, record.as_ref(), &node)),
        };
        match judge(call, &node, &wanted) {
            Verdict::Stopped => Ok(Status::Stopped),
            Verdict::Failed(reason) => Err(Failure::generic(reason)),
            Verdict::Degraded(reason) => Ok(Status::Degraded(reason)),
            Verdict::Running => {
                announcer::refresh(call, wanted.iter().map(|wanted| &wanted.place))?;
                let conflict = if call.check_level >= 10 { conflicts::tell(&node, &wanted)? } else { None };
                let faults = [conflict, policy::fault(call, &mut node, &wanted)?, edited];
                let faults: Vec<String> = faults.into_iter().flatten().collect();
                Ok(if faults.is_empty() { Status::Running } else { Status::Degraded(faults.join("; ")) })
            }
        }
    }

    /// Labels change while the addresses stay; announcements heed their parameters when there is something to announce.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let mut record = record::read(call).unwrap_or_default();
        let (wanted, _) = expected(call, Some(&record), &mut node)?;
        if judge(call, &node, &wanted) == Verdict::Stopped {
            return Err(Failure::not_running("addresses: change their labels: none of them is there"));
        }
        let options = parameters::parse(call, ValidationLevel::Consistency)?.options;
        // Only of what is there: the rest is for recovery.
        let _undo = bring_up(call, &mut node, &wanted, &mut record, |wanted, node| {
            let table: AddressTable<'_> = node.held.iter().collect();
            let there = wanted.iter().filter(|wanted| table.state(&wanted.place) != AddressState::Missing);
            let places: Vec<InterfaceAddress> = there.map(|wanted| wanted.place.clone()).collect();
            plan::address_changes(&places, options, &table)
        })?;
        policy::apply(call, &mut node, &wanted, &mut record)
    }
}

/// The place of each address of the parameters; where they do not say, that of an earlier start.
fn locate(mut parameters: Parameters, record: &Record, node: &mut Node) -> Result<Vec<Wanted>, Failure> {
    place::remember(&mut parameters, &record.placed, &node.links);
    let routes = if place::needs_routes(&parameters) { node.route.connected_routes()? } else { Vec::new() };
    place::place_all(&parameters, &Surroundings { links: &node.links, routes: &routes, held: &node.held })
}

/// What should be there. The file of `ip_file` counts as start has read it: an edit of it, or its loss, must not restart
/// what clients use. The second value says what has become of it since.
fn expected(call: &Call, record: Option<&Record>, node: &mut Node) -> Result<(Vec<Wanted>, Option<String>), Failure> {
    let (Some(path), Some(record)) = (call.text("ip_file"), record) else {
        let parameters = parameters::parse(call, ValidationLevel::Local)?;
        return Ok((locate(parameters, record.unwrap_or(&Record::default()), node)?, None));
    };
    let edited = match parameters::parse(call, ValidationLevel::Local) {
        Ok(now) => edit(path, &now, record),
        Err(failure) => Some(failure.to_string()),
    };
    let mut parameters = parameters::parse(call, ValidationLevel::Consistency)?;
    parameters.entries = record.entries();
    Ok((locate(parameters, record, node)?, edited))
}

/// How the addresses of `now` differ from those that were started.
fn edit(path: &str, now: &Parameters, record: &Record) -> Option<String> {
    let now: HashSet<IpAddr> = now.entries.iter().map(|entry| entry.address).collect();
    let then: HashSet<IpAddr> = record.placed.iter().map(|placed| placed.address).collect();
    let (more, less) = (now.difference(&then).count(), then.difference(&now).count());
    let text = format!("ip_file {path}: edited, {more} addresses to add, {less} to remove; start applies it");
    (more + less > 0).then_some(text)
}

/// Writes down what is wanted, and brings it about together with the end of what an earlier start with other parameters
/// has left. In this instance's turn: what another one removes meanwhile must not come back.
fn bring_up(
    call: &Call,
    node: &mut Node,
    wanted: &[Wanted],
    record: &mut Record,
    changes: impl FnOnce(&[Wanted], &Node) -> Vec<AddressChange>,
) -> Result<Undo, Failure> {
    let _turn = turn(call, &record::folder());
    node.look_again()?;
    let identities: HashSet<(IpAddr, u32)> = wanted.iter().map(|wanted| wanted.place.identity()).collect();
    let former = record.held(&node.links, &node.held);
    let former = former.into_iter().filter(|held| !identities.contains(&held.identity()));
    let former: Vec<AddressChange> = former.map(AddressChange::Delete).collect();
    record.add(wanted);
    record::write(call, record)?;
    let changes = [changes(wanted, node), former].concat();
    node.change_all(call, &changes)
}

fn take_down(call: &Call, namespace: Option<&str>, record: Option<Record>) -> Result<(), Failure> {
    let mut node = Node::enter(namespace)?;
    let _turn = turn(call, &record::folder());
    // A realserver instance that starts now must not take the address for ours.
    let _turn_of_real_servers = turn(call, &RunDir::system().real_servers());
    node.look_again()?;
    let leaving = ours(call, record.as_ref(), &node);
    let record = record.unwrap_or_default();
    let placed = record.placed.iter().map(|placed| placed.address);
    let addresses = placed.chain(leaving.iter().map(|held| held.address)).collect();
    let came_back = loopback::come_back(call, &mut node, &addresses, &record);
    node.delete(call, &leaving)?;
    // The address is gone: what else is not as it should be is no reason for fencing.
    came_back.unwrap_or_else(|failure| call.log().warning(failure));
    policy::remove(call, &mut node, &record);
    if call.boolean("flush_routes") {
        node.flush_cached_routes().unwrap_or_else(|error| call.log().warning(error));
    }
    Ok(())
}

/// The addresses of this instance that are there: by its record, or else by what can be read of its parameters.
fn ours(call: &Call, record: Option<&Record>, node: &Node) -> Vec<InterfaceAddress> {
    if let Some(record) = record {
        return record.held(&node.links, &node.held);
    }
    // Without what cannot be read of a file, there is what the parameters themselves say.
    let parameters = parameters::parse(call, ValidationLevel::Local)
        .or_else(|_| parameters::parse(call, ValidationLevel::Consistency));
    parameters.map_or(Vec::new(), |parameters| record::presumed(&parameters, &node.links, &node.held))
}

/// Where the addresses belong cannot be told. A probe takes that for "not running here", which is wrong while one of
/// them is still on an interface: then it must be stopped.
fn without_a_place(call: &Call, failure: Failure, ours: &[InterfaceAddress]) -> Result<Status, Failure> {
    match ours.first() {
        Some(held) => Err(Failure::generic(format!("address {held}: still on its interface, but {failure}"))),
        None if call.is_probe => Ok(Status::Stopped),
        None => Err(failure),
    }
}

fn judge(call: &Call, node: &Node, wanted: &[Wanted]) -> Verdict {
    let observed = node.observed_by_identity();
    verdict::judge(wanted, &node.held.iter().collect(), |wanted| Evidence {
        observed: observed.get(&wanted.place.identity()).copied(),
        link: node.link(wanted.place.interface),
        carrier_matters: call.boolean("check_link_status"),
    })
}
