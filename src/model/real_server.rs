//! Real servers: the hosts behind a virtual service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::InvalidValue;

/// How a packet reaches the real server (`ipvsadm -g -m -i`; ldirectord's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForwardingMethod {
    /// Direct routing: the frame's MAC address is rewritten.
    Gate,
    /// Masquerading (NAT): addresses and ports are rewritten both ways.
    Masq,
    /// IP in IP tunnel.
    Ipip,
    /// A tunnel of Generic UDP Encapsulation (`ipvsadm -i --tun-type gue`; Linux 5.2).
    Gue {
        /// The UDP port of the real server's end, not 0.
        port: u16,
        /// Whether the packets have checksums.
        checksum: TunnelChecksum,
    },
    /// A GRE tunnel (`ipvsadm -i --tun-type gre`; Linux 5.3). It knows no remote checksum.
    Gre {
        /// Whether the packets have checksums.
        checksum: TunnelChecksum,
    },
}

/// The checksum of the packets of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TunnelChecksum {
    /// None (`--tun-nocsum`).
    #[default]
    None,
    /// That of the outer packet (`--tun-csum`).
    Outer,
    /// The inner packet's is left to the network card of the real server (`--tun-remcsum`).
    Remote,
}

impl ForwardingMethod {
    /// The port for GUE that is registered with IANA.
    pub const GUE_PORT: u16 = 6080;

    /// Returns the words behind the method that say what is not as usual, each after a blank.
    pub fn options(self) -> String {
        let (port, checksum) = match self {
            Self::Gate | Self::Masq | Self::Ipip => return String::new(),
            Self::Gue { port, checksum } => (Some(port).filter(|port| *port != Self::GUE_PORT), checksum),
            Self::Gre { checksum } => (None, checksum),
        };
        let checksum = match checksum {
            TunnelChecksum::None => "",
            TunnelChecksum::Outer => " tun-csum",
            TunnelChecksum::Remote => " tun-remcsum",
        };
        port.map_or_else(String::new, |port| format!(" tun-port:{port}")) + checksum
    }
}

impl FromStr for ForwardingMethod {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        let checksum = TunnelChecksum::None;
        match word {
            "gate" => Ok(Self::Gate),
            "masq" => Ok(Self::Masq),
            "ipip" => Ok(Self::Ipip),
            "gue" => Ok(Self::Gue { port: Self::GUE_PORT, checksum }),
            "gre" => Ok(Self::Gre { checksum }),
            _ => Err(InvalidValue::new(word, "a forwarding method: gate, masq, ipip, gue or gre")),
        }
    }
}

impl fmt::Display for ForwardingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gate => "gate",
            Self::Masq => "masq",
            Self::Ipip => "ipip",
            Self::Gue { .. } => "gue",
            Self::Gre { .. } => "gre",
        })
    }
}

/// The identity of a real server within its virtual service: two entries of one service never share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealServerKey {
    /// The address that packets are sent to.
    pub address: IpAddr,
    /// The port; 0 only in fwmark services, where the packet keeps its port.
    pub port: u16,
}

/// Reads what `Display` writes, for state files.
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
    /// Address and port.
    pub key: RealServerKey,
    /// How packets reach it. The kernel reports an address of the director itself as its `local` method;
    /// [`crate::netlink`] maps that to `local == true` and keeps the method that was asked for where the kernel tells
    /// it, else `Gate`.
    pub forwarding: ForwardingMethod,
    /// Whether the address is one of the director's own (kernel `IP_VS_CONN_F_LOCALNODE`). This is observed only: a
    /// user never sets it, and a comparison of desired and observed ignores it.
    pub local: bool,
    /// The share of new connections; 0 is quiesced and gets none. At most `i32::MAX` (the kernel keeps a signed
    /// number).
    pub weight: u32,
    /// The connections above which no new one is sent here (`ipvsadm -x`); 0 means no limit.
    pub upper_threshold: u32,
    /// The connections below which new ones are sent again (`ipvsadm -y`); 0 means three quarters of the upper
    /// threshold.
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
