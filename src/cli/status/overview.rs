//! What `status` shows, as plain values. Their names are those of `status --json`: one is never renamed.
//! `docs/status.schema.json` is made of these types.

use serde::Serialize;

use crate::daemon::protocol::{HealthMonitorStatus, ServiceStatus};
use crate::netlink::ipvs::Traffic;

/// Everything that `lvs-agents status --json` shows.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Overview {
    /// The worst of `services` and of what is wrong with this node.
    pub state: State,
    /// How each virtual service is served.
    pub services: Vec<ServiceSummary>,
    /// The health monitors that answer, each with what it looks after.
    pub monitors: Vec<HealthMonitorStatus>,
    /// Health monitors that do not answer, and why.
    pub silent: Vec<String>,
    /// Declared virtual services that no health monitor checks.
    pub unmonitored: Vec<String>,
    /// The same, with their real servers as they are declared, or as the kernel has them where that is all that is known.
    pub unmonitored_services: Vec<ServiceStatus>,
    /// The promotable `lvs` resources of this node.
    pub roles: Vec<RoleRow>,
    /// Virtual services of the kernel that no resource of this node has declared.
    pub undeclared: Vec<String>,
    /// The real servers of every virtual service of the kernel.
    pub kernel: Vec<KernelRow>,
    /// What keeps an operator's order from doing what it shall.
    pub doubts: Vec<String>,
    /// What this user may not see; empty for root.
    pub not_shown: Vec<String>,
    /// The virtual services of the kernel, those without a real server too.
    #[serde(skip)]
    pub held: Vec<String>,
}

/// How things are, from good to bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum State {
    /// Every real server that is to serve does.
    #[default]
    Well,
    /// Clients are served, and something is not as configured.
    Degraded,
    /// Neither a real server nor a fallback serves.
    Unserved,
}

/// How one virtual service is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceSummary {
    /// The virtual service: `tcp 10.0.0.1:80` or `fwmark 7 ipv6`.
    pub service: String,
    /// How it is served.
    pub state: State,
    /// How many real servers get new connections.
    pub serving: usize,
    /// How many are to get them by the configuration.
    pub configured: usize,
    /// The same in words: `2 of 3 serve`.
    pub summary: String,
}

/// The role of a promotable `lvs` resource on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoleRow {
    /// The name of the pacemaker resource.
    pub resource: String,
    /// Whether this node is the director for it; otherwise it is a standby.
    pub promoted: bool,
    /// How the kernel's sync daemons are not as the role needs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A real server as the kernel holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KernelRow {
    /// The virtual service: `tcp 10.0.0.1:80` or `fwmark 7 ipv6`.
    pub service: String,
    /// Address and port: `10.0.0.2:80`.
    pub real_server: String,
    /// `gate`, `masq`, `ipip`, another kind of tunnel, or `local` for the director itself.
    pub forwarding: String,
    /// The weight.
    pub weight: u32,
    /// Connections: established ones of TCP. Those of UDP are all counted as inactive.
    pub active: u32,
    /// Connections in other states, until their timeout.
    pub inactive: u32,
    /// What has passed since the kernel has this entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficRow>,
    /// When it left the configuration and when it is removed at the latest, in seconds since 1970: it is drained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draining: Option<(u64, u64)>,
}

/// The kernel's counters of one real server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrafficRow {
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

impl Overview {
    /// Returns the details of every virtual service, those that a health monitor checks first.
    pub fn details(&self) -> impl Iterator<Item = &ServiceStatus> {
        self.monitors.iter().flat_map(|monitor| &monitor.services).chain(&self.unmonitored_services)
    }
}

impl From<Traffic> for TrafficRow {
    fn from(traffic: Traffic) -> Self {
        let Traffic { connections, in_packets, out_packets, in_bytes, out_bytes } = traffic;
        Self { connections, in_packets, out_packets, in_bytes, out_bytes }
    }
}
