//! `ocf:rust:vip`: addresses on interfaces of this node, and their announcement to the neighbours.
//!
//! Which address went to which interface is written to `<run>/vip/<instance>.json` before the kernel is touched: from
//! there `stop` knows what to remove whatever became of the parameters and the routes.

mod assignment;
mod broadcast;
mod changes;
mod conflicts;
mod description;
mod expected;
mod links;
mod loopback;
mod neighbours;
mod node;
mod owner;
mod parameters;
mod policy;
mod record;
mod transaction;
mod verdict;

use std::time::{Duration, Instant};

use super::{announcer, forget};
use crate::model::{AddressOptions, InterfaceAddress};
use crate::netlink::route::Events;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{AddressState, AddressTable};
use assignment::Assignment;
use expected::{assign, claims, expected};
use links::Down;
use node::Node;
use owner::Claims;
use record::Record;
use transaction::Transaction;
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
            assign(parameters, record::read(call)?.as_ref(), &mut node)?;
        }
        Ok(())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let record = record::read(call)?;
        let parameters = parameters::parse(call, ValidationLevel::Local)?;
        let options = parameters.options;
        let wanted = assign(parameters, record.as_ref(), &mut node)?;
        let down = Down::of(&node, &wanted);
        start(call, &mut node, record, &wanted, options).inspect_err(|_| down.restore(call, &mut node))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        announcer::cancel(call);
        // One that cannot be read may name addresses that the parameters do not: nothing would prove that they are gone.
        let left = withdraw(call, read_patiently(call)?)?;
        if left.is_empty() {
            forget(call, &record::folder());
        } else {
            // The next stop tries again.
            record::write(call, &left).unwrap_or_else(|failure| call.log().warning(failure));
        }
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        // A restart would not make it readable, and the parameters say enough of what runs.
        let record = record::read(call).unwrap_or_else(|failure| {
            call.log().warning(failure);
            None
        });
        if let Some(record) = &record {
            refuse_a_lost_namespace(record)?;
        }
        let mut node = Node::enter(call.text("network_namespace"))?;
        let ours = claims(call, record.as_ref(), &mut node)?.of_ours(&node.links, &node.held);
        let (wanted, edited) = match expected(call, record.as_ref(), &mut node) {
            Ok(expected) => expected,
            Err(failure) => return without_an_interface(call, failure, &ours),
        };
        match judge(call, &node, &wanted, &ours) {
            Verdict::Stopped => stopped(&ours),
            Verdict::Failed(reason) => Err(Failure::generic(reason)),
            Verdict::Degraded(reason) => Ok(Status::Degraded(reason)),
            Verdict::Running => Ok(announce_and_inspect(call, &mut node, &wanted, edited)),
        }
    }

    /// Labels change while the addresses stay; announcements heed their parameters when there is something to announce.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        let mut node = Node::enter(call.text("network_namespace"))?;
        let record = record::read(call)?;
        let ours = claims(call, record.as_ref(), &mut node)?.of_ours(&node.links, &node.held);
        let (mut wanted, _) = expected(call, record.as_ref(), &mut node)?;
        // Only of what is there: the rest is for recovery.
        let table: AddressTable<'_> = ours.iter().collect();
        wanted.retain(|wanted| table.state(&wanted.address) != AddressState::Missing);
        if wanted.is_empty() {
            return Err(Failure::not_running("addresses: change their labels: none of them is there"));
        }
        let options = parameters::parse(call, ValidationLevel::Consistency)?.options;
        let mut transaction = match record {
            Some(record) => Transaction::new(call, &mut node, Some(record)),
            None => Transaction::taking_over(call, &mut node, &ours),
        };
        let changed = transaction.relabel(&wanted, options);
        changed.inspect_err(|_| transaction.roll_back())
    }
}

/// The addresses on their interfaces, and known to the neighbours.
fn start(
    call: &Call,
    node: &mut Node,
    record: Option<Record>,
    wanted: &[Assignment],
    options: AddressOptions,
) -> Result<(), Failure> {
    node.raise_links(call, wanted)?;
    if call.boolean("run_arping") {
        conflicts::refuse(call, node, wanted)?;
    }
    let events = Events::subscribe()?;
    let mut transaction = Transaction::new(call, node, record);
    let started = transaction
        .bring_about(wanted, options)
        .and_then(|()| transaction.put_into_service(wanted, &events))
        .and_then(|()| transaction.complete(wanted));
    started.inspect_err(|_| {
        announcer::cancel(call);
        transaction.roll_back();
    })
}

/// What keeps the record from being read may pass: a table of open files that is full, for instance.
fn read_patiently(call: &Call) -> Result<Option<Record>, Failure> {
    const PAUSE: Duration = Duration::from_millis(100);
    let deadline = Instant::now() + call.timeout / 8;
    loop {
        let read = record::read(call);
        if read.is_ok() || Instant::now() >= deadline {
            return read;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What could not be put in order, for the next stop.
fn withdraw(call: &Call, record: Option<Record>) -> Result<Record, Failure> {
    let known = record.clone();
    let namespace = call.text("network_namespace").map(Into::into);
    let entered = record.clone().unwrap_or_else(|| Record { namespace, ..Record::default() });
    let Some(mut node) = Node::enter_again(&entered)? else { return Ok(Record::default()) };
    let left = Transaction::new(call, &mut node, record).withdraw(|node| claims(call, known.as_ref(), node))?;
    if call.boolean("flush_routes") {
        node.flush_cached_routes().unwrap_or_else(|error| call.log().warning(error));
    }
    Ok(left)
}

/// A network namespace that has lost its name lives on as long as a process is in it, and so do its addresses, which only
/// stop can remove.
fn refuse_a_lost_namespace(record: &Record) -> Result<(), Failure> {
    let Some(name) = record.namespace.as_deref().filter(|_| !record.has_its_namespace()) else { return Ok(()) };
    let Some(node) = Node::enter_again(record)? else { return Ok(()) };
    match Claims::recorded(record).of_ours(&node.links, &node.held).first() {
        Some(held) => Err(Failure::generic(format!(
            "address {held}: look for it in network_namespace \"{name}\": is in one that has lost this name and lives on"
        ))),
        None => Ok(()),
    }
}

/// Nothing is where it should be. What a start that was killed, or one with other parameters, has left elsewhere must be
/// stopped before it is started on another node.
fn stopped(ours: &[InterfaceAddress]) -> Result<Status, Failure> {
    match ours.first() {
        Some(held) => Err(Failure::generic(format!("address {held}: left by a start that did not end"))),
        None => Ok(Status::Stopped),
    }
}

/// Where the addresses belong cannot be told. A probe takes that for "not running here", which is wrong while one of
/// them is still on an interface: then it must be stopped.
fn without_an_interface(call: &Call, failure: Failure, ours: &[InterfaceAddress]) -> Result<Status, Failure> {
    match ours.first() {
        Some(held) => Err(Failure::generic(format!("address {held}: still on its interface, but {failure}"))),
        None if call.is_probe => Ok(Status::Stopped),
        None => Err(failure),
    }
}

/// The addresses are as they must be. They are announced again where that is asked for; whatever is wrong besides, a restart
/// would only take them away for a moment.
fn announce_and_inspect(call: &Call, node: &mut Node, wanted: &[Assignment], edited: Option<String>) -> Status {
    let refreshed = announcer::refresh(call, wanted.iter().map(|wanted| &wanted.address)).map(|()| None);
    let conflicts = if call.check_level >= 10 { conflicts::tell(call, node, wanted) } else { Ok(None) };
    let findings = [refreshed, conflicts, policy::fault(call, node, wanted), Ok(edited)];
    let told = findings.into_iter().filter_map(|finding| finding.unwrap_or_else(|failure| Some(failure.to_string())));
    let told: Vec<String> = told.collect();
    if told.is_empty() { Status::Running } else { Status::Degraded(told.join("; ")) }
}

fn judge(call: &Call, node: &Node, wanted: &[Assignment], ours: &[InterfaceAddress]) -> Verdict {
    let observed = node.observed_by_identity();
    verdict::judge(wanted, &ours.iter().collect(), |wanted| Evidence {
        observed: observed.get(&wanted.address.identity()).copied(),
        link: node.link(wanted.address.interface),
        carrier_matters: call.boolean("check_link_status"),
    })
}
