//! Connection synchronisation between directors, which the kernel's sync daemons do (net/netfilter/ipvs/ip_vs_sync.c).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The channel on which a director tells others of its connections. It has to be the same on all of them but for the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What one of the kernel's sync daemons does. Both may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyncTask {
    /// It sends the connections of this director (`IP_VS_STATE_MASTER`).
    Send,
    /// It takes the connections of another director (`IP_VS_STATE_BACKUP`).
    Receive,
}
