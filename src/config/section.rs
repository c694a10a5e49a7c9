//! What was written, before names are looked up and defaults filled in. `None` means that the user said nothing.

use std::collections::BTreeSet;

use super::ExecutedFile;
use super::address::{Host, VirtualAddress};
use super::problem::Origin;
use super::real::{FallbackSpec, RealSpec};
use super::written::{Located, Values};
use crate::model::{DnsName, Family};

/// One `virtual` section as written.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub origin: Origin,
    pub family: Family,
    /// The text of the `virtual` line.
    pub word: String,
    /// `None` when it is wrong, which is already reported: the rest of the section is still read.
    pub address: Option<VirtualAddress>,
    pub values: Values,
    pub real_servers: Vec<Located<RealSpec>>,
    /// Boxed, as most sections have none: a file may have ten thousand sections.
    pub fallback: Option<Box<Located<FallbackSpec>>>,
}

impl Section {
    pub fn new(origin: Origin, family: Family, word: &str) -> Self {
        Self {
            origin,
            family,
            word: word.into(),
            address: None,
            values: Values::default(),
            real_servers: Vec::new(),
            fallback: None,
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

    /// Every host of the section that is looked up once, names and addresses.
    fn hosts(&self) -> impl Iterator<Item = &Host> {
        let own = match &self.address {
            Some(VirtualAddress::Address { host, .. }) => Some(host),
            _ => None,
        };
        let plain = self.real_servers.iter().filter(|real| real.value.options.dns.is_none());
        let reals = plain.flat_map(|real| [Some(&real.value.first), real.value.last.as_deref()]);
        let fallback = self.fallback.as_ref().map(|fallback| &fallback.value.target.host);
        [own, fallback].into_iter().chain(reals).flatten()
    }
}

/// What stands outside of sections. It counts for those before it too.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub values: Values,
    pub fallback: Option<Located<FallbackSpec>>,
    pub fallback6: Option<Located<FallbackSpec>>,
    pub executed: Vec<ExecutedFile>,
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
    /// The names whose records are followed.
    pub followed: BTreeSet<DnsName>,
}

impl Preview {
    pub fn note(&mut self, section: &Section) {
        self.families.insert(section.family);
        let names = section.hosts().filter_map(Host::name).map(|name| (name.to_owned(), section.family));
        self.host_names.extend(names);
        self.followed.extend(section.real_servers.iter().filter_map(|real| real.value.followed(section.family)));
    }
}
