//! Scheduling methods of IPVS.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;

/// Every scheduler of the kernel tree (net/netfilter/ipvs/ip_vs_*.c).
const KNOWN: [&str; 14] =
    ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"];

/// The name of a scheduler, as `ipvsadm -s` takes it. A parsed name is known; a name from the kernel may be any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scheduler(String);

impl Scheduler {
    /// Takes any name. A module from outside the kernel tree may have any, and the kernel alone knows which it has.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Scheduler {
    /// Returns ldirectord's default.
    fn default() -> Self {
        Self("wrr".into())
    }
}

impl FromStr for Scheduler {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        if KNOWN.contains(&word) {
            Ok(Self(word.into()))
        } else {
            Err(InvalidValue::new(word, format!("a scheduler, one of {}", KNOWN.join(" "))))
        }
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
