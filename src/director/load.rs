//! Reads configurations from files, with the names of this machine.

use std::fmt;
use std::path::Path;

use anyhow::{Context, anyhow, bail};

use super::SystemResolver;
use crate::config::{Config, ExecutedFile, Problem, parse_file};

/// The most mistakes of a file that an error lists: it goes into logs and exit reasons, and `check-config` shows all.
const SHOWN: usize = 10;

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
    let text = std::fs::read(path).with_context(|| format!("{}: read", path.display()))?;
    parse_named(&text, path)
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
fn parse_named(text: &[u8], path: &Path) -> anyhow::Result<Config> {
    let resolver = SystemResolver::new();
    parse_file(text, &resolver).map_err(|problems| {
        let text = described(path, &problems);
        if resolver.has_failed() { NameMissing(text).into() } else { anyhow!(text) }
    })
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
        let error =
            |lines: usize| parse_named("foo=1\n".repeat(lines).as_bytes(), path).expect_err("wrong").to_string();
        assert_eq!(error(1), "/etc/x.cf: line 1: \"foo\": unknown directive");
        assert_eq!(error(10).matches("unknown directive").count(), 10);
        assert!(!error(10).contains("more"));
        let many = error(1000);
        assert_eq!(many.matches("unknown directive").count(), 10);
        assert!(many.ends_with("; and 990 more: lvs-agents check-config /etc/x.cf shows them"), "{many}");
    }

    #[test]
    fn only_a_name_that_is_not_found_may_pass() {
        let path = Path::new("/etc/x.cf");
        let passes = |text: &str| parse_named(text.as_bytes(), path).expect_err("wrong").is::<NameMissing>();
        assert!(!passes("foo=1\n"));
        assert!(passes("virtual=10.9.0.1:no-such-service\n"));
    }
}
