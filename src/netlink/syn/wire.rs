//! The sockets by which SYNs leave and answers come: few, however many questions there are. The last close of a packet socket
//! waits for all processors, 13 ms and more.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

use super::packet::{self, Reply, Segment};
use super::{SynQuestion, Way};
use crate::netlink::announce::Announcer;
use crate::netlink::ear::{self, Ear, Expect};
use crate::netlink::{Error, Result};

/// A TCP port of this node that nothing else has, and what it takes to send from it and to hear what comes back.
pub struct Wire {
    /// While this socket has the port, no connection of this node gets it.
    _holder: Socket,
    port: u16,
    announcer: Announcer,
    /// Sends packets that have their IP header and are routed by the kernel: IPv4, IPv6. Opened when a tunnel needs it.
    routed: [Option<Socket>; 2],
    ears: Vec<Ear>,
    /// The interface and the family of each of `ears`.
    heard: Vec<(u32, bool)>,
}

impl Wire {
    /// Opens what is needed in any case.
    ///
    /// # Errors
    /// Fails without `CAP_NET_RAW`.
    pub fn open() -> Result<Self> {
        let (holder, port) = hold_port()?;
        let announcer = Announcer::open().map_err(|error| match error.is(Errno::EAFNOSUPPORT) {
            true => error.hinting("the sandbox of a systemd unit needs RestrictAddressFamilies=AF_PACKET"),
            false => error,
        })?;
        Ok(Self { _holder: holder, port, announcer, routed: [None, None], ears: Vec::new(), heard: Vec::new() })
    }

    /// A number for the first question that differs from process to process.
    pub fn first_sequence(&self) -> u32 {
        u32::from(self.port) << 16
    }

    /// Hears from now on what answers such a question.
    ///
    /// # Errors
    /// Fails when the interface is down or gone.
    pub fn listen_for(&mut self, question: &SynQuestion) -> Result<()> {
        let (interface, is_ipv4) = (question.at.interface, question.target.is_ipv4());
        if self.heard.contains(&(interface, is_ipv4)) {
            return Ok(());
        }
        let ear = if is_ipv4 {
            let answers = [Expect::Byte(9, packet::TCP), Expect::Word(22, self.port)];
            let destination_unreachable = [Expect::Byte(9, packet::ICMP), Expect::Byte(20, 3)];
            Ear::open(question.at, libc::ETH_P_IP, &[&answers, &destination_unreachable])?
        } else {
            let answers = [Expect::Byte(6, packet::TCP), Expect::Word(42, self.port)];
            let icmp = |kind| [Expect::Byte(6, packet::ICMPV6), Expect::Byte(40, kind)];
            let (destination_unreachable, parameter_problem) = (icmp(1), icmp(4));
            Ear::open(question.at, libc::ETH_P_IPV6, &[&answers, &destination_unreachable, &parameter_problem])?
        };
        self.ears.push(ear);
        self.heard.push((interface, is_ipv4));
        Ok(())
    }

    /// Hears nothing more on interfaces other than these.
    pub fn keep_interfaces(&mut self, is_there: impl Fn(u32) -> bool) {
        self.ears.retain(|ear| is_there(ear.at.interface));
        self.heard.retain(|(interface, _)| is_there(*interface));
    }

    /// Sends the SYN of a question.
    ///
    /// # Errors
    /// Fails as [`Announcer::announce`] does, and where the kernel has no route to the end of a tunnel.
    pub fn send_syn(&mut self, question: &SynQuestion, sequence: u32) -> Result<()> {
        self.send(question, &self.segment(question, sequence).syn())
    }

    /// Gives up the connection of a question.
    ///
    /// # Errors
    /// Fails as [`Wire::send_syn`] does.
    pub fn send_rst(&mut self, question: &SynQuestion, sequence: u32) -> Result<()> {
        self.send(question, &self.segment(question, sequence).rst())
    }

    fn segment(&self, question: &SynQuestion, sequence: u32) -> Segment {
        Segment { source: SocketAddr::new(question.source, self.port), target: question.target, sequence }
    }

    fn send(&mut self, question: &SynQuestion, packet: &[u8]) -> Result<()> {
        match question.way {
            Way::Link(mac) => self.announcer.send_ip(question.at, mac, packet),
            Way::Tunnel(tunnel, ends @ [_, to]) => self.send_routed(to, &tunnel.pack(ends, self.port, packet)),
        }
    }

    fn send_routed(&mut self, to: IpAddr, packet: &[u8]) -> Result<()> {
        let [v4, v6] = &mut self.routed;
        let place = if to.is_ipv4() { v4 } else { v6 };
        let socket = match place {
            Some(socket) => socket,
            None => place.insert(open_routed(Domain::for_address(SocketAddr::new(to, 0)))?),
        };
        socket.send_to(packet, &SocketAddr::new(to, 0).into())?;
        Ok(())
    }

    /// Hands on what has arrived.
    pub fn hear(&self, mut note: impl FnMut(Reply)) {
        ear::hear_what_is_there(&self.ears, |_, packet| packet::reply(packet).into_iter().for_each(&mut note));
    }

    /// Hands on what has arrived, and what arrives until `deadline`.
    ///
    /// # Errors
    /// Fails when the kernel refuses to wait.
    pub fn hear_until(&self, deadline: Instant, mut note: impl FnMut(Reply)) -> Result<()> {
        ear::listen(&self.ears, deadline, |_, packet| packet::reply(packet).into_iter().for_each(&mut note))
    }

    /// Waits until an answer is there, or `other` can be read, or the time is over; without a limit where there is none.
    ///
    /// # Errors
    /// Fails when the kernel refuses to wait.
    pub fn wait(&self, other: BorrowedFd<'_>, limit: Option<Duration>) -> Result<()> {
        ear::wait(&self.ears, Some(other), limit)
    }
}

/// Opens a socket that sends whole packets and receives none (`IPPROTO_RAW`, raw(7)).
fn open_routed(domain: Domain) -> Result<Socket> {
    let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(Protocol::from(libc::IPPROTO_RAW)));
    socket.map_err(|error| Error::from(error).during("tunnels: open a socket"))
}

/// Takes a port for both families, or for IPv4 alone on a host that has no IPv6.
fn hold_port() -> Result<(Socket, u16)> {
    let held = hold_port_of(SocketAddr::from(([0_u16; 8], 0))).or_else(|_| hold_port_of(([0; 4], 0).into()));
    held.map_err(|error| Error::malformed(format!("no TCP port: {error}")))
}

fn hold_port_of(any: SocketAddr) -> std::io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::for_address(any), Type::STREAM, None)?;
    if any.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&any.into())?;
    let port = socket.local_addr()?.as_socket().map(|address| address.port());
    port.map(|port| (socket, port)).ok_or_else(|| std::io::Error::other("a socket without a port"))
}
