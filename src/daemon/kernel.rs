//! The health monitor's access to the kernel's IPVS table: a thread of its own, since the loading of a module, a lock
//! in the kernel or an answer that does not come must hold up neither a check nor the loop.
//!
//! The thread has one order at a time. So what the loop believes of the kernel while it waits is what the kernel had
//! when the order was given, and an answer never describes a table from before the loop's own last change.

mod sample;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::declaring;
use super::services::{InUse, Samples};
use super::source::Stamp;
use crate::model::{Change, ServiceEntry, ServiceKey, Table};
use crate::netlink;
use crate::netlink::ipvs::{ChangeFailure, ComparisonDepth, Ipvs};
use crate::system::{Lock, RunDir};

/// What the loop orders.
#[derive(Debug)]
pub enum KernelOrder {
    /// Executes the changes in order.
    Write(Vec<Change>),
    /// Finds the services that the kernel holds otherwise, looks at those of `drifting` as exactly as they were looked at
    /// when their drift was found, and then counts the connections of those of `counted`, and takes a sample of those of
    /// `sampled`.
    Compare {
        desired: Table,
        depth: ComparisonDepth,
        drifting: Vec<ServiceKey>,
        counted: Vec<ServiceKey>,
        sampled: Vec<ServiceKey>,
    },
}

/// What became of an order.
#[derive(Debug)]
pub enum KernelAnswer {
    /// All changes were tried; these failed.
    Written { changes: Vec<Change>, failures: Vec<ChangeFailure> },
    /// Nothing was written: an `lvs` resource is declaring its services or programming the table, or has declared other
    /// services than those that the loop knows. What the loop wants may be wrong by now.
    Postponed(Vec<Change>),
    Compared {
        desired: Table,
        found: BTreeMap<ServiceKey, Option<ServiceEntry>>,
        in_use: InUse,
        /// `None`: none were ordered.
        samples: Option<Samples>,
    },
    /// The table as a whole could not be read or written; none of `changes`, if there were any, was tried.
    Failed { changes: Vec<Change>, error: netlink::Error },
}

/// What allows a write: the declarations must be those of `stamp`, and none may be in the making.
#[derive(Debug, Clone)]
pub struct WriteGuard {
    pub run_dir: RunDir,
    pub stamp: Stamp,
    /// False when an `lvs` that declares or programs has taken too long, so that only the stamp decides.
    pub heeds_locks: bool,
}

/// The loop's end of the thread.
#[derive(Debug)]
pub struct KernelThread {
    orders: Sender<(KernelOrder, Option<WriteGuard>)>,
    /// When the order that is under way was given.
    ordered: Option<Instant>,
}

impl KernelThread {
    /// Starts the thread. `deliver` gets the answer to each order, in that thread.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(deliver: impl Fn(KernelAnswer) + Send + 'static) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let work = move || work(&received, deliver);
        std::thread::Builder::new().name("kernel".into()).spawn(work)?;
        Ok(Self { orders, ordered: None })
    }

    /// Whether an order is under way: the next one has to wait for its answer.
    pub fn waits(&self) -> bool {
        self.ordered.is_some()
    }

    /// Returns how long the answer has been waited for.
    pub fn waits_for(&self, now: Instant) -> Duration {
        self.ordered.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    pub fn order(&mut self, order: KernelOrder, guard: Option<WriteGuard>, now: Instant) {
        debug_assert!(!self.waits(), "one order at a time");
        self.ordered = Some(now);
        // A thread that has panicked receives nothing. Then no answer comes, and the OCF action monitor reports that.
        let _ = self.orders.send((order, guard));
    }

    /// Notes that the answer has come and returns how long it took.
    pub fn answered(&mut self, now: Instant) -> Duration {
        let took = self.waits_for(now);
        self.ordered = None;
        took
    }
}

fn work(orders: &Receiver<(KernelOrder, Option<WriteGuard>)>, deliver: impl Fn(KernelAnswer)) {
    let mut table = TableAccess::default();
    while let Ok((order, guard)) = orders.recv() {
        deliver(table.execute(order, guard.as_ref()));
    }
}

/// Opens the netlink socket when it is needed and again after an error: a broken socket must not end the health
/// monitor.
#[derive(Debug, Default)]
struct TableAccess {
    ipvs: Option<Ipvs>,
}

impl TableAccess {
    fn execute(&mut self, order: KernelOrder, guard: Option<&WriteGuard>) -> KernelAnswer {
        match order {
            KernelOrder::Write(changes) => self.write(changes, guard),
            KernelOrder::Compare { desired, depth, drifting, counted, sampled } => {
                let compared = self.with(|ipvs| {
                    let mut found: BTreeMap<_, _> = ipvs.compare(&desired, depth)?.into_iter().collect();
                    for key in drifting {
                        if let Entry::Vacant(place) = found.entry(key) {
                            place.insert(ipvs.service(&key)?);
                        }
                    }
                    let in_use = counted.iter().map(|key| Ok((*key, ipvs.real_servers_in_use(key)?)));
                    Ok((found, in_use.collect::<Result<InUse, netlink::Error>>()?))
                });
                match compared {
                    Ok((found, in_use)) => {
                        KernelAnswer::Compared { desired, found, in_use, samples: sample::take(&sampled) }
                    }
                    Err(error) => KernelAnswer::Failed { changes: Vec::new(), error },
                }
            }
        }
    }

    fn write(&mut self, changes: Vec<Change>, guard: Option<&WriteGuard>) -> KernelAnswer {
        let Some(permit) = guard.map_or(Some(WritePermit { _lock: None }), WriteGuard::enter) else {
            return KernelAnswer::Postponed(changes);
        };
        let applied = self.with(|ipvs| Ok(ipvs.apply(&changes)));
        drop(permit);
        match applied {
            Ok(failures) => KernelAnswer::Written { changes, failures },
            Err(error) => KernelAnswer::Failed { changes, error },
        }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Ipvs) -> Result<T, netlink::Error>) -> Result<T, netlink::Error> {
        let mut ipvs = match self.ipvs.take() {
            Some(ipvs) => ipvs,
            None => Ipvs::open_loading()?,
        };
        let result = work(&mut ipvs);
        if result.is_ok() {
            self.ipvs = Some(ipvs);
        }
        result
    }
}

/// Allows one write, under the lock of the declarations where it could be had.
#[must_use = "the lock is free again when this is dropped"]
struct WritePermit {
    _lock: Option<Lock>,
}

impl WriteGuard {
    /// Returns the permit to write; `None` means not now. A run directory that cannot be locked (it is full, or lost)
    /// must not keep dead real servers in the table: then the stamp alone decides.
    fn enter(&self) -> Option<WritePermit> {
        let lock = match declaring::try_hold(&self.run_dir) {
            Ok(None) if self.heeds_locks => return None,
            Ok(lock) => lock,
            Err(_) => None,
        };
        self.stamp.is_current(&self.run_dir).then_some(WritePermit { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::source::ServiceSource;
    use crate::testing::Scratch;

    #[test]
    fn nothing_is_written_while_an_lvs_declares_or_programs_or_for_what_is_no_longer_declared() {
        let scratch = Scratch::new("guard");
        let run_dir = RunDir::at(scratch.path());
        let (declaring, own) = (run_dir.declaring_lock().expect("folder"), run_dir.services().lock_of("one"));
        let held: Vec<Lock> =
            [&declaring, &own].map(|path| Lock::try_acquire(path).expect("lock").expect("free")).into();
        run_dir.services().write("one", "").expect("write");
        let stamp = ServiceSource::Declarations(run_dir.clone()).stamp();
        let may_write =
            |stamp, heeds_locks| WriteGuard { run_dir: run_dir.clone(), stamp, heeds_locks }.enter().is_some();
        for lock in held {
            assert!(!may_write(stamp, true), "{}", lock.path().display());
            assert!(may_write(stamp, false), "not for ever");
        }
        assert!(may_write(stamp, true));
        for heeds_locks in [true, false] {
            assert!(!may_write(Stamp::default(), heeds_locks), "the declarations are others by now");
        }
    }
}
