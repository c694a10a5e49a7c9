//! One line of `/proc/net/ip_vs_conn` (`ip_vs_conn_seq_show` in net/netfilter/ipvs/ip_vs_conn.c):
//!
//! ```text
//! Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
//! TCP 0A09001F 9C40 0A090064 0CEA 0A090015 0CEA ESTABLISHED     897
//! UDP 2001:0db8:0000:0000:0000:0000:0000:0031 9C40 …
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Endpoints;
use crate::model::Protocol;

/// The states of a TCP connection, each with its number in the kernel (`IP_VS_TCP_S_*` of include/net/ip_vs.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
#[expect(missing_docs, reason = "their names are the kernel's")]
pub enum TcpState {
    None,
    Established,
    SynSent,
    SynRecv,
    FinWait,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    SynAck,
}

impl TcpState {
    /// Each state with its name in the kernel's text, in the order of their numbers.
    pub const NAMES: [(Self, &'static str); 11] = [
        (Self::None, "NONE"),
        (Self::Established, "ESTABLISHED"),
        (Self::SynSent, "SYN_SENT"),
        (Self::SynRecv, "SYN_RECV"),
        (Self::FinWait, "FIN_WAIT"),
        (Self::TimeWait, "TIME_WAIT"),
        (Self::Close, "CLOSE"),
        (Self::CloseWait, "CLOSE_WAIT"),
        (Self::LastAck, "LAST_ACK"),
        (Self::Listen, "LISTEN"),
        (Self::SynAck, "SYNACK"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
    }
}

/// What an entry of the kernel's table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// A TCP connection.
    Tcp(TcpState),
    /// A UDP flow, which has no states.
    Udp,
    /// Not a connection but a persistence template: where the next connections of a client go.
    Template {
        /// The protocol of its service; `None` for a service by firewall mark.
        protocol: Option<Protocol>,
        /// Whether a connection of the client was established (`IP_VS_CTPL_S_ASSURED`).
        is_assured: bool,
    },
}

/// An entry of the kernel's table of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// What it is, and how far it has come.
    pub state: ConnectionState,
    /// Its ends. The client of a template has port 0, and the address that the persistence mask leaves.
    pub ends: Endpoints,
    /// The seconds until the kernel forgets it, unless a packet comes.
    pub expires: u32,
}

impl Connection {
    /// Reads one line, without its end. `None` stands for everything that is not known here: the heading, other protocols
    /// (SCTP), and entries of a persistence engine (SIP), whose data has no record.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = str::from_utf8(line).ok()?;
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let protocol = words.next()?;
        let ends = Endpoints {
            client: end(words.next()?, words.next()?)?,
            service: end(words.next()?, words.next()?)?,
            real_server: end(words.next()?, words.next()?)?,
        };
        let state = state(protocol, words.next()?, ends.client.1 == 0)?;
        let expires = digits(words.next()?, 10)?;
        words.next().is_none().then_some(Self { state, ends, expires })
    }
}

fn state(protocol: &str, state: &str, has_no_client_port: bool) -> Option<ConnectionState> {
    let protocol = match protocol {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "IP" => None,
        _ => return None,
    };
    match (protocol, state) {
        (_, "NONE" | "ASSURED") if has_no_client_port => {
            Some(ConnectionState::Template { protocol, is_assured: state == "ASSURED" })
        }
        (Some(Protocol::Tcp), _) => TcpState::named(state).map(ConnectionState::Tcp),
        (Some(Protocol::Udp), "UDP") => Some(ConnectionState::Udp),
        _ => None,
    }
}

/// Reads `0A09001F` or `2001:0db8:0000:0000:0000:0000:0000:0031`, and `9C40`.
fn end(address: &str, port: &str) -> Option<(IpAddr, u16)> {
    let address = match address.contains(':') {
        true => IpAddr::V6(address.parse::<Ipv6Addr>().ok()?),
        false if address.len() == 8 => IpAddr::V4(Ipv4Addr::from(digits(address, 16)?)),
        false => return None,
    };
    let port = u16::try_from(digits(port, 16)?).ok()?;
    Some((address, port))
}

/// Reads digits alone, without the sign that the standard library would take.
fn digits(word: &str, base: u32) -> Option<u32> {
    word.starts_with(|first: char| first.is_digit(base)).then(|| u32::from_str_radix(word, base).ok())?
}

#[cfg(test)]
pub mod tests;
