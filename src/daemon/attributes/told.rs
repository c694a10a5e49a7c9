//! What the cluster was told, and what it is to be told next. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Weights;

/// What the cluster has of this node, as far as is known: `None` where an attribute may be there with any value.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<String, Option<u64>>);

impl Told {
    /// What a health monitor before this one may have left.
    pub fn left(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| (name, None)).collect())
    }

    /// Returns an attribute that is not as wanted: the weight that it shall have, or `None` for one that shall go.
    pub fn next(&self, wanted: &Weights) -> Option<(String, Option<u64>)> {
        let differs = wanted.iter().find(|(name, weight)| self.0.get(*name) != Some(&Some(**weight)));
        let leaves = || self.0.keys().find(|name| !wanted.contains_key(*name));
        differs
            .map(|(name, weight)| (name.clone(), Some(*weight)))
            .or_else(|| leaves().map(|name| (name.clone(), None)))
    }

    /// Notes that the cluster was told so.
    pub fn note(&mut self, name: String, weight: Option<u64>) {
        match weight {
            Some(_) => drop(self.0.insert(name, weight)),
            None => drop(self.0.remove(&name)),
        }
    }

    /// Notes that nothing is known of what the cluster has.
    pub fn forget(&mut self) {
        self.0.values_mut().for_each(|weight| *weight = None);
    }

    /// Returns the names that are there or will be.
    pub fn names<'a>(&'a self, wanted: &'a Weights) -> Vec<&'a String> {
        self.0.keys().chain(wanted.keys()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}
