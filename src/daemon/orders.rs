//! Watches the operators' orders in a thread of its own: the cluster's program and a file system may take their time, and
//! neither a check nor the loop waits for them.
//!
//! A look at the age of the files costs next to nothing, so it is made often. The file of the cluster's configuration is read when
//! its age has changed. The cluster itself is asked at the start, where the file cannot be read, and now and then anyway: it may
//! have ceased to write the file. What cannot be asked keeps the orders that were known last. The end of an order needs no one:
//! the thread looks at the clock.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::core::seconds;
use super::event::SinkNews;
use crate::orders::{CIB_FILE, Cluster, ClusterCopy, ClusterError, Kept, NodeOrders, OrdersInForce, has_cluster};
use crate::system::RunDir;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "operators' orders";

/// How often the ages of the files and the clock are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often the cluster is asked without a sign of a change. Each question starts a program, and keeps the cluster's own busy.
const ASK: Duration = Duration::from_secs(60);
/// How soon a cluster is asked again that has not answered.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// These questions take at most one part in this many of the time: a machine that is busy is not kept busy by them.
const ASK_SHARE: u32 = 20;
/// How long an answer of the cluster may take; nothing but this thread waits for it.
const ANSWER: Duration = Duration::from_secs(10);
/// The same at the start, which waits for it.
const FIRST_ANSWER: Duration = Duration::from_secs(1);
/// How long the cluster may be silent until that is a fault: an update of it, and a busy machine, pass.
const PASSING: Duration = Duration::from_secs(60);

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

/// The inode and the age of the cluster's configuration: each change replaces the file.
type Stamp = (u64, SystemTime);

/// What the places of orders have answered last.
struct Looks {
    cluster_file: PathBuf,
    ask_cluster: fn(Instant) -> Result<Cluster, ClusterError>,
    node: NodeOrders,
    copy: ClusterCopy,
    of_node: Kept,
    of_cluster: ClusterView,
    stamp: Option<Stamp>,
    ask_at: Instant,
}

impl Looks {
    fn new(run_dir: &RunDir) -> Self {
        let copy = ClusterCopy::new(run_dir);
        let known = if has_cluster() { copy.read() } else { Kept::default() };
        Self {
            cluster_file: CIB_FILE.into(),
            ask_cluster: Cluster::ask,
            node: NodeOrders::new(run_dir),
            copy,
            of_node: Kept::default(),
            of_cluster: ClusterView::known(known),
            stamp: None,
            ask_at: Instant::now(),
        }
    }

    fn look(&mut self, answer: Duration) {
        self.of_node = self.node.read();
        let Some(stamp) = stamp_of(&self.cluster_file) else { return };
        // A change while the cluster answers has a newer stamp.
        let is_changed = self.stamp.replace(stamp) != Some(stamp);
        let has_to_ask = Instant::now() >= self.ask_at;
        if !is_changed && !has_to_ask {
            return;
        }
        let before = self.of_cluster.kept.orders.clone();
        match if has_to_ask { None } else { Cluster::read_file(&self.cluster_file).ok() } {
            Some(cluster) => self.of_cluster.take(Ok(cluster.kept()), Instant::now()),
            None => self.ask(answer),
        }
        if self.of_cluster.kept.orders != before {
            // Without a copy the next health monitor has to wait for the cluster, as it does after a reboot.
            let _ = self.copy.write(&self.of_cluster.kept.orders);
        }
    }

    fn ask(&mut self, answer: Duration) {
        let began = Instant::now();
        let kept = (self.ask_cluster)(began + answer).map(|cluster| cluster.kept());
        let pause = if kept.is_ok() { ASK } else { ASK_AGAIN };
        self.of_cluster.take(kept, Instant::now());
        self.ask_at = Instant::now() + pause.max(began.elapsed() * ASK_SHARE);
    }

    fn in_force(&self, now: SystemTime) -> OrdersInForce {
        let both = self.of_cluster.kept.clone().with(self.of_node.clone());
        OrdersInForce::at(seconds(now), &both.orders)
    }

    fn trouble(&self, now: Instant) -> Option<String> {
        let refused = self.of_cluster.kept.refused.iter().chain(&self.of_node.refused).cloned();
        let causes: Vec<String> = self.of_cluster.silence(now).into_iter().chain(refused).collect();
        (!causes.is_empty()).then(|| causes.join("; "))
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.modified().ok()?))
}

/// What is known of the cluster's orders.
#[derive(Debug, Default)]
struct ClusterView {
    kept: Kept,
    has_answered: bool,
    /// Since when it does not answer, and why.
    silent: Option<(Instant, ClusterError)>,
}

impl ClusterView {
    /// What a health monitor before this one has known.
    fn known(kept: Kept) -> Self {
        Self { has_answered: !kept.orders.is_empty(), kept, silent: None }
    }

    fn take(&mut self, answer: Result<Kept, ClusterError>, now: Instant) {
        match answer {
            Ok(kept) => *self = Self { kept, has_answered: true, silent: None },
            Err(error) => {
                let since = self.silent.as_ref().map_or(now, |(since, _)| *since);
                self.silent = Some((since, error));
            }
        }
    }

    /// Returns why the orders may be others than those that are known, when that has lasted. A cluster that has not run since
    /// this health monitor was started has no orders.
    fn silence(&self, now: Instant) -> Option<String> {
        let (since, error) = self.silent.as_ref()?;
        let is_fault = self.has_answered || matches!(error, ClusterError::Failed(_));
        let lasts = now.saturating_duration_since(*since) > PASSING;
        (is_fault && lasts).then(|| format!("ask the cluster: {error}; those that were known last are obeyed"))
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

    fn kept(value: &str) -> Kept {
        Kept { orders: vec![order(value)], refused: vec![] }
    }

    #[test]
    fn a_cluster_that_falls_silent_keeps_its_orders_and_is_a_fault_after_a_while() {
        let start = Instant::now();
        let (absent, failed) = (|| Err(ClusterError::Absent("a".into())), || Err(ClusterError::Failed("f".into())));
        let mut view = ClusterView::default();
        view.take(absent(), start);
        assert_eq!(view.silence(start + PASSING * 2), None, "there was none");
        view.take(failed(), start);
        assert_eq!(view.silence(start + PASSING), None);
        assert!(view.silence(start + PASSING * 2).is_some(), "it runs and refuses");
        view.take(Ok(kept("drain")), start);
        assert_eq!(view.silence(start + PASSING * 2), None);
        view.take(absent(), start);
        view.take(absent(), start + PASSING);
        assert_eq!((view.kept.clone(), view.silence(start + PASSING)), (kept("drain"), None));
        let expected = "ask the cluster: /usr/sbin/cibadmin: a; those that were known last are obeyed";
        assert_eq!(view.silence(start + PASSING * 2).as_deref(), Some(expected), "since it fell silent");
    }

    #[test]
    fn a_changed_configuration_is_read_from_its_file_and_a_cluster_that_does_not_answer_is_not_waited_for() {
        let scratch = Scratch::new("order-file");
        let (cluster_file, run_dir) = (scratch.path().join("cib.xml"), RunDir::at(scratch.path()));
        let ask_cluster = |_| Err(ClusterError::Failed("asked".into()));
        let mut looks = Looks { cluster_file: cluster_file.clone(), ask_cluster, ..Looks::new(&run_dir) };
        let mut look = |section: &str| {
            // A change replaces the file.
            fs::write(scratch.path().join("new"), format!("<cib>{section}</cib>")).expect("write");
            fs::rename(scratch.path().join("new"), &cluster_file).expect("replace");
            looks.look(ANSWER);
            (looks.of_cluster.kept.clone(), looks.of_cluster.silent.is_some())
        };
        let pair = |value: &str| format!("<nodes><nvpair name=\"lvs-order-192.0.2.2\" value=\"{value}\"/></nodes>");
        assert_eq!(look(&pair("drain")), (Kept::default(), true), "the start asks the cluster");
        assert_eq!(look(&pair("drain")), (kept("drain"), false));
        assert_eq!(look(&pair("disable")), (kept("disable"), false));
        assert_eq!(look("no section"), (kept("disable"), true), "what the file does not say is asked");
        assert_eq!(look("<nodes/>"), (Kept::default(), false));
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
