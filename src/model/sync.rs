//! Connection synchronisation between directors, which the kernel's sync daemons do (net/netfilter/ipvs/ip_vs_sync.c).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// The channel on which a director tells others of its connections. It has to be the same on all of them but for the interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncChannel {
    /// The interface of the multicast datagrams. It needs an address, or the kernel's daemon runs and does nothing.
    pub interface: String,
    /// The number that datagrams of this channel carry, 1 to 255. A receiver with the number 0 would take those of all channels.
    pub id: u8,
    /// The multicast group.
    pub group: IpAddr,
    /// The UDP port.
    pub port: u16,
    /// The number of routers that a datagram may pass, plus one.
    pub ttl: u8,
    /// The longest datagram in bytes. The receiver drops longer ones without a word.
    pub maxlen: u16,
}

impl Default for SyncChannel {
    /// The kernel's own values; the interface and the id have none.
    fn default() -> Self {
        Self {
            interface: String::new(),
            id: 0,
            group: Ipv4Addr::new(224, 0, 0, 81).into(),
            port: 8848,
            ttl: 1,
            maxlen: 1472,
        }
    }
}

/// One of the kernel's two sync daemons. Both may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyncDaemon {
    /// It sends the connections of this director (`IP_VS_STATE_MASTER`).
    Master,
    /// It takes the connections of another director (`IP_VS_STATE_BACKUP`).
    Backup,
}

impl fmt::Display for SyncDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}
