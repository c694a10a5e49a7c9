//! What the parameters ask of a node.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::description::{EVERY_INTERFACE, TUNNELLING};
use super::devices;
use crate::agent::parameters::{AddressEntry, address_list, readable_addresses};
use crate::netlink::route::Link;
use crate::ocf::{Call, Failure};
use crate::plan::{self, InterfaceSetting};

/// An address that a real server of this node answers for, and the device that holds it while this node is not its
/// director.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RealServerClaim {
    /// The address.
    pub address: IpAddr,
    /// The name of the device.
    pub device: String,
}

/// Addresses with their devices, and the interfaces on which the network shall not learn of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The addresses with their devices.
    pub claims: Vec<RealServerClaim>,
    /// Names of interfaces, or `all`.
    pub nics: Vec<String>,
}

impl Wanted {
    /// Returns the devices of the addresses, each once.
    pub fn devices(&self) -> Vec<String> {
        let mut devices: Vec<String> = self.claims.iter().map(|claim| claim.device.clone()).collect();
        devices.sort();
        devices.dedup();
        devices
    }

    /// Returns the kernel settings that the addresses need. IPv6 needs none: the kernel answers for an address on its
    /// own interface only, and there is no filter of sources.
    pub fn settings(&self) -> Vec<InterfaceSetting> {
        let ipv4 = || self.claims.iter().filter(|claim| claim.address.is_ipv4());
        let quiet = if ipv4().next().is_some() { self.nics.as_slice() } else { &[] };
        let tunnel = ipv4().map(|claim| claim.device.clone()).find(|device| device != devices::LOOPBACK);
        plan::real_server_settings(quiet, tunnel.as_slice())
    }

    /// Replaces alternative names of interfaces by the proper ones, under which the kernel keeps settings.
    pub fn with_proper_names(mut self, links: &[Link]) -> Self {
        for nic in &mut self.nics {
            if let Some(link) = links.iter().find(|link| link.is_called(nic)) {
                nic.clone_from(&link.name);
            }
        }
        self
    }

    /// # Errors
    /// The failure names every interface of `nic` that is missing.
    pub fn check_nics(&self, links: &[Link]) -> Result<(), Failure> {
        let absent =
            self.nics.iter().filter(|nic| *nic != EVERY_INTERFACE && !links.iter().any(|link| link.name == **nic));
        Failure::collect(absent.map(|nic| Err(Failure::not_installed(no_such_interface(nic)))))
    }
}

/// Returns the reason for a missing interface.
pub fn no_such_interface(nic: &str) -> String {
    format!("nic \"{nic}\": no such interface on this node")
}

/// The parameters of `ocf:rust:realserver`, each read once from the call, under the names of the description.
#[derive(Debug, Clone)]
pub struct RealServerParameters {
    ip: String,
    /// Whether the forwarding method is ipip.
    is_tunnelled: bool,
    nic: String,
}

impl RealServerParameters {
    /// Reads the parameters of `call`.
    pub fn of(call: &Call) -> Self {
        let text = |name| call.text(name).unwrap_or_default().to_owned();
        Self { ip: text("ip"), is_tunnelled: text("forwarding") == TUNNELLING, nic: text("nic") }
    }
}

/// Reads what the parameters ask for.
///
/// # Errors
/// The failure names everything that is wrong with the parameters on every node.
pub fn parse(parameters: &RealServerParameters) -> Result<Wanted, Failure> {
    let (claims, nics) = (claims(parameters), nics(parameters));
    match (claims, nics) {
        (Ok(claims), Ok(nics)) => Ok(Wanted { claims, nics }),
        (claims, nics) => Failure::collect([claims.map(drop), nics.map(drop)]).map(|()| Wanted::default()),
    }
}

fn claims(parameters: &RealServerParameters) -> Result<Vec<RealServerClaim>, Failure> {
    let entries = address_list(&parameters.ip)?;
    Failure::collect(entries.iter().map(|entry| match unfit(entry) {
        Some(reason) => Err(Failure::bad_parameter(format!("ip \"{}\": {reason}", entry.address))),
        None => Ok(()),
    }))?;
    Ok(entries.iter().map(|entry| claim(parameters, entry)).collect())
}

/// Returns the claims of the addresses that can be read, whatever else is wrong: for a stop without a record.
pub fn presumed_claims(parameters: &RealServerParameters) -> Vec<RealServerClaim> {
    let entries = readable_addresses(&parameters.ip);
    entries.iter().filter(|entry| unfit(entry).is_none()).map(|entry| claim(parameters, entry)).collect()
}

fn claim(parameters: &RealServerParameters, entry: &AddressEntry) -> RealServerClaim {
    let device = devices::device_of(entry.address, parameters.is_tunnelled);
    RealServerClaim { address: entry.address, device: device.into() }
}

/// Returns why a real server cannot have such an address.
fn unfit(entry: &AddressEntry) -> Option<&'static str> {
    if entry.prefix_length.is_some() || entry.nic.is_some() {
        return Some(
            "takes neither prefix nor nic here: it becomes a host address, on the device of the forwarding method",
        );
    }
    // A stop would take the address from every program that talks to another one of the node.
    entry.address.is_loopback().then_some("is the loopback address of every host, and no virtual IP")
}

fn nics(parameters: &RealServerParameters) -> Result<Vec<String>, Failure> {
    let words = || parameters.nic.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty());
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
