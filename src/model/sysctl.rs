//! Kernel settings.

/// A setting under /proc/sys and the value that it shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    /// Path below /proc/sys, with slashes: an interface name may contain dots.
    pub name: &'static str,
    pub value: &'static str,
}
