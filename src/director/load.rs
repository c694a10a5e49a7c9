//! Reads configurations from files, with the names of this machine.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::{DnsNames, SystemResolver};
use crate::config::{Config, ExecutedFile, FollowedName, Problem, parse_file};

/// The most mistakes of a file that an error lists: it goes into logs and exit reasons, and `check-config` shows all.
const SHOWN: usize = 10;

/// The most bytes of a file that are read: a hundred times as many as ten thousand real servers have.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The text of an error whose cause may pass by itself: a name was not found, because the name server does not answer
/// or does not know it yet. A caller asks an [`anyhow::Error`] with `is::<NameMissing>()`.
#[derive(Debug)]
pub struct NameMissing(String);

impl fmt::Display for NameMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NameMissing {}

/// Reads and parses a configuration file; the error names the file and the lines that are wrong.
///
/// # Errors
/// Fails when the file cannot be read, when it is wrong, and when a name in it is not found, which is a
/// [`NameMissing`].
pub fn load_file(path: &Path) -> anyhow::Result<Config> {
    ConfigText::read(path, Arc::default())?.config()
}

/// The text of a file, and what its names were when it was read.
pub struct ConfigText {
    path: PathBuf,
    text: Vec<u8>,
    resolver: SystemResolver,
}

impl ConfigText {
    /// Reads a file whose followed names are these.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn read(path: &Path, followed: Arc<DnsNames>) -> anyhow::Result<Self> {
        let text = read_file(path).with_context(|| format!("{}: read", path.display()))?;
        Ok(Self { path: path.to_owned(), text, resolver: SystemResolver::following(followed) })
    }

    /// Returns the configuration. Called again, it differs in the real servers of followed names alone: all other names are
    /// as they were the first time.
    ///
    /// # Errors
    /// As [`load_file`].
    pub fn config(&self) -> anyhow::Result<Config> {
        parse_named(&self.text, &self.path, &self.resolver)
    }
}

/// Reads a configuration file, which is not parsed yet.
///
/// # Errors
/// Fails when it cannot be read, and for a file without an end, such as `/dev/zero`: it would fill the memory.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB, which no configuration is", LARGEST >> 20)));
    }
    Ok(text)
}

/// The same for the `configfile` of a cluster resource.
///
/// # Errors
/// Fails for a file that executes others, too.
pub fn load_file_of_resource(path: &Path) -> anyhow::Result<Config> {
    let config = load_file(path)?;
    refuse_executed_files(&config, &path.display().to_string())?;
    Ok(config)
}

/// A resource has one state, which the cluster watches, moves and mends as a whole: with several files it could do none of
/// it for one of them.
///
/// # Errors
/// Says which files the one of this name executes, and what to do instead.
pub fn refuse_executed_files(config: &Config, name: &str) -> anyhow::Result<()> {
    let refused = config.global.executed.iter().map(|ExecutedFile { origin, name: file }| {
        let instead = "not followed by a resource: give that file a resource ocf:rust:ldirectord of its own";
        format!("{name}: {origin}: execute \"{file}\": {instead}")
    });
    let refused: Vec<String> = refused.collect();
    if refused.is_empty() { Ok(()) } else { bail!(refused.join("; ")) }
}

/// Parses what was read from `path`.
fn parse_named(text: &[u8], path: &Path, resolver: &SystemResolver) -> anyhow::Result<Config> {
    parse_file(text, resolver).map_err(|problems| {
        let text = described(path, &problems);
        if resolver.has_failed() { NameMissing(text).into() } else { anyhow!(text) }
    })
}

/// What an `lvs` resource declares are addresses, which no name server changes.
///
/// # Errors
/// Says which lines follow a name, and what to do instead.
pub fn refuse_followed_names(config: &Config) -> Result<(), String> {
    let refused = config.services.iter().flat_map(|service| &service.followed);
    let refused: Vec<String> = refused
        .map(|FollowedName { origin, line, .. }| {
            format!(
                "{origin}: real \"{line}\": dns: not followed by lvs: configfile of a resource ocf:rust:ldirectord may have \
                 this line, and that resource the virtual service"
            )
        })
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
}

/// Says what is wrong with a text that was read from `path`, in one line.
pub fn described(path: &Path, problems: &[Problem]) -> String {
    let path = path.display();
    let mut lines: Vec<String> = problems.iter().take(SHOWN).map(|problem| format!("{path}: {problem}")).collect();
    let hidden = problems.len().saturating_sub(SHOWN);
    if hidden > 0 {
        lines.push(format!("and {hidden} more: lvs-agents check-config {path} shows them"));
    }
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_some_lines_and_says_how_many_more_there_are() {
        let path = Path::new("/etc/x.cf");
        let parse = |text: &str| parse_named(text.as_bytes(), path, &SystemResolver::new());
        let error = |lines: usize| parse(&"foo=1\n".repeat(lines)).expect_err("wrong").to_string();
        assert_eq!(error(1), "/etc/x.cf: line 1: \"foo\": unknown directive");
        assert_eq!(error(10).matches("unknown directive").count(), 10);
        assert!(!error(10).contains("more"));
        let many = error(1000);
        assert_eq!(many.matches("unknown directive").count(), 10);
        assert!(many.ends_with("; and 990 more: lvs-agents check-config /etc/x.cf shows them"), "{many}");
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = format!("{:#}", load_file(Path::new("/dev/zero")).expect_err("endless"));
        assert_eq!(error, "/dev/zero: read: it is larger than 64 MiB, which no configuration is");
    }

    #[test]
    fn only_a_name_that_is_not_found_may_pass() {
        let path = Path::new("/etc/x.cf");
        let passes = |text: &str| {
            parse_named(text.as_bytes(), path, &SystemResolver::new()).expect_err("wrong").is::<NameMissing>()
        };
        assert!(!passes("foo=1\n"));
        assert!(passes("virtual=10.9.0.1:no-such-service\n"));
    }
}
