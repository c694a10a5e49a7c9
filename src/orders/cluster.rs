//! Orders that the cluster keeps, asked and written by its own program: its sockets speak a private language. What the cluster
//! has written to this node's disk is read without it.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Kept;
use super::cib::{self, Nodes};
use crate::model::{Order, OrderSubject};
use crate::system::{open_regular, program};

/// This node's copy of the cluster's configuration. The cluster replaces the file a moment after each change.
pub const CIB_FILE: &str = "/var/lib/pacemaker/cib/cib.xml";

/// In full: the cluster's tools call agents with whatever PATH they have.
const PROGRAM: &str = "/usr/sbin/cibadmin";

/// So many bytes of the file are read at most; what the orders are in comes first.
const LONGEST_FILE: u64 = 64 << 20;

/// How long a change may take: every node has to have it.
const CHANGE: Duration = Duration::from_secs(20);

/// Why the cluster did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterError {
    /// This node has no cluster, or it does not run.
    Absent(String),
    /// The cluster runs, and refuses or cannot answer.
    Failed(String),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Absent(cause) | Self::Failed(cause)) = self;
        write!(f, "{PROGRAM}: {cause}")
    }
}

impl std::error::Error for ClusterError {}

/// The cluster as it was when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster(Nodes);

impl Cluster {
    /// Asks this node's part of the cluster, so that the answer neither needs a quorum nor waits for another node.
    ///
    /// # Errors
    /// Says why the cluster did not answer by the deadline.
    pub fn ask(deadline: Instant) -> Result<Self, ClusterError> {
        let text = run(&["--query", "--local", "--scope", "nodes"], deadline)?;
        cib::read(&text).map(Self).map_err(|cause| ClusterError::Failed(format!("read its answer: {cause}")))
    }

    /// Reads a file such as [`CIB_FILE`]. The cluster has no work with that. A take-over changes the configuration, and a question
    /// to the cluster after each change would keep it busy in the middle of the take-over.
    ///
    /// # Errors
    /// Says why the file cannot be read.
    pub fn read_file(path: &Path) -> Result<Self, String> {
        // Its folder belongs to the cluster's user, who must not be able to stop or fill a process of root by another kind of file.
        let mut text = String::new();
        let read = open_regular(path).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
        read.map_err(|cause| cause.to_string())?;
        cib::read(&text).map(Self)
    }

    /// Returns the orders that it keeps.
    pub fn kept(&self) -> Kept {
        Kept::of("node attribute", self.0.orders.iter().cloned())
    }

    /// Returns the names of its nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.0.nodes.iter().map(|node| node.name.as_str())
    }

    /// Keeps an order on every node at once, in the place of another one about the same subject.
    ///
    /// # Errors
    /// Says why the cluster has not taken it.
    pub fn keep(&self, order: &Order) -> Result<(), ClusterError> {
        let section =
            cib::section_with(order, &self.0.nodes).map_err(|cause| ClusterError::Failed(cause.to_string()))?;
        let arguments = ["--modify", "--allow-create", "--scope", "nodes", "--xml-text", &section];
        run(&arguments, Instant::now() + CHANGE).map(drop)
    }

    /// Ends the orders about these subjects, on every node at once.
    ///
    /// # Errors
    /// Says why the cluster has not taken it.
    pub fn end(&self, subjects: &[OrderSubject]) -> Result<(), ClusterError> {
        let path = cib::path_of(&subjects.iter().map(OrderSubject::name).collect::<Vec<_>>());
        run(&["--delete-all", "--force", "--xpath", &path], Instant::now() + CHANGE).map(drop)
    }
}

/// Asks this node's part of the cluster for all of its configuration and state, as XML. With `CIB_file` in the environment the
/// program reads that file instead of asking a cluster.
///
/// # Errors
/// Says why the cluster did not answer by the deadline.
pub fn whole_configuration(deadline: Instant) -> Result<String, ClusterError> {
    let arguments: &[&str] = match std::env::var_os("CIB_file") {
        Some(_) => &["--query"],
        None => &["--query", "--local"],
    };
    run(arguments, deadline)
}

fn run(arguments: &[&str], deadline: Instant) -> Result<String, ClusterError> {
    let ended = program::run(Command::new(PROGRAM).args(arguments), deadline).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => ClusterError::Absent("there is no such program on this node".into()),
        _ => ClusterError::Failed(cause.to_string()),
    })?;
    match ended.status.code() {
        Some(0) => Ok(ended.text),
        code => Err(refusal(code)),
    }
}

/// Says what an exit code of pacemaker's programs means (include/crm/common/results.h).
fn refusal(code: Option<i32>) -> ClusterError {
    match code {
        Some(102) => ClusterError::Absent("the cluster does not run on this node".into()),
        Some(4 | 77) => ClusterError::Failed("not permitted: needs root or a member of the group haclient".into()),
        Some(106) => ClusterError::Failed("the cluster has no quorum, and changes nothing without it".into()),
        Some(124) => ClusterError::Failed("the cluster does not answer in time".into()),
        Some(78) => ClusterError::Failed("the cluster's configuration would not be valid with it".into()),
        Some(code) => ClusterError::Failed(format!("exit status {code}")),
        None => ClusterError::Failed("killed by a signal".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_cluster_is_told_from_a_cluster_that_refuses() {
        assert!(matches!(refusal(Some(102)), ClusterError::Absent(_)));
        for code in [Some(4), Some(78), Some(124), Some(1), None] {
            assert!(matches!(refusal(code), ClusterError::Failed(_)), "{code:?}");
        }
        assert_eq!(refusal(Some(76)).to_string(), "/usr/sbin/cibadmin: exit status 76");
    }
}
