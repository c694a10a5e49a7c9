//! What the kernel says of interfaces, addresses and routes.

use super::{ObservedAddress, address, connected, link, local, neighbour, policy};
use crate::seeds::Seeds;

#[test]
fn route_messages() {
    let seeds = Seeds::of("route_messages");
    bolero::check!(name = "route_messages").for_each(|bytes: &[u8]| seeds.each(bytes, messages));
}

/// A description that is kept reads back as the same address.
fn messages(payload: &[u8]) {
    if let Ok(Some(observed)) = address::decode(payload) {
        assert_eq!(ObservedAddress::from_description(observed.description()), Ok(observed));
    }
    if let Ok(Some(link)) = link::decode(payload) {
        assert!(link.station().is_none_or(|station| station.interface == link.index), "{link:?}");
    }
    let _ = (connected::decode(payload), connected::decode_gateway(payload), connected::decode_hop(payload));
    let _ = (local::decode(payload), neighbour::decode(payload), policy::decode(payload));
    if let Ok(Some(route)) = connected::decode(payload) {
        // Whatever the lengths of its prefix and address.
        let _ = connected::interface_for(route.destination, [&route]);
    }
}
