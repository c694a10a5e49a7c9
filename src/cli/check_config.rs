//! `lvs-agents check-config FILE`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::{ExitStatus, FAILURE, SUCCESS};
use crate::config::{self, SystemResolver};

/// Prints every error and warning with its line; fails when there is an error.
pub fn run(file: &Path, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("{name}: read"))?;
    let config = match config::parse_file(&text, &SystemResolver::new()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                writeln!(out, "{name}: {problem}")?;
            }
            writeln!(out, "{name}: {} wrong", count(problems.len(), "line"))?;
            return Ok(FAILURE);
        }
    };
    for warning in &config.warnings {
        writeln!(out, "{name}: warning: {warning}")?;
    }
    let reals = config.services.iter().map(|service| service.real_servers.len()).sum();
    let services = count(config.services.len(), "virtual service");
    writeln!(out, "{name}: right: {services}, {}", count(reals, "real server"))?;
    Ok(SUCCESS)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
