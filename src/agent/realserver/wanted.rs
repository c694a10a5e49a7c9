//! What the parameters ask of a node.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::devices;
use crate::agent::parameters::{self, AddressEntry};
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure};
use crate::plan::{self, InterfaceSetting};

/// An address that a real server of this node answers for, and the device that holds it while this node is not its
/// director.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    pub address: IpAddr,
    pub device: String,
}

/// Addresses with their devices, and the interfaces on which nobody may learn of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub claims: Vec<Claim>,
    /// Names of interfaces, or `all`.
    pub nics: Vec<String>,
}

impl Wanted {
    /// The devices of the addresses, each once.
    pub fn devices(&self) -> Vec<String> {
        let mut devices: Vec<String> = self.claims.iter().map(|claim| claim.device.clone()).collect();
        devices.sort();
        devices.dedup();
        devices
    }

    /// IPv6 needs none: an address is answered for on its own interface only, and there is no filter of sources.
    pub fn settings(&self) -> Vec<InterfaceSetting> {
        let ipv4 = || self.claims.iter().filter(|claim| claim.address.is_ipv4());
        let quiet = if ipv4().next().is_some() { self.nics.as_slice() } else { &[] };
        let tunnel = ipv4().map(|claim| claim.device.clone()).find(|device| device != devices::LOOPBACK);
        plan::real_server_settings(quiet, tunnel.as_slice())
    }

    /// The kernel keeps settings under the name of an interface, not under its alternative names.
    pub fn with_proper_names(mut self, links: &[Link]) -> Self {
        for nic in &mut self.nics {
            if let Some(link) = links.iter().find(|link| link.is_called(nic)) {
                nic.clone_from(&link.name);
            }
        }
        self
    }

    /// # Errors
    /// Every interface of `nic` that is not there.
    pub fn check_nics(&self, links: &[Link]) -> Result<(), Failure> {
        let absent = self.nics.iter().filter(|nic| *nic != "all" && !links.iter().any(|link| link.name == **nic));
        Failure::collect(absent.map(|nic| Err(Failure::not_installed(no_such_interface(nic)))))
    }
}

pub fn no_such_interface(nic: &str) -> String {
    format!("nic \"{nic}\": no such interface on this node")
}

/// # Errors
/// Everything that is wrong with the parameters on every node.
pub fn parse(call: &Call) -> Result<Wanted, Failure> {
    let (claims, nics) = (claims(call), nics(call));
    match (claims, nics) {
        (Ok(claims), Ok(nics)) => Ok(Wanted { claims, nics }),
        (claims, nics) => Failure::collect([claims.map(drop), nics.map(drop)]).map(|()| Wanted::default()),
    }
}

fn claims(call: &Call) -> Result<Vec<Claim>, Failure> {
    let entries = parameters::address_list(call)?;
    Failure::collect(entries.iter().map(|entry| match unfit(entry) {
        Some(reason) => Err(Failure::bad_parameter(format!("ip \"{}\": {reason}", entry.address))),
        None => Ok(()),
    }))?;
    Ok(entries.iter().map(|entry| claim(call, entry)).collect())
}

/// Of the addresses that can be read, whatever is wrong besides: for a stop without a record.
pub fn presumed_claims(call: &Call) -> Vec<Claim> {
    let entries = parameters::understood_addresses(call);
    entries.iter().filter(|entry| unfit(entry).is_none()).map(|entry| claim(call, entry)).collect()
}

fn claim(call: &Call, entry: &AddressEntry) -> Claim {
    let is_tunnelled = call.text("forwarding") == Some("ipip");
    Claim { address: entry.address, device: devices::device_of(entry.address, is_tunnelled).into() }
}

/// Why a real server cannot have such an address.
fn unfit(entry: &AddressEntry) -> Option<&'static str> {
    if entry.prefix_length.is_some() || entry.nic.is_some() {
        return Some(
            "takes neither prefix nor nic here: it becomes a host address, on the device of the forwarding method",
        );
    }
    // A stop would take it from every program that talks to another one of the node.
    entry.address.is_loopback().then_some("is the loopback address of every host, and no virtual IP")
}

fn nics(call: &Call) -> Result<Vec<String>, Failure> {
    let text = call.text("nic").unwrap_or_default();
    let words = || text.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty());
    // A name becomes part of a path.
    let bad = words().filter(|word| word.contains('/') || word.starts_with('.'));
    let bad = bad.map(|word| Err(Failure::bad_parameter(format!("nic \"{word}\": not the name of an interface"))));
    Failure::collect(bad)?;
    let mut nics: Vec<String> = words().map(Into::into).collect();
    nics.sort();
    nics.dedup();
    match nics.is_empty() {
        true => Err(Failure::bad_parameter("nic: names no interface; expected names, or all")),
        false => Ok(nics),
    }
}
