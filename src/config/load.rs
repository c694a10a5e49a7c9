//! Reads configurations from files, with the names of this machine.

use std::path::Path;

use anyhow::{Context, bail};

use super::{Config, SystemResolver, parse_file};

/// Reads and parses a configuration file; the error names the file and every line that is wrong.
pub fn load_file(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read(path).with_context(|| format!("{}: read", path.display()))?;
    parse_named(&text, path)
}

/// Parses what was read from `path`.
pub fn parse_named(text: &[u8], path: &Path) -> anyhow::Result<Config> {
    match parse_file(text, &SystemResolver::new()) {
        Ok(config) => Ok(config),
        Err(problems) => {
            let lines = problems.iter().map(|problem| format!("{}: {problem}", path.display()));
            bail!("{}", lines.collect::<Vec<_>>().join("; "))
        }
    }
}
