//! Real servers: the hosts behind a virtual service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::InvalidValue;

/// How a packet reaches the real server (`ipvsadm -g -m -i`; ldirectord's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForwardingMethod {
    /// Direct routing: the frame's MAC address is rewritten.
    Gate,
    /// Masquerading (NAT): addresses and ports are rewritten both ways.
    Masq,
    /// IP in IP tunnel.
    Ipip,
}

impl FromStr for ForwardingMethod {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "gate" => Ok(Self::Gate),
            "masq" => Ok(Self::Masq),
            "ipip" => Ok(Self::Ipip),
            _ => Err(InvalidValue::new(word, "a forwarding method: gate, masq or ipip")),
        }
    }
}

impl fmt::Display for ForwardingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gate => "gate",
            Self::Masq => "masq",
            Self::Ipip => "ipip",
        })
    }
}

/// Identity of a real server within its virtual service: two entries of one service never share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealServerKey {
    pub address: IpAddr,
    /// 0 only in fwmark services, where the packet keeps its port.
    pub port: u16,
}

/// The inverse of `Display`, for state files.
impl FromStr for RealServerKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let socket: SocketAddr = text.parse().map_err(|_| InvalidValue::new(text, "ADDRESS:PORT"))?;
        Ok(Self { address: socket.ip(), port: socket.port() })
    }
}

impl fmt::Display for RealServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// A real server as the kernel holds it or shall hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RealServer {
    pub key: RealServerKey,
    /// In the kernel, an address of the director itself is reported as its `local` method; [`crate::netlink`] maps
    /// it to `local == true` and keeps the method that was asked for where the kernel tells it, else `Gate`.
    pub forwarding: ForwardingMethod,
    /// The address is one of the director's own (kernel `IP_VS_CONN_F_LOCALNODE`). Observed only: never set by a user,
    /// and ignored when desired and observed are compared.
    pub local: bool,
    /// 0 = quiesced: no new connections. At most `i32::MAX` (the kernel keeps a signed number).
    pub weight: u32,
    /// Connections above which no new one is sent here (`ipvsadm -x`); 0 = no limit.
    pub upper_threshold: u32,
    /// Connections below which new ones are sent again (`ipvsadm -y`); 0 = three quarters of the upper one.
    pub lower_threshold: u32,
}

impl RealServer {
    /// Whether a real server that the kernel holds is as this one wants it. The kernel may report an address of its own as
    /// local, whatever method was asked for: the method then says nothing.
    pub fn is_configured_as(&self, held: &Self) -> bool {
        (held.local || self.forwarding == held.forwarding)
            && self.weight == held.weight
            && self.upper_threshold == held.upper_threshold
            && self.lower_threshold == held.lower_threshold
    }
}
