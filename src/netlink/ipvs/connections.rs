//! Connections that the kernel tracks for one real server.

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
