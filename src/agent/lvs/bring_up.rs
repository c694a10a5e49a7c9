//! What start, promote and reload-agent do: they declare what the parameters say, and bring the kernel's table to it.

use std::collections::{BTreeSet, HashSet};

use super::locks::DeclaringLock;
use super::{channel, drain, promotion, refusals, source, wanted};
use crate::agent::{self, changes};
use crate::config::Config;
use crate::director;
use crate::model::{Change, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::ComparisonDepth;
use crate::ocf::{Action, Call, Failure, PromotionRole};
use crate::ownership::{self, Declaration, Declared, Registry, ServiceOwner, keys};
use crate::plan::{self, TableRole};
use crate::system::RunDir;

/// Declares and programs what the parameters say. An instance of a promotable clone takes the role on.
pub fn bring_up(call: &Call, role: Option<PromotionRole>) -> Result<(), Failure> {
    let run_dir = RunDir::system();
    // Before the lock, which all others wait for: a module may take long to load.
    let mut ipvs = Ipvs::open_loading()?;
    let (config, undeclared) = load(call, &run_dir, &mut ipvs)?;
    let lock = DeclaringLock::acquire(call, &run_dir)?;
    if call.action == Action::Monitor && ownership::declaration(&run_dir, &call.instance) == Declaration::Absent {
        // A stop came between.
        return Err(Failure::not_running("not started on this node any more"));
    }
    let registry = Registry::read_others(&run_dir, &call.instance);
    refuse_conflicts(&registry, call, &keys(&config))?;
    director::prepare(&config, |text| call.log().info(text))?;
    if role.is_some() && channel::channel(call)?.is_none() {
        director::prepare_stateless(&config, |text| call.log().info(text))?;
    }
    // A take-over of what is declared already is no order to undo what was done by hand.
    let keeps_drift = call.action == Action::Promote && undeclared.is_none();
    // A declaration that says the same stays as it is: a reader that follows the declarations has nothing to read.
    if let Some(text) = undeclared {
        source::tell_warnings(call, &config);
        declare(call, &run_dir, &mut ipvs, &config, &text)?;
    }
    let _programming = lock.end_declaring();
    let has_checks = config.has_checks();
    let mut declared = Declared::from(config);
    if !keeps_drift {
        declared.reporting.clear();
        agent::forget(call, &run_dir.drifts());
    }
    program(call, &run_dir, &mut ipvs, declared, &registry)?;
    let wanted = role.map(|role| promotion::WantedRole { role, has_checks });
    wanted.map_or(Ok(()), |wanted| promotion::take_on(call, &run_dir, &mut ipvs, wanted))
}

/// Returns what the parameters say, with what is drained of an earlier declaration, and the text that declares it; `None` where
/// it is declared already.
fn load(call: &Call, run_dir: &RunDir, ipvs: &mut Ipvs) -> Result<(Config, Option<String>), Failure> {
    let mut config = source::load(call)?;
    let mut undeclared = source::undeclared(call, run_dir, &config);
    if undeclared.is_some() && drain::carry_over(&call.instance, run_dir, ipvs, &mut config)? {
        undeclared = source::undeclared(call, run_dir, &config);
    }
    Ok((config, undeclared))
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

/// Brings the kernel's table to what is declared, as far as the kernel takes it. What other programs have made of the services
/// of `declared.reporting` stays.
fn program(
    call: &Call,
    run_dir: &RunDir,
    ipvs: &mut Ipvs,
    mut declared: Declared,
    registry: &Registry,
) -> Result<(), Failure> {
    let mut desired = std::mem::take(&mut declared.table);
    let count = desired.len();
    let compared = ipvs.compare(&desired, ComparisonDepth::Quick)?;
    let differing: BTreeSet<ServiceKey> = compared.iter().map(|(key, _)| *key).collect();
    desired.retain(|key, _| differing.contains(key));
    let observed: Table = compared.into_iter().filter_map(|(key, entry)| Some((key, entry?))).collect();
    drain::keep(&mut desired, &observed, &declared.draining);
    wanted::leave_to_monitors(&mut desired, &observed, registry);
    wanted::leave_drift(&mut desired, &observed, &declared.reporting);
    let changes = plan::table_changes(&desired, &observed, TableRole::OwnsServices);
    let refused = changes::apply(call, ipvs, &changes)?;
    refusals::note(run_dir, &call.instance, &refused)?;
    drain::advance(call, ipvs, &declared, registry)?;
    refused.answer(call, count)
}
