//! `lvs-agents check-config FILE` checks a configuration file.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::ldirectord::doubts_of_executed;
use super::{ExitStatus, FAILURE, SUCCESS};
use crate::config::{self, Problem};
use crate::director::{self, SystemResolver};

/// Prints every error and warning with its line, and what this node's kernel would refuse. The exit status says whether
/// there was an error. With `explain`, the values that count are printed first.
pub fn run(file: &Path, explain: bool, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let name = file.display();
    let text = director::read_file(file).with_context(|| format!("{name}: read"))?;
    let resolver = SystemResolver::new();
    let mut explanation = String::new();
    let parsed = match explain {
        true => config::explain(&text, &resolver, &mut explanation),
        false => config::parse_file(&text, &resolver),
    };
    let config = match parsed {
        Ok(config) => config,
        Err(problems) => {
            warn(&name, &config::warnings(&text, &resolver), out)?;
            return refuse(&name, &problems, out);
        }
    };
    out.write_all(explanation.as_bytes())?;
    warn(&name, &config.warnings, out)?;
    warn(&name, &doubts_of_executed(&config.global.executed, &std::path::absolute(file)?), out)?;
    let refusals = director::refusals(&config);
    if !refusals.is_empty() {
        return refuse(&name, &refusals, out);
    }
    let reals = config.services.iter().map(|service| service.real_servers.len()).sum();
    let services = count(config.services.len(), "virtual service");
    writeln!(out, "{name}: right: {services}, {}", count(reals, "real server"))?;
    Ok(SUCCESS)
}

fn warn(name: &impl Display, warnings: &[Problem], out: &mut impl Write) -> std::io::Result<()> {
    warnings.iter().try_for_each(|warning| writeln!(out, "{name}: warning: {warning}"))
}

fn refuse(name: &impl Display, problems: &[Problem], out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    for problem in problems {
        writeln!(out, "{name}: {problem}")?;
    }
    let lines: BTreeSet<_> = problems.iter().map(|problem| problem.origin).collect();
    writeln!(out, "{name}: {} wrong", count(lines.len(), "line"))?;
    Ok(FAILURE)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
