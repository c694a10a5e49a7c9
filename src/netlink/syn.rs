//! Asks hosts whether they accept a connection to an address that is not theirs alone, such as the virtual IP that a real
//! server has on lo: a SYN to that address leaves for the host's own link-layer address, or for its end of a tunnel, and
//! whatever it answers, a RST follows, so that the application never sees a connection.

mod packet;
mod wire;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::announce::Station;
use super::route::ObservedAddress;
use super::{Error, Result};
pub use packet::{Reply, Tunnel, Verdict};
pub use wire::Wire;

/// How long answers are waited for after each of the two rounds.
const ROUND: Duration = Duration::from_millis(300);

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynQuestion {
    /// The interface that the SYN leaves by, and the answer comes back by.
    pub at: Station,
    /// How the SYN gets to the host that is asked.
    pub way: Way,
    /// An address of this node on that interface that no other node has, to which the host answers.
    pub source: IpAddr,
    /// What the connection would be to.
    pub target: SocketAddr,
}

/// How a packet gets to a host whatever address it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By its link-layer address.
    Link([u8; 6]),
    /// In a tunnel from the first of these addresses, which is this node's, to the second.
    Tunnel(Tunnel, [IpAddr; 2]),
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynAnswer {
    /// The host accepts the connection.
    Accepted,
    /// The host has the address, and nothing listens there.
    Refused,
    /// The host, or one on the way, says by ICMP that it does not deliver the packet, for this reason.
    Undelivered(&'static str),
    /// Nothing came back.
    Silence,
}

impl From<Verdict> for SynAnswer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::Refused => Self::Refused,
            Verdict::Undelivered(reason) => Self::Undelivered(reason),
        }
    }
}

/// Asks all at once, a second time where nothing came back, and returns an answer for each question, in their order.
///
/// # Errors
/// Fails without `CAP_NET_RAW`, and when an interface is down or gone.
pub fn ask(questions: &[SynQuestion]) -> Result<Vec<SynAnswer>> {
    let during = |error: Error| error.during("connections to the virtual IP: ask by SYN");
    let mut answers = vec![None; questions.len()];
    let mut wire = Wire::open().map_err(during)?;
    for question in questions {
        wire.listen_for(question).map_err(during)?;
    }
    let first = wire.first_sequence();
    let sequence = |number: usize| first.wrapping_add(number as u32);
    for _ in 0..2 {
        for (number, question) in questions.iter().enumerate().filter(|(number, _)| answers.get(*number) == Some(&None))
        {
            wire.send_syn(question, sequence(number)).map_err(during)?;
        }
        let until = Instant::now() + ROUND;
        wire.hear_until(until, |reply| {
            let number = reply.sequence.wrapping_sub(first) as usize;
            let asked = questions.get(number).filter(|question| question.target == reply.target);
            if let (Some(_), Some(answer @ None)) = (asked, answers.get_mut(number)) {
                *answer = Some(reply.verdict.into());
            }
        })
        .map_err(during)?;
    }
    for (number, question) in questions.iter().enumerate() {
        // Whatever was answered, or lost: without it the host would keep a connection that is half open.
        let _ = wire.send_rst(question, sequence(number));
    }
    Ok(answers.into_iter().map(|answer| answer.unwrap_or(SynAnswer::Silence)).collect())
}

/// Whether an IPv6 address means something on one link only. IPv4 has no such addresses in the way of a packet.
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Returns an address of this node on the interface that no other node has: no virtual IP, as far as can be seen. A host that
/// has the source of a packet itself drops it.
pub fn own_source(
    addresses: &[ObservedAddress],
    interface: u32,
    target: IpAddr,
    virtual_ips: &BTreeSet<IpAddr>,
) -> Option<IpAddr> {
    let usable = addresses.iter().filter(|held| {
        let address = held.address.address;
        held.address.interface == interface
            && address.is_ipv4() == target.is_ipv4()
            && !virtual_ips.contains(&address)
            && !held.deprecated
            && !held.tentative
    });
    // The longest prefix is that of a single address, which may be a virtual IP of another program, and so may one that came
    // after the first of its network.
    let rank = |held: &&ObservedAddress| {
        let address = held.address.address;
        (is_link_local(address), held.secondary, held.address.prefix_length, address)
    };
    usable.min_by_key(rank).map(|held| held.address.address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InterfaceAddress;
    use crate::testing::check_rows;

    #[test]
    fn the_source_is_the_nodes_own_address_and_no_virtual_ip() {
        let held = |text: &str, interface| {
            let (address, length) = text.split_once('/').expect(text);
            ObservedAddress::for_test(InterfaceAddress {
                address: address.parse().expect(text),
                prefix_length: length.parse().expect(text),
                interface,
                label: None,
                broadcast: None,
            })
        };
        let (mut second, mut old, mut new) = (held("10.9.0.5/24", 2), held("fd09::1/64", 2), held("fd09::2/64", 2));
        (second.secondary, old.deprecated, new.tentative) = (true, true, true);
        let addresses = [
            held("10.9.0.100/24", 2),
            second,
            held("10.9.0.4/32", 2),
            held("10.9.0.11/24", 2),
            held("10.8.0.1/16", 3),
            held("fe80::1/64", 2),
            held("fd09::100/128", 2),
            held("fd09::3/128", 2),
            held("fd09::11/64", 2),
            old,
            new,
        ];
        let vips = ["10.9.0.100", "fd09::100"].map(|vip| vip.parse().expect(vip)).into_iter().collect();
        check_rows(
            [
                (2, "10.9.0.21", Some("10.9.0.11")),
                (3, "10.9.0.21", Some("10.8.0.1")),
                (2, "fd09::21", Some("fd09::11")),
                (3, "fd09::21", None),
                (4, "10.9.0.21", None),
            ],
            |(interface, target, expected)| {
                let source = own_source(&addresses, interface, target.parse().expect(target), &vips);
                assert_eq!(source, expected.map(|own: &str| own.parse().expect(own)), "{target} by {interface}");
            },
        );
        // Where it has nothing else.
        let link_local = own_source(&addresses[5..6], 2, "fd09::21".parse().expect("it"), &vips);
        assert_eq!(link_local, Some("fe80::1".parse().expect("it")));
    }
}
