//! What is wrong with this node, its network and its configuration, each with the fix.
//!
//! `doctor/observe.rs` looks: at the cluster's configuration, the kernel, the network, and what processes have left in the run
//! directory. It reads only, sends a bounded number of frames, and all that takes time runs side by side under one deadline. A
//! look that cannot be made is a remark, never an alarm. Each of the other files decides in one field, from plain values.

mod cib;
mod cluster;
#[cfg(test)]
mod examples;
mod finding;
mod kernel;
mod network;
mod observe;
mod scope;
mod services;
mod sync;
mod vip;

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::bail;

use crate::system::RunDir;

pub use finding::{Finding, Report, Severity, Unseen};

/// Looks at everything that `subjects` name: files, and names of cluster resources or of `lvs` resources that have been started
/// here. Without any it looks at all resources of the cluster, and at what is declared on this node. A look that takes longer
/// than `patience` is given up.
///
/// # Errors
/// Fails when a subject is not known; nothing else keeps it from looking.
pub fn examine(subjects: &[String], patience: Duration, run_dir: &RunDir) -> anyhow::Result<Report> {
    let facts = observe::observe(subjects, patience, run_dir);
    let unknown =
        subjects.iter().find(|subject| !subject.contains('/') && !Path::new(subject).exists() && !facts.knows(subject));
    if let Some(unknown) = unknown {
        bail!("{unknown}: no such file, and no resource of the cluster or of this node");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut findings = cluster::findings(facts.cib.as_ref(), &facts.configured, &facts.scope, now);
    findings.extend(facts.cluster_has_ended.then(|| cluster::down(&facts.configured)));
    findings.extend(services::findings(&facts.configured, &facts.kernel));
    findings.extend(kernel::findings(&facts.configured, &facts.kernel));
    findings.extend(network::findings(&facts.configured, &facts.network));
    findings.extend(sync::findings(&facts.sync));
    findings.sort();
    findings.dedup();
    Ok(Report { findings, not_looked_at: finding::joined(facts.unseen) })
}
