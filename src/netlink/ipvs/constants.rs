//! Numbers of the generic netlink family "IPVS", version 1 (include/uapi/linux/ip_vs.h).

use neli::consts::genl::NlAttrType;
use neli::neli_enum;

pub(super) const FAMILY_NAME: &str = "IPVS";
pub(super) const FAMILY_VERSION: u8 = 1;
/// `struct genlmsghdr`: command, version, two reserved bytes.
pub(super) const GENERIC_HEADER: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum IpvsCommand {
    NewService = 1,
    SetService = 2,
    DelService = 3,
    GetService = 4,
    NewDest = 5,
    SetDest = 6,
    DelDest = 7,
    GetDest = 8,
    NewDaemon = 9,
    DelDaemon = 10,
    GetDaemon = 11,
    GetConfig = 13,
    GetInfo = 15,
}

/// The top level of every message but GET_INFO's.
#[neli_enum(serialized_type = "u16")]
pub(super) enum CommandAttribute {
    Service = 1,
    Dest = 2,
    Daemon = 3,
    TimeoutTcp = 4,
    TimeoutTcpFin = 5,
    TimeoutUdp = 6,
}
impl NlAttrType for CommandAttribute {}

#[neli_enum(serialized_type = "u16")]
pub(super) enum ServiceAttribute {
    Family = 1,
    Protocol = 2,
    /// `union nf_inet_addr`: always 16 bytes.
    Address = 3,
    /// Network order.
    Port = 4,
    Fwmark = 5,
    Scheduler = 6,
    /// `struct ip_vs_flags`: flags, then the mask of those that are meant.
    Flags = 7,
    /// The timeout of persistence, in seconds.
    Timeout = 8,
    /// IPv4: mask in network order. IPv6: prefix length in host order.
    Netmask = 9,
    /// The persistence engine; without it the service has none.
    PersistenceEngine = 11,
}
impl NlAttrType for ServiceAttribute {}

#[neli_enum(serialized_type = "u16")]
pub(super) enum DestAttribute {
    Address = 1,
    /// Network order.
    Port = 2,
    ForwardingMethod = 3,
    Weight = 4,
    UpperThreshold = 5,
    LowerThreshold = 6,
    ActiveConnections = 7,
    InactiveConnections = 8,
    PersistentConnections = 9,
    /// 32-bit counters.
    Statistics = 10,
    /// Since Linux 3.18; without it the service's family is meant.
    Family = 11,
    /// 64-bit counters, since Linux 4.1.
    Statistics64 = 12,
    /// `IP_VS_CONN_F_TUNNEL_TYPE_*`, since Linux 5.2.
    TunnelType = 13,
    /// Network order.
    TunnelPort = 14,
    /// `IP_VS_TUNNEL_ENCAP_FLAG_*`, since Linux 5.3.
    TunnelFlags = 15,
}
impl NlAttrType for DestAttribute {}

/// Counters, in both kinds of statistics. Those of bytes have 64 bits in both.
#[neli_enum(serialized_type = "u16")]
pub(super) enum StatisticsAttribute {
    Connections = 1,
    InPackets = 2,
    OutPackets = 3,
    InBytes = 4,
    OutBytes = 5,
}
impl NlAttrType for StatisticsAttribute {}

#[neli_enum(serialized_type = "u16")]
pub(super) enum DaemonAttribute {
    State = 1,
    Interface = 2,
    SyncId = 3,
    /// Since Linux 4.3, as the rest.
    Maxlen = 4,
    Group = 5,
    Group6 = 6,
    /// Host order.
    Port = 7,
    Ttl = 8,
}
impl NlAttrType for DaemonAttribute {}

#[neli_enum(serialized_type = "u16")]
pub(super) enum InfoAttribute {
    Version = 1,
}
impl NlAttrType for InfoAttribute {}

pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;
pub(super) const IPPROTO_TCP: u16 = 6;
pub(super) const IPPROTO_UDP: u16 = 17;
pub(super) const IPPROTO_SCTP: u16 = 132;

pub(super) const SERVICE_PERSISTENT: u32 = 0x1;
pub(super) const SERVICE_ONE_PACKET: u32 = 0x4;
pub(super) const SERVICE_SCHEDULER: [u32; 3] = [0x8, 0x10, 0x20];
/// The flags that a user can set. `IP_VS_SVC_F_HASHED` (0x2) is the kernel's own and must be neither sent nor compared.
pub(super) const SERVICE_FLAGS: u32 =
    SERVICE_PERSISTENT | SERVICE_ONE_PACKET | SERVICE_SCHEDULER[0] | SERVICE_SCHEDULER[1] | SERVICE_SCHEDULER[2];

/// `IP_VS_CONN_F_FWD_MASK`: the bits of FWD_METHOD that are the method.
pub(super) const FORWARD_MASK: u32 = 7;
pub(super) const FORWARD_MASQ: u32 = 0;
pub(super) const FORWARD_LOCAL: u32 = 1;
pub(super) const FORWARD_TUNNEL: u32 = 2;
pub(super) const FORWARD_DIRECT: u32 = 3;

pub(super) const TUNNEL_IPIP: u8 = 0;
pub(super) const TUNNEL_GUE: u8 = 1;
pub(super) const TUNNEL_GRE: u8 = 2;

pub(super) const TUNNEL_CHECKSUM: u16 = 1;
pub(super) const TUNNEL_REMOTE_CHECKSUM: u16 = 2;

/// `IP_VS_STATE_MASTER`: the sync daemon that sends connections.
pub(super) const DAEMON_MASTER: u32 = 1;
/// `IP_VS_STATE_BACKUP`: the sync daemon that receives them. Both may run at once.
pub(super) const DAEMON_BACKUP: u32 = 2;
