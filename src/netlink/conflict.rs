//! Asks the network whether another host has an address (RFC 5227 for IPv4, RFC 4862 §5.4 for IPv6), for many addresses
//! at once and in a fraction of a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, bind, recv, setsockopt, socket, sockopt};

use super::announce::{Announcer, Station, frame, link_address};
use super::{Error, Result};

/// A host on the same link answers within a millisecond or two; the rest is for one that is busy. RFC 5227 waits for
/// seconds, to find hosts that only just booted, and a cluster that moves an address cannot.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_millis(100);

/// Another host that has an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub address: IpAddr,
    /// Index of our interface to its link.
    pub interface: u32,
    /// The other host's link-layer address.
    pub mac: [u8; 6],
}

/// Claims of other hosts to these addresses, each address at most once for each interface. Asks three times within
/// 300 ms, and ends early when all are claimed. `own`: the link-layer addresses of this host, which answers for its
/// addresses on each interface that is attached to the same link.
///
/// # Errors
/// Needs `CAP_NET_RAW`. When an interface is down or gone.
pub fn find(questions: &[(Station, IpAddr)], own: &[[u8; 6]]) -> Result<Vec<Claim>> {
    let announcer = Announcer::open()?;
    // Before the first question, or an answer could come too early to be heard.
    let ears = ears(questions)?;
    let mut claims: HashMap<(IpAddr, u32), Claim> = HashMap::new();
    for _ in 0..ROUNDS {
        let open = |(at, address): &&(Station, IpAddr)| !claims.contains_key(&(*address, at.interface));
        let asked: Vec<_> = questions.iter().filter(open).collect();
        if asked.is_empty() {
            break;
        }
        for (at, address) in asked {
            match announcer.probe(*at, *address) {
                // Others fill the link for a moment; it is asked for again.
                Err(error) if error.is(Errno::ENOBUFS) => {}
                asked => asked?,
            }
        }
        listen(&ears, Instant::now() + ROUND, |at, packet| {
            let Some((address, mac)) = frame::claim(packet) else { return };
            let is_asked = questions.iter().any(|(asked, ip)| asked.interface == at.interface && *ip == address);
            if is_asked && !own.contains(&mac) {
                let claim = Claim { address, interface: at.interface, mac };
                claims.entry((address, at.interface)).or_insert(claim);
            }
        })?;
    }
    let mut claims: Vec<Claim> = claims.into_values().collect();
    claims.sort_by_key(|claim| (claim.address, claim.interface));
    Ok(claims)
}

/// A socket for one protocol on one interface.
struct Ear {
    at: Station,
    socket: OwnedFd,
}

fn ears(questions: &[(Station, IpAddr)]) -> Result<Vec<Ear>> {
    let mut wanted: Vec<(Station, i32)> = Vec::new();
    for (at, address) in questions {
        let protocol = if address.is_ipv4() { libc::ETH_P_ARP } else { libc::ETH_P_IPV6 };
        if !wanted.iter().any(|(known, other)| known.interface == at.interface && *other == protocol) {
            wanted.push((*at, protocol));
        }
    }
    let open = |(at, protocol): (Station, i32)| Ok(Ear { at, socket: listening(at.interface, protocol)? });
    let opened: Result<Vec<Ear>> = wanted.into_iter().map(open).collect();
    opened.map_err(|error| error.during("address conflicts: listen"))
}

fn listening(interface: u32, protocol: i32) -> Result<OwnedFd> {
    /// Room for the answers of hundreds of addresses that arrive while we still ask.
    const RECEIVE_BUFFER: usize = 1024 * 1024;
    // No protocol before the bind: what arrives on other interfaces meanwhile must not be taken for this one's.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let ear = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
    // The default holds fewer; without CAP_NET_ADMIN it stays, and answers of a later round count.
    let _ = setsockopt(&ear, sockopt::RcvBufForce, &RECEIVE_BUFFER);
    bind(ear.as_raw_fd(), &link_address(interface, protocol, [0; 6])?)?;
    Ok(ear)
}

/// Hands every packet that arrives until `deadline` to `hear`.
fn listen(ears: &[Ear], deadline: Instant, mut hear: impl FnMut(Station, &[u8])) -> Result<()> {
    let mut buffer = [0; 2048];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let mut waiting: Vec<PollFd> =
            ears.iter().map(|ear| PollFd::new(ear.socket.as_fd(), PollFlags::POLLIN)).collect();
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut waiting, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::from(errno).during("address conflicts: wait for answers")),
        }
        for ear in ears {
            // An interface that went down says so here once; the next question to it is the error.
            while let Ok(length) = recv(ear.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                hear(ear.at, buffer.get(..length).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests;
