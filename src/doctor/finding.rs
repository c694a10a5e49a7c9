//! What was found, and what could not be looked at.

use std::collections::BTreeMap;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Clients are not served now, or will not be when something fails.
    Error,
    /// It works, and something of it does not do what it is for.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a resource, a virtual service, a real server, a setting.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// What comes of it.
    pub why: String,
    /// A command to type.
    pub fix: String,
}

/// A look that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unseen {
    /// What was to be looked at.
    pub object: String,
    /// Why it was not.
    pub cause: String,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What is not known for lack of a look.
    pub not_looked_at: Vec<Unseen>,
}

impl Finding {
    /// Creates a finding of what keeps clients from being served.
    pub fn error(object: impl Into<String>, what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Error, object: object.into(), what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// Creates a finding of what does not do what it is for.
    pub fn warning(object: impl Into<String>, what: impl Into<String>, why: &str, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(object, what, why, fix) }
    }
}

impl Unseen {
    /// Creates the remark.
    pub fn new(object: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { object: object.into(), cause: cause.into() }
    }
}

/// More objects with one and the same cause become one line.
const NAMED: usize = 2;

/// Returns the remarks, each once, in the order of their objects: one line where many have the same cause.
pub fn joined(unseen: Vec<Unseen>) -> Vec<Unseen> {
    let mut by_cause: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Unseen { object, cause } in unseen {
        by_cause.entry(cause).or_default().push(object);
    }
    let mut joined = Vec::new();
    for (cause, mut objects) in by_cause {
        objects.sort();
        objects.dedup();
        match objects.as_slice() {
            [first, rest @ ..] if rest.len() >= NAMED => {
                joined.push(Unseen::new(format!("{first} (and {} more)", rest.len()), cause));
            }
            _ => joined.extend(objects.into_iter().map(|object| Unseen { object, cause: cause.clone() })),
        }
    }
    joined.sort();
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_cannot_be_looked_at_for_one_reason_are_one_line() {
        let services =
            (1..=40).map(|port| Unseen::new(format!("virtual service udp 10.9.0.1:{}", 1000 + port), "TCP only"));
        let others = ["b", "a", "a"].map(|object| Unseen::new(object, "no answer"));
        let found = joined(services.chain(others).collect());
        let expected =
            [("a", "no answer"), ("b", "no answer"), ("virtual service udp 10.9.0.1:1001 (and 39 more)", "TCP only")];
        assert_eq!(found, expected.map(|(object, cause)| Unseen::new(object, cause)));
    }
}
