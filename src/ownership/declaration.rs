//! The declaration that an `lvs` resource has made at its last start.

use std::collections::BTreeMap;

use crate::config::{self, Config, Problem};
use crate::model::{RealServerKey, ServiceEntry, ServiceKey, Table};
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
    /// The virtual services with every real server at its weight, without fallback.
    pub table: Table,
    /// The fallbacks of the services that have one.
    pub fallbacks: BTreeMap<ServiceKey, RealServerKey>,
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

impl Declaration {
    /// Reads the text of the file, as [`config::render`] wrote it.
    pub fn of(text: &str) -> Self {
        let mut declared = Declared::default();
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
        self.fallbacks.extend(service.fallback.map(|fallback| (key, fallback.key)));
        let reals = service.real_servers.into_iter().map(|real| (real.real_server.key, real.real_server));
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

/// Whether a text that [`config::render`] made of a configuration reads back to it. Some combinations of request,
/// receive and double quotes do not: no program could read such a declaration as it was meant.
pub fn reads_back(text: &str, config: &Config) -> bool {
    let mut expected = config.services.iter();
    // Directives that concern no single service stand before the first one.
    let mut is_same = parts(text).next().is_some_and(|first| first.is_ok_and(|first| first.global == config.global));
    let read = each_service(text, |service| {
        let wanted = expected.next();
        is_same &= wanted.is_some_and(|wanted| wanted.means_the_same_as(&service));
    });
    read.is_ok() && is_same && expected.next().is_none()
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
    let names = config::SystemResolver::new();
    sections(text).map(move |section| config::parse_part(section.as_bytes(), &names))
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
    fn what_reads_back_otherwise_is_noticed() {
        let config = config::parse_file(TEXT.as_bytes(), &AnyName::default()).expect("right");
        let text = config::render(&config);
        assert!(reads_back(&text, &config));
        crate::testing::assert_all_rows(
            [
                text.replace("gate 1", "gate 2"),
                text.replace("autoreload=yes\n", ""),
                text.replace("autoreload=yes", "autoreload=no"),
                text.replace("\"virtual\"", "\"other\""),
                text.split_inclusive("virtual6").next().unwrap_or_default().replace("virtual6", ""),
                format!("{text}virtual=192.0.2.2:80\n\tchecktype=on\n"),
                format!("{text}nonsense\n"),
                String::new(),
            ],
            |other| {
                assert!(!reads_back(&other, &config), "{other}");
            },
        );
    }

    #[test]
    fn a_damaged_part_damages_the_whole() {
        let config = config::parse_file(TEXT.as_bytes(), &AnyName::default()).expect("right");
        let text = config::render(&config);
        crate::testing::assert_all_rows(
            [text.replace("gate", "gait"), format!("x{text}"), format!("{text}virtual="), String::new()],
            |broken| {
                assert_eq!(Declaration::of(&broken), Declaration::Damaged, "{broken}");
            },
        );
        assert_eq!(sections(&text).collect::<String>(), text);
    }
}
