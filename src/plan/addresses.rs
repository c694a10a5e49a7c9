//! Addresses on interfaces.

use std::net::IpAddr;

use crate::model::{Family, InterfaceAddress};

/// How a wanted address stands in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    Missing,
    /// On the wanted interface with the wanted prefix.
    Present,
    /// On the wanted interface, but with another prefix or label: start replaces it.
    Different(InterfaceAddress),
}

/// Finds `wanted` among `observed`. Identity is the address and the interface; the rest is configuration.
pub fn address_state(wanted: &InterfaceAddress, observed: &[InterfaceAddress]) -> AddressState {
    let same = observed.iter().filter(|held| held.address == wanted.address && held.interface == wanted.interface);
    let mut other = None;
    for held in same {
        let label_fits = wanted.label.is_none() || wanted.label == held.label;
        if held.prefix_length == wanted.prefix_length && label_fits {
            return AddressState::Present;
        }
        other = Some(held.clone());
    }
    other.map_or(AddressState::Missing, AddressState::Different)
}

/// The prefix of a host address, /32 or /128: what a virtual IP has when nothing else is said.
pub fn host_prefix(address: IpAddr) -> u8 {
    Family::of(address).bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(prefix_length: u8, interface: u32, label: Option<&str>) -> InterfaceAddress {
        let label = label.map(Into::into);
        InterfaceAddress { address: [192, 0, 2, 9].into(), prefix_length, interface, label, broadcast: None }
    }

    #[test]
    fn identity_is_address_and_interface() {
        let wanted = address(24, 2, None);
        assert_eq!(address_state(&wanted, &[]), AddressState::Missing);
        assert_eq!(address_state(&wanted, &[address(24, 3, None)]), AddressState::Missing);
        assert_eq!(address_state(&wanted, &[address(24, 2, Some("eth0:1"))]), AddressState::Present);
        assert_eq!(address_state(&wanted, &[address(32, 2, None)]), AddressState::Different(address(32, 2, None)));
        assert_eq!(address_state(&wanted, &[address(32, 2, None), address(24, 2, None)]), AddressState::Present);
    }

    #[test]
    fn a_wanted_label_is_part_of_the_configuration() {
        let wanted = address(24, 2, Some("eth0:vip"));
        let plain = address(24, 2, Some("eth0"));
        assert_eq!(address_state(&wanted, std::slice::from_ref(&plain)), AddressState::Different(plain));
        assert_eq!(address_state(&wanted, std::slice::from_ref(&wanted)), AddressState::Present);
    }
}
