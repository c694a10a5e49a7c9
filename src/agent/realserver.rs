//! `ocf:rust:realserver`: the virtual IP on the loopback of a real server, for direct routing and tunnelling.
//!
//! The record in `<run>/realserver/<instance>.json` holds what was there before: written first, so that a stop after
//! kill -9 restores it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{forget, parameters, turn};
use crate::model::AddressOptions;
use crate::model::InterfaceAddress;
use crate::netlink::Route;
use crate::ocf::{Action, ActionDefaults, Agent, Call, Description, Failure, Kind, Parameter, Status, ValidationLevel};
use crate::plan::{self, AddressState};
use crate::system::{RunDir, sysctl};

pub struct RealServer;

const DESCRIPTION: Description = Description {
    name: "realserver",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual IP on the loopback of a real server",
    long: "Lets a real server answer for the virtual IP without announcing it: the address is set on the loopback, and \
           arp_ignore=1 and arp_announce=2 keep ARP for it away. Use it as a clone on the real servers of a service with \
           forwarding method gate or ipip. What it changed is undone on stop.",
    parameters: &[Parameter::new(
        "ip",
        Kind::Text,
        "virtual IP addresses",
        "IPv4 and IPv6 addresses, separated by blanks or commas.",
    )
    .required()],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
    ],
};

/// What one instance has set, and what it found.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    addresses: Vec<IpAddr>,
    /// Kernel settings that this node had before the first instance, as far as they were changed.
    former_sysctls: Vec<(String, String)>,
}

impl Agent for RealServer {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn validate(&self, call: &Call, _level: ValidationLevel) -> Result<(), Failure> {
        wanted(call).map(|_| ())
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let addresses = wanted(call)?;
        let folder = RunDir::system().real_servers();
        let _turn = turn(call, &folder);
        let mut record: Record = folder.read_json(&call.instance).unwrap_or_default();
        for setting in plan::real_server_sysctls() {
            let present = sysctl::read(setting.name)?;
            if present != setting.value && !record.former_sysctls.iter().any(|(name, _)| name == setting.name) {
                record.former_sysctls.push((setting.name.into(), present));
            }
        }
        record.addresses.extend(
            addresses.iter().filter(|address| !record.addresses.contains(address)).copied().collect::<Vec<_>>(),
        );
        folder.write_json(&call.instance, &record)?;
        // Before the address: with it there and these not, one ARP answer sends the clients past the director.
        for setting in plan::real_server_sysctls() {
            if let Some(former) = sysctl::ensure(&setting)? {
                call.log().info(format!("{}: set to {} (was {former})", setting.name, setting.value));
            }
        }
        let mut route = Route::open()?;
        let loopback = loopback(&mut route)?;
        let options = AddressOptions { no_dad: true, ..Default::default() };
        Failure::collect(addresses.into_iter().map(|address| {
            route.add_address(&on_loopback(address, loopback), options).map(|_| ()).map_err(Failure::from)
        }))
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let folder = RunDir::system().real_servers();
        let _turn = turn(call, &folder);
        let record: Option<Record> = folder.read_json(&call.instance);
        let addresses = match &record {
            Some(record) => record.addresses.clone(),
            None => wanted(call).unwrap_or_default(),
        };
        let mut route = Route::open()?;
        let loopback = loopback(&mut route)?;
        let others = claimed_by_others(&call.instance);
        Failure::collect(
            addresses.into_iter().filter(|address| !others.contains(address)).map(|address| {
                route.delete_address(&on_loopback(address, loopback)).map(|_| ()).map_err(Failure::from)
            }),
        )?;
        if let Some(record) = record {
            // The addresses are gone: settings that stay as they are harm nobody, and are no reason for fencing.
            hand_over_or_restore(call, record).unwrap_or_else(|failure| call.log().warning(failure));
        }
        forget(call, &folder);
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let addresses = match RunDir::system().real_servers().read_json::<Record>(&call.instance) {
            Some(record) => record.addresses,
            None => unclaimed(call)?,
        };
        let mut route = Route::open()?;
        let loopback = loopback(&mut route)?;
        let observed: Vec<InterfaceAddress> = route.addresses()?.into_iter().map(|held| held.address).collect();
        let is_missing = |address: &&IpAddr| {
            plan::address_state(&on_loopback(**address, loopback), &observed) != AddressState::Present
        };
        let missing: Vec<&IpAddr> = addresses.iter().filter(is_missing).collect();
        if missing.len() == addresses.len() {
            return Ok(Status::Stopped);
        }
        let mut faults: Vec<String> =
            missing.iter().map(|address| format!("{address}: missing on the loopback")).collect();
        for setting in plan::real_server_sysctls() {
            let present = sysctl::read(setting.name)?;
            if present != setting.value {
                faults.push(format!("{}: is {present}, must be {}", setting.name, setting.value));
            }
        }
        if faults.is_empty() { Ok(Status::Running) } else { Err(Failure::generic(faults.join("; "))) }
    }
}

fn wanted(call: &Call) -> Result<Vec<IpAddr>, Failure> {
    let entries = parameters::address_list(call)?;
    let odd = entries.iter().filter(|entry| entry.prefix_length.is_some() || entry.nic.is_some());
    Failure::collect(odd.map(|entry| {
        let reason = "takes neither prefix nor nic here: it becomes a host address on the loopback";
        Err(Failure::bad_parameter(format!("ip \"{}\": {reason}", entry.address)))
    }))?;
    Ok(entries.into_iter().map(|entry| entry.address).collect())
}

fn loopback(route: &mut Route) -> Result<u32, Failure> {
    let link = route.links()?.into_iter().find(|link| link.loopback);
    link.map(|link| link.index).ok_or_else(|| Failure::not_installed("nic lo: find: this node has no loopback"))
}

fn on_loopback(address: IpAddr, interface: u32) -> InterfaceAddress {
    let prefix_length = plan::host_prefix(address);
    InterfaceAddress { address, prefix_length, interface, label: None, broadcast: None }
}

/// An address that a realserver instance of this node wants on a device of it.
pub(super) struct Claim {
    pub address: IpAddr,
    pub device: String,
}

/// Every address that the realserver instances of this node have recorded.
pub(super) fn claims() -> Vec<Claim> {
    let records = other_records("").into_iter().flat_map(|(_, record)| record.addresses);
    records.map(|address| Claim { address, device: "lo".into() }).collect()
}

fn other_records(instance: &str) -> Vec<(String, Record)> {
    let folder = RunDir::system().real_servers();
    let others = folder.instances().into_iter().filter(|other| other != instance);
    others.filter_map(|other| folder.read_json(&other).map(|record| (other, record))).collect()
}

fn claimed_by_others(instance: &str) -> Vec<IpAddr> {
    other_records(instance).into_iter().flat_map(|(_, other)| other.addresses).collect()
}

/// Without a record, an address of the parameters that is there is ours unless another instance has set it: the record
/// may have been lost, and a resource that is taken for stopped is never stopped.
fn unclaimed(call: &Call) -> Result<Vec<IpAddr>, Failure> {
    let others = claimed_by_others(&call.instance);
    Ok(wanted(call)?.into_iter().filter(|address| !others.contains(address)).collect())
}

/// The last instance of a node puts the kernel settings back; one that goes before leaves the former values to another.
/// A value that somebody has changed since is theirs and stays.
fn hand_over_or_restore(call: &Call, record: Record) -> Result<(), Failure> {
    if let Some((other, mut heir)) = other_records(&call.instance).into_iter().next() {
        heir.former_sysctls.extend(record.former_sysctls);
        return Ok(RunDir::system().real_servers().write_json(&other, &heir)?);
    }
    for (name, former) in record.former_sysctls {
        let ours = plan::real_server_sysctls().into_iter().find(|setting| setting.name == name);
        if ours.is_some_and(|setting| sysctl::read(&name).is_ok_and(|present| present == setting.value)) {
            sysctl::write(&name, &former)?;
            call.log().info(format!("{name}: set back to {former}"));
        }
    }
    Ok(())
}
