//! The sockets of a sync channel: multicast on one interface, never heard by this node itself.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};

use anyhow::{Context, Result, anyhow};
use nix::net::if_::if_nametoindex;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::model::SyncChannel;
use crate::system;

/// The longest datagram that the kernel's daemons send on an ordinary network.
const LONGEST: usize = 1500;

/// A socket that belongs to the group at one port, and sends to it.
#[derive(Debug)]
pub struct GroupSocket {
    socket: UdpSocket,
    group: SocketAddr,
}

impl GroupSocket {
    /// Joins the channel's group at this port.
    ///
    /// # Errors
    /// Fails when the interface is not there or has no right for multicast, or without root.
    pub fn join(channel: &SyncChannel, port: u16) -> Result<Self> {
        let index = if_nametoindex(channel.interface.as_str());
        let index = index.map_err(|errno| anyhow!("find the interface: {}", errno.desc()))?;
        let (domain, group) = match channel.group {
            IpAddr::V4(group) => (Domain::IPV4, SocketAddr::from((group, port))),
            IpAddr::V6(group) => (Domain::IPV6, SocketAddr::V6(SocketAddrV6::new(group, port, 0, index))),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).context("open a socket")?;
        configure(&socket, channel, index).context("prepare for multicast")?;
        // The kernel's own daemon has the port too, and allows that.
        socket.bind(&group.into()).with_context(|| format!("bind to {group}"))?;
        match channel.group {
            IpAddr::V4(group) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
            IpAddr::V6(group) => socket.join_multicast_v6(&group, index),
        }
        .with_context(|| format!("join {group}"))?;
        Ok(Self { socket: socket.into(), group })
    }

    /// Sends a datagram to the group.
    ///
    /// # Errors
    /// Fails when it cannot leave.
    pub fn send(&self, datagram: &[u8]) -> Result<()> {
        self.socket.send_to(datagram, self.group).with_context(|| format!("send to {}", self.group))?;
        Ok(())
    }

    /// Takes the next datagram that waits, with its sender. `None` means that none does.
    pub fn receive(&self) -> Option<(IpAddr, Vec<u8>)> {
        let mut buffer = [0; LONGEST];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        Some((from.ip(), buffer.get(..length)?.to_vec()))
    }
}

fn configure(socket: &Socket, channel: &SyncChannel, index: u32) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Without it the routes would choose where a datagram leaves, and datagrams from other interfaces would be taken.
    socket.bind_device(Some(channel.interface.as_bytes()))?;
    // This node's own backup daemon would take what it sends.
    match channel.group {
        IpAddr::V4(_) => {
            socket.set_multicast_loop_v4(false)?;
            socket.set_multicast_ttl_v4(channel.ttl.into())
        }
        IpAddr::V6(_) => {
            socket.set_multicast_if_v6(index)?;
            socket.set_multicast_loop_v6(false)?;
            socket.set_multicast_hops_v6(channel.ttl.into())
        }
    }
}

/// Returns the addresses of this node, the first one of the channel's interface and family before all others: datagrams leave
/// with that one.
///
/// # Errors
/// Fails when the interface has no address of that family: nothing could be sent.
pub fn own_addresses(channel: &SyncChannel) -> Result<Vec<IpAddr>> {
    let mut own = Vec::new();
    let mut first = None;
    for (interface, address) in system::own_addresses().context("list the addresses of this node")? {
        let is_of_channel = interface == channel.interface && address.is_ipv4() == channel.group.is_ipv4();
        if is_of_channel && first.is_none() {
            first = Some(address);
        }
        own.push(address);
    }
    let family = if channel.group.is_ipv4() { "IPv4" } else { "IPv6" };
    let first = first.ok_or_else(|| anyhow!("it has no {family} address, so nothing can be sent on it"))?;
    own.insert(0, first);
    Ok(own)
}
