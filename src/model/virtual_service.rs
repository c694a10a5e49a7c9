//! Virtual services: what clients connect to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{Family, InvalidValue, Scheduler};

/// The transport protocol of a service by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl FromStr for Protocol {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(InvalidValue::new(word, "a protocol: tcp, udp or sctp")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// The identity of a virtual service: the kernel holds at most one for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// The service is known by protocol, address and port. Port 0 (every port) needs persistence.
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual IP.
        address: IpAddr,
        /// The port; 0 stands for every port.
        port: u16,
    },
    /// The service is known by the firewall mark of the packet, not 0; one mark may serve both families.
    Fwmark {
        /// The mark, not 0.
        mark: u32,
        /// The address family of the packets.
        family: Family,
    },
}

impl ServiceKey {
    /// Returns the address family of the service.
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(*address),
            Self::Fwmark { family, .. } => *family,
        }
    }
}

/// Writes the key as messages and `status` name it: `tcp 10.0.0.1:80`, `udp [2001:db8::1]:53`, `fwmark 7`, `fwmark 7
/// ipv6`.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address, port } => write!(f, "{protocol} {}", SocketAddr::new(*address, *port)),
            Self::Fwmark { mark, family: Family::Ipv4 } => write!(f, "fwmark {mark}"),
            Self::Fwmark { mark, family: Family::Ipv6 } => write!(f, "fwmark {mark} ipv6"),
        }
    }
}

/// Reads what `Display` writes, for state files.
impl FromStr for ServiceKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let expected = "\"tcp ADDRESS:PORT\", the same with udp or sctp, or \"fwmark N [ipv6]\"";
        let invalid = || InvalidValue::new(text, expected);
        let mut words = text.split(' ');
        let (kind, value) = words.next().zip(words.next()).ok_or_else(invalid)?;
        let rest: Vec<&str> = words.collect();
        match (kind, rest.as_slice()) {
            ("fwmark", []) => Ok(Self::Fwmark { mark: value.parse().map_err(|_| invalid())?, family: Family::Ipv4 }),
            ("fwmark", ["ipv6"]) => {
                Ok(Self::Fwmark { mark: value.parse().map_err(|_| invalid())?, family: Family::Ipv6 })
            }
            (protocol, []) => {
                let socket: SocketAddr = value.parse().map_err(|_| invalid())?;
                Ok(Self::Address { protocol: protocol.parse()?, address: socket.ip(), port: socket.port() })
            }
            _ => Err(invalid()),
        }
    }
}

/// Clients of one network stay with one real server (`ipvsadm -p -M`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Persistence {
    /// The time in seconds after which a client without connections is forgotten, at least 1.
    pub timeout: u32,
    /// The granularity: clients that share this many leading bits are one. 1..=32 or 1..=128; the default is every bit.
    pub prefix_length: u8,
    /// What else than the address makes a client (`ipvsadm --pe`); `None` is the address alone.
    pub engine: Option<PersistenceEngine>,
}

impl Persistence {
    /// Returns the persistence of clients that are known by their address.
    pub fn by_address(timeout: u32, prefix_length: u8) -> Self {
        Self { timeout, prefix_length, engine: None }
    }
}

/// A persistence engine of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersistenceEngine {
    /// A SIP dialogue, by its Call-ID: `sip`, for UDP only.
    Sip,
    /// One that no kernel of today has. It is observed only.
    Other,
}

impl PersistenceEngine {
    /// Returns the name, as `ipvsadm --pe` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Other => "of another program",
        }
    }
}

/// Reads the name.
impl FromStr for PersistenceEngine {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "sip" => Ok(Self::Sip),
            _ => Err(InvalidValue::new(word, "a persistence engine: sip")),
        }
    }
}

/// Service flags that a user can set (`include/uapi/linux/ip_vs.h`). `IP_VS_SVC_F_HASHED` is the kernel's own and
/// never part of this; persistence is [`Persistence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ServiceFlags {
    /// One-packet scheduling, for UDP only (`ipvsadm -o`).
    pub one_packet: bool,
    /// `IP_VS_SVC_F_SCHED1..3`: `flag-1` (`sh-fallback`, `mh-fallback`), `flag-2` (`sh-port`, `mh-port`), `flag-3`.
    pub scheduler: [bool; 3],
}

/// A virtual service as the kernel holds it or shall hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualService {
    /// What it is known by.
    pub key: ServiceKey,
    /// How it chooses a real server.
    pub scheduler: Scheduler,
    /// How long its clients stay with one real server; `None` means not at all.
    pub persistence: Option<Persistence>,
    /// Its other settings.
    pub flags: ServiceFlags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_own_text() {
        crate::testing::check_rows(
            ["tcp 10.0.0.1:80", "udp [2001:db8::1]:53", "sctp 10.0.0.1:7", "fwmark 7", "fwmark 7 ipv6"],
            |text| assert_eq!(text.parse::<ServiceKey>().expect(text).to_string(), text),
        );
        crate::testing::check_rows(
            ["", "tcp", "tcp 10.0.0.1", "esp 10.0.0.1:80", "fwmark x", "tcp 10.0.0.1:80 ipv6"],
            |text| {
                assert!(text.parse::<ServiceKey>().is_err(), "{text:?}");
            },
        );
    }
}
