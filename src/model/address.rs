//! Address families and addresses on interfaces.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Address family of a service, a real server or an interface address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Returns the length in bits of an address, which is the longest prefix.
    pub fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

/// An address as an interface holds it. Its identity is `address` and `interface`; prefix and label are configuration.
/// (The kernel keeps an IPv4 address once for each prefix length, an IPv6 address once for each interface.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The address itself.
    pub address: IpAddr,
    /// The prefix length: 0..=32 or 0..=128.
    pub prefix_length: u8,
    /// The kernel's index of the interface, never 0.
    pub interface: u32,
    /// `IFA_LABEL`, IPv4 only, at most 15 bytes; `None` means the kernel's default, the interface name.
    pub label: Option<String>,
    /// `IFA_BROADCAST`, IPv4 only.
    pub broadcast: Option<std::net::Ipv4Addr>,
}

impl InterfaceAddress {
    /// Returns what makes it this address and no other, whatever its prefix and label.
    pub fn identity(&self) -> (IpAddr, u32) {
        (self.address, self.interface)
    }
}

/// How an address is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressOptions {
    /// IPv6: the address is usable at once, without duplicate address detection (which takes a second and more).
    pub no_dad: bool,
    /// IPv6: the address is usable while duplicate address detection goes on (RFC 4429). The kernel ignores this unless
    /// `optimistic_dad` of the interface is set.
    pub optimistic: bool,
    /// No connected route comes with the address.
    pub no_prefix_route: bool,
    /// IPv6: the seconds after which the address is not chosen as a source any more; 0 means that it never is, and
    /// `None` that it always may be.
    pub preferred_lifetime: Option<u32>,
    /// The metric of the connected route that comes with the address; `None` leaves it to the kernel.
    pub metric: Option<u32>,
}

/// One step from the addresses that the kernel has to the wanted ones. [`crate::plan`] decides it, and `netlink::Route`
/// executes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChange {
    /// The address is added.
    Add(InterfaceAddress, AddressOptions),
    /// The address is deleted.
    Delete(InterfaceAddress),
}

impl AddressOptions {
    /// The address comes without duplicate address detection, and all else is as usual.
    pub const USABLE_AT_ONCE: Self =
        Self { no_dad: true, optimistic: false, no_prefix_route: false, preferred_lifetime: None, metric: None };
}

impl AddressChange {
    /// Returns the address that comes or goes.
    pub fn address(&self) -> &InterfaceAddress {
        match self {
            Self::Add(place, _) | Self::Delete(place) => place,
        }
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}
