//! The environment of the process as a plain value: everything that a cluster manager says to an agent besides the
//! action. Tests write one down instead of changing their own process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// A snapshot of environment variables. It has no `Debug`: it holds passwords.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Returns the variables of this process, as they are now.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// Returns the value of a variable. An empty value counts as none: crmsh and pcs both write `x=""` where a user
    /// clears a parameter.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable as text. A value that is not UTF-8 counts as none.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// Returns a variable `OCF_RESKEY_CRM_meta_<name>`, by which the cluster manager describes the resource and the
    /// operation. Dashes of meta attributes arrive as underscores.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.text(&format!("OCF_RESKEY_CRM_meta_{name}"))
    }

    /// Returns a meta attribute in whole milliseconds, which is how pacemaker passes `interval` and `timeout`.
    pub fn meta_duration(&self, name: &str) -> Option<Duration> {
        self.meta(name)?.trim().parse().ok().map(Duration::from_millis)
    }

    /// Returns all variables by name, for the trace file.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn empty_is_unset_and_foreign_bytes_are_kept_apart() {
        let environment = Environment::from_iter([
            ("empty", OsStr::new("")),
            ("bytes", OsStr::from_bytes(b"\xff")),
            ("word", OsStr::new("x")),
        ]);
        assert_eq!(environment.get("empty"), None);
        assert_eq!(environment.get("absent"), None);
        assert_eq!(environment.text("word"), Some("x"));
        assert!(environment.get("bytes").is_some());
        assert_eq!(environment.text("bytes"), None);
    }

    #[test]
    fn meta_attributes_are_milliseconds() {
        let environment =
            Environment::from_iter([("OCF_RESKEY_CRM_meta_timeout", "20500"), ("OCF_RESKEY_CRM_meta_interval", "10s")]);
        assert_eq!(environment.meta_duration("timeout"), Some(Duration::from_millis(20_500)));
        assert_eq!(environment.meta_duration("interval"), None);
    }
}
