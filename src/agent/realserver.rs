//! `ocf:rust:realserver`: virtual IPs on a real server, for direct routing and tunnelling.
//!
//! On a node that is director and real server in one, `ocf:rust:vip` holds an address while the node directs, and
//! this agent while it does not. Both work in the [`turn`] of one folder, so that neither sees half of the other's
//! move.

mod description;
mod devices;
mod node;
mod packet_loop;
mod record;
mod settings;
mod wanted;

pub(super) use devices::ALL as DEVICES;
pub(super) use record::claims;
pub(super) use wanted::Claim;

use std::collections::HashSet;

use super::{forget, turn};
use crate::model::{AddressOptions, InterfaceAddress};
use crate::netlink::Route;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::plan::AddressState;
use node::Node;
use record::Record;
use wanted::Wanted;

pub struct RealServer;

impl Agent for RealServer {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        let wanted = wanted::parse(call)?;
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
        let wanted = wanted::parse(call)?.with_proper_names(&route.links()?);
        devices::provide(&wanted.devices(), &mut route)?;
        let _turn = turn(call, &record::folder());
        let former = outdated(call, &wanted, &mut route)?;
        let mut record = Record { wanted, former };
        settings::remember(&mut record)?;
        record::folder().write_json(&call.instance, &record)?;
        // Before the address: with it there and these not, one ARP answer sends the clients past the director.
        settings::set(call, &record.wanted)?;
        settings::check(&record.wanted, &route.links()?)?;
        devices::set_up(call, &record.wanted.devices(), &mut route)?;
        let node = Node::look(&mut route)?;
        Failure::collect(record.wanted.claims.iter().map(|claim| put(call, claim, &node, &mut route)))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let _turn = turn(call, &record::folder());
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
            None => unclaimed(call)?.with_proper_names(&route.links()?),
        };
        let mut node = Node::look(&mut route)?;
        if is_known && wanted.claims.iter().any(|claim| node.lacks(claim)) {
            // It may have been on its way between the director's interface and ours.
            let _turn = turn(call, &record::folder());
            node = Node::look(&mut route)?;
        }
        let is_sign = |claim: &Claim| match is_known {
            true => !node.lacks(claim),
            // What another interface has is no sign of this instance.
            false => node.state(claim) == AddressState::Present,
        };
        if !wanted.claims.iter().any(is_sign) {
            return Ok(Status::Stopped);
        }
        node.faults(&wanted)?;
        let alone = wanted.claims.iter().map(|claim| claim.address);
        let alone: Vec<_> = alone.filter(|address| !node.is_director_of(*address)).collect();
        // The addresses are as they must be, and a restart would change nothing about the table.
        Ok(match packet_loop::danger(&alone, &node.addresses) {
            Ok(None) => Status::Running,
            Ok(Some(danger)) => Status::Degraded(danger),
            Err(failure) => Status::Degraded(failure.to_string()),
        })
    }
}

/// Without a record, an address of the parameters that is there is ours unless another instance has claimed it: the
/// record may have been lost, and a resource that is taken for stopped is never stopped.
fn unclaimed(call: &Call) -> Result<Wanted, Failure> {
    let claimed: HashSet<Claim> = claims().into_iter().collect();
    let mut wanted = wanted::parse(call)?;
    wanted.claims.retain(|claim| !claimed.contains(claim));
    Ok(wanted)
}

/// The former settings that the record of an earlier start holds. One with other parameters is withdrawn: once its
/// record is overwritten, nobody knows of it.
fn outdated(call: &Call, wanted: &Wanted, route: &mut Route) -> Result<Vec<(String, String)>, Failure> {
    match record::read(&call.instance) {
        Some(record) if record.wanted != *wanted => withdraw(call, &record, route).map(|()| Vec::new()),
        Some(record) => Ok(record.former),
        None => Ok(Vec::new()),
    }
}

/// Puts the address on its device, as that of a host, unless this node is its director now.
fn put(call: &Call, claim: &Claim, node: &Node, route: &mut Route) -> Result<(), Failure> {
    let wide: Vec<InterfaceAddress> = node.wide_copies(claim).cloned().collect();
    if claim.address.is_ipv6() {
        // The kernel keeps it once for each interface: only after its removal can it have another prefix.
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
            // Nobody is asked on these devices whether another host has it.
            route.add_address(&place, AddressOptions::USABLE_AT_ONCE)?;
        }
    }
    match claim.address.is_ipv4() {
        true => devices::remove(call, &wide, node, route),
        false => Ok(()),
    }
}

/// Undoes what a start did, as far as no other instance needs it. What has the address on its device is ours, whatever its
/// prefix: the record names it.
fn withdraw(call: &Call, record: &Record, route: &mut Route) -> Result<(), Failure> {
    let node = Node::look(route)?;
    let others = claims_of_others(call);
    let ours = record.wanted.claims.iter().filter(|claim| !others.contains(claim));
    let leaving: Vec<InterfaceAddress> = ours.flat_map(|claim| node.copies(claim)).cloned().collect();
    devices::remove(call, &leaving, &node, route)?;
    settings::give_back(call, record);
    Ok(())
}

/// Without a record, ours is what a start would have led to, as far as the parameters can be read.
fn withdraw_presumed(call: &Call, route: &mut Route) -> Result<(), Failure> {
    let node = Node::look(route)?;
    let others = claims_of_others(call);
    let presumed = wanted::presumed_claims(call);
    let ours = presumed.iter().filter(|claim| !others.contains(claim));
    let present = ours.filter(|claim| node.state(claim) == AddressState::Present);
    let leaving: Vec<InterfaceAddress> = present.map(|claim| node.place(claim)).collect();
    devices::remove(call, &leaving, &node, route)
}

fn claims_of_others(call: &Call) -> HashSet<Claim> {
    record::others(&call.instance).into_iter().flat_map(|(_, other)| other.wanted.claims).collect()
}
