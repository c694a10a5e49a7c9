//! Which schedulers the kernel has: each is asked for, in a table that serves nobody.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use crate::model::{Change, Family, Scheduler, ServiceFlags, ServiceKey, VirtualService};
use crate::netlink::Ipvs;

/// Those that the kernel neither has nor can load. Loads the modules of the others, as their first use would.
///
/// Empty also where nothing can be found out. The thread takes its network namespace, and with that the table, with it.
pub(super) fn missing(schedulers: Vec<Scheduler>) -> Vec<Scheduler> {
    // Asked here as well: a namespace costs more than the question.
    let has_ipvs = Ipvs::open_loaded().is_ok_and(|ipvs| ipvs.is_some());
    if schedulers.is_empty() || !has_ipvs {
        return Vec::new();
    }
    let trial = std::thread::Builder::new().name("scheduler trial".into()).spawn(|| missing_here(schedulers));
    // A panic was reported where it happened.
    trial.ok().and_then(|trial| trial.join().ok()).flatten().unwrap_or_default()
}

/// Moves this thread into a new network namespace, and asks there.
fn missing_here(schedulers: Vec<Scheduler>) -> Option<Vec<Scheduler>> {
    unshare(CloneFlags::CLONE_NEWNET).ok()?;
    let mut ipvs = Ipvs::open_loaded().ok()??;
    let additions: Vec<Change> = (1..).zip(&schedulers).map(|(mark, scheduler)| addition(mark, scheduler)).collect();
    // ENOENT is a scheduler that is not there (ip_vs_add_service of net/netfilter/ipvs/ip_vs_ctl.c). Whatever else goes
    // wrong says nothing of schedulers.
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
