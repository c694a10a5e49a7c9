//! `ocf:rust:realserver` puts virtual IPs on a real server, for direct routing and tunnelling.
//!
//! On a node that is director and real server in one, `ocf:rust:vip` holds an address while the node directs, and this
//! agent while it does not. Both hold the lock of one folder ([`lock_folder`]) while they move an address, so that
//! neither sees half of the other's move.

mod description;
mod devices;
mod node;
mod packet_loop;
mod record;
mod settings;
mod wanted;

pub(super) use devices::ALL as DEVICES;
pub(super) use record::claims;
pub(super) use wanted::RealServerClaim;

use std::collections::HashSet;

use super::{forget, lock_folder};
use crate::model::{AddressOptions, InterfaceAddress};
use crate::netlink::Route;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::AddressState;
use node::RealServerNode;
use record::RealServerRecord;
use wanted::{RealServerParameters, Wanted};

/// The agent `ocf:rust:realserver`.
pub struct RealServerAgent;

impl Agent for RealServerAgent {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        let wanted = wanted::parse(&RealServerParameters::of(call))?;
        match level {
            ValidationLevel::Consistency => Ok(()),
            ValidationLevel::Local => {
                let links = Route::open()?.links()?;
                wanted.with_proper_names(&links).check_nics(&links)
            }
        }
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let mut route = Route::open()?;
        let wanted = wanted::parse(&RealServerParameters::of(call))?.with_proper_names(&route.links()?);
        devices::provide(&wanted.devices(), &mut route)?;
        let _lock = lock_folder(call, &record::folder());
        let former = outdated(call, &wanted, &mut route)?;
        let mut record = RealServerRecord { wanted, former };
        settings::remember(&mut record)?;
        record::folder().write_json(&call.instance, &record)?;
        // The settings come before the address: with the address there and without them, one ARP answer sends the
        // clients past the director.
        settings::set(call, &record.wanted)?;
        settings::check(&record.wanted, &route.links()?)?;
        devices::set_up(call, &record.wanted.devices(), &mut route)?;
        let node = RealServerNode::look(&mut route)?;
        Failure::collect(record.wanted.claims.iter().map(|claim| put(call, claim, &node, &mut route)))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let _lock = lock_folder(call, &record::folder());
        let mut route = Route::open()?;
        match record::read(&call.instance) {
            Some(record) => withdraw(call, &record, &mut route)?,
            None => withdraw_presumed(call, &mut route)?,
        }
        forget(call, &record::folder());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let mut route = Route::open()?;
        let record = record::read(&call.instance);
        let is_known = record.is_some();
        let wanted = match record {
            Some(record) => record.wanted,
            None => unclaimed(&RealServerParameters::of(call))?.with_proper_names(&route.links()?),
        };
        let mut node = RealServerNode::look(&mut route)?;
        if is_known && wanted.claims.iter().any(|claim| node.lacks(claim)) {
            // The address may have been on its way between the director's interface and ours.
            let _lock = lock_folder(call, &record::folder());
            node = RealServerNode::look(&mut route)?;
        }
        let is_sign = |claim: &RealServerClaim| match is_known {
            true => !node.lacks(claim),
            // An address on another interface is not a sign of this instance.
            false => node.state(claim) == AddressState::Present,
        };
        if !wanted.claims.iter().any(is_sign) {
            return Ok(Status::Stopped);
        }
        node.faults(&wanted)?;
        let not_directed = wanted.claims.iter().map(|claim| claim.address);
        let not_directed: Vec<_> = not_directed.filter(|address| !node.is_director_of(*address)).collect();
        // The addresses are as they must be, and a restart would change nothing about the table.
        Ok(match packet_loop::warning(&not_directed, &node.addresses) {
            Ok(None) => Status::Running,
            Ok(Some(warning)) => Status::Degraded(warning),
            Err(failure) => Status::Degraded(failure.to_string()),
        })
    }
}

/// Returns what is this instance's without a record: an address of the parameters that is there is ours unless another
/// instance has claimed it. The record may have been lost, and a resource that is taken for stopped is never stopped.
fn unclaimed(parameters: &RealServerParameters) -> Result<Wanted, Failure> {
    let claimed: HashSet<RealServerClaim> = claims().into_iter().collect();
    let mut wanted = wanted::parse(parameters)?;
    wanted.claims.retain(|claim| !claimed.contains(claim));
    Ok(wanted)
}

/// Returns the former settings that the record of an earlier start holds. A start with other parameters is withdrawn:
/// once its record is overwritten, nothing knows of it.
fn outdated(call: &Call, wanted: &Wanted, route: &mut Route) -> Result<Vec<(String, String)>, Failure> {
    match record::read(&call.instance) {
        Some(record) if record.wanted != *wanted => withdraw(call, &record, route).map(|()| Vec::new()),
        Some(record) => Ok(record.former),
        None => Ok(Vec::new()),
    }
}

/// Puts the address on its device, as that of a host, unless this node is its director now.
fn put(call: &Call, claim: &RealServerClaim, node: &RealServerNode, route: &mut Route) -> Result<(), Failure> {
    let wide: Vec<InterfaceAddress> = node.wide_copies(claim).cloned().collect();
    if claim.address.is_ipv6() {
        // The kernel keeps the address once for each interface: only after its removal can it have another prefix.
        devices::remove(call, &wide, node, route)?;
    }
    match node.state(claim) {
        AddressState::Present => {}
        AddressState::Missing if node.is_director_of(claim.address) => {
            call.log().info(format!("address {}: another interface has it, left there", claim.address));
        }
        AddressState::Different(_) | AddressState::Missing => {
            let place = node.place(claim);
            call.log().info(format!("address {place}: add to {}", claim.device));
            // On these devices no host is asked whether it has the address.
            route.add_address(&place, AddressOptions::USABLE_AT_ONCE)?;
        }
    }
    match claim.address.is_ipv4() {
        true => devices::remove(call, &wide, node, route),
        false => Ok(()),
    }
}

/// Undoes what a start did, as far as no other instance needs it. Every copy of the address on its device is ours,
/// whatever its prefix: the record names it.
fn withdraw(call: &Call, record: &RealServerRecord, route: &mut Route) -> Result<(), Failure> {
    let node = RealServerNode::look(route)?;
    let others = claims_of_others(call);
    let ours = record.wanted.claims.iter().filter(|claim| !others.contains(claim));
    let leaving: Vec<InterfaceAddress> = ours.flat_map(|claim| node.copies(claim)).cloned().collect();
    devices::remove(call, &leaving, &node, route)?;
    settings::give_back(call, record);
    Ok(())
}

/// Undoes, without a record, what a start would have led to, as far as the parameters can be read.
fn withdraw_presumed(call: &Call, route: &mut Route) -> Result<(), Failure> {
    let node = RealServerNode::look(route)?;
    let others = claims_of_others(call);
    let presumed = wanted::presumed_claims(&RealServerParameters::of(call));
    let ours = presumed.iter().filter(|claim| !others.contains(claim));
    let present = ours.filter(|claim| node.state(claim) == AddressState::Present);
    let leaving: Vec<InterfaceAddress> = present.map(|claim| node.place(claim)).collect();
    devices::remove(call, &leaving, &node, route)
}

fn claims_of_others(call: &Call) -> HashSet<RealServerClaim> {
    record::others(&call.instance).into_iter().flat_map(|(_, other)| other.wanted.claims).collect()
}
