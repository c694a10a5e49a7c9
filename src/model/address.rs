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

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}
