//! Interfaces: `struct ifinfomsg` and `IFLA_*` (include/uapi/linux/if_link.h).

use std::io::Cursor;

use neli::FromBytesWithInput;
use neli::consts::rtnl::{Arphrd, Iff};
use neli::rtnl::Ifinfomsg;

use super::constants::LinkAttribute;
use crate::netlink::announce::Station;
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::{Error, Result};

/// Size of `struct ifinfomsg`.
pub(super) const HEADER: usize = 16;

/// A network interface at the moment of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index of the interface, never 0.
    pub index: u32,
    /// The name as the kernel has it, but for bytes that are not UTF-8, which read as `\xNN`.
    pub name: String,
    /// Its alternative names (`ip link property add dev NAME altname …`).
    pub altnames: Vec<String>,
    /// Whether it is administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether it is up and has a carrier (`IFF_RUNNING`): packets can leave.
    pub running: bool,
    /// Whether it is a loopback interface (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// Whether it leads to one peer (`IFF_POINTOPOINT`).
    pub point_to_point: bool,
    /// Whether neighbours are not asked for by ARP or NDP (`IFF_NOARP`): an announcement would reach no host.
    pub no_arp: bool,
    /// The link-layer address of Ethernet and what looks like it (VLAN, bond, bridge, veth); `None` for loopback,
    /// tunnels, InfiniBand.
    pub mac: Option<[u8; 6]>,
    /// The longest packet in bytes that it sends in one piece; `None` where the kernel does not say.
    pub mtu: Option<u32>,
}

impl Link {
    /// Whether the interface has this name or alternative name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.altnames.iter().any(|altname| altname == name)
    }

    /// Returns where neighbours reach what is on this interface. `None` means that it has no neighbours (loopback,
    /// tunnels), or is down.
    pub fn station(&self) -> Option<Station> {
        let mac = self.mac.filter(|_| self.up && !self.loopback && !self.no_arp)?;
        Some(Station { interface: self.index, mac })
    }
}

/// Builds a question for every interface, without the counters, which are most of an answer.
pub(super) fn list() -> Result<Vec<u8>> {
    /// include/uapi/linux/rtnetlink.h
    const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
    let mut message = AttributeWriter::after(vec![0; HEADER]);
    message.put(LinkAttribute::ExtendedFilter, RTEXT_FILTER_SKIP_STATS)?;
    Ok(message.into_bytes())
}

/// Builds a `struct ifinfomsg` that asks for `IFF_UP` to be set or taken, and for no other flag to change.
pub(super) fn encode_up(index: u32, up: bool) -> Vec<u8> {
    /// include/uapi/linux/if.h
    const IFF_UP: u32 = 1;
    // The first bytes are family, padding and type: none of them matters to a change of flags.
    let mut header = vec![0; 4];
    for field in [index, if up { IFF_UP } else { 0 }, IFF_UP] {
        header.extend(field.to_ne_bytes());
    }
    header
}

pub(super) fn decode(payload: &[u8]) -> Result<Option<Link>> {
    let attributes = payload.get(HEADER..).ok_or_else(|| Error::malformed("an interface header is cut off"))?;
    let attributes = Attributes::<LinkAttribute>::decode(attributes)?;
    let header = Ifinfomsg::from_bytes_with_input(&mut Cursor::new(payload), HEADER)?;
    let index = u32::try_from(*header.ifi_index()).map_err(|_| Error::malformed("a negative interface index"))?;
    let flags = header.ifi_flags();
    let mac = attributes.optional(LinkAttribute::Address).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    Ok(Some(Link {
        index,
        name: attributes.required_text(LinkAttribute::Name)?,
        altnames: altnames(&attributes)?,
        up: flags.contains(Iff::UP),
        running: flags.contains(Iff::UP | Iff::RUNNING),
        loopback: flags.contains(Iff::LOOPBACK),
        point_to_point: flags.contains(Iff::POINTOPOINT),
        no_arp: flags.contains(Iff::NOARP),
        mac: mac.filter(|_| *header.ifi_type() == Arphrd::Ether),
        mtu: attributes.optional_u32(LinkAttribute::Mtu)?,
    }))
}

fn altnames(attributes: &Attributes<LinkAttribute>) -> Result<Vec<String>> {
    let Some(list) = attributes.optional(LinkAttribute::PropertyList) else {
        return Ok(Vec::new());
    };
    let list = Attributes::<LinkAttribute>::decode(list)?;
    Ok(list.texts(LinkAttribute::AlternativeName))
}
