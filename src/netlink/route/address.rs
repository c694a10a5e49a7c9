//! Addresses of interfaces: `struct ifaddrmsg` and `IFA_*` (include/uapi/linux/if_addr.h).

use std::io::Cursor;
use std::net::IpAddr;

use neli::consts::rtnl::{RtAddrFamily, RtScope};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder};
use neli::types::Buffer;
use neli::{FromBytesWithInput, ToBytes};
use nix::errno::Errno;

use super::constants::AddressAttribute;
use crate::model::{AddressOptions, Family, InterfaceAddress};
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::{Error, Result};

/// Size of `struct ifaddrmsg`.
pub(super) const HEADER: usize = 8;

const SECONDARY: u32 = 0x01;
const NO_DAD: u32 = 0x02;
const OPTIMISTIC: u32 = 0x04;
const DAD_FAILED: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;
const PERMANENT: u32 = 0x80;
const NO_PREFIX_ROUTE: u32 = 0x200;

/// `INFINITY_LIFE_TIME` (include/net/addrconf.h).
const FOR_EVER: u32 = u32::MAX;

/// An address as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedAddress {
    /// The address with its interface, prefix and label.
    pub address: InterfaceAddress,
    /// IPv6: duplicate address detection has not ended, and the address cannot be used yet.
    pub tentative: bool,
    /// IPv6: the address may be used although it is tentative (RFC 4429).
    pub optimistic: bool,
    /// IPv6: another host has the address. It stays configured, unused, until it is deleted.
    pub dad_failed: bool,
    /// IPv6: the address is not chosen as a source (preferred lifetime 0).
    pub deprecated: bool,
    /// The address has no lifetime: it does not come from DHCP or a router advertisement.
    pub permanent: bool,
    /// IPv4: the address is not the first of its subnet on the interface. IPv6: it is a temporary address.
    pub secondary: bool,
    /// No connected route came with the address.
    pub no_prefix_route: bool,
    /// The kernel's own description, with peer, lifetimes, metric and what newer kernels may add: given back as it is,
    /// it makes the same address again.
    pub(super) description: Vec<u8>,
}

impl ObservedAddress {
    /// Returns a permanent address without any particular.
    #[cfg(test)]
    pub fn for_test(address: InterfaceAddress) -> Self {
        Self {
            address,
            tentative: false,
            optimistic: false,
            dad_failed: false,
            deprecated: false,
            permanent: true,
            secondary: false,
            no_prefix_route: false,
            description: Vec::new(),
        }
    }

    /// Returns the kernel's own description of the address, from which [`ObservedAddress::from_description`] reads it
    /// again.
    pub fn description(&self) -> &[u8] {
        &self.description
    }

    /// Reads an address from the kernel's own description of it.
    ///
    /// # Errors
    /// Fails when the bytes are no description of an address.
    pub fn from_description(description: &[u8]) -> Result<Self> {
        decode(description)?.ok_or_else(|| Error::malformed("neither an IPv4 nor an IPv6 address"))
    }
}

/// Reads an address; `None` for families other than IPv4 and IPv6.
pub(super) fn decode(payload: &[u8]) -> Result<Option<ObservedAddress>> {
    let attributes = payload.get(HEADER..).ok_or_else(|| Error::malformed("an address header is cut off"))?;
    let header = Ifaddrmsg::from_bytes_with_input(&mut Cursor::new(payload), HEADER)?;
    let family = match header.ifa_family() {
        RtAddrFamily::Inet => Family::Ipv4,
        RtAddrFamily::Inet6 => Family::Ipv6,
        _ => return Ok(None),
    };
    let attributes = Attributes::<AddressAttribute>::decode(attributes)?;
    let address = match attributes.optional_address(AddressAttribute::Local, family)? {
        Some(local) => local,
        None => attributes.required_address(AddressAttribute::Address, family)?,
    };
    let broadcast = match attributes.optional_address(AddressAttribute::Broadcast, Family::Ipv4)? {
        Some(IpAddr::V4(broadcast)) if family == Family::Ipv4 => Some(broadcast),
        _ => None,
    };
    let short_flags = u32::from(header.ifa_flags().bits());
    let flags = attributes.optional_u32(AddressAttribute::Flags)?.unwrap_or(short_flags);
    Ok(Some(ObservedAddress {
        address: InterfaceAddress {
            address,
            prefix_length: *header.ifa_prefixlen(),
            interface: *header.ifa_index(),
            label: attributes.optional_text(AddressAttribute::Label),
            broadcast,
        },
        tentative: flags & TENTATIVE != 0,
        optimistic: flags & OPTIMISTIC != 0,
        dad_failed: flags & DAD_FAILED != 0,
        deprecated: flags & DEPRECATED != 0,
        permanent: flags & PERMANENT != 0,
        secondary: flags & SECONDARY != 0,
        no_prefix_route: flags & NO_PREFIX_ROUTE != 0,
        description: payload.to_vec(),
    }))
}

pub(super) fn encode_new(address: &InterfaceAddress, options: AddressOptions) -> Result<Vec<u8>> {
    let mut message = address_alone(address)?;
    if let Some(broadcast) = address.broadcast {
        message.put(AddressAttribute::Broadcast, broadcast.octets())?;
    }
    if let Some(label) = &address.label {
        message.put(AddressAttribute::Label, label.as_str())?;
    }
    let flags =
        [(options.no_dad, NO_DAD), (options.optimistic, OPTIMISTIC), (options.no_prefix_route, NO_PREFIX_ROUTE)];
    let flags = flags.into_iter().filter(|(wanted, _)| *wanted).fold(0, |sum, (_, flag)| sum | flag);
    message.put(AddressAttribute::Flags, flags)?;
    if let Some(preferred) = options.preferred_lifetime.filter(|_| address.address.is_ipv6()) {
        // This is a `struct ifa_cacheinfo`: preferred, valid, and two time stamps that are the kernel's.
        let lifetimes: Vec<u8> = [preferred, FOR_EVER, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
        message.put(AddressAttribute::CacheInfo, Buffer::from(lifetimes))?;
    }
    if let Some(metric) = options.metric {
        message.put(AddressAttribute::Metric, metric)?;
    }
    Ok(message.into_bytes())
}

/// Builds a deletion, without label: the kernel would look for an address with exactly that one.
pub(super) fn encode_delete(address: &InterfaceAddress) -> Result<Vec<u8>> {
    Ok(address_alone(address)?.into_bytes())
}

fn address_alone(address: &InterfaceAddress) -> Result<AttributeWriter> {
    let (family, octets) = match address.address {
        IpAddr::V4(address) => (RtAddrFamily::Inet, address.octets().to_vec()),
        IpAddr::V6(address) => (RtAddrFamily::Inet6, address.octets().to_vec()),
    };
    let header = IfaddrmsgBuilder::default()
        .ifa_family(family)
        .ifa_prefixlen(address.prefix_length)
        .ifa_scope(scope(address.address))
        .ifa_index(address.interface)
        .build()
        .map_err(|_| Error::malformed("an address header cannot be written"))?;
    let mut bytes = Cursor::new(Vec::new());
    header.to_bytes(&mut bytes)?;
    let mut message = AttributeWriter::after(bytes.into_inner());
    message.put(AddressAttribute::Local, Buffer::from(octets.clone()))?;
    message.put(AddressAttribute::Address, Buffer::from(octets))?;
    Ok(message)
}

/// Returns the scope as ip(8) does: 127.0.0.0/8 does not leave the host. For IPv6 the kernel decides.
fn scope(address: IpAddr) -> RtScope {
    if address.is_loopback() { RtScope::Host } else { RtScope::Universe }
}

/// Whether an address is gone. EADDRNOTAVAIL means no such address, ENODEV no such interface, and ENXIO that IPv6 is
/// disabled on it.
pub(super) fn is_gone(error: &Error) -> bool {
    [Errno::EADDRNOTAVAIL, Errno::ENODEV, Errno::ENXIO].iter().any(|errno| error.is(*errno))
}
