//! The virtual IPs of this node.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;

use super::Registry;
use crate::model::ServiceKey;
use crate::system::RunDir;

/// What a `vip` resource has put on interfaces, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PlacedAddresses {
    placed: Vec<PlacedAddress>,
    unfinished: Vec<PlacedAddress>,
}

#[derive(Deserialize)]
struct PlacedAddress {
    address: IpAddr,
}

/// Returns the addresses of all virtual services that resources of this node own, and those that its `vip` resources have put up:
/// a service that is a firewall mark has none of its own.
pub fn virtual_ips(run_dir: &RunDir) -> BTreeSet<IpAddr> {
    let registry = Registry::read(run_dir);
    let of_services = registry.owned().filter_map(|key| match key {
        ServiceKey::Address { address, .. } => Some(address),
        ServiceKey::Fwmark { .. } => None,
    });
    let folder = run_dir.addresses();
    let records = folder.instances().into_iter().filter_map(|instance| folder.read_json::<PlacedAddresses>(&instance));
    let placed = records.flat_map(|record| record.placed.into_iter().chain(record.unfinished));
    of_services.chain(placed.map(|placed| placed.address)).collect()
}
