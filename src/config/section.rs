//! What was written, before names are looked up and defaults filled in. `None` means that the user said nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::address::{Host, VirtualAddress};
use super::problem::Origin;
use super::real::{FallbackSpec, RealSpec};
use super::{LogTarget, value};
use crate::model::{Family, HttpMethod, Scheduler, Secret};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub origin: Origin,
    /// The user's own word.
    pub word: Box<str>,
    pub value: T,
}

/// What can be said for all services and for one; the latter wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub checktimeout: Option<Duration>,
    pub negotiatetimeout: Option<Duration>,
    pub checkinterval: Option<Duration>,
    pub failurecount: Option<u32>,
    pub quiescent: Option<bool>,
    pub cleanstop: Option<bool>,
}

/// What can be said outside of sections only.
#[derive(Debug, Default)]
pub(super) struct GlobalSection {
    pub autoreload: Option<bool>,
    pub callback: Option<PathBuf>,
    pub logfile: Option<LogTarget>,
}

/// `checktype`, as far as it is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckType {
    Connect,
    Negotiate,
    Ping,
    External,
    On,
    Off,
}

impl CheckType {
    pub fn parse(value: &str) -> Result<Self, String> {
        match value {
            "connect" => Ok(Self::Connect),
            "negotiate" => Ok(Self::Negotiate),
            "ping" => Ok(Self::Ping),
            "external" => Ok(Self::External),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            "external-perl" => {
                Err("not supported yet: use external, which runs the script with the same arguments".into())
            }
            _ if value::digits(value).is_some() => {
                Err("a combined check: not supported yet: use connect or negotiate".into())
            }
            _ => Err("expected connect, negotiate, ping, external, on or off".into()),
        }
    }
}

/// `protocol`. `Mark` is what fwmark services have, and they alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProtocolWord {
    Transport(crate::model::Protocol),
    Mark,
}

impl ProtocolWord {
    pub fn parse(value: &str) -> Result<Self, String> {
        match value {
            "fwm" => Ok(Self::Mark),
            _ => value.parse().map(Self::Transport).map_err(|_| "expected tcp, udp or fwm".into()),
        }
    }
}

/// `schedflags`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SchedulerFlags {
    /// As in [`crate::model::ServiceFlags`].
    pub flags: [bool; 3],
    /// Schedulers that the words name: a flag of another one would set something else.
    pub schedulers: Vec<&'static str>,
}

/// One `virtual` section as written. What most sections do not say is boxed: a file may have ten thousand sections.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub origin: Origin,
    pub family: Family,
    /// The text of the `virtual` line.
    pub word: String,
    /// `None` when it is wrong, which is already reported: the rest of the section is still read.
    pub address: Option<VirtualAddress>,
    pub settings: Settings,
    pub real_servers: Vec<Located<RealSpec>>,
    pub fallback: Option<Box<Located<FallbackSpec>>>,
    pub checktype: Option<Box<Located<CheckType>>>,
    pub service: Option<Box<Located<&'static str>>>,
    pub checkcommand: Option<PathBuf>,
    pub checkport: Option<u16>,
    pub request: Option<Box<Located<String>>>,
    pub receive: Option<Box<Located<String>>>,
    pub httpmethod: Option<HttpMethod>,
    pub virtualhost: Option<String>,
    pub login: Option<String>,
    pub passwd: Option<Secret>,
    pub database: Option<String>,
    pub scheduler: Option<Scheduler>,
    /// Seconds; 0 is off.
    pub persistent: Option<u32>,
    /// Prefix length.
    pub netmask: Option<Box<Located<u8>>>,
    pub schedflags: Option<Box<Located<SchedulerFlags>>>,
    pub protocol: Option<Box<Located<ProtocolWord>>>,
    pub ops: Option<Box<Located<bool>>>,
}

impl Section {
    pub fn new(origin: Origin, family: Family, word: &str) -> Self {
        Self {
            origin,
            family,
            word: word.into(),
            address: None,
            settings: Settings::default(),
            real_servers: Vec::new(),
            fallback: None,
            checktype: None,
            service: None,
            checkcommand: None,
            checkport: None,
            request: None,
            receive: None,
            httpmethod: None,
            virtualhost: None,
            login: None,
            passwd: None,
            database: None,
            scheduler: None,
            persistent: None,
            netmask: None,
            schedflags: None,
            protocol: None,
            ops: None,
        }
    }

    /// `virtual6` or `virtual`: as messages name the section.
    pub fn directive(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "virtual",
            Family::Ipv6 => "virtual6",
        }
    }

    /// The beginning of a message about the section as a whole.
    pub fn name(&self) -> String {
        self.origin.name_value(self.directive(), &self.word)
    }
}

impl Section {
    /// Every host of the section, names and addresses.
    fn hosts(&self) -> impl Iterator<Item = &Host> {
        let own = match &self.address {
            Some(VirtualAddress::Address { host, .. }) => Some(host),
            _ => None,
        };
        let reals = self.real_servers.iter().flat_map(|real| [Some(&real.value.first), real.value.last.as_deref()]);
        let fallback = self.fallback.as_ref().map(|fallback| &fallback.value.target.host);
        [own, fallback].into_iter().chain(reals).flatten()
    }
}

/// What stands outside of sections. It counts for those before it too.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub settings: Settings,
    pub global: GlobalSection,
    pub fallback: Option<Located<FallbackSpec>>,
    pub fallback6: Option<Located<FallbackSpec>>,
}

impl Outside {
    /// The global fallbacks that are written.
    pub fn fallbacks(&self) -> impl Iterator<Item = (&Located<FallbackSpec>, Family)> {
        let both = [(&self.fallback, Family::Ipv4), (&self.fallback6, Family::Ipv6)];
        both.into_iter().filter_map(|(spec, family)| Some((spec.as_ref()?, family)))
    }
}

/// What has to be known of all sections before the first of them is resolved.
#[derive(Debug, Default)]
pub(super) struct Preview {
    pub families: BTreeSet<Family>,
    pub host_names: BTreeSet<(String, Family)>,
}

impl Preview {
    pub fn note(&mut self, section: &Section) {
        self.families.insert(section.family);
        let names = section.hosts().filter_map(Host::name).map(|name| (name.to_owned(), section.family));
        self.host_names.extend(names);
    }
}
