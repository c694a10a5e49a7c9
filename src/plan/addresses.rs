//! Addresses on interfaces: how they stand, and how the kernel gets to the wanted ones.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use crate::model::{AddressChange, AddressOptions, Family, InterfaceAddress};

/// How a wanted address stands in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// The interface does not have it.
    Missing,
    /// It is on the wanted interface with the wanted prefix and label.
    Present,
    /// It is on the wanted interface, but with another prefix or label: start replaces it.
    Different(InterfaceAddress),
}

/// The addresses of a machine, found by identity (address and interface) however many there are.
#[derive(Debug, Default)]
pub struct AddressTable<'a>(HashMap<(IpAddr, u32), Vec<&'a InterfaceAddress>>);

impl<'a> FromIterator<&'a InterfaceAddress> for AddressTable<'a> {
    fn from_iter<T: IntoIterator<Item = &'a InterfaceAddress>>(addresses: T) -> Self {
        let mut table = Self::default();
        for held in addresses {
            table.0.entry(held.identity()).or_default().push(held);
        }
        table
    }
}

impl<'a> AddressTable<'a> {
    /// Returns how a wanted address stands in the kernel.
    pub fn state(&self, wanted: &InterfaceAddress) -> AddressState {
        state_among(wanted, self.copies(wanted))
    }

    /// Returns the same address on the same interface, with whatever prefixes and labels.
    fn copies(&self, wanted: &InterfaceAddress) -> &[&'a InterfaceAddress] {
        self.0.get(&wanted.identity()).map(Vec::as_slice).unwrap_or_default()
    }
}

fn state_among(wanted: &InterfaceAddress, copies: &[&InterfaceAddress]) -> AddressState {
    match (copies.iter().any(|held| fits(wanted, held)), copies.last()) {
        (true, _) => AddressState::Present,
        (false, Some(held)) => AddressState::Different((*held).clone()),
        (false, None) => AddressState::Missing,
    }
}

fn fits(wanted: &InterfaceAddress, held: &InterfaceAddress) -> bool {
    held.prefix_length == wanted.prefix_length && (wanted.label.is_none() || wanted.label == held.label)
}

/// Returns what to do so that each wanted address is there, once and as it is wanted. An IPv4 address that is there in
/// another form is not missing in between: connections to it live on.
pub fn address_changes(
    wanted: &[InterfaceAddress],
    options: AddressOptions,
    table: &AddressTable<'_>,
) -> Vec<AddressChange> {
    wanted.iter().flat_map(|wanted| changes_of_one(wanted, options, table.copies(wanted))).collect()
}

fn changes_of_one(
    wanted: &InterfaceAddress,
    options: AddressOptions,
    copies: &[&InterfaceAddress],
) -> Vec<AddressChange> {
    let delete = |held: &InterfaceAddress| AddressChange::Delete(held.clone());
    let (right, wrong): (Vec<_>, Vec<_>) = copies.iter().copied().partition(|held| fits(wanted, held));
    if !right.is_empty() {
        return wrong.into_iter().map(delete).collect();
    }
    // The kernel has an IPv6 address once, and an IPv4 address once for each prefix: the copy in the way has to go
    // first.
    let is_in_the_way = |held: &&InterfaceAddress| held.address.is_ipv6() || held.prefix_length == wanted.prefix_length;
    let (in_the_way, others): (Vec<_>, Vec<_>) = wrong.into_iter().partition(is_in_the_way);
    let stand_in = (wanted.address.is_ipv4() && !in_the_way.is_empty() && others.is_empty()).then(|| stand_in(wanted));
    let options_of_stand_in = AddressOptions { no_prefix_route: true, ..AddressOptions::default() };
    let come = stand_in.iter().map(|place| AddressChange::Add(place.clone(), options_of_stand_in));
    let added = [AddressChange::Add(wanted.clone(), options)];
    come.chain(in_the_way.into_iter().map(delete))
        .chain(added)
        .chain(others.into_iter().map(delete))
        .chain(stand_in.iter().map(delete))
        .collect()
}

/// Returns the address that keeps an IPv4 address local while its only copy is replaced by one of the same prefix.
fn stand_in(wanted: &InterfaceAddress) -> InterfaceAddress {
    let prefix_length = if wanted.prefix_length == 32 { 31 } else { 32 };
    InterfaceAddress { prefix_length, label: None, broadcast: None, ..wanted.clone() }
}

/// Returns the order in which the kernel deletes addresses one by one without taking one of them along or promoting one
/// that leaves next, and with the least to do for each. `leaving` is in the kernel's order. For IPv4 that order has the
/// first address of each subnet (the primary one), then all others (secondary ones) as they came, so the last one
/// leaves first. For IPv6 it has the newest address first, and that one leaves first.
pub fn deletion_order(leaving: Vec<InterfaceAddress>) -> Vec<InterfaceAddress> {
    let (ipv4, ipv6): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|held| held.address.is_ipv4());
    ipv4.into_iter().rev().chain(ipv6).collect()
}

/// Returns the interfaces on which a change deletes the primary IPv4 address of a subnet that keeps others: with
/// `promote_secondaries` 0 the kernel removes those too. `held` is in the kernel's order.
pub fn interfaces_to_promote_on(held: &[InterfaceAddress], changes: &[AddressChange]) -> HashSet<u32> {
    let leaving: HashSet<&InterfaceAddress> = changes.iter().filter_map(deletion).collect();
    if leaving.iter().all(|place| place.address.is_ipv6()) {
        return HashSet::default();
    }
    let come = changes.iter().filter(|change| matches!(change, AddressChange::Add(..))).map(AddressChange::address);
    // The value says whether the primary address of a subnet leaves. It is the first one in the kernel's list.
    let mut subnets: HashMap<(u32, u8, u32), bool> = HashMap::default();
    let mut interfaces = HashSet::default();
    for place in held.iter().chain(come) {
        let Some(subnet) = subnet(place) else { continue };
        let leaves = leaving.contains(place);
        let primary_leaves = *subnets.entry(subnet).or_insert(leaves);
        if primary_leaves && !leaves {
            interfaces.insert(place.interface);
        }
    }
    interfaces
}

/// Returns interface, prefix length and network of an IPv4 address.
fn subnet(place: &InterfaceAddress) -> Option<(u32, u8, u32)> {
    let IpAddr::V4(address) = place.address else { return None };
    let host_bits = u32::MAX.checked_shr(place.prefix_length.into()).unwrap_or(0);
    Some((place.interface, place.prefix_length, address.to_bits() & !host_bits))
}

/// Returns those of `before` that are lost against the will of everyone: with `promote_secondaries` 0 the kernel
/// removes the other IPv4 addresses of a subnet together with its primary one, which may be other resources' virtual
/// IPs. `changes` are all that were asked for: an address that had gone with another one before its own deletion is no
/// loss.
pub fn lost_addresses<'a>(
    before: &'a [InterfaceAddress],
    changes: &[AddressChange],
    after: &AddressTable<'_>,
) -> Vec<&'a InterfaceAddress> {
    let deleted: AddressTable<'_> = changes.iter().filter_map(deletion).collect();
    let touched: HashSet<u32> = changes.iter().filter_map(deletion).map(|place| place.interface).collect();
    let is_lost = |held: &&InterfaceAddress| {
        held.address.is_ipv4() && touched.contains(&held.interface) && !has(&deleted, held) && !has(after, held)
    };
    before.iter().filter(is_lost).collect()
}

fn deletion(change: &AddressChange) -> Option<&InterfaceAddress> {
    match change {
        AddressChange::Delete(place) => Some(place),
        AddressChange::Add(..) => None,
    }
}

fn has(table: &AddressTable<'_>, place: &InterfaceAddress) -> bool {
    table.copies(place).iter().any(|held| held.prefix_length == place.prefix_length)
}

/// Answers [`AddressTable::state`] for one question, which is not worth a table.
pub fn address_state(wanted: &InterfaceAddress, observed: &[InterfaceAddress]) -> AddressState {
    let copies: Vec<&InterfaceAddress> = observed.iter().filter(|held| held.identity() == wanted.identity()).collect();
    state_among(wanted, &copies)
}

/// Returns the prefix of a host address, /32 or /128.
pub fn host_prefix(address: IpAddr) -> u8 {
    Family::of(address).bits()
}

#[cfg(test)]
mod tests;
