//! The control socket's language: one JSON line asks, one answers. Also the format of `lvs-agents status --json`.

use serde::{Deserialize, Serialize};

/// What can be asked of a health monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Is the loop alive, and how late are its checks?
    Alive,
    Status,
    /// Read the configuration again.
    Reload,
    /// Leave the table as promised and end. Answered when the table is written.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Alive(Liveness),
    Status(Box<MonitorStatus>),
    Done,
    Failed(String),
}

/// Whether the monitor does its work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Liveness {
    /// How much longer than its interval and timeout the slowest check has been without a result; 0 when none is late.
    pub late_seconds: f64,
    /// Why the kernel's table could not be read or written the last time, if so.
    pub kernel_error: Option<String>,
    /// Why a check could not be made, if so: a fault of this node, not of a real server.
    pub check_error: Option<String>,
    /// Why the last reload was refused; the configuration before it is in force.
    pub configuration_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorStatus {
    pub instance: String,
    pub pid: u32,
    pub version: String,
    /// The file, or the folder of declarations.
    pub source: String,
    pub liveness: Liveness,
    pub services: Vec<ServiceStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// `tcp 10.0.0.1:80` or `fwmark 7 [ipv6]`.
    pub service: String,
    pub scheduler: String,
    pub real_servers: Vec<RealServerStatus>,
    pub fallback: Option<FallbackStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealServerStatus {
    pub real_server: String,
    pub forwarding: String,
    pub configured_weight: u32,
    /// What the kernel shall hold; `None`: no entry.
    pub wanted_weight: Option<u32>,
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Seconds since 1970 of the last change of `health`.
    pub since: u64,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FallbackStatus {
    pub real_server: String,
    pub forwarding: String,
    pub serves: bool,
}
