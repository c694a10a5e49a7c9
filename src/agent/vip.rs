//! `ocf:rust:vip`: addresses on interfaces of this node, and their announcement to the neighbours.
//!
//! Which address went to which interface is written to `<run>/vip/<instance>.json` before the kernel is touched: from
//! there `stop` knows what to remove whatever became of the parameters and the routes.

mod broadcast;
mod changes;
mod conflicts;
mod description;
mod links;
mod loopback;
mod neighbours;
mod node;
mod parameters;
mod place;
mod policy;
mod record;
mod verdict;
mod wanted;

use std::collections::HashSet;
use std::net::IpAddr;

use super::{announcer, forget, turn};
use crate::model::{AddressChange, AddressOptions, InterfaceAddress};
use crate::netlink::route::Events;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{self, AddressState, AddressTable};
use crate::system::{RunDir, namespace};
use changes::Undo;
use links::Down;
use loopback::MovedAside;
use node::Node;
use place::Wanted;
use record::Record;
use verdict::{Evidence, Verdict};
use wanted::{expected, locate, ours};

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
        let down = Down::of(&node, &wanted);
        start(call, &mut node, &wanted, &mut record, options).inspect_err(|_| down.restore(call, &mut node))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        announcer::cancel(call);
        let record = record::read(call);
        let namespace = match &record {
            Some(record) => record.namespace.clone(),
            None => call.text("network_namespace").map(Into::into),
        };
        // What was in a namespace that is gone went with it.
        let mut left = Record::default();
        if namespace.as_deref().is_none_or(namespace::exists) {
            left.moved_aside = take_down(call, namespace.as_deref(), record)?;
        }
        if left.moved_aside.is_empty() {
            forget(call, &record::folder());
        } else {
            // The next stop tries again.
            left.namespace = namespace;
            record::write(call, &left).unwrap_or_else(|failure| call.log().warning(failure));
        }
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
            Verdict::Stopped => stopped(&node, record.as_ref()),
            Verdict::Failed(reason) => Err(Failure::generic(reason)),
            Verdict::Degraded(reason) => Ok(Status::Degraded(reason)),
            Verdict::Running => Ok(look_around(call, &mut node, &wanted, edited)),
        }
    }

    /// Labels change while the addresses stay; announcements heed their parameters when there is something to announce.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let record = record::read(call);
        let (wanted, _) = expected(call, record.as_ref(), &mut node)?;
        if judge(call, &node, &wanted) == Verdict::Stopped {
            return Err(Failure::not_running("addresses: change their labels: none of them is there"));
        }
        let held = ours(call, record.as_ref(), &node);
        let mut record = record.unwrap_or_else(|| Record::of_what_is_there(call, &node.links, &held));
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

/// The addresses on their interfaces, and known to the neighbours.
fn start(
    call: &Call,
    node: &mut Node,
    wanted: &[Wanted],
    record: &mut Record,
    options: AddressOptions,
) -> Result<(), Failure> {
    node.raise_links(call, wanted)?;
    if call.boolean("run_arping") {
        conflicts::refuse(call, node, wanted)?;
    }
    let events = Events::subscribe()?;
    record.namespace = call.text("network_namespace").map(Into::into);
    let undo = bring_up(call, node, wanted, record, |wanted, node| {
        let places: Vec<InterfaceAddress> = wanted.iter().map(|wanted| wanted.place.clone()).collect();
        plan::address_changes(&places, options, &node.held.iter().collect())
    })?;
    put_into_service(call, node, wanted, record, &events).inspect_err(|_| take_back(call, node, record, &undo))
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
    record.begin(wanted);
    record::write(call, record)?;
    let changes = [changes(wanted, node), former].concat();
    let leaving = changes.iter().filter(|change| matches!(change, AddressChange::Delete(_)));
    let leaving: Vec<InterfaceAddress> = leaving.map(|change| change.place().clone()).collect();
    neighbours::protect(call, node, record, &leaving, |node| node.change_all(call, &changes))
}

/// From addresses that are there to addresses that clients use.
fn put_into_service(
    call: &Call,
    node: &mut Node,
    wanted: &[Wanted],
    record: &mut Record,
    events: &Events,
) -> Result<(), Failure> {
    node.wait_for_duplicate_detection(wanted, events)?;
    policy::apply(call, node, wanted, record)?;
    {
        let _turn = turn(call, &RunDir::system().real_servers());
        loopback::move_aside(call, node, wanted, record)?;
    }
    record.complete(wanted);
    record::write(call, record)?;
    announcer::start(call, wanted.iter().map(|wanted| &wanted.place))
}

/// As it was before the start. What fails here is told, and `stop` tries again.
fn take_back(call: &Call, node: &mut Node, record: &mut Record, undo: &Undo) {
    let _turn = turn(call, &record::folder());
    let _turn_of_real_servers = turn(call, &RunDir::system().real_servers());
    let came_back = loopback::come_back(call, node, &addresses(record, &[]), record);
    came_back.unwrap_or_else(|failure| call.log().warning(failure));
    neighbours::protect(call, node, record, &undo.leaving(), |node| undo.execute(node, call));
}

/// Those that this instance may have had, and has.
fn addresses(record: &Record, held: &[InterfaceAddress]) -> HashSet<IpAddr> {
    record.all().map(|placed| placed.address).chain(held.iter().map(|held| held.address)).collect()
}

/// What had moved aside and could not be put back.
fn take_down(call: &Call, namespace: Option<&str>, record: Option<Record>) -> Result<Vec<MovedAside>, Failure> {
    let mut node = Node::enter(namespace)?;
    let _turn = turn(call, &record::folder());
    // A realserver instance that starts now must not take the address for ours.
    let _turn_of_real_servers = turn(call, &RunDir::system().real_servers());
    node.look_again()?;
    let leaving = ours(call, record.as_ref(), &node);
    let mut record = record.unwrap_or_else(|| Record::of_what_is_there(call, &node.links, &leaving));
    let addresses = addresses(&record, &leaving);
    let came_back = loopback::come_back(call, &mut node, &addresses, &mut record);
    neighbours::protect(call, &mut node, &mut record, &leaving, |node| node.delete(call, &leaving))?;
    // The address is gone: what else is not as it should be is no reason for fencing.
    came_back.unwrap_or_else(|failure| call.log().warning(failure));
    policy::remove(call, &mut node, &record);
    if call.boolean("flush_routes") {
        node.flush_cached_routes().unwrap_or_else(|error| call.log().warning(error));
    }
    Ok(record.moved_aside)
}

/// Nothing is where it should be. What a start that was killed, or one with other parameters, has left elsewhere must be
/// stopped before it is started on another node.
fn stopped(node: &Node, record: Option<&Record>) -> Result<Status, Failure> {
    match record.map(|record| record.held(&node.links, &node.held)).unwrap_or_default().first() {
        Some(held) => Err(Failure::generic(format!("address {held}: left by a start that did not end"))),
        None => Ok(Status::Stopped),
    }
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

/// The addresses are as they must be: whatever is wrong besides, a restart would only take them away for a moment.
fn look_around(call: &Call, node: &mut Node, wanted: &[Wanted], edited: Option<String>) -> Status {
    let refreshed = announcer::refresh(call, wanted.iter().map(|wanted| &wanted.place)).map(|()| None);
    let conflicts = if call.check_level >= 10 { conflicts::tell(call, node, wanted) } else { Ok(None) };
    let findings = [refreshed, conflicts, policy::fault(call, node, wanted), Ok(edited)];
    let told = findings.into_iter().filter_map(|finding| finding.unwrap_or_else(|failure| Some(failure.to_string())));
    let told: Vec<String> = told.collect();
    if told.is_empty() { Status::Running } else { Status::Degraded(told.join("; ")) }
}

fn judge(call: &Call, node: &Node, wanted: &[Wanted]) -> Verdict {
    let observed = node.observed_by_identity();
    verdict::judge(wanted, &node.held.iter().collect(), |wanted| Evidence {
        observed: observed.get(&wanted.place.identity()).copied(),
        link: node.link(wanted.place.interface),
        carrier_matters: call.boolean("check_link_status"),
    })
}
