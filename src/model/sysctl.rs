//! Kernel settings.

/// A setting under /proc/sys and the value that it shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    /// Path below /proc/sys, with slashes: an interface name may contain dots.
    pub name: &'static str,
    pub value: &'static str,
    /// An older kernel without the setting serves as well.
    pub optional: bool,
}

impl Sysctl {
    pub const fn required(name: &'static str, value: &'static str) -> Self {
        Self { name, value, optional: false }
    }

    pub const fn optional(name: &'static str, value: &'static str) -> Self {
        Self { name, value, optional: true }
    }
}
