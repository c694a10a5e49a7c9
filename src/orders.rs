//! Where operators' orders are kept, and which of them count.
//!
//! In a cluster an order is a permanent attribute of every node (`orders/cluster.rs`): it outlives take-overs, reboots and
//! reloads, and every director reads it from its own copy of the cluster's configuration. Without a cluster it is a file of
//! this node (`orders/node.rs`). Both places are always read, so an order that was given before the cluster was started
//! still counts. The command line writes (`orders/store.rs`), and the health monitors read; `orders/in_force.rs` (pure) says
//! which order counts.

mod cib;
mod cluster;
mod copy;
mod in_force;
mod node;
mod store;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

pub use cluster::{CIB_FILE, Cluster, ClusterError, whole_configuration};
pub use copy::ClusterCopy;
pub use in_force::OrdersInForce;
pub use node::NodeOrders;
pub use store::OrderStore;
pub use text::described;

use crate::model::{Order, OrderSubject};

/// What one place holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The orders, each subject once, in the order of their subjects.
    pub orders: Vec<Order>,
    /// What cannot be understood, each in words: it does not keep the others from being obeyed.
    pub refused: Vec<String>,
}

impl Kept {
    /// Reads names with values. A name that comes twice, from two nodes, has the order that was given last: one that was
    /// off when the order was given has an older one, or none.
    fn of(place: &str, entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut orders: BTreeMap<OrderSubject, Order> = BTreeMap::new();
        let mut refused = Vec::new();
        for (name, value) in entries {
            match Order::read(&name, &value) {
                Ok(order) => newest(&mut orders, order),
                Err(cause) => refused.push(format!("{place} {name}: read: {cause}")),
            }
        }
        refused.sort();
        refused.dedup();
        Self { orders: orders.into_values().collect(), refused }
    }

    /// Returns what two places hold together.
    pub fn with(self, other: Self) -> Self {
        let mut orders = BTreeMap::new();
        self.orders.into_iter().chain(other.orders).for_each(|order| newest(&mut orders, order));
        let refused = self.refused.into_iter().chain(other.refused).collect();
        Self { orders: orders.into_values().collect(), refused }
    }
}

fn newest(orders: &mut BTreeMap<OrderSubject, Order>, order: Order) {
    // Two that were given in the same second: every node must choose the same one.
    let rank = |order: &Order| (order.since, order.value());
    match orders.get(&order.subject) {
        Some(known) if rank(known) >= rank(&order) => {}
        _ => drop(orders.insert(order.subject, order)),
    }
}

/// Whether a cluster has ever run on this node: then its own copy of the cluster's configuration is there.
pub fn has_cluster() -> bool {
    Path::new(CIB_FILE).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_orders_about_one_subject_the_last_one_counts_on_every_node() {
        let entry = |value: &str| ("lvs-order-10.0.0.2".to_owned(), value.to_owned());
        let entries = ["drain since=5 by=anna", "disable since=9 by=ben", "drain since=9 by=carl"].map(entry);
        let mut turned = entries.clone();
        turned.reverse();
        let kept = Kept::of("attribute", entries.clone());
        assert_eq!(kept.orders.iter().map(Order::value).collect::<Vec<_>>(), ["drain since=9 by=carl"]);
        assert_eq!(Kept::of("attribute", turned), kept);
        let [first, rest @ ..] = entries;
        assert_eq!(Kept::of("attribute", [first]).with(Kept::of("file", rest)), kept);
    }

    #[test]
    fn an_entry_that_cannot_be_understood_is_named_once_and_the_others_count() {
        let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let kept = Kept::of(
            "attribute",
            [
                entry("lvs-order-10.0.0.2", "drain"),
                entry("lvs-order-10.0.0.3", "dry"),
                entry("lvs-order-10.0.0.3", "dry"),
                entry("lvs-order-web", "drain"),
            ],
        );
        assert_eq!(kept.orders.len(), 1);
        let expected = [
            "attribute lvs-order-10.0.0.3: read: \"dry\": expected drain, disable or weight=N, then since=, until=, by= and reason=",
            "attribute lvs-order-web: read: \"lvs-order-web\": expected lvs-order-ADDRESS[_PORT][_in_SERVICE]",
        ];
        assert_eq!(kept.refused, expected);
    }
}
