//! The declaration that an `lvs` resource has made at its last start.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{self, Config, OnDrift, Problem};
use crate::model::{RealServer, RealServerKey, ServiceEntry, ServiceKey, Table};
use crate::system::RunDir;

/// The file `<run>/services/<lvs>.cf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// The file is missing: this instance has declared nothing.
    Absent,
    /// The file is there and cannot be understood. A file without a virtual service is damaged too: `lvs` never
    /// declares that.
    Damaged,
    /// The declared virtual services.
    Services(Declared),
}

/// Virtual services as their owner wants them while no health monitor says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// The virtual services with every real server at its weight, but for backups, without fallback.
    pub table: Table,
    /// The backup real servers, which the table has at weight 0, for the services that have such.
    pub backups: BTreeMap<ServiceKey, BTreeSet<RealServerKey>>,
    /// The fallbacks of the services that have one.
    pub fallbacks: BTreeMap<ServiceKey, RealServerKey>,
    /// The real servers that have left the services, for those that have such: the kernel may hold them at weight 0.
    pub draining: BTreeMap<ServiceKey, BTreeMap<RealServerKey, Drain>>,
    /// The services whose entries stay as other programs make them (`on_drift=report`).
    pub reporting: BTreeSet<ServiceKey>,
}

/// The drain of one real server, in seconds since this machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// When it has left the configuration.
    pub since: u64,
    /// When it is removed at the latest.
    pub until: u64,
}

/// Reads what the `lvs` resource of this name has declared at its last start.
pub fn declaration(run_dir: &RunDir, instance: &str) -> Declaration {
    match run_dir.services().read(instance) {
        Ok(None) => Declaration::Absent,
        Ok(Some(text)) => Declaration::of(&text),
        // The file is there; that is all that is known of it.
        Err(_) => Declaration::Damaged,
    }
}

/// Returns how many virtual services are declared on this node, without reading what is said of them.
pub fn count_declared(run_dir: &RunDir) -> usize {
    let folder = run_dir.services();
    let texts = folder.instances().into_iter().filter_map(|instance| folder.read(&instance).ok().flatten());
    texts.map(|text| sections(&text).filter(|section| section.starts_with("virtual")).count()).sum()
}

impl Declaration {
    /// Reads the text of the file, as [`config::render`] wrote it.
    pub fn of(text: &str) -> Self {
        let mut declared = Declared::default();
        if config::refuse_newer_form(text).is_err() {
            return Self::Damaged;
        }
        match each_service(text, |service| declared.add(service)) {
            Ok(()) if !declared.table.is_empty() => Self::Services(declared),
            _ => Self::Damaged,
        }
    }

    /// Returns the declared virtual services; none where nothing is known of them.
    pub fn keys(&self) -> Vec<ServiceKey> {
        match self {
            Self::Services(declared) => declared.table.keys().copied().collect(),
            Self::Absent | Self::Damaged => Vec::new(),
        }
    }
}

impl Declared {
    fn add(&mut self, service: config::Service) {
        let key = service.service.key;
        if service.on_drift == OnDrift::Report {
            self.reporting.insert(key);
        }
        self.fallbacks.extend(service.fallback.map(|fallback| (key, fallback.key)));
        if !service.draining.is_empty() {
            let limit = service.drain_timeout.as_secs();
            let drain = |since: u64| Drain { since, until: since.saturating_add(limit) };
            let draining = service.draining.iter().map(|one| (one.real_server.key, drain(one.since)));
            self.draining.insert(key, draining.collect());
        }
        let backups: BTreeSet<RealServerKey> =
            service.real_servers.iter().filter(|real| real.backup).map(|real| real.real_server.key).collect();
        if !backups.is_empty() {
            self.backups.insert(key, backups);
        }
        // A backup waits: no health monitor says that it is needed.
        let weight = |real: &config::RealServerConfig| if real.backup { 0 } else { real.real_server.weight };
        let reals = service
            .real_servers
            .into_iter()
            .map(|real| (real.real_server.key, RealServer { weight: weight(&real), ..real.real_server }));
        self.table.insert(key, ServiceEntry { service: service.service, real_servers: reals.collect() });
    }
}

impl From<Config> for Declared {
    fn from(config: Config) -> Self {
        let mut declared = Self::default();
        config.services.into_iter().for_each(|service| declared.add(service));
        declared
    }
}

fn each_service(text: &str, mut take: impl FnMut(config::Service)) -> Result<(), Vec<Problem>> {
    for part in parts(text) {
        part?.services.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// Reads one section after the other, in the order of the text. Each section says all of its values, so it can be read
/// by itself, and what is known of its checks is forgotten before the next: a configuration of a thousand services as a
/// whole takes ten megabytes, which cost a health monitor more than everything else that it does.
fn parts(text: &str) -> impl Iterator<Item = Result<Config, Vec<Problem>>> {
    sections(text).map(|section| config::parse_declared_part(section.as_bytes()))
}

/// Cuts the text before each line that begins a section.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let next = rest.match_indices("\nvirtual").next().map_or(rest.len(), |(at, _)| at + 1);
        let (section, tail) = rest.split_at(next);
        rest = tail;
        (!section.is_empty()).then_some(section)
    })
}

/// Returns the keys of the configured virtual services.
pub fn keys(config: &Config) -> Vec<ServiceKey> {
    config.services.iter().map(|service| service.service.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AnyName;

    const TEXT: &str = "autoreload=yes\nfallback=127.0.0.1:80\nvirtual=192.0.2.1:80\n\treal=192.0.2.8:80 gate 1\n\
                        \treceive=\"virtual\"\n\trequest=\"x\"\nvirtual6=7\n\treal6=[2001:db8::8] gate\n\tchecktype=on\n";

    #[test]
    fn a_declaration_read_in_pieces_is_what_was_declared() {
        let config = config::parse_file(TEXT.as_bytes(), &AnyName::default()).expect("right");
        let expected = Declared::from(config.clone());
        assert_eq!((expected.table.len(), expected.fallbacks.len()), (2, 1));
        assert_eq!(Declaration::of(&config::render(&config)), Declaration::Services(expected));
    }

    #[test]
    fn a_damaged_part_damages_the_whole() {
        let config = config::parse_file(TEXT.as_bytes(), &AnyName::default()).expect("right");
        let text = config::render(&config);
        for broken in [
            text.replace("gate", "gait"),
            format!("x{text}"),
            format!("{text}virtual="),
            text.replace("form 1", "form 2"),
            String::new(),
        ] {
            assert_eq!(Declaration::of(&broken), Declaration::Damaged, "{broken}");
        }
        assert_eq!(sections(&text).collect::<String>(), text);
    }
}
