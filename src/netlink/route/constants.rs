//! Attribute numbers of rtnetlink, for the generic attribute reader: neli's own are for its route attributes only.
//!
//! They have a file of their own, because the macro that makes them readable needs the standard `Result`.

use neli::consts::genl::NlAttrType;
use neli::neli_enum;

/// `IFLA_*` (include/uapi/linux/if_link.h).
#[neli_enum(serialized_type = "u16")]
pub(super) enum LinkAttribute {
    Address = 1,
    Name = 3,
    Mtu = 4,
    /// What an answer shall leave out or add.
    ExtendedFilter = 29,
    PropertyList = 52,
    /// Within `PropertyList`, once for each name.
    AlternativeName = 53,
}
impl NlAttrType for LinkAttribute {}

/// `IFA_*` (include/uapi/linux/if_addr.h).
#[neli_enum(serialized_type = "u16")]
pub(super) enum AddressAttribute {
    /// The peer's address on a point-to-point link, else the address itself.
    Address = 1,
    Local = 2,
    Label = 3,
    Broadcast = 4,
    /// Lifetimes.
    CacheInfo = 6,
    /// All 32 flags; the header has the lower 8 only.
    Flags = 8,
    /// `IFA_RT_PRIORITY`: the metric of the connected route.
    Metric = 9,
}
impl NlAttrType for AddressAttribute {}

/// `RTA_*` (include/uapi/linux/rtnetlink.h).
#[neli_enum(serialized_type = "u16")]
pub(super) enum RouteAttribute {
    Destination = 1,
    OutputInterface = 4,
    Gateway = 5,
    Priority = 6,
    /// Several next hops.
    Multipath = 9,
    /// Table numbers above 255; the header has the lower 8 bits only.
    Table = 15,
    /// A gateway of the other address family.
    Via = 18,
}
impl NlAttrType for RouteAttribute {}

/// `NDA_*` (include/uapi/linux/neighbour.h).
#[neli_enum(serialized_type = "u16")]
pub(super) enum NeighbourAttribute {
    Destination = 1,
    LinkLayer = 2,
}
impl NlAttrType for NeighbourAttribute {}

/// `IFAL_*` (include/uapi/linux/if_addrlabel.h).
#[neli_enum(serialized_type = "u16")]
pub(super) enum PolicyAttribute {
    Address = 1,
    Label = 2,
}
impl NlAttrType for PolicyAttribute {}
