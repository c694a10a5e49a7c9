//! A copy of the orders that the cluster keeps, in `<run>/orders`. A health monitor that starts while the cluster is slow to
//! answer would otherwise send clients to a real server that is drained, or end its connections.

use super::Kept;
use crate::model::Order;
use crate::system::{FileError, Folder, RunDir};

const NAME: &str = "cluster";

/// The file of the copy.
#[derive(Debug, Clone)]
pub struct ClusterCopy(Folder);

impl ClusterCopy {
    /// Returns the copy of this run directory.
    pub fn new(run_dir: &RunDir) -> Self {
        Self(run_dir.known_orders())
    }

    /// Reads what was known last; nothing where there is no copy, or a damaged one.
    pub fn read(&self) -> Kept {
        let entries: Vec<(String, String)> = self.0.read_json(NAME).unwrap_or_default();
        Kept::of("node attribute", entries)
    }

    /// Writes what is known now.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn write(&self, orders: &[Order]) -> Result<(), FileError> {
        let entries: Vec<(String, String)> = orders.iter().map(|order| (order.subject.name(), order.value())).collect();
        self.0.write_json(NAME, &entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::NodeOrders;
    use crate::testing::Scratch;

    #[test]
    fn a_copy_is_read_back_and_is_no_order_of_this_node() {
        let scratch = Scratch::new("cluster-copy");
        let run_dir = RunDir::at(scratch.path());
        let copy = ClusterCopy::new(&run_dir);
        assert_eq!(copy.read(), Kept::default());
        let order = Order::read("lvs-order-2001-db8--2_80", "drain by=anna reason=a disk").expect("an order");
        copy.write(std::slice::from_ref(&order)).expect("write");
        assert_eq!(copy.read(), Kept { orders: vec![order], refused: vec![] });
        assert_eq!(NodeOrders::new(&run_dir).read(), Kept::default());
        run_dir.known_orders().write(NAME, "{").expect("write");
        assert_eq!(copy.read(), Kept::default());
    }
}
