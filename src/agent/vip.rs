//! `ocf:rust:vip` puts addresses on interfaces of this node and announces them to the neighbours.
//!
//! Which address went to which interface is written to the address record, `<run>/vip/<instance>.json`, before the
//! kernel is touched: from there `stop` knows what to remove whatever became of the parameters and the routes.

mod assignment;
mod broadcast;
mod changes;
mod conflicts;
mod description;
mod expected;
mod links;
mod loopback;
mod node;
mod owner;
mod parameters;
mod policy;
mod record;
mod requested;
mod subnet;
mod transaction;
mod verdict;

use std::time::{Duration, Instant};

use super::announcer::{self, AnnouncementOrders};
use super::forget;
use crate::model::{AddressOptions, InterfaceAddress};
use crate::netlink::route::Events;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::{AddressState, AddressTable};
use assignment::Assignment;
use expected::{assign, claims, expected};
use links::DownLinks;
use node::VipNode;
use owner::AddressClaims;
use parameters::VipCall;
use record::AddressRecord;
use requested::RequestedAddresses;
use transaction::Transaction;
use verdict::{AddressVerdict, Evidence};

/// The agent `ocf:rust:vip`.
pub struct VipAgent;

impl Agent for VipAgent {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        let call = &VipCall::new(call);
        let requested = RequestedAddresses::of(&call.parameters, level)?;
        if level == ValidationLevel::Local {
            let mut node = VipNode::enter(call.namespace())?;
            assign(requested, record::read(call)?.as_ref(), &mut node)?;
        }
        Ok(())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let call = &VipCall::new(call);
        let mut node = VipNode::enter(call.namespace())?;
        let record = record::read(call)?;
        let requested = RequestedAddresses::of(&call.parameters, ValidationLevel::Local)?;
        let options = requested.options;
        let wanted = assign(requested, record.as_ref(), &mut node)?;
        let down = DownLinks::of(&node, &wanted);
        start(call, &mut node, record, &wanted, options).inspect_err(|_| down.restore(call, &mut node))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let call = &VipCall::new(call);
        announcer::cancel(call);
        // A record that cannot be read may name addresses that the parameters do not: nothing would prove that they are
        // gone.
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
        let call = &VipCall::new(call);
        // A restart would not make the record readable, and the parameters say enough of what runs.
        let record = record::read(call).unwrap_or_else(|failure| {
            call.log().warning(failure);
            None
        });
        if let Some(record) = &record {
            refuse_a_lost_namespace(record)?;
        }
        let mut node = VipNode::enter(call.namespace())?;
        let ours = claims(call, record.as_ref(), &mut node)?.of_ours(&node.links, &node.held);
        let (wanted, edited) = match expected(call, record.as_ref(), &mut node) {
            Ok(expected) => expected,
            Err(failure) => return without_an_interface(call, failure, &ours),
        };
        match judge(call, &node, &wanted, &ours) {
            AddressVerdict::Stopped => stopped(&ours),
            AddressVerdict::Failed(reason) => Err(Failure::generic(reason)),
            AddressVerdict::Degraded(reason) => Ok(Status::Degraded(reason)),
            AddressVerdict::Running => Ok(announce_and_inspect(call, &mut node, &wanted, edited)),
        }
    }

    /// Changes the labels while the addresses stay. Announcements heed their parameters when there is something to
    /// announce.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        let call = &VipCall::new(call);
        let mut node = VipNode::enter(call.namespace())?;
        let record = record::read(call)?;
        let ours = claims(call, record.as_ref(), &mut node)?.of_ours(&node.links, &node.held);
        let (mut wanted, _) = expected(call, record.as_ref(), &mut node)?;
        // Only the addresses that are there are changed: the others are for recovery.
        let table: AddressTable<'_> = ours.iter().collect();
        wanted.retain(|wanted| table.state(&wanted.address) != AddressState::Missing);
        if wanted.is_empty() {
            return Err(Failure::not_running("addresses: change their labels: none of them is there"));
        }
        let options = RequestedAddresses::of(&call.parameters, ValidationLevel::Consistency)?.options;
        let mut transaction = match record {
            Some(record) => Transaction::new(call, &mut node, Some(record)),
            None => Transaction::taking_over(call, &mut node, &ours),
        };
        let changed = transaction.relabel(&wanted, options);
        changed.inspect_err(|_| transaction.roll_back())
    }
}

/// Puts the addresses on their interfaces and announces them to the neighbours.
fn start(
    call: &VipCall<'_>,
    node: &mut VipNode,
    record: Option<AddressRecord>,
    wanted: &[Assignment],
    options: AddressOptions,
) -> Result<(), Failure> {
    node.raise_links(call, wanted)?;
    if call.parameters.run_arping {
        conflicts::refuse(call, node, wanted)?;
    }
    let events = Events::subscribe()?;
    let mut transaction = Transaction::new(call, node, record);
    let started = transaction
        .apply_addresses(wanted, options)
        .and_then(|()| transaction.put_into_service(wanted, &events))
        .and_then(|()| transaction.complete(wanted));
    started.inspect_err(|_| {
        announcer::cancel(call);
        transaction.roll_back();
    })
}

/// Reads the record, several times if need be: what keeps it from being read may pass, such as a full table of open
/// files.
fn read_patiently(call: &VipCall<'_>) -> Result<Option<AddressRecord>, Failure> {
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

/// Takes the addresses away. Returns what could not be put in order, for the next stop.
fn withdraw(call: &VipCall<'_>, record: Option<AddressRecord>) -> Result<AddressRecord, Failure> {
    let known = record.clone();
    let namespace = call.namespace().map(Into::into);
    let entered = record.clone().unwrap_or_else(|| AddressRecord { namespace, ..AddressRecord::default() });
    let Some(mut node) = VipNode::enter_again(&entered)? else { return Ok(AddressRecord::default()) };
    let left = Transaction::new(call, &mut node, record).withdraw(|node| claims(call, known.as_ref(), node))?;
    if call.parameters.flush_routes {
        node.flush_cached_routes().unwrap_or_else(|error| call.log().warning(error));
    }
    Ok(left)
}

/// Fails when the addresses are in a network namespace that has lost its name. It lives on as long as a process is in
/// it, and so do its addresses, which only stop can remove.
fn refuse_a_lost_namespace(record: &AddressRecord) -> Result<(), Failure> {
    let Some(name) = record.namespace.as_deref().filter(|_| !record.has_its_namespace()) else { return Ok(()) };
    let Some(node) = VipNode::enter_again(record)? else { return Ok(()) };
    match AddressClaims::recorded(record).of_ours(&node.links, &node.held).first() {
        Some(held) => Err(Failure::generic(format!(
            "address {held}: look for it in network_namespace \"{name}\": is in one that has lost this name and lives on"
        ))),
        None => Ok(()),
    }
}

/// Answers when no address is where it should be. What a start that was killed, or one with other parameters, has left
/// elsewhere must be stopped before the resource is started on another node.
fn stopped(ours: &[InterfaceAddress]) -> Result<Status, Failure> {
    match ours.first() {
        Some(held) => Err(Failure::generic(format!("address {held}: left by a start that did not end"))),
        None => Ok(Status::Stopped),
    }
}

/// Answers when it cannot be told where the addresses belong. A probe takes that for "not running here", which is wrong
/// while one of them is still on an interface: then it must be stopped.
fn without_an_interface(call: &Call, failure: Failure, ours: &[InterfaceAddress]) -> Result<Status, Failure> {
    match ours.first() {
        Some(held) => Err(Failure::generic(format!("address {held}: still on its interface, but {failure}"))),
        None if call.is_probe => Ok(Status::Stopped),
        None => Err(failure),
    }
}

/// Answers when the addresses are as they must be. They are announced again where that is asked for. What else is wrong
/// makes the resource degraded: a restart would only take the addresses away for a moment.
fn announce_and_inspect(
    call: &VipCall<'_>,
    node: &mut VipNode,
    wanted: &[Assignment],
    edited: Option<String>,
) -> Status {
    let places = wanted.iter().map(|wanted| &wanted.address);
    let orders = AnnouncementOrders::new(places, call.parameters.refreshing, call.parameters.arp_gateway);
    let refreshed = announcer::refresh(call, &orders).map(|()| None);
    let conflicts = if call.check_level >= 10 { conflicts::find(call, node, wanted) } else { Ok(None) };
    let findings = [refreshed, conflicts, policy::fault(call, node, wanted), Ok(edited)];
    let faults = findings.into_iter().filter_map(|finding| finding.unwrap_or_else(|failure| Some(failure.to_string())));
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() { Status::Running } else { Status::Degraded(faults.join("; ")) }
}

fn judge(call: &VipCall<'_>, node: &VipNode, wanted: &[Assignment], ours: &[InterfaceAddress]) -> AddressVerdict {
    let observed = node.observed_by_identity();
    verdict::judge(wanted, &ours.iter().collect(), |wanted| Evidence {
        observed: observed.get(&wanted.address.identity()).copied(),
        link: node.link(wanted.address.interface),
        carrier_matters: call.parameters.check_link_status,
    })
}
