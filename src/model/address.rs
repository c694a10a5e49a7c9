//! Address families and addresses on interfaces.

use std::fmt;
use std::net::IpAddr;

/// Address family of a service, a real server or an interface address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Length in bits of an address: the longest prefix.
    pub fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

/// An address as an interface holds it. Identity is `address` and `interface`; prefix and label are configuration.
/// (The kernel keeps an IPv4 address once for each prefix length, an IPv6 address once for each interface.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    pub address: IpAddr,
    /// 0..=32 or 0..=128.
    pub prefix_length: u8,
    /// Interface index of the kernel, never 0.
    pub interface: u32,
    /// `IFA_LABEL`, IPv4 only, at most 15 bytes; `None` means the kernel's default, the interface name.
    pub label: Option<String>,
    /// `IFA_BROADCAST`, IPv4 only.
    pub broadcast: Option<std::net::Ipv4Addr>,
}

impl InterfaceAddress {
    /// What makes it this address and no other, whatever its prefix and label.
    pub fn identity(&self) -> (IpAddr, u32) {
        (self.address, self.interface)
    }
}

/// How an address is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressOptions {
    /// IPv6: usable at once, without duplicate address detection (which takes a second and more).
    pub no_dad: bool,
    /// IPv6: usable while duplicate address detection goes on (RFC 4429). The kernel ignores it unless `optimistic_dad`
    /// of the interface is set.
    pub optimistic: bool,
    /// No connected route comes with the address.
    pub no_prefix_route: bool,
    /// IPv6, in seconds: after this time the address is not chosen as a source any more; 0: never. `None`: always.
    pub preferred_lifetime: Option<u32>,
    /// Of the connected route that comes with the address; `None` leaves it to the kernel.
    pub metric: Option<u32>,
}

/// One step from the addresses that the kernel has to the wanted ones. Decided by [`crate::plan`], executed by
/// `netlink::Route`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChange {
    Add(InterfaceAddress, AddressOptions),
    Delete(InterfaceAddress),
}

impl AddressOptions {
    /// Without duplicate address detection, all else as usual.
    pub const USABLE_AT_ONCE: Self =
        Self { no_dad: true, optimistic: false, no_prefix_route: false, preferred_lifetime: None, metric: None };
}

impl AddressChange {
    /// The address that comes or goes.
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
