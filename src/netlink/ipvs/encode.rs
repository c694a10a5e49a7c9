//! Turns the model into the kernel's bytes. The inverse is [`super::decode`].

use std::net::{IpAddr, Ipv4Addr};

use super::constants::*;
use crate::model::{
    Change, Family, ForwardingMethod, Persistence, Protocol, RealServer, RealServerKey, ServiceKey, SyncChannel,
    SyncDaemon, TunnelChecksum, VirtualService,
};
use crate::netlink::Result;
use crate::netlink::attribute::AttributeWriter;

/// Builds a message of the family: the generic netlink header, then the attributes.
pub(super) fn generic(command: IpvsCommand, attributes: &[u8]) -> Vec<u8> {
    [&[command as u8, FAMILY_VERSION, 0, 0], attributes].concat()
}

/// Returns the command and the attributes that execute a change.
pub(super) fn change(change: &Change) -> Result<(IpvsCommand, Vec<u8>)> {
    Ok(match change {
        Change::AddService(service) => (IpvsCommand::NewService, whole_service(service)?),
        Change::EditService(service) => (IpvsCommand::SetService, whole_service(service)?),
        Change::DeleteService(key) => (IpvsCommand::DelService, identity(key)?),
        Change::AddRealServer(key, real) => (IpvsCommand::NewDest, real_server(key, real)?),
        Change::EditRealServer(key, real) => (IpvsCommand::SetDest, real_server(key, real)?),
        Change::DeleteRealServer(key, real) => {
            let mut destination = AttributeWriter::default();
            write_destination_key(&mut destination, real)?;
            (IpvsCommand::DelDest, with_destination(key, destination)?)
        }
    })
}

/// Names a service by its key alone: to read or delete it, or to say whose real servers are meant.
pub(super) fn identity(key: &ServiceKey) -> Result<Vec<u8>> {
    let mut message = AttributeWriter::default();
    message.nest(CommandAttribute::Service, service_key(key)?)?;
    Ok(message.into_bytes())
}

/// Describes a sync daemon that is to run.
pub(super) fn sync_daemon(daemon: SyncDaemon, channel: &SyncChannel) -> Result<Vec<u8>> {
    let mut nest = AttributeWriter::default();
    nest.put(DaemonAttribute::State, daemon_state(daemon))?;
    nest.put(DaemonAttribute::Interface, channel.interface.as_str())?;
    nest.put(DaemonAttribute::SyncId, u32::from(channel.id))?;
    nest.put(DaemonAttribute::Maxlen, channel.maxlen)?;
    match channel.group {
        IpAddr::V4(group) => nest.put(DaemonAttribute::Group, group.octets())?,
        IpAddr::V6(group) => nest.put(DaemonAttribute::Group6, group.octets())?,
    }
    nest.put(DaemonAttribute::Port, channel.port)?;
    nest.put(DaemonAttribute::Ttl, channel.ttl)?;
    in_daemon(nest)
}

/// Names a sync daemon that is to end.
pub(super) fn sync_daemon_state(daemon: SyncDaemon) -> Result<Vec<u8>> {
    let mut nest = AttributeWriter::default();
    nest.put(DaemonAttribute::State, daemon_state(daemon))?;
    in_daemon(nest)
}

fn in_daemon(nest: AttributeWriter) -> Result<Vec<u8>> {
    let mut message = AttributeWriter::default();
    message.nest(CommandAttribute::Daemon, nest)?;
    Ok(message.into_bytes())
}

fn daemon_state(daemon: SyncDaemon) -> u32 {
    match daemon {
        SyncDaemon::Master => DAEMON_MASTER,
        SyncDaemon::Backup => DAEMON_BACKUP,
    }
}

fn whole_service(service: &VirtualService) -> Result<Vec<u8>> {
    let mut nest = service_key(&service.key)?;
    nest.put(ServiceAttribute::Scheduler, service.scheduler.as_str())?;
    let mut flags = [0; 8];
    flags[..4].copy_from_slice(&service_flags(service).to_ne_bytes());
    flags[4..].copy_from_slice(&SERVICE_FLAGS.to_ne_bytes());
    nest.put(ServiceAttribute::Flags, flags)?;
    nest.put(ServiceAttribute::Timeout, service.persistence.map_or(0, |persistence| persistence.timeout))?;
    nest.put(ServiceAttribute::Netmask, netmask(service.key.family(), service.persistence))?;
    if let Some(engine) = service.persistence.and_then(|persistence| persistence.engine) {
        nest.put(ServiceAttribute::PersistenceEngine, engine.name())?;
    }
    let mut message = AttributeWriter::default();
    message.nest(CommandAttribute::Service, nest)?;
    Ok(message.into_bytes())
}

fn service_key(key: &ServiceKey) -> Result<AttributeWriter> {
    let mut nest = AttributeWriter::default();
    nest.put(ServiceAttribute::Family, family_number(key.family()))?;
    match key {
        ServiceKey::Fwmark { mark, .. } => nest.put(ServiceAttribute::Fwmark, *mark)?,
        ServiceKey::Address { protocol, address, port } => {
            let number = match protocol {
                Protocol::Tcp => IPPROTO_TCP,
                Protocol::Udp => IPPROTO_UDP,
                Protocol::Sctp => IPPROTO_SCTP,
            };
            nest.put(ServiceAttribute::Protocol, number)?;
            nest.put(ServiceAttribute::Address, union_address(*address))?;
            nest.put(ServiceAttribute::Port, port.to_be_bytes())?;
        }
    }
    Ok(nest)
}

fn service_flags(service: &VirtualService) -> u32 {
    let persistent = if service.persistence.is_some() { SERVICE_PERSISTENT } else { 0 };
    let one_packet = if service.flags.one_packet { SERVICE_ONE_PACKET } else { 0 };
    let scheduler = service.flags.scheduler.iter().zip(SERVICE_SCHEDULER);
    scheduler.fold(persistent | one_packet, |flags, (set, bit)| if *set { flags | bit } else { flags })
}

/// Returns the mask of a service, also of one without persistence: the kernel refuses an IPv6 service whose prefix
/// length is not 1..=128.
fn netmask(family: Family, persistence: Option<Persistence>) -> [u8; 4] {
    let prefix_length = persistence.map_or(family.bits(), |persistence| persistence.prefix_length);
    match family {
        Family::Ipv4 => ipv4_mask(prefix_length).to_be_bytes(),
        Family::Ipv6 => u32::from(prefix_length).to_ne_bytes(),
    }
}

fn ipv4_mask(prefix_length: u8) -> u32 {
    // A shift by 32 overflows, and the mask of prefix length 0 has no bit set.
    u32::MAX.checked_shl(32 - u32::from(prefix_length.min(32))).unwrap_or(0)
}

fn real_server(key: &ServiceKey, real: &RealServer) -> Result<Vec<u8>> {
    let mut nest = AttributeWriter::default();
    write_destination_key(&mut nest, &real.key)?;
    let method = match real.forwarding {
        ForwardingMethod::Masq => FORWARD_MASQ,
        ForwardingMethod::Ipip | ForwardingMethod::Gue { .. } | ForwardingMethod::Gre { .. } => FORWARD_TUNNEL,
        ForwardingMethod::Gate => FORWARD_DIRECT,
    };
    nest.put(DestAttribute::ForwardingMethod, method)?;
    nest.put(DestAttribute::Weight, real.weight)?;
    nest.put(DestAttribute::UpperThreshold, real.upper_threshold)?;
    nest.put(DestAttribute::LowerThreshold, real.lower_threshold)?;
    write_tunnel(&mut nest, real.forwarding)?;
    with_destination(key, nest)
}

/// Says what an IP in IP tunnel does not need: an older kernel takes every tunnel for one.
fn write_tunnel(nest: &mut AttributeWriter, method: ForwardingMethod) -> Result<()> {
    let (kind, port, checksum) = match method {
        ForwardingMethod::Gate | ForwardingMethod::Masq | ForwardingMethod::Ipip => return Ok(()),
        ForwardingMethod::Gue { port, checksum } => (TUNNEL_GUE, Some(port), checksum),
        ForwardingMethod::Gre { checksum } => (TUNNEL_GRE, None, checksum),
    };
    nest.put(DestAttribute::TunnelType, kind)?;
    if let Some(port) = port {
        nest.put(DestAttribute::TunnelPort, port.to_be_bytes())?;
    }
    let flags = match checksum {
        TunnelChecksum::None => 0,
        TunnelChecksum::Outer => TUNNEL_CHECKSUM,
        TunnelChecksum::Remote => TUNNEL_REMOTE_CHECKSUM,
    };
    nest.put(DestAttribute::TunnelFlags, flags)
}

fn write_destination_key(nest: &mut AttributeWriter, key: &RealServerKey) -> Result<()> {
    nest.put(DestAttribute::Family, family_number(Family::of(key.address)))?;
    nest.put(DestAttribute::Address, union_address(key.address))?;
    nest.put(DestAttribute::Port, key.port.to_be_bytes())
}

fn with_destination(key: &ServiceKey, destination: AttributeWriter) -> Result<Vec<u8>> {
    let mut message = AttributeWriter::default();
    message.nest(CommandAttribute::Service, service_key(key)?)?;
    message.nest(CommandAttribute::Dest, destination)?;
    Ok(message.into_bytes())
}

fn family_number(family: Family) -> u16 {
    match family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}

/// Writes a `union nf_inet_addr`: an IPv4 address is its first 4 bytes, and the rest is zero.
fn union_address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = Ipv4Addr::octets(&address);
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}
