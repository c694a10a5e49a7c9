//! The sockets of questions and answers: one for each address that corosync has for this node, and bound to that alone.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::message::LONGEST;

/// The port of every director.
pub const PORT: u16 = 9118;

/// A datagram: which address got it, and who has sent it.
pub type Datagram = (IpAddr, SocketAddr, Vec<u8>);

/// All sockets.
#[derive(Debug)]
pub struct Sockets {
    port: u16,
    open: Vec<(IpAddr, UdpSocket)>,
}

impl Sockets {
    pub fn new(port: u16) -> Self {
        Self { port, open: Vec::new() }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes those of all other addresses.
    pub fn keep_only(&mut self, addresses: &[IpAddr]) {
        self.open.retain(|(address, _)| addresses.contains(address));
    }

    /// Opens those that are missing. It says what has failed, and the others are open all the same.
    pub fn open(&mut self, addresses: &[IpAddr]) -> Result<(), String> {
        let mut failed = Vec::new();
        for address in addresses {
            if self.find(*address).is_some() {
                continue;
            }
            let at = SocketAddr::new(*address, self.port);
            match bind(at) {
                Ok(socket) => self.open.push((*address, socket)),
                Err(cause) => failed.push(format!("UDP {at}: bind: {cause}")),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    /// Sends a datagram from one of the addresses. One that cannot leave is lost, as any datagram may be.
    pub fn send(&self, from: IpAddr, to: SocketAddr, datagram: &[u8]) {
        if let Some(socket) = self.find(from) {
            // Not by the event loop, which takes a new socket for one that cannot be written yet.
            let _ = SockRef::from(socket).send_to(datagram, &to.into());
        }
    }

    /// Waits for a datagram.
    pub async fn receive(&self) -> Datagram {
        poll_fn(|context| {
            let ready = self.open.iter().find_map(|(address, socket)| {
                let (from, datagram) = taken(socket, context)?;
                Some((*address, from, datagram))
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn find(&self, address: IpAddr) -> Option<&UdpSocket> {
        self.open.iter().find(|(known, _)| *known == address).map(|(_, socket)| socket)
    }
}

/// Takes the next datagram, if one waits. An error is of a datagram that was sent before, and passes.
fn taken(socket: &UdpSocket, context: &mut Context<'_>) -> Option<(SocketAddr, Vec<u8>)> {
    // One that is longer is none of ours, and is seen to be longer.
    let mut buffer = [0; LONGEST + 1];
    loop {
        let mut filled = ReadBuf::new(&mut buffer);
        match socket.poll_recv_from(context, &mut filled) {
            Poll::Ready(Ok(from)) => return Some((from, filled.filled().to_vec())),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return None,
        }
    }
}

fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = StdSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Returns the name of this host, by which the cluster knows it as a rule.
pub fn node_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
