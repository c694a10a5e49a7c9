//! The places of orders as the command line uses them: it writes to the cluster where there is one.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::cluster::{Cluster, ClusterError};
use super::node::NodeOrders;
use super::{ClusterCopy, Kept, has_cluster};
use crate::model::{Order, OrderSubject};
use crate::system::RunDir;

/// How long the cluster may take for an answer: a person waits, and a director that is overloaded is drained most of all.
const ANSWER: Duration = Duration::from_secs(30);

/// Every order that is kept for this node, and the places that keep them.
#[derive(Debug)]
pub struct OrderStore {
    /// `None` where no cluster runs.
    cluster: Option<Cluster>,
    node: NodeOrders,
    kept: Kept,
    /// The orders of a cluster that does not run now: health monitors obey them, and nothing can end them.
    out_of_reach: Vec<OrderSubject>,
}

impl OrderStore {
    /// Reads what is kept.
    ///
    /// # Errors
    /// Fails when a cluster runs and does not answer: an order that only this node knew would be lost with it.
    pub fn open(run_dir: &RunDir) -> Result<Self, ClusterError> {
        let asked = has_cluster().then(|| Cluster::ask(Instant::now() + ANSWER));
        let cluster = match asked {
            None | Some(Err(ClusterError::Absent(_))) => None,
            Some(answer) => Some(answer?),
        };
        let node = NodeOrders::new(run_dir);
        let of_cluster = match &cluster {
            Some(cluster) => cluster.kept(),
            None if has_cluster() => ClusterCopy::new(run_dir).read(),
            None => Kept::default(),
        };
        let known = of_cluster.orders.iter().filter(|_| cluster.is_none());
        let out_of_reach = known.map(|order| order.subject).collect();
        let kept = of_cluster.with(node.read());
        Ok(Self { cluster, node, kept, out_of_reach })
    }

    /// Returns the orders, those included whose time is over.
    pub fn orders(&self) -> &[Order] {
        &self.kept.orders
    }

    /// Whether nothing can end the order now: the cluster that keeps it does not run.
    pub fn is_out_of_reach(&self, subject: &OrderSubject) -> bool {
        self.out_of_reach.contains(subject)
    }

    /// Returns what cannot be understood, each in words.
    pub fn refused(&self) -> &[String] {
        &self.kept.refused
    }

    /// Keeps an order in the place of another one about the same subject, and returns where, in words.
    ///
    /// # Errors
    /// Fails when it could not be kept; nothing has changed then.
    pub fn keep(&mut self, order: &Order) -> anyhow::Result<String> {
        let place = match &self.cluster {
            Some(cluster) => {
                cluster.keep(order)?;
                // One of the time when no cluster ran is replaced by this one.
                self.node.end(&order.subject)?;
                format!("kept by the cluster, on {}", cluster.nodes().collect::<Vec<_>>().join(" and "))
            }
            None => {
                self.node.keep(order)?;
                "kept on this node until it is rebooted: no cluster runs here".into()
            }
        };
        self.kept.orders.retain(|known| known.subject != order.subject);
        self.kept.orders.push(order.clone());
        Ok(place)
    }

    /// Ends the orders about these subjects; those that have gone already are none.
    ///
    /// # Errors
    /// Fails when one of them may still be kept.
    pub fn end(&mut self, subjects: &[OrderSubject]) -> anyhow::Result<()> {
        if subjects.is_empty() {
            return Ok(());
        }
        if let Some(subject) = subjects.iter().find(|subject| self.is_out_of_reach(subject)) {
            bail!(
                "{subject}: the cluster keeps this order and does not run here: it can be ended when it runs; until then an order \
                   of this node goes before it (lvs-agents weight SERVER WEIGHT)"
            );
        }
        if let Some(cluster) = &self.cluster {
            cluster.end(subjects)?;
        }
        for subject in subjects {
            self.node.end(subject)?;
        }
        self.kept.orders.retain(|order| !subjects.contains(&order.subject));
        Ok(())
    }
}
