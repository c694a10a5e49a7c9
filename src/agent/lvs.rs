//! `ocf:rust:lvs`: virtual services and real servers in the kernel's IPVS table.
//!
//! What it declares is written to `<run>/services/<instance>.cf` before the kernel is touched: from there `stop` knows
//! what to remove whatever became of the parameters, and the health monitor what to look after. Where a health
//! monitor looks after a service, its real servers are the monitor's to move in and out.

mod bring_up;
mod channel;
mod description;
mod drain;
mod drift;
mod kernel;
mod locks;
mod preview;
mod promotion;
mod refusals;
mod role;
mod score;
mod source;
mod unchecked;
mod verdict;
mod wanted;

use std::collections::HashSet;

use super::changes;
use crate::model::ServiceKey;
use crate::netlink::Ipvs;
use crate::netlink::ipvs::ComparisonDepth;
use crate::ocf::{Action, Agent, Call, Description, Failure, PromotionRole, Status, ValidationLevel};
use crate::ownership::{self, Declaration, Registry, keys};
use crate::system::RunDir;
use bring_up::bring_up;
use kernel::OneIpvs;
use locks::DeclaringLock;
pub use preview::{Preview, preview_of_file, preview_of_resource};
pub use role::sync_faults;

pub struct Lvs;

impl Agent for Lvs {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        match call.action {
            // The director that is left has to direct, whatever became of a file or a name server since its start.
            Action::Promote => Ok(()),
            // The synchronisation of connections is no reason to serve none.
            Action::Start => {
                Failure::collect([source::validate(call, level), channel::validate(call, ValidationLevel::Consistency)])
            }
            _ => Failure::collect([source::validate(call, level), channel::validate(call, level)]),
        }
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        if promotion::is_promotable(call) {
            bring_up(call, Some(PromotionRole::Unpromoted))?;
            // Without a score the cluster would promote no instance.
            promotion::publish_score(call, &RunDir::system(), &Ok(Status::Running));
            return Ok(());
        }
        // What was a promotable clone may have become a plain resource.
        promotion::leave(call, &RunDir::system())?;
        if channel::channel(call)?.is_some() {
            call.log().warning("sync_interface: without effect: this resource is not a promotable clone");
        }
        bring_up(call, None)
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        // To the end: one that wants a service which leaves here finds it free, not claimed. A lock that is not to be had must
        // not get the node fenced: what is deleted here is ours alone.
        let _lock = DeclaringLock::acquire(call, &run_dir).map_err(|failure| {
            call.log().warning(failure);
            locks::end_other_action(call, &run_dir)
        });
        match ownership::declaration(&run_dir, &call.instance) {
            Declaration::Absent => tell_what_is_left(call, &run_dir),
            Declaration::Damaged => changes::delete_services(call, &unclaimed(call, &run_dir))?,
            declaration @ Declaration::Services(_) => changes::delete_services(call, &declaration.keys())?,
        }
        promotion::leave(call, &run_dir)?;
        // Last: killed before, the next stop still knows what is ours.
        super::forget(call, &run_dir.refusals());
        super::forget(call, &run_dir.drifts());
        super::forget(call, &run_dir.services());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let run_dir = RunDir::system();
        if promotion::is_behind(call, &run_dir)
            && let Err(failure) = bring_up(call, Some(PromotionRole::Unpromoted))
        {
            // What runs goes on as it was; a restart would end it, and fail for the same reason.
            return Ok(Status::Degraded(format!("changed parameters are not taken: {failure}")));
        }
        let mut ipvs = OneIpvs::default();
        let seen = if call.is_probe { None } else { promotion::mend(call, &run_dir, &mut ipvs) };
        let table = monitor_table(call, &run_dir, &mut ipvs);
        let answer = promotion::judge(call, &run_dir, &mut ipvs, seen, table);
        promotion::publish_score(call, &run_dir, &answer);
        answer
    }

    /// A start changes only what differs, which is all that a reload has to do. What does not run is left to recovery:
    /// the cluster starts it in order with the resources around it.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        match monitor_table(call, &run_dir, &mut OneIpvs::default()) {
            Ok(Status::Stopped) => Err(Failure::not_running("virtual services: change them: none of them is there")),
            _ => bring_up(call, promotion::present_role(call, &run_dir)),
        }
    }

    fn promote(&self, call: &Call) -> Result<(), Failure> {
        bring_up(call, Some(PromotionRole::Promoted))
            .or_else(|failure| promotion::promote_as_declared(call, &RunDir::system(), failure))
    }

    fn demote(&self, call: &Call) -> Result<(), Failure> {
        promotion::demote(call, &RunDir::system())
    }
}

fn monitor_table(call: &Call, run_dir: &RunDir, ipvs: &mut OneIpvs) -> Result<Status, Failure> {
    let Some(text) = run_dir.services().read(&call.instance)? else { return Ok(Status::Stopped) };
    let Some(ipvs) = ipvs.get()? else { return Ok(Status::Stopped) };
    let Declaration::Services(declared) = Declaration::of(&text) else {
        let path = run_dir.services().file(&call.instance);
        return Err(Failure::generic(format!("{}: read: damaged; start writes it again", path.display())));
    };
    let depth = if call.check_level >= 10 { ComparisonDepth::Thorough } else { ComparisonDepth::Quick };
    let observed = ipvs.compare(&declared.table, depth)?;
    if observed.len() == declared.table.len() && observed.iter().all(|(_, entry)| entry.is_none()) {
        return Ok(Status::Stopped);
    }
    let refusals = refusals::read(run_dir, &call.instance);
    let registry = Registry::read_health_monitors(run_dir);
    if drain::are_held(&declared.draining, &observed) && !call.is_probe {
        drain::advance_unless_busy(call, run_dir, ipvs, &registry);
    }
    let view = verdict::DeclarationView { declared: &declared, observed: &observed };
    let verdict = verdict::judge(&view, &registry, &refusals);
    let drift = drift::note(call, run_dir, &registry, verdict.drift());
    let status = verdict.answer(drift)?;
    Ok(promotion::judge_beside_others(call, run_dir, status, ipvs))
}

/// Where the declaration is damaged: what the parameters name, as far as no other resource has declared it.
fn unclaimed(call: &Call, run_dir: &RunDir) -> Vec<ServiceKey> {
    let others = Registry::read_others(run_dir, &call.instance);
    let mut named = source::load(call).map(|config| keys(&config)).unwrap_or_default();
    named.retain(|key| others.owner_of(key).is_none());
    named
}

/// Without a declaration nothing in the kernel is known to be ours, whatever the parameters name: it may have been made by
/// hand.
fn tell_what_is_left(call: &Call, run_dir: &RunDir) {
    let Ok(Some(mut ipvs)) = Ipvs::open_loaded() else { return };
    let held: HashSet<ServiceKey> = ipvs.services().into_iter().flatten().map(|service| service.key).collect();
    if held.is_empty() {
        return;
    }
    let left = unclaimed(call, run_dir).into_iter().filter(|key| held.contains(key));
    let left: Vec<String> = left.map(|key| key.to_string()).collect();
    if !left.is_empty() {
        call.log().warning(format!(
            "virtual services {}: left in the kernel: this resource has no record that it made them; delete those that \
             nobody needs by hand (ipvsadm -D)",
            left.join(", ")
        ));
    }
}
