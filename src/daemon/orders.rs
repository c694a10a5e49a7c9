//! Watches the operators' orders in a thread of its own: the cluster's program and a file system may take their time, and
//! neither a check nor the loop waits for them.
//!
//! A look at the age of the files costs next to nothing, so it is made often (`orders/cluster.rs`, and `orders::NodeOrders`).
//! What cannot be asked keeps the orders that were known last. The end of an order needs no one: the thread looks at the clock.

mod cluster;

use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::core::seconds;
use super::event::SinkNews;
use crate::orders::{Kept, NodeOrders, OrdersInForce};
use crate::system::RunDir;
use cluster::ClusterWatch;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "operators' orders";

/// How often the ages of the files and the clock are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long an answer of the cluster may take; nothing but this thread waits for it.
const ANSWER: Duration = Duration::from_secs(10);
/// The same at the start, which waits for it.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// What the thread has found out.
#[derive(Debug, Default)]
pub struct OrderNews {
    /// The orders whose time is not over, when they are others than before.
    pub in_force: Option<OrdersInForce>,
    /// What keeps orders from being known.
    pub trouble: Option<SinkNews>,
}

/// Delivers the orders that are in force now, and starts the thread that delivers every change. `deliver` returns false when
/// the loop has ended.
///
/// # Errors
/// Fails when the thread cannot be started.
pub fn watch(run_dir: &RunDir, deliver: impl Fn(OrderNews) -> bool + Send + 'static) -> io::Result<()> {
    let (mut looks, mut told) = (Looks::new(run_dir), Told::default());
    looks.look(FIRST_ANSWER);
    let mut tell = move |looks: &Looks| {
        let news = told.news(looks.in_force(SystemTime::now()), looks.trouble(Instant::now()));
        news.is_nothing() || deliver(news)
    };
    tell(&looks);
    let work = move || {
        loop {
            std::thread::sleep(LOOK);
            looks.look(ANSWER);
            if !tell(&looks) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("orders".into()).spawn(work)?;
    Ok(())
}

impl OrderNews {
    fn is_nothing(&self) -> bool {
        self.in_force.is_none() && self.trouble.is_none()
    }
}

/// What the loop knows already.
#[derive(Debug, Default)]
struct Told {
    in_force: OrdersInForce,
    trouble: Option<String>,
}

impl Told {
    fn news(&mut self, in_force: OrdersInForce, trouble: Option<String>) -> OrderNews {
        let mut news = OrderNews::default();
        if in_force != self.in_force {
            self.in_force = in_force.clone();
            news.in_force = Some(in_force);
        }
        if trouble != self.trouble {
            self.trouble.clone_from(&trouble);
            news.trouble = Some(SinkNews::until_told(OBJECT, trouble));
        }
        news
    }
}

/// What the places of orders have answered last.
struct Looks {
    node: NodeOrders,
    of_node: Kept,
    cluster: ClusterWatch,
}

impl Looks {
    fn new(run_dir: &RunDir) -> Self {
        Self { node: NodeOrders::new(run_dir), of_node: Kept::default(), cluster: ClusterWatch::new(run_dir) }
    }

    fn look(&mut self, answer: Duration) {
        self.of_node = self.node.read();
        self.cluster.look(Instant::now(), answer);
    }

    fn in_force(&self, now: SystemTime) -> OrdersInForce {
        let both = self.cluster.kept().clone().with(self.of_node.clone());
        OrdersInForce::at(seconds(now), &both.orders)
    }

    fn trouble(&self, now: Instant) -> Option<String> {
        let refused = self.cluster.kept().refused.iter().chain(&self.of_node.refused).cloned();
        let causes: Vec<String> = self.cluster.trouble(now).into_iter().chain(refused).collect();
        (!causes.is_empty()).then(|| causes.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Order;
    use crate::testing::Scratch;

    fn order(value: &str) -> Order {
        Order::read("lvs-order-192.0.2.2", value).expect("an order")
    }

    #[test]
    fn an_order_comes_into_force_is_told_once_and_ends_by_the_clock() {
        let scratch = Scratch::new("order-watch");
        let run_dir = RunDir::at(scratch.path());
        let mut looks = Looks::new(&run_dir);
        let mut told = Told::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut news = |looks: &Looks, seconds| told.news(looks.in_force(at(seconds)), looks.trouble(Instant::now()));
        assert!(news(&looks, 99).in_force.is_none());
        NodeOrders::new(&run_dir).keep(&order("drain until=100")).expect("write");
        run_dir.orders().write("lvs-order-192.0.2.9", "dry").expect("write");
        looks.of_node = looks.node.read();
        let first = news(&looks, 99);
        assert!(first.in_force.is_some() && first.trouble.is_some_and(|news| news.trouble.is_some()));
        let again = news(&looks, 99);
        assert!(again.is_nothing());
        assert_eq!(news(&looks, 100).in_force, Some(OrdersInForce::default()));
    }

    #[test]
    fn the_thread_tells_of_an_order_that_comes_and_of_its_end() {
        let scratch = Scratch::new("order-thread");
        let run_dir = RunDir::at(scratch.path());
        let orders = NodeOrders::new(&run_dir);
        orders.keep(&order("drain")).expect("write");
        let (deliver, news) = std::sync::mpsc::channel();
        watch(&run_dir, move |told| deliver.send(told).is_ok()).expect("start");
        let at = |value: &str| OrdersInForce::at(0, &[order(value)]);
        assert_eq!(news.try_recv().expect("known when the start returns").in_force, Some(at("drain")));
        orders.keep(&order("disable")).expect("write");
        let next = || news.recv_timeout(Duration::from_secs(20)).expect("news").in_force;
        assert_eq!(next(), Some(at("disable")));
        orders.end(&order("drain").subject).expect("remove");
        assert_eq!(next(), Some(OrdersInForce::default()));
    }
}
