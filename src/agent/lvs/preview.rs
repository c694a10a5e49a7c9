//! What a start or a reload would change in the kernel now. It reads only: no module is loaded, nothing is declared.

use std::collections::BTreeSet;

use super::{drain, wanted};
use crate::config::Config;
use crate::model::{Change, ServiceKey, Table};
use crate::netlink::Ipvs;
use crate::netlink::ipvs::ComparisonDepth;
use crate::ocf::Failure;
use crate::ownership::{self, Declaration, Declared, Registry, ServiceOwner, keys};
use crate::plan::{self, TableRole};
use crate::system::RunDir;

/// What would change.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// In the order in which a start executes them; those that a health monitor follows with are among them.
    pub changes: Vec<Change>,
    /// What the kernel shall hold, for the services that differ.
    pub desired: Table,
    /// What it holds of them.
    pub observed: Table,
}

/// Returns what would change if a resource started with this file. Where a resource of this node has declared services of
/// the file, it is that one: what it has declared and the file has no more would go.
///
/// # Errors
/// Fails when the services of the file belong to different resources, and when the kernel does not answer.
pub fn preview_of_file(mut config: Config) -> Result<Preview, Failure> {
    let (run_dir, mut ipvs) = (RunDir::system(), Ipvs::open_loaded()?);
    let registry = Registry::read(&run_dir);
    let Some(ServiceOwner::Lvs(instance)) = only_owner(&registry, &keys(&config))? else {
        return preview(config.into(), &BTreeSet::new(), &registry, ipvs.as_mut());
    };
    if let Some(ipvs) = &mut ipvs {
        drain::carry_over(&instance, &run_dir, ipvs, &mut config)?;
    }
    let wanted: BTreeSet<ServiceKey> = keys(&config).into_iter().collect();
    let declared = ownership::declaration(&run_dir, &instance).keys();
    let gone = declared.into_iter().filter(|key| !wanted.contains(key)).collect();
    preview(config.into(), &gone, &registry, ipvs.as_mut())
}

/// Returns what would change if the `lvs` resource of this name took on what it has declared; `None` where it has declared
/// nothing.
///
/// # Errors
/// Fails when the declaration is damaged, and when the kernel does not answer.
pub fn preview_of_resource(instance: &str) -> Result<Option<Preview>, Failure> {
    let run_dir = RunDir::system();
    let declared = match ownership::declaration(&run_dir, instance) {
        Declaration::Absent => return Ok(None),
        Declaration::Damaged => {
            let path = run_dir.services().file(instance);
            return Err(Failure::generic(format!("{}: read: damaged; start writes it again", path.display())));
        }
        Declaration::Services(declared) => declared,
    };
    let registry = Registry::read(&run_dir);
    preview(declared, &BTreeSet::new(), &registry, Ipvs::open_loaded()?.as_mut()).map(Some)
}

/// The resource that owns services of these, if there is one.
fn only_owner(registry: &Registry, wanted: &[ServiceKey]) -> Result<Option<ServiceOwner>, Failure> {
    let Some(owner) = wanted.iter().find_map(|key| registry.owner_of(key)) else { return Ok(None) };
    match registry.conflicts(owner, wanted) {
        conflicts if conflicts.is_empty() => Ok(Some(owner.clone())),
        conflicts => Err(Failure::bad_here(conflicts.join("; "))),
    }
}

fn preview(
    declared: Declared,
    gone: &BTreeSet<ServiceKey>,
    registry: &Registry,
    ipvs: Option<&mut Ipvs>,
) -> Result<Preview, Failure> {
    let Declared { table: mut desired, draining, backups, fallbacks, .. } = declared;
    let mut observed = Table::new();
    let mut deleted = Vec::new();
    // Without IPVS in the kernel there is no table.
    if let Some(ipvs) = ipvs {
        let compared = ipvs.compare(&desired, ComparisonDepth::Thorough)?;
        let differing: BTreeSet<ServiceKey> = compared.iter().map(|(key, _)| *key).collect();
        desired.retain(|key, _| differing.contains(key));
        observed.extend(compared.into_iter().filter_map(|(key, entry)| Some((key, entry?))));
        for key in gone {
            if let Some(entry) = ipvs.service(key)? {
                observed.insert(*key, entry);
                deleted.push(*key);
            }
        }
    }
    drain::keep(&mut desired, &observed, &draining);
    wanted::expect_of_monitors(&mut desired, &observed, (&backups, &fallbacks), registry);
    let mut changes = plan::deletions(&deleted);
    changes.extend(plan::table_changes(&desired, &observed, TableRole::OwnsServices));
    Ok(Preview { changes, desired, observed })
}
