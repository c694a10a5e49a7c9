//! One attribute of this node for each virtual service: the weight that its healthy real servers have together. The cluster
//! shows it, and its rules can move the address to the director that sees more of them.
//!
//! A thread of its own writes, with one process at a time and a pause after each: the loop waits for no cluster, and a service
//! that flaps does not keep the machine busy. Only what differs is written. The names that may be there are kept in a file, so
//! neither a kill nor an end without a cluster leaves one for good.

mod told;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::event::SinkNews;
use crate::model::{ServiceKey, healthy_weight_name};
use crate::system::{RunDir, node_attribute};
use told::Told;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "node attributes";

/// The most services that have one. Each change makes the cluster write its status and plan anew.
const MOST: usize = 100;
/// Writing takes at most one part in this many of the time.
const WRITING_SHARE: u32 = 10;
/// How long one answer of the cluster may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How often the cluster is asked whether it still has what it was told: it forgets all attributes at once.
const LOOK: Duration = Duration::from_secs(60);
/// How long the cluster may be silent until that is a fault: an update of it, and a busy machine, pass.
const PASSING: Duration = Duration::from_secs(60);

/// The weights by the names of their attributes.
type Weights = BTreeMap<String, u64>;

enum Order {
    Tell(Weights),
    /// Takes all attributes away and answers.
    End(Sender<()>),
}

/// The loop's end of the thread.
pub struct NodeAttributes {
    /// None where there are to be no attributes.
    orders: Option<Sender<Order>>,
    last: Weights,
    left_out: usize,
}

impl NodeAttributes {
    /// Starts the thread where there are to be attributes. `tell` says what is wrong.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(
        run_dir: &RunDir,
        instance: &str,
        dampening: Option<Duration>,
        tell: impl Fn(SinkNews) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let start = |dampening| {
            let (orders, received) = channel();
            let cluster = Attrd { dampening, run_dir: run_dir.clone(), instance: instance.to_owned() };
            let told = Told::left(run_dir.node_attributes().read_json(instance).unwrap_or_default());
            let writer = Writer { cluster, told, wanted: Weights::new(), silent: None, is_trouble_told: false };
            let work = move || writer.serve(&received, &tell);
            std::thread::Builder::new().name("attributes".into()).spawn(work).map(|_| orders)
        };
        Ok(Self { orders: dampening.map(start).transpose()?, last: Weights::new(), left_out: 0 })
    }

    /// Whether there are to be attributes.
    pub fn are_wanted(&self) -> bool {
        self.orders.is_some()
    }

    /// Takes all services, and returns whether some are left out, when that changes. The weight of a service is asked for only
    /// where it counts: to know it takes a look at each of its real servers.
    pub fn tell(&mut self, services: impl Iterator<Item = (ServiceKey, impl FnOnce() -> u64)>) -> Option<SinkNews> {
        let mut left_out = 0;
        let mut taken = Weights::new();
        for (key, weight) in services {
            match taken.len() < MOST {
                true => drop(taken.insert(healthy_weight_name(&key), weight())),
                false => left_out += 1,
            }
        }
        if let Some(orders) = self.orders.as_ref().filter(|_| taken != self.last) {
            // A thread that has panicked has said so.
            let _ = orders.send(Order::Tell(taken.clone()));
            self.last = taken;
        }
        let is_news = std::mem::replace(&mut self.left_out, left_out) != left_out;
        let trouble = (left_out > 0).then(|| format!("{left_out} have none: at most {MOST} have one"));
        is_news.then(|| SinkNews::until_told(format!("{OBJECT} of all virtual services"), trouble))
    }

    /// Takes all attributes away, as far as that can be done by the deadline.
    pub fn end(&mut self, deadline: Instant) {
        let Some(orders) = self.orders.take() else { return };
        let (done, ended) = channel();
        if orders.send(Order::End(done)).is_ok() {
            // What is left then is taken away by `stop` of the resource.
            let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

/// Where attributes are written.
trait Cluster {
    fn write(&self, name: &str, weight: Option<u64>) -> Result<(), String>;
    fn has(&self, name: &str, weight: u64) -> Result<bool, String>;
    /// Keeps the names that may be there, before the first of them is written.
    fn keep(&self, names: &[&String]);
}

/// The cluster of this node.
struct Attrd {
    dampening: Duration,
    run_dir: RunDir,
    instance: String,
}

impl Cluster for Attrd {
    fn write(&self, name: &str, weight: Option<u64>) -> Result<(), String> {
        let deadline = Instant::now() + ANSWER;
        match weight {
            Some(weight) => node_attribute::set_dampened(name, &weight.to_string(), self.dampening, deadline),
            None => node_attribute::remove(name, deadline),
        }
    }

    fn has(&self, name: &str, weight: u64) -> Result<bool, String> {
        node_attribute::has(name, &weight.to_string(), Instant::now() + ANSWER)
    }

    fn keep(&self, names: &[&String]) {
        let folder = self.run_dir.node_attributes();
        // Without the file an attribute would outlive a kill until the node leaves the cluster: no reason to write none.
        let _ = match names {
            [] => folder.remove(&self.instance),
            names => folder.write_json(&self.instance, &names),
        };
    }
}

/// The thread.
struct Writer<C> {
    cluster: C,
    told: Told,
    wanted: Weights,
    /// Since when the cluster takes nothing.
    silent: Option<Instant>,
    is_trouble_told: bool,
}

impl<C: Cluster> Writer<C> {
    fn serve(mut self, orders: &Receiver<Order>, tell: &impl Fn(SinkNews) -> bool) {
        let mut look_at = Instant::now() + LOOK;
        let mut write_at = Instant::now();
        loop {
            let is_behind = self.told.next(&self.wanted).is_some();
            let until = if is_behind { write_at } else { look_at };
            match orders.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Order::Tell(wanted)) => {
                    self.wanted = wanted;
                    self.cluster.keep(&self.told.names(&self.wanted));
                    continue;
                }
                Ok(Order::End(done)) => {
                    self.take_away();
                    // The loop may not wait any more.
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let began = Instant::now();
            let result = match self.told.next(&self.wanted) {
                Some(_) => self.write_next(),
                None => {
                    look_at = began + LOOK;
                    self.look()
                }
            };
            write_at = next_write((began, Instant::now()), result.is_err());
            if self.news(result, began).is_some_and(|news| !tell(news)) {
                return;
            }
        }
    }

    fn write_next(&mut self) -> Result<(), String> {
        let Some((name, weight)) = self.told.next(&self.wanted) else { return Ok(()) };
        self.cluster.write(&name, weight)?;
        self.told.note(name, weight);
        if weight.is_none() {
            self.cluster.keep(&self.told.names(&self.wanted));
        }
        Ok(())
    }

    /// A cluster that has forgotten one attribute is told all again.
    fn look(&mut self) -> Result<(), String> {
        let Some((name, weight)) = self.wanted.first_key_value() else { return Ok(()) };
        // It answers with an error where it has no such attribute.
        if !self.cluster.has(name, *weight).unwrap_or_default() {
            self.told.forget();
        }
        Ok(())
    }

    fn take_away(&mut self) {
        self.wanted.clear();
        // A cluster that does not answer has no attributes of this node any more, or keeps them from `stop` as well.
        while self.told.next(&self.wanted).is_some() && self.write_next().is_ok() {}
    }

    /// Returns what is to be told of the cluster's silence.
    fn news(&mut self, result: Result<(), String>, now: Instant) -> Option<SinkNews> {
        let trouble = match result {
            Ok(()) => {
                self.silent = None;
                None
            }
            Err(cause) => {
                let since = *self.silent.get_or_insert(now);
                (now.saturating_duration_since(since) > PASSING).then_some(cause)
            }
        };
        let was_told = std::mem::replace(&mut self.is_trouble_told, trouble.is_some());
        (was_told || trouble.is_some()).then(|| SinkNews::until_told(OBJECT, trouble))
    }
}

/// Returns when the next write may begin, after what has begun and ended at these times. The pause counts from there: a weight
/// that changes after it is written at once.
fn next_write((began, ended): (Instant, Instant), has_failed: bool) -> Instant {
    ended + if has_failed { RETRY } else { ended.saturating_duration_since(began) * WRITING_SHARE }
}

#[cfg(test)]
mod tests;
