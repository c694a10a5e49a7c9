//! Turns the kernel's bytes into the model. Input is never trusted: whatever is cut off or missing is an error.

use super::constants::*;
use super::{Connections, RealServerInUse, Timeouts, Traffic, Version};
use crate::model::{
    Family, ForwardingMethod, Persistence, PersistenceEngine, Protocol, RealServer, RealServerKey, Scheduler,
    ServiceFlags, ServiceKey, SyncChannel, SyncDaemon, TunnelChecksum, VirtualService,
};
use crate::netlink::attribute::Attributes;
use crate::netlink::{Error, Result};

/// Reads a virtual service; `None` for a protocol that the model does not have (AH and ESP).
pub(super) fn service(payload: &[u8]) -> Result<Option<VirtualService>> {
    let message = Attributes::<CommandAttribute>::decode(attributes_of(payload)?)?;
    let nest = Attributes::<ServiceAttribute>::decode(message.required(CommandAttribute::Service)?)?;
    let Some(key) = service_key(&nest)? else {
        return Ok(None);
    };
    let [a, b, c, d, ..] = nest.required_bytes::<8>(ServiceAttribute::Flags)?;
    let flags = u32::from_ne_bytes([a, b, c, d]);
    let persistence = Persistence {
        timeout: nest.required_u32(ServiceAttribute::Timeout)?,
        prefix_length: prefix_length(key.family(), nest.required_bytes(ServiceAttribute::Netmask)?)?,
        engine: nest.optional_text(ServiceAttribute::PersistenceEngine).map(|name| engine(&name)),
    };
    Ok(Some(VirtualService {
        key,
        scheduler: Scheduler::named(nest.required_text(ServiceAttribute::Scheduler)?),
        persistence: (flags & SERVICE_PERSISTENT != 0).then_some(persistence),
        flags: ServiceFlags {
            one_packet: flags & SERVICE_ONE_PACKET != 0,
            scheduler: SERVICE_SCHEDULER.map(|bit| flags & bit != 0),
        },
    }))
}

fn engine(name: &str) -> PersistenceEngine {
    name.parse().unwrap_or(PersistenceEngine::Other)
}

fn service_key(nest: &Attributes<ServiceAttribute>) -> Result<Option<ServiceKey>> {
    let family = family(nest.required_u16(ServiceAttribute::Family)?)?;
    if let Some(mark) = nest.optional_u32(ServiceAttribute::Fwmark)?.filter(|mark| *mark != 0) {
        return Ok(Some(ServiceKey::Fwmark { mark, family }));
    }
    let protocol = match nest.required_u16(ServiceAttribute::Protocol)? {
        IPPROTO_TCP => Protocol::Tcp,
        IPPROTO_UDP => Protocol::Udp,
        IPPROTO_SCTP => Protocol::Sctp,
        _ => return Ok(None),
    };
    let address = nest.required_address(ServiceAttribute::Address, family)?;
    let port = nest.required_port(ServiceAttribute::Port)?;
    Ok(Some(ServiceKey::Address { protocol, address, port }))
}

fn family(number: u16) -> Result<Family> {
    match number {
        AF_INET => Ok(Family::Ipv4),
        AF_INET6 => Ok(Family::Ipv6),
        other => Err(Error::malformed(format!("address family {other}, expected {AF_INET} or {AF_INET6}"))),
    }
}

/// Reads the prefix length of a persistence. A mask with holes, which only another program can have set, counts up to
/// its first hole.
fn prefix_length(family: Family, bytes: [u8; 4]) -> Result<u8> {
    let length = match family {
        Family::Ipv4 => u32::from_be_bytes(bytes).leading_ones(),
        Family::Ipv6 => u32::from_ne_bytes(bytes),
    };
    u8::try_from(length).map_err(|_| Error::malformed(format!("prefix length {length} of a persistence")))
}

/// Reads a real server of a service whose family is `service_family`.
pub(super) fn destination(payload: &[u8], service_family: Family) -> Result<RealServerInUse> {
    let message = Attributes::<CommandAttribute>::decode(attributes_of(payload)?)?;
    let nest = Attributes::<DestAttribute>::decode(message.required(CommandAttribute::Dest)?)?;
    let family = match nest.optional_u16(DestAttribute::Family)? {
        Some(number) => family(number)?,
        None => service_family,
    };
    let (forwarding, local) = match nest.required_u32(DestAttribute::ForwardingMethod)? & FORWARD_MASK {
        FORWARD_MASQ => (ForwardingMethod::Masq, false),
        FORWARD_TUNNEL => (tunnel(&nest)?, false),
        FORWARD_LOCAL => (ForwardingMethod::Gate, true),
        // "Bypass" and numbers of the future say that the packet leaves unchanged or by a way that the model has no word
        // for, and one such entry of another program must not hide the whole table.
        _ => (ForwardingMethod::Gate, false),
    };
    let real_server = RealServer {
        key: RealServerKey {
            address: nest.required_address(DestAttribute::Address, family)?,
            port: nest.required_port(DestAttribute::Port)?,
        },
        forwarding,
        local,
        weight: nest.required_u32(DestAttribute::Weight)?,
        upper_threshold: nest.required_u32(DestAttribute::UpperThreshold)?,
        lower_threshold: nest.required_u32(DestAttribute::LowerThreshold)?,
    };
    let connections = Connections {
        active: nest.required_u32(DestAttribute::ActiveConnections)?,
        inactive: nest.required_u32(DestAttribute::InactiveConnections)?,
        persistent: nest.required_u32(DestAttribute::PersistentConnections)?,
    };
    Ok(RealServerInUse { real_server, connections, traffic: traffic(&nest)? })
}

/// Reads the counters, those of 64 bits where there are such.
fn traffic(nest: &Attributes<DestAttribute>) -> Result<Traffic> {
    let wide = nest.optional(DestAttribute::Statistics64);
    let Some(bytes) = wide.or_else(|| nest.optional(DestAttribute::Statistics)) else { return Ok(Traffic::default()) };
    let counters = Attributes::<StatisticsAttribute>::decode(bytes)?;
    let long = |kind| Ok(u64::from_ne_bytes(counters.required_bytes(kind)?));
    let number = |kind| if wide.is_some() { long(kind) } else { counters.required_u32(kind).map(u64::from) };
    Ok(Traffic {
        connections: number(StatisticsAttribute::Connections)?,
        in_packets: number(StatisticsAttribute::InPackets)?,
        out_packets: number(StatisticsAttribute::OutPackets)?,
        in_bytes: long(StatisticsAttribute::InBytes)?,
        out_bytes: long(StatisticsAttribute::OutBytes)?,
    })
}

/// Reads what kind of tunnel it is. A kernel that does not say knows IP in IP alone, and a kind of the future counts as
/// that.
fn tunnel(nest: &Attributes<DestAttribute>) -> Result<ForwardingMethod> {
    let flags = nest.optional_u16(DestAttribute::TunnelFlags)?.unwrap_or(0);
    let checksum = match (flags & TUNNEL_CHECKSUM != 0, flags & TUNNEL_REMOTE_CHECKSUM != 0) {
        (_, true) => TunnelChecksum::Remote,
        (true, false) => TunnelChecksum::Outer,
        (false, false) => TunnelChecksum::None,
    };
    let [kind] = match nest.optional(DestAttribute::TunnelType) {
        Some(_) => nest.required_bytes(DestAttribute::TunnelType)?,
        None => [TUNNEL_IPIP],
    };
    Ok(match kind {
        TUNNEL_GUE => ForwardingMethod::Gue { port: nest.required_port(DestAttribute::TunnelPort)?, checksum },
        TUNNEL_GRE => ForwardingMethod::Gre { checksum },
        _ => ForwardingMethod::Ipip,
    })
}

pub(super) fn version(payload: &[u8]) -> Result<Version> {
    let info = Attributes::<InfoAttribute>::decode(attributes_of(payload)?)?;
    let [_, major, minor, patch] = info.required_u32(InfoAttribute::Version)?.to_be_bytes();
    Ok(Version { major, minor, patch })
}

pub(super) fn timeouts(payload: &[u8]) -> Result<Timeouts> {
    let config = Attributes::<CommandAttribute>::decode(attributes_of(payload)?)?;
    // Without CONFIG_IP_VS_PROTO_TCP or _UDP the kernel leaves the attributes out.
    Ok(Timeouts {
        tcp: config.optional_u32(CommandAttribute::TimeoutTcp)?.unwrap_or(0),
        tcp_fin: config.optional_u32(CommandAttribute::TimeoutTcpFin)?.unwrap_or(0),
        udp: config.optional_u32(CommandAttribute::TimeoutUdp)?.unwrap_or(0),
    })
}

/// Reads a sync daemon; `None` for a state that is not known here. What a kernel before 4.3 does not say has one value there.
pub(super) fn sync_daemon(payload: &[u8]) -> Result<Option<(SyncDaemon, SyncChannel)>> {
    let message = Attributes::<CommandAttribute>::decode(attributes_of(payload)?)?;
    let nest = Attributes::<DaemonAttribute>::decode(message.required(CommandAttribute::Daemon)?)?;
    let daemon = match nest.required_u32(DaemonAttribute::State)? {
        DAEMON_MASTER => SyncDaemon::Master,
        DAEMON_BACKUP => SyncDaemon::Backup,
        _ => return Ok(None),
    };
    let id = nest.required_u32(DaemonAttribute::SyncId)?;
    let group4 = nest.optional_address(DaemonAttribute::Group, Family::Ipv4)?;
    let group6 = nest.optional_address(DaemonAttribute::Group6, Family::Ipv6)?;
    let ttl = nest.optional(DaemonAttribute::Ttl).and_then(|bytes| bytes.first());
    let default = SyncChannel::default();
    let channel = SyncChannel {
        interface: nest.required_text(DaemonAttribute::Interface)?,
        id: u8::try_from(id).map_err(|_| Error::malformed(format!("sync id {id}")))?,
        group: group6.or(group4).unwrap_or(default.group),
        port: nest.optional_u16(DaemonAttribute::Port)?.unwrap_or(default.port),
        ttl: ttl.copied().unwrap_or(default.ttl),
        maxlen: nest.optional_u16(DaemonAttribute::Maxlen)?.unwrap_or(default.maxlen),
    };
    Ok(Some((daemon, channel)))
}

fn attributes_of(payload: &[u8]) -> Result<&[u8]> {
    payload.get(GENERIC_HEADER..).ok_or_else(|| Error::malformed("a generic netlink header is cut off"))
}
