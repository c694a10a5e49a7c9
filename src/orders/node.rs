//! Orders that are kept on this node only, each in a file of `<run>/orders`: they outlive a restart of the health monitor,
//! and are gone after a reboot.

use super::Kept;
use crate::model::{Order, OrderSubject};
use crate::system::{FileError, Folder, RunDir};

/// The folder of orders.
#[derive(Debug, Clone)]
pub struct NodeOrders(Folder);

impl NodeOrders {
    /// Returns the folder of this run directory.
    pub fn new(run_dir: &RunDir) -> Self {
        Self(run_dir.orders())
    }

    /// Reads every order. A file that has just gone is no order any more.
    pub fn read(&self) -> Kept {
        let read = |name: String| Some((name.clone(), self.0.read(&name).ok().flatten()?));
        Kept::of(&format!("{}: order", self.0.name()), self.0.instances().into_iter().filter_map(read))
    }

    /// Keeps an order in the place of another one about the same subject.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn keep(&self, order: &Order) -> Result<(), FileError> {
        self.0.write(&order.subject.name(), &order.value())
    }

    /// Ends the order about this subject, if there is one.
    ///
    /// # Errors
    /// Fails when the file is still there afterwards.
    pub fn end(&self, subject: &OrderSubject) -> Result<(), FileError> {
        self.0.remove(&subject.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn an_order_is_kept_until_it_is_ended_and_a_damaged_one_is_named() {
        let scratch = Scratch::new("node-orders");
        let run_dir = RunDir::at(scratch.path());
        let orders = NodeOrders::new(&run_dir);
        assert_eq!(orders.read(), Kept::default());
        let order = Order::read("lvs-order-2001-db8--2_80", "drain by=anna reason=a disk").expect("an order");
        orders.keep(&order).expect("write");
        run_dir.orders().write("lvs-order-10.0.0.9", "").expect("write");
        let kept = orders.read();
        assert_eq!((kept.orders, kept.refused.len()), (vec![order.clone()], 1));
        for _ in 0..2 {
            orders.end(&order.subject).expect("remove");
            assert_eq!(orders.read().orders, []);
        }
    }
}
