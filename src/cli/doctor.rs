//! `lvs-agents doctor` says what is wrong with this node, its network and its configuration, each with the fix.

use std::io::Write;
use std::time::Duration;

use super::{ExitStatus, FOUND, SUCCESS};
use crate::doctor::{self, Report, Severity};
use crate::system::RunDir;

/// Prints what is found. `subjects` are files and resources; none means all that this node knows of.
pub fn run(subjects: &[String], patience: Duration, json: bool, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let report = doctor::examine(subjects, patience, &RunDir::system())?;
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => out.write_all(text(&report).as_bytes())?,
    }
    Ok(if report.findings.is_empty() { SUCCESS } else { FOUND })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        text += &format!("{severity}: {}: {}\n", finding.object, finding.what);
        text += &format!("    {}\n    fix: {}\n", finding.why, finding.fix);
    }
    for unseen in &report.not_looked_at {
        text += &format!("not looked at: {}: {}\n", unseen.object, unseen.cause);
    }
    if report.findings.is_empty() {
        text += "nothing is wrong that can be seen from here\n";
    }
    text
}
