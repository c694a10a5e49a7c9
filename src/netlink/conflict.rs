//! Asks the network whether another host has an address (RFC 5227 for IPv4, RFC 4862 §5.4 for IPv6), for many addresses
//! at once and in a fraction of a second.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use super::announce::{Announcer, Station, frame};
use super::ear::{Ear, Expect, listen};
use super::{Error, Result};

/// How often each address is asked for, and how long answers are waited for after each round. A host on the same link
/// answers within a millisecond or two; the rest is for a busy host. RFC 5227 waits for seconds, to find hosts that
/// only just booted, and a cluster that moves an address cannot.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_millis(100);

/// All of IPv6 that is waited for: neighbour advertisements, next header 58 and type 136 (RFC 4861 §4.4).
const ADVERTISEMENT: [Expect; 2] = [Expect::Byte(6, 58), Expect::Byte(40, 136)];

/// Another host that has an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Returns every claim of other hosts to these addresses: an address that several hosts answer for has several. All are
/// asked for once, a second time where none has answered, with 100 ms for the answers each time.
///
/// # Errors
/// Fails as [`find`] does.
pub fn find_all(questions: &[(Station, IpAddr)], manner: Manner<'_>) -> Result<Vec<ForeignClaim>> {
    let announcer = Announcer::open()?;
    let mut inquiry = Inquiry::new(questions, &manner)?;
    for _ in 0..2 {
        for question in questions.iter().filter(|_| Instant::now() < manner.deadline) {
            (manner.pace)();
            if !inquiry.is_claimed(question) {
                announcer.probe(question.0, question.1)?;
            }
        }
        inquiry.listen(Instant::now() + ROUND)?;
    }
    Ok(inquiry.all_claims())
}

fn out_of_time(text: String) -> Error {
    Error::from(Errno::ETIMEDOUT).hinting(text).during("address conflicts: ask the network")
}

/// The questions that have been asked, and the answers that have been heard.
struct Inquiry {
    asked: HashSet<(IpAddr, u32)>,
    own: HashSet<[u8; 6]>,
    ears: Vec<Ear>,
    /// In the order in which they were heard, each once.
    claims: Vec<ForeignClaim>,
    heard: HashSet<ForeignClaim>,
    claimed: HashSet<(IpAddr, u32)>,
}

impl Inquiry {
    fn new(questions: &[(Station, IpAddr)], manner: &Manner<'_>) -> Result<Self> {
        Ok(Self {
            asked: questions.iter().map(|(at, address)| (*address, at.interface)).collect(),
            own: manner.own.iter().copied().collect(),
            ears: ears(questions)?,
            claims: Vec::new(),
            heard: HashSet::new(),
            claimed: HashSet::new(),
        })
    }

    fn is_claimed(&self, (at, address): &(Station, IpAddr)) -> bool {
        self.claimed.contains(&(*address, at.interface))
    }

    /// Takes in what has arrived, and what arrives until `deadline`.
    fn listen(&mut self, deadline: Instant) -> Result<()> {
        let Self { asked, own, ears, claims, heard, claimed } = self;
        listen(ears, deadline, |at, packet| {
            let Some((address, mac)) = frame::claim(packet) else { return };
            let key = (address, at.interface);
            let claim = ForeignClaim { address, interface: at.interface, mac };
            if asked.contains(&key) && !own.contains(&mac) && heard.insert(claim) {
                claimed.insert(key);
                claims.push(claim);
            }
        })
        .map_err(|error| error.during("address conflicts: wait for answers"))
    }

    /// Each address at most once for each interface: the claim that was heard first.
    fn claims(self) -> Vec<ForeignClaim> {
        let mut claims = self.all_claims();
        claims.dedup_by_key(|claim| (claim.address, claim.interface));
        claims
    }

    fn all_claims(mut self) -> Vec<ForeignClaim> {
        // The order of those of one address stays.
        self.claims.sort_by_key(|claim| (claim.address, claim.interface));
        self.claims
    }
}

fn ears(questions: &[(Station, IpAddr)]) -> Result<Vec<Ear>> {
    let mut wanted: Vec<(Station, i32)> = Vec::new();
    for (at, address) in questions {
        let protocol = if address.is_ipv4() { libc::ETH_P_ARP } else { libc::ETH_P_IPV6 };
        if !wanted.iter().any(|(known, other)| known.interface == at.interface && *other == protocol) {
            wanted.push((*at, protocol));
        }
    }
    let open = |(at, protocol): (Station, i32)| match protocol {
        libc::ETH_P_IPV6 => Ear::open(at, protocol, &[&ADVERTISEMENT]),
        _ => Ear::open(at, protocol, &[]),
    };
    let opened: Result<Vec<Ear>> = wanted.into_iter().map(open).collect();
    opened.map_err(|error| error.during("address conflicts: listen"))
}

#[cfg(test)]
mod tests;
