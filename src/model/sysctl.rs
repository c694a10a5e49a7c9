//! Kernel settings.

/// A setting under /proc/sys and the value that it shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    /// The path below /proc/sys, with slashes: an interface name may contain dots.
    pub name: &'static str,
    /// The value that it shall have.
    pub value: &'static str,
    /// Whether an older kernel without the setting serves as well.
    pub optional: bool,
}

impl Sysctl {
    /// Creates a setting that every kernel must have.
    pub const fn required(name: &'static str, value: &'static str) -> Self {
        Self { name, value, optional: false }
    }

    /// Creates a setting that older kernels may lack.
    pub const fn optional(name: &'static str, value: &'static str) -> Self {
        Self { name, value, optional: true }
    }
}
