//! Looks at everything once. It reads only; frames leave in `observe/asked.rs` alone.

mod asked;
mod configured;
mod heard;
mod kernel;
mod node;

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::cib::{self, Cib};
use super::finding::Unseen;
use super::kernel::KernelFacts;
use super::network::NetworkFacts;
use super::scope::Scope;
use super::sync::SyncFacts;
use crate::orders::{ClusterError, has_cluster, whole_configuration};
use crate::system::RunDir;

pub use configured::Configured;

/// Where it is missing, no cluster is to run on this node, whatever one before has left.
const PACEMAKER: &str = "/usr/sbin/pacemakerd";

/// What was seen, and what was not.
#[derive(Debug, Default)]
pub struct Facts {
    /// The cluster's configuration, where there is one.
    pub cib: Option<Cib>,
    /// Whether a cluster has run on this node, and runs no more.
    pub cluster_has_ended: bool,
    /// The resources that are looked at.
    pub scope: Scope,
    /// The virtual services of each resource and file that is looked at.
    pub configured: Vec<Configured>,
    /// The kernel.
    pub kernel: KernelFacts,
    /// The network.
    pub network: NetworkFacts,
    /// The synchronisation of connections.
    pub sync: SyncFacts,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

impl Facts {
    /// Whether there is a resource of this name.
    pub fn knows(&self, name: &str) -> bool {
        let of_cluster = self.cib.as_ref().is_some_and(|cib| !cib.members(name).is_empty());
        of_cluster || self.configured.iter().any(|one| one.name == name)
    }
}

/// Looks at what the subjects name. What takes time runs side by side, but for the cluster, whose answer says what else to look
/// at, and the names in files: the first gets half of the time, and the second half of the rest.
pub fn observe(subjects: &[String], patience: Duration, run_dir: &RunDir) -> Facts {
    let begin = Instant::now();
    let mut facts = Facts::default();
    look_at_cluster(&mut facts, begin + patience / 2);
    facts.scope = Scope::of(subjects, facts.cib.as_ref());
    configured::look(subjects, &mut facts, run_dir, begin + patience * 3 / 4);
    facts.network.virtual_ips = facts.scope.virtual_ips(facts.cib.as_ref(), &facts.configured);
    node::look(&mut facts);
    kernel::look(&mut facts);
    heard::look_at_roles(run_dir, &mut facts);
    ask(&mut facts, begin + patience);
    facts
}

fn look_at_cluster(facts: &mut Facts, deadline: Instant) {
    let text = match whole_configuration(deadline) {
        Ok(text) => text,
        Err(ClusterError::Absent(_)) => {
            facts.cluster_has_ended = has_cluster() && Path::new(PACEMAKER).exists();
            return;
        }
        Err(error) => return facts.unseen.push(Unseen::new("cluster", error.to_string())),
    };
    match cib::read(&text) {
        Ok(cib) => facts.cib = Some(cib),
        Err(cause) => facts.unseen.push(Unseen::new("cluster", cause)),
    }
}

/// Does what takes time side by side.
fn ask(facts: &mut Facts, deadline: Instant) {
    let plan = asked::Plan::new(facts);
    let channels: Vec<_> = facts.sync.resources.iter().map(|one| one.channel.clone()).collect();
    let own: Vec<IpAddr> = facts.network.addresses.iter().map(|held| held.address.address).collect();
    let (answers, heard) = std::thread::scope(|scope| {
        let listening = scope.spawn(|| heard::listen(&channels, &own));
        let answers = plan.ask(deadline);
        let heard = listening.join().unwrap_or_else(|_| Err("the listener has failed".into()));
        (answers, heard)
    });
    answers.note(facts);
    match heard {
        Ok(heard) => facts.sync.heard = heard,
        Err(cause) => facts.unseen.push(Unseen::new("sync: other directors on the group", cause)),
    }
    heard::note_directors(facts);
}

#[cfg(test)]
pub mod testing {
    use super::Configured;
    pub use super::configured::of_resource_now as of_resource;
    use crate::config::{self, AnyName};

    /// A file with this text.
    pub fn configured(name: &str, text: &str) -> Configured {
        let config = config::parse_file(text.as_bytes(), &AnyName::default());
        let config = config.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        Configured { name: name.into(), file: Some(name.into()), is_resource: false, config }
    }
}
