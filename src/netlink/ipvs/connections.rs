//! What the kernel counts for one real server.

use crate::model::RealServer;

/// A real server that the kernel holds, and what it counts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerInUse {
    /// The real server.
    pub real_server: RealServer,
    /// Its connections at the moment.
    pub connections: Connections,
    /// What has passed since it was added.
    pub traffic: Traffic,
}

/// What has passed through the kernel to and from a real server since it was added (`ipvsadm -L --stats`). A kernel
/// before 4.1 counts connections and packets with 32 bits, so that they begin anew now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Connections.
    pub connections: u64,
    /// Packets to the real server.
    pub in_packets: u64,
    /// Packets from it, as far as they come this way: with masquerading.
    pub out_packets: u64,
    /// Bytes to the real server.
    pub in_bytes: u64,
    /// Bytes from it.
    pub out_bytes: u64,
}

/// Counts at the moment of the question (`ipvsadm -Ln`, `--persistent-conn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// TCP: established ones. UDP: none, since the kernel counts them all as inactive.
    pub active: u32,
    /// Connections in other states, such as FIN_WAIT, until their timeout.
    pub inactive: u32,
    /// Persistence templates: clients that would come back here.
    pub persistent: u32,
}

impl Connections {
    /// Returns the number of connections that carry packets, or still may. A persistence template carries none.
    pub fn open(&self) -> u32 {
        self.active.saturating_add(self.inactive)
    }
}
