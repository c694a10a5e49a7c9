//! The one language in which users write services: the grammar of `ldirectord.cf`.
//!
//! A file ([`parse_file`]) and the parameters of a cluster resource ([`parse_parameters`]) give the same [`Config`], and
//! [`render`] writes one as a file that reads back to it. Text becomes lines, lines become a section whose values are
//! still as written, and when all of it is read, names are looked up, defaults filled in and the section judged as a
//! whole. A first look at a file finds what has to be known before that: what stands outside of sections, and all names.
//! Every mistake is reported, not only the first, and nothing half-valid leaves this module.
//!
//! Pure but for [`Resolver`] and [`load_file`]. Never touches the kernel or the clock.

mod address;
mod check;
mod directive;
mod effective;
mod file;
mod line;
mod load;
mod names;
mod parameters;
mod problem;
mod real;
mod render;
mod section;
mod value;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Check, Family, Protocol, RealServer, VirtualService};

pub use file::{parse_file, parse_part};
pub use load::{NameMissing, load_file, parse_named};
pub use names::{AnyName, SystemResolver};
pub use parameters::{parse_parameters, survives_rendering};
pub use problem::{Origin, Problem};
pub use render::render;

/// Looks names up. Numeric addresses and ports never reach it.
pub trait Resolver {
    /// Told of all host names of a text before the first of them is asked for, so that they can be looked up at once.
    fn prepare(&self, _names: Vec<(&str, Family)>) {}

    /// The first address of that family. The error is the cause alone, such as `no such host`.
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String>;

    /// The port of a service name; `None` takes the first entry of any protocol.
    fn port(&self, service: &str, protocol: Option<Protocol>) -> Result<u16, String>;
}

/// Everything that a file or a set of parameters declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub global: Global,
    /// In the order of the text; no two have the same key.
    pub services: Vec<Service>,
    /// What was accepted but means nothing here, or that ldirectord would refuse.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Equal but for where it was written and what was warned about.
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        let Self { global, services, warnings: _ } = self;
        *global == other.global && all_the_same(services, &other.services, Service::means_the_same_as)
    }
}

/// What concerns the daemon and not a single service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// Between two rounds of checks, for services that do not say otherwise. At least one second.
    pub checkinterval: Duration,
    /// Read the file again when it changes.
    pub autoreload: bool,
    /// Program to run after the file has changed, with the file's path as its only argument.
    pub callback: Option<PathBuf>,
    /// Where the daemon logs; `None`: where whoever started it said.
    pub logfile: Option<LogTarget>,
    /// Remove services and real servers when the daemon stops, for services that do not say otherwise.
    pub cleanstop: bool,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            checkinterval: Duration::from_secs(10),
            autoreload: false,
            callback: None,
            logfile: None,
            cleanstop: true,
        }
    }
}

/// Where the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    File(PathBuf),
    /// The name of a facility, such as `local0`.
    Syslog(String),
}

/// A path, or the name of a facility.
impl From<String> for LogTarget {
    fn from(word: String) -> Self {
        if word.starts_with('/') { Self::File(word.into()) } else { Self::Syslog(word) }
    }
}

impl Default for LogTarget {
    fn default() -> Self {
        Self::File(PathBuf::from("/var/log/ldirectord.log"))
    }
}

/// One `virtual` section with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The `virtual` line.
    pub origin: Origin,
    pub service: VirtualService,
    /// In the order of the text; no two have the same key.
    pub real_servers: Vec<RealServerConfig>,
    /// Takes the clients while no real server is up.
    pub fallback: Option<RealServer>,
    /// A real server that is down keeps its entry with weight 0 instead of losing it.
    pub quiescent: bool,
    /// Failed checks in a row after which a real server is down. At least 1.
    pub failurecount: u32,
    /// Between two checks of one real server. At least one second.
    pub checkinterval: Duration,
    /// Remove the service when the daemon stops.
    pub cleanstop: bool,
}

impl Service {
    /// Equal but for where it was written.
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        let Self { origin: _, service, real_servers, fallback, quiescent, failurecount, checkinterval, cleanstop } =
            self;
        *service == other.service
            && *fallback == other.fallback
            && *quiescent == other.quiescent
            && *failurecount == other.failurecount
            && *checkinterval == other.checkinterval
            && *cleanstop == other.cleanstop
            && all_the_same(real_servers, &other.real_servers, RealServerConfig::means_the_same_as)
    }
}

/// One real server and how it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerConfig {
    /// The `real` line; that of a range is the same for all of it.
    pub origin: Origin,
    pub real_server: RealServer,
    pub check: Check,
}

impl RealServerConfig {
    /// Equal but for where it was written.
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        let Self { origin: _, real_server, check } = self;
        *real_server == other.real_server && *check == other.check
    }
}

fn all_the_same<T>(ours: &[T], others: &[T], same: fn(&T, &T) -> bool) -> bool {
    ours.len() == others.len() && ours.iter().zip(others).all(|(one, other)| same(one, other))
}

#[cfg(test)]
#[path = "../fuzz/config.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
