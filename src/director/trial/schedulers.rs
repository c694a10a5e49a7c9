//! Which schedulers the kernel has: each is asked for, in a table that serves no client.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use crate::model::{Change, Family, Scheduler, ServiceFlags, ServiceKey, VirtualService};
use crate::netlink::Ipvs;

/// Returns the schedulers that the kernel does not have and cannot load. It loads the modules of the others, as their
/// first use would.
///
/// The list is empty also where nothing can be found out. The thread takes its network namespace, and with that the
/// table, along at its end.
pub(super) fn missing(schedulers: Vec<Scheduler>) -> Vec<Scheduler> {
    // The question comes first: a namespace costs more.
    let has_ipvs = Ipvs::open_loaded().is_ok_and(|ipvs| ipvs.is_some());
    if schedulers.is_empty() || !has_ipvs {
        return Vec::new();
    }
    let trial = std::thread::Builder::new().name("scheduler trial".into()).spawn(|| missing_here(schedulers));
    // A panic has been reported where it happened.
    trial.ok().and_then(|trial| trial.join().ok()).flatten().unwrap_or_default()
}

/// Moves this thread into a new network namespace, and asks there.
fn missing_here(schedulers: Vec<Scheduler>) -> Option<Vec<Scheduler>> {
    unshare(CloneFlags::CLONE_NEWNET).ok()?;
    let mut ipvs = Ipvs::open_loaded().ok()??;
    let additions: Vec<Change> = (1..).zip(&schedulers).map(|(mark, scheduler)| addition(mark, scheduler)).collect();
    // ENOENT stands for a missing scheduler (ip_vs_add_service of net/netfilter/ipvs/ip_vs_ctl.c). Any other error says
    // nothing of schedulers.
    let refused = ipvs.apply(&additions).into_iter().filter(|failure| failure.error.is(Errno::ENOENT));
    Some(refused.filter_map(|failure| scheduler_of(failure.change)).collect())
}

fn addition(mark: u32, scheduler: &Scheduler) -> Change {
    Change::AddService(VirtualService {
        key: ServiceKey::Fwmark { mark, family: Family::Ipv4 },
        scheduler: scheduler.clone(),
        persistence: None,
        flags: ServiceFlags::default(),
    })
}

fn scheduler_of(change: Change) -> Option<Scheduler> {
    match change {
        Change::AddService(service) => Some(service.scheduler),
        _ => None,
    }
}
