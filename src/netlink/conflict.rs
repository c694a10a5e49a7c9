//! Asks the network whether another host has an address (RFC 5227 for IPv4, RFC 4862 §5.4 for IPv6), for many addresses
//! at once and in a fraction of a second.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, bind, recv, setsockopt, socket, sockopt};

use super::announce::{Announcer, Station, frame, link_address};
use super::{Error, Result};

/// How often each address is asked for, and how long answers are waited for after each round. A host on the same link
/// answers within a millisecond or two; the rest is for a busy host. RFC 5227 waits for seconds, to find hosts that
/// only just booted, and a cluster that moves an address cannot.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_millis(100);

/// Another host that has an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignClaim {
    /// The address.
    pub address: IpAddr,
    /// The index of our interface to its link.
    pub interface: u32,
    /// The other host's link-layer address.
    pub mac: [u8; 6],
}

/// How the network is asked.
pub struct Manner<'a> {
    /// The link-layer addresses of this host, which answers for its addresses on each interface that is attached to the
    /// same link.
    pub own: &'a [[u8; 6]],
    /// Waits until the next question may leave: each is a frame to every host of the link.
    pub pace: &'a mut dyn FnMut(),
    /// The time after which no question leaves.
    pub deadline: Instant,
}

/// Returns the claims of other hosts to these addresses, each address at most once for each interface. It asks up to
/// three times, with 100 ms for the answers after each round, and ends early when all are claimed.
///
/// # Errors
/// Fails without `CAP_NET_RAW`, when an interface is down or gone, and when not every address could be asked for before
/// the deadline.
pub fn find(questions: &[(Station, IpAddr)], manner: Manner<'_>) -> Result<Vec<ForeignClaim>> {
    /// The questions between two looks at what has arrived: they have fewer answers than a listening socket has room
    /// for.
    const BETWEEN_LOOKS: usize = 64;
    let announcer = Announcer::open()?;
    // The sockets listen before the first question, or an answer could come too early to be heard.
    let mut inquiry = Inquiry::new(questions, &manner)?;
    for round in 0..ROUNDS {
        let open: Vec<_> = questions.iter().filter(|question| !inquiry.is_claimed(question)).collect();
        if open.is_empty() {
            break;
        }
        for (asked, (at, address)) in open.iter().enumerate() {
            (manner.pace)();
            let now = Instant::now();
            if now >= manner.deadline {
                let count = questions.len();
                let text = format!("no time for more than {asked} of {count} addresses; give the action more");
                return if round > 0 { Ok(inquiry.claims()) } else { Err(out_of_time(text)) };
            }
            match announcer.probe(*at, *address) {
                // Other traffic fills the link for a moment; the address is asked for again.
                Err(error) if error.is(Errno::ENOBUFS) => {}
                asked => asked?,
            }
            if asked % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 {
                inquiry.listen(now)?;
            }
        }
        inquiry.listen(Instant::now() + ROUND)?;
    }
    Ok(inquiry.claims())
}

fn out_of_time(text: String) -> Error {
    Error::from(Errno::ETIMEDOUT).hinting(text).during("address conflicts: ask the network")
}

/// The questions that have been asked, and the answers that have been heard.
struct Inquiry {
    asked: HashSet<(IpAddr, u32)>,
    own: HashSet<[u8; 6]>,
    ears: Vec<Ear>,
    claims: HashMap<(IpAddr, u32), ForeignClaim>,
}

impl Inquiry {
    fn new(questions: &[(Station, IpAddr)], manner: &Manner<'_>) -> Result<Self> {
        Ok(Self {
            asked: questions.iter().map(|(at, address)| (*address, at.interface)).collect(),
            own: manner.own.iter().copied().collect(),
            ears: ears(questions)?,
            claims: HashMap::new(),
        })
    }

    fn is_claimed(&self, (at, address): &(Station, IpAddr)) -> bool {
        self.claims.contains_key(&(*address, at.interface))
    }

    /// Takes in what has arrived, and what arrives until `deadline`.
    fn listen(&mut self, deadline: Instant) -> Result<()> {
        let Self { asked, own, ears, claims } = self;
        listen(ears, deadline, |at, packet| {
            let Some((address, mac)) = frame::claim(packet) else { return };
            let key = (address, at.interface);
            if asked.contains(&key) && !own.contains(&mac) {
                claims.entry(key).or_insert(ForeignClaim { address, interface: at.interface, mac });
            }
        })
    }

    fn claims(self) -> Vec<ForeignClaim> {
        let mut claims: Vec<ForeignClaim> = self.claims.into_values().collect();
        claims.sort_by_key(|claim| (claim.address, claim.interface));
        claims
    }
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
    // The socket has no protocol before the bind: what arrives on other interfaces meanwhile must not be taken for this
    // one's.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let ear = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
    // The default buffer holds fewer; without CAP_NET_ADMIN it stays, and answers of a later round count.
    let _ = setsockopt(&ear, sockopt::RcvBufForce, &RECEIVE_BUFFER);
    if protocol == libc::ETH_P_IPV6 {
        hear_advertisements_only(&ear)?;
    }
    bind(ear.as_raw_fd(), &link_address(interface, protocol, [0; 6])?)?;
    Ok(ear)
}

/// Lets only neighbour advertisements pass of all IPv6 that comes in: next header 58, type 136 (RFC 4861 §4.4). A busy
/// host's other packets would fill the socket's buffer.
#[expect(unsafe_code, reason = "nix has no packet filters")]
fn hear_advertisements_only(ear: &OwnedFd) -> Result<()> {
    let load =
        |at: u32| libc::sock_filter { code: (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at };
    let unless = |value: u32, skip: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: skip,
        k: value,
    };
    let answer =
        |length: u32| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: length };
    let mut program = [load(6), unless(58, 3), load(40), unless(136, 1), answer(u32::MAX), answer(0)];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the option is read from `filter`, whose program lives through the call, and is copied by the kernel.
    let set = unsafe {
        libc::setsockopt(
            ear.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    Ok(Errno::result(set).map(drop)?)
}

/// Hands to `hear` every packet that has arrived, and those that arrive until `deadline`.
fn listen(ears: &[Ear], deadline: Instant, mut hear: impl FnMut(Station, &[u8])) -> Result<()> {
    let mut buffer = [0; 2048];
    loop {
        for ear in ears {
            // The socket reports once that its interface went down; the next question to it is the error.
            drain(
                |buffer| recv(ear.socket.as_raw_fd(), buffer, MsgFlags::empty()).ok(),
                &mut buffer,
                |packet| {
                    hear(ear.at, packet);
                },
            );
        }
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
    }
}

/// Hands on what has arrived, or so much of it that the other sockets and the deadline get their turn: a flood has no
/// end.
fn drain(mut receive: impl FnMut(&mut [u8]) -> Option<usize>, buffer: &mut [u8], mut hear: impl FnMut(&[u8])) {
    const MOST: usize = 1024;
    for _ in 0..MOST {
        let Some(length) = receive(buffer) else { return };
        hear(buffer.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
