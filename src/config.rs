//! The one language in which users write services: the grammar of `ldirectord.cf`.
//!
//! A file ([`parse_file`]) and the parameters of a cluster resource ([`parse_parameters`]) give the same [`Config`], and
//! [`render()`] writes one as a declaration that reads back to it ([`parse_declaration`]). Text becomes lines, lines become a section whose values are
//! still as written, and when all of it is read, names are looked up, defaults filled in and the section judged as a
//! whole. A first look at a file finds what has to be known before that: what stands outside of sections, and all names.
//! Every mistake is reported, not only the first, and nothing half-valid leaves this module.
//!
//! Pure: names are looked up, and files of passwords read, by the caller's [`Resolver`].

mod address;
mod check;
mod directive;
mod effective;
mod evidence;
mod explain;
mod file;
mod line;
mod maglev;
mod members;
mod names;
mod parameters;
mod policy;
mod problem;
mod real;
mod render;
mod section;
mod table;
mod told;
mod value;
mod words;
mod written;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Burden, CheckKind};
use crate::model::{
    Between, Check, DnsMember, DnsName, Family, PathCheck, Protocol, Question, Quorum, RealServer, Secret, ServiceKey,
    VirtualService,
};

pub use directive::Directive;
pub use evidence::OnEvidence;
pub use explain::explain;
pub use file::{executed_files, parse_declaration, parse_declared_part, parse_file, warnings};
pub use names::{AnyName, NoNames};
pub use parameters::{file_as_parameters, parse_parameters};
pub use problem::{Origin, Problem};
pub use render::{refuse_newer_form, render, render_into};
pub use table::DIRECTIVES;

/// Looks names up. Numeric addresses and ports never reach it.
pub trait Resolver {
    /// Told of all host names of a text before the first of them is asked for, so that they can be looked up at once.
    fn prepare(&self, _names: Vec<(&str, Family)>) {}

    /// The first address of that family. The error is the cause alone, such as `no such host`.
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String>;

    /// Told of all names that the text follows, as [`prepare`](Self::prepare) is of the others.
    fn prepare_followed(&self, _names: Vec<DnsName>) {}

    /// The real servers that the records of a name stand for. The error says why there are none yet.
    fn members(&self, name: &DnsName) -> Result<Vec<DnsMember>, String> {
        Err(format!("{name}: expected an address"))
    }

    /// What of the address of such a real server the kernel refuses, in words that follow `the kernel refuses`. A record may
    /// change at any time: one that is wrong must not take the others down.
    fn objection(&self, _address: IpAddr) -> Option<&'static str> {
        None
    }

    /// The port of a service name; `None` takes the first entry of any protocol.
    fn port(&self, service: &str, protocol: Option<Protocol>) -> Result<u16, String>;

    /// The password in a file. The error is the cause alone.
    fn password(&self, _path: &Path) -> Result<Secret, String> {
        Err("expected a password in its place".into())
    }

    /// The name of this host, as a login of a check has it.
    fn own_name(&self) -> String {
        "localhost".into()
    }
}

/// Everything that a file or a set of parameters declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// What concerns the daemon.
    pub global: Global,
    /// In the order of the text; no two have the same key.
    pub services: Vec<Service>,
    /// What was accepted but means nothing here, or that ldirectord would refuse.
    pub warnings: Vec<Problem>,
}

/// What concerns the daemon and not a single service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Global {
    /// Read the file again when it changes.
    pub autoreload: bool,
    /// Program to run after the file has changed, with the file's path as its only argument.
    pub callback: Option<PathBuf>,
    /// Where metrics can be read; `None`: where whoever started it said, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The group that may observe the health monitor; `None`: the one that whoever started it said, if any.
    pub observe_group: Option<Box<str>>,
    /// Where the daemon logs; `None`: where whoever started it said.
    pub logfile: Option<LogTarget>,
    /// Stay in the foreground and log to standard output, for a supervisor that the original's command line is called by.
    pub supervised: bool,
    /// The files that are started, reloaded and stopped with this one, each once, in the order of the text.
    pub executed: Vec<ExecutedFile>,
}

/// Another configuration, which gets a health monitor of its own (`execute`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedFile {
    /// The line that names it.
    pub origin: Origin,
    /// As it was written: a path, or a name that is looked for where the original's command line looks.
    pub name: Box<str>,
}

/// Where the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// A file, which is opened for each line.
    File(PathBuf),
    /// The name of a facility, such as `local0`.
    Syslog(String),
    /// Standard output, as no file says it: a supervisor reads it.
    Output,
    /// Standard error: an administrator does.
    Errors,
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
    /// The virtual service as the kernel is to hold it.
    pub service: VirtualService,
    /// In the order of the text; no two have the same key.
    pub real_servers: Vec<RealServerConfig>,
    /// The names whose records are some of these real servers, in the order of the text.
    pub followed: Vec<FollowedName>,
    /// Real servers that have left the configuration and keep their connections for a while. Only a declaration has
    /// them; none is in `real_servers`.
    pub draining: Vec<Draining>,
    /// How long such a real server stays; zero: it goes at once, whatever connections it has.
    pub drain_timeout: Duration,
    /// Takes the clients while no real server is up.
    pub fallback: Option<RealServer>,
    /// What its real servers are asked, but for those whose line says otherwise.
    pub question: Arc<Question>,
    /// For each check as a whole.
    pub checktimeout: Duration,
    /// What combined checks do between two questions.
    pub between: Option<Arc<Between>>,
    /// The time limit of the path checks that its real servers have beside their checks; `None`: they have none.
    pub checkpath: Option<Duration>,
    /// A real server that is down keeps its entry with weight 0 instead of losing it.
    pub quiescent: bool,
    /// Such an entry is added again when another program has deleted it.
    pub readdquiescent: bool,
    /// What becomes of an entry that another program has changed.
    pub on_drift: OnDrift,
    /// What becomes of a real server that swallows the connections of clients.
    pub on_evidence: OnEvidence,
    /// Failed checks in a row after which a real server is down. At least 1.
    pub failurecount: u32,
    /// Good checks in a row after which a real server that was down serves again. At least 1.
    pub rise: u32,
    /// A real server that was never checked serves at once.
    pub starts_up: bool,
    /// The weight that has to serve, and what happens below it.
    pub quorum: Quorum,
    /// The share of the real servers that failed checks may take out, in per cent; 100: all.
    pub maxejected: u8,
    /// Other directors are asked before failed checks take out the last real server.
    pub secondopinion: bool,
    /// How long the weight of a real server that has come up rises to the whole one; zero: it has it at once.
    pub slowstart: Duration,
    /// Between two checks of one real server. At least one second.
    pub checkinterval: Duration,
    /// The same while the real server is in doubt, where that is sooner.
    pub doubtinterval: Option<Duration>,
    /// Remove the service when the daemon stops.
    pub cleanstop: bool,
    /// A file in this folder that is named after a real server takes it out.
    pub maintenancedir: Option<PathBuf>,
    /// Who is told of what happens to it.
    pub notices: Notices,
}

/// What becomes of an entry of the kernel's table that another program has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDrift {
    /// It is brought back to what is configured.
    Repair,
    /// It stays as it is and is reported.
    Report,
}

/// A `real` line whose real servers are those of a name's records, as these come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedName {
    /// The `real` line.
    pub origin: Origin,
    /// What it says.
    pub line: Box<str>,
    /// Whose records are followed.
    pub name: Arc<DnsName>,
    /// What they are now; empty where none are known.
    pub members: Vec<DnsMember>,
}

/// A real server that has left the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draining {
    /// The real server, with weight 0.
    pub real_server: RealServer,
    /// When it left, in seconds since this machine was started.
    pub since: u64,
}

/// What others are told of a service, beside the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    /// Gets a line for the result of each check.
    pub monitorfile: Option<PathBuf>,
    /// Told when the fallback takes the place of the real servers, and when it leaves: a line for the shell, without its
    /// arguments.
    pub fallbackcommand: Option<Box<str>>,
    /// What people call the service, for the subject and the text of mails; empty: nothing.
    pub servicename: Box<str>,
    /// For the text of mails; empty: nothing.
    pub comment: Box<str>,
    /// Who gets mails about it, and how; shared by the services that say the same nowhere.
    pub mail: Option<Arc<MailSettings>>,
}

/// The mails about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Addresses, separated by commas.
    pub to: Box<str>,
    /// An address; empty: root of this host.
    pub from: Box<str>,
    /// Between two reminders of a real server that is away; zero: none.
    pub frequency: Duration,
    /// `all`, `none`, or states of the health monitor, separated by commas.
    pub status: Box<str>,
    /// The server that takes the mails.
    pub relay: Relay,
}

impl MailSettings {
    /// Whether mails are wanted while the health monitor is in this state: `starting`, `running`, `stopping`, `reloading`.
    pub fn wants(&self, state: &str) -> bool {
        self.status.split(',').any(|word| word == "all" || word == state)
    }
}

/// The server that takes mails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relay {
    /// A name or an address.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
    /// Whether the connection to it is encrypted.
    pub tls: SmtpTls,
    /// Empty: it wants no login.
    pub login: Box<str>,
    /// The password that belongs to the login.
    pub passwd: Secret,
}

/// How the connection to a relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpTls {
    /// Not at all.
    No,
    /// From the command STARTTLS on.
    Starttls,
    /// From the first byte on.
    Yes,
}

/// One real server and how it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServerConfig {
    /// The `real` line; that of a range is the same for all of it.
    pub origin: Origin,
    /// The real server as the kernel is to hold it.
    pub real_server: RealServer,
    /// How it is checked.
    pub check: Check,
    /// It serves only while the others have not the weight of the quorum.
    pub backup: bool,
    /// The name whose records have it; `None`: the line itself has.
    pub dns: Option<Arc<DnsName>>,
}

impl Service {
    /// Returns the path check of one of its real servers, if it has one.
    pub fn path_check(&self, real: &RealServer) -> Option<PathCheck> {
        let timeout = self.checkpath?;
        let ServiceKey::Address { address, port, .. } = self.service.key else { return None };
        let (vip, real_at) = (SocketAddr::new(address, port), SocketAddr::new(real.key.address, real.key.port));
        Some(PathCheck { vip, real: real_at, forwarding: real.forwarding, timeout })
    }
}

impl Config {
    /// Whether a real server of these services is asked anything. With `checktype=on` and `off` the configuration has the answer.
    pub fn has_checks(&self) -> bool {
        let asks = |real: &RealServerConfig| {
            CheckKind::find(real.check.question.kind).is_some_and(|kind| kind.burden != Burden::Nothing)
        };
        let has_path_checks = |service: &Service| service.checkpath.is_some() && !service.real_servers.is_empty();
        self.services.iter().any(|service| has_path_checks(service) || service.real_servers.iter().any(asks))
    }
}

#[cfg(test)]
#[path = "../fuzz/config.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
