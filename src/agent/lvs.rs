//! `ocf:rust:lvs`: virtual services and real servers in the kernel's IPVS table.
//!
//! What it declares is written to `<run>/services/<instance>.cf` before the kernel is touched: from there `stop` knows
//! what to remove whatever became of the parameters, and the health monitor what to look after. Where a health
//! monitor looks after a service, its real servers are the monitor's to move in and out.

mod description;
mod drain;
mod locks;
mod refusals;
mod source;
mod verdict;
mod wanted;

use std::collections::{BTreeSet, HashSet};

use super::changes;
use crate::config::Config;
use crate::director;
use crate::model::{Change, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::ComparisonDepth;
use crate::ocf::{Agent, Call, Description, Failure, Status, ValidationLevel};
use crate::ownership::{self, Declaration, Declared, Registry, ServiceOwner, keys};
use crate::plan::{self, TableRole};
use crate::system::RunDir;
use locks::DeclaringLock;

pub struct Lvs;

impl Agent for Lvs {
    fn description(&self) -> &'static Description {
        &description::DESCRIPTION
    }

    fn validate(&self, call: &Call, level: ValidationLevel) -> Result<(), Failure> {
        source::validate(call, level)
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        let run_dir = RunDir::system();
        let mut config = source::load(call)?;
        // Before the lock, which all others wait for: a module may take long to load.
        let mut ipvs = Ipvs::open_loading()?;
        let mut undeclared = source::undeclared(call, &run_dir, &config);
        if undeclared.is_some() && drain::carry_over(call, &run_dir, &mut ipvs, &mut config)? {
            undeclared = source::undeclared(call, &run_dir, &config);
        }
        let lock = DeclaringLock::acquire(call, &run_dir)?;
        let registry = Registry::read_others(&run_dir, &call.instance);
        refuse_conflicts(&registry, call, &keys(&config))?;
        director::prepare(&config, |text| call.log().info(text))?;
        // A declaration that says the same stays as it is: a reader that follows the declarations has nothing to read.
        if let Some(text) = undeclared {
            declare(call, &run_dir, &mut ipvs, &config, &text)?;
        }
        let _programming = lock.end_declaring();
        program(call, &run_dir, &mut ipvs, config.into(), &registry)
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
        // Last: killed before, the next stop still knows what is ours.
        super::forget(call, &run_dir.refusals());
        super::forget(call, &run_dir.services());
        Ok(())
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        let run_dir = RunDir::system();
        let Some(text) = run_dir.services().read(&call.instance)? else { return Ok(Status::Stopped) };
        let Some(mut ipvs) = Ipvs::open()? else { return Ok(Status::Stopped) };
        let Declaration::Services(declared) = Declaration::of(&text) else {
            let path = run_dir.services().file(&call.instance);
            return Err(Failure::generic(format!("{}: read: damaged; start writes it again", path.display())));
        };
        let depth = if call.check_level >= 10 { ComparisonDepth::Thorough } else { ComparisonDepth::Quick };
        let observed = ipvs.compare(&declared.table, depth)?;
        if observed.len() == declared.table.len() && observed.iter().all(|(_, entry)| entry.is_none()) {
            return Ok(Status::Stopped);
        }
        let refusals = refusals::read(&run_dir, &call.instance);
        let registry = Registry::read_health_monitors(&run_dir);
        if drain::are_held(&declared.draining, &observed) && !call.is_probe {
            drain::advance_unless_busy(call, &run_dir, &mut ipvs, &registry);
        }
        let view = verdict::DeclarationView { declared: &declared, observed: &observed };
        verdict::judge(&view, &registry, &refusals).answer()
    }

    /// A start changes only what differs, which is all that a reload has to do. What does not run is left to recovery:
    /// the cluster starts it in order with the resources around it.
    fn reload(&self, call: &Call) -> Result<(), Failure> {
        match self.monitor(call) {
            Ok(Status::Stopped) => Err(Failure::not_running("virtual services: change them: none of them is there")),
            _ => self.start(call),
        }
    }
}

fn refuse_conflicts(registry: &Registry, call: &Call, wanted: &[ServiceKey]) -> Result<(), Failure> {
    let conflicts = registry.conflicts(&ServiceOwner::Lvs(call.instance.clone()), wanted);
    if conflicts.is_empty() { Ok(()) } else { Err(Failure::bad_here(conflicts.join("; "))) }
}

/// Puts the new declaration in the place of the old one.
fn declare(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs, config: &Config, text: &str) -> Result<(), Failure> {
    let wanted: HashSet<ServiceKey> = keys(config).into_iter().collect();
    let old = ownership::declaration(run_dir, &call.instance).keys();
    let gone = old.into_iter().filter(|key| !wanted.contains(key));
    // Before the old declaration is replaced: killed in between, nobody would know of them.
    changes::apply_all(call, ipvs, &gone.map(Change::DeleteService).collect::<Vec<_>>())?;
    Ok(run_dir.services().write(&call.instance, text)?)
}

/// Brings the kernel's table to what is declared, as far as the kernel takes it.
fn program(
    call: &Call,
    run_dir: &RunDir,
    ipvs: &mut Ipvs,
    declared: Declared,
    registry: &Registry,
) -> Result<(), Failure> {
    let Declared { table: mut desired, draining, .. } = declared;
    let count = desired.len();
    let compared = ipvs.compare(&desired, ComparisonDepth::Quick)?;
    let differing: BTreeSet<ServiceKey> = compared.iter().map(|(key, _)| *key).collect();
    desired.retain(|key, _| differing.contains(key));
    let observed: Table = compared.into_iter().filter_map(|(key, entry)| Some((key, entry?))).collect();
    drain::keep(&mut desired, &observed, &draining);
    wanted::leave_to_monitors(&mut desired, &observed, registry);
    let changes = plan::table_changes(&desired, &observed, TableRole::OwnsServices);
    let refused = changes::apply(call, ipvs, &changes)?;
    refusals::note(run_dir, &call.instance, &refused)?;
    drain::advance(call, ipvs, &draining, registry)?;
    refused.answer(call, count)
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
