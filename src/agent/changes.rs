//! Executes changes of the IPVS table, and keeps what the kernel refused of them.

use std::collections::{BTreeMap, HashSet};

use nix::errno::Errno;

use crate::model::{Change, RealServerKey, ServiceKey};
use crate::netlink::{Error, Ipvs, ipvs};
use crate::ocf::{Call, Failure};
use crate::ownership::Refusal;
use crate::plan;

/// More changes than this are not logged one by one: a first start of a large configuration would spend most of its
/// time with it.
const LOGGED: usize = 100;

/// The entries that the kernel does not take, however often it is asked.
#[derive(Debug, Default)]
pub struct RefusedChanges {
    entries: Vec<(Change, Error)>,
}

/// Executes all changes, whatever becomes of each.
///
/// # Errors
/// It fails when a change failed for another reason than a refusal of the entry: no answer, no memory, no rights.
pub fn apply(call: &Call, ipvs: &mut Ipvs, changes: &[Change]) -> Result<RefusedChanges, Failure> {
    log(call, changes);
    let (refused, failed): (Vec<_>, Vec<_>) =
        ipvs.apply(changes).into_iter().partition(|failure| is_refusal(&failure.error));
    Failure::collect(failed.into_iter().map(|failure| Err(failure.error.into())))?;
    Ok(RefusedChanges::new(refused))
}

/// Does the same as [`apply`], where a refusal is an error as well.
pub fn apply_all(call: &Call, ipvs: &mut Ipvs, changes: &[Change]) -> Result<(), Failure> {
    let refused = apply(call, ipvs, changes)?;
    Failure::collect(refused.entries.into_iter().map(|(_, error)| Err(error.into())))
}

/// Deletes virtual services with all their real servers. A service that is gone already counts as deleted.
///
/// # Errors
/// It fails when a service may still be there.
pub fn delete_services(call: &Call, keys: &[ServiceKey]) -> Result<(), Failure> {
    match Ipvs::open()? {
        Some(mut ipvs) => apply_all(call, &mut ipvs, &plan::deletions(keys)),
        // Without IPVS in the kernel there is no table.
        None => Ok(()),
    }
}

/// Whether the kernel has understood the request and will answer the same next time.
fn is_refusal(error: &Error) -> bool {
    const PASSING: [Errno; 4] = [Errno::ENOMEM, Errno::ENOBUFS, Errno::EINTR, Errno::EBUSY];
    matches!(error, Error::Kernel { errno, .. } if !PASSING.contains(&Errno::from_raw(*errno)))
}

fn log(call: &Call, changes: &[Change]) {
    if changes.len() <= LOGGED {
        changes.iter().for_each(|change| call.log().info(change));
        return;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(kind(change)).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    call.log().info(format!("{} changes of the IPVS table: {}", changes.len(), counts.join(", ")));
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::AddService(_) => "virtual services added",
        Change::EditService(_) => "virtual services changed",
        Change::DeleteService(_) => "virtual services deleted",
        Change::AddRealServer(..) => "real servers added",
        Change::EditRealServer(..) => "real servers changed",
        Change::DeleteRealServer(..) => "real servers deleted",
    }
}

impl RefusedChanges {
    /// Leaves out the real servers of a service that was refused: they could only be refused too.
    fn new(failures: Vec<ipvs::ChangeFailure>) -> Self {
        let entries: Vec<(Change, Error)> =
            failures.into_iter().map(|failure| (failure.change, failure.error)).collect();
        let mut refused = Self { entries };
        let absent: HashSet<ServiceKey> = refused.absent_services().copied().collect();
        refused.entries.retain(|(change, _)| real_server(change).is_none() || !absent.contains(change.service()));
        refused
    }

    /// Returns the services that could not be added. One that could not be changed is still there.
    fn absent_services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.entries.iter().filter_map(|(change, _)| match change {
            Change::AddService(service) => Some(&service.key),
            _ => None,
        })
    }

    /// Returns what was refused, for the record.
    pub fn list(&self) -> Vec<Refusal> {
        let refusal = |(change, error): &(Change, Error)| {
            Refusal::new(change.service(), real_server(change).as_ref(), error.to_string())
        };
        self.entries.iter().map(refusal).collect()
    }

    /// Logs what was refused. One refused entry does not take the others down.
    ///
    /// # Errors
    /// It fails when none of the `declared` services is there.
    pub fn answer(self, call: &Call, declared: usize) -> Result<(), Failure> {
        if self.absent_services().count() == declared {
            return Failure::collect(self.entries.into_iter().map(|(_, error)| Err(error.into())));
        }
        self.entries.iter().for_each(|(_, error)| call.log().error(error));
        Ok(())
    }
}

fn real_server(change: &Change) -> Option<RealServerKey> {
    match change {
        Change::AddService(_) | Change::EditService(_) | Change::DeleteService(_) => None,
        Change::AddRealServer(_, real) | Change::EditRealServer(_, real) => Some(real.key),
        Change::DeleteRealServer(_, real) => Some(*real),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{real_server, virtual_service};

    fn failure(change: Change, errno: i32) -> ipvs::ChangeFailure {
        let error = Error::Kernel { attempt: change.to_string(), errno, explanation: None };
        ipvs::ChangeFailure { change, error }
    }

    #[test]
    fn a_refused_service_stands_for_its_real_servers_and_a_refused_edit_does_not() {
        let (gone, edited) = (virtual_service("tcp 192.0.2.1:80"), virtual_service("tcp 192.0.2.2:80"));
        let refused = RefusedChanges::new(vec![
            failure(Change::AddService(gone.clone()), Errno::ENOENT as i32),
            failure(Change::EditService(edited.clone()), Errno::ENOENT as i32),
            failure(Change::AddRealServer(gone.key, real_server(9, 1)), Errno::ESRCH as i32),
            failure(Change::AddRealServer(edited.key, real_server(9, 1)), Errno::EINVAL as i32),
        ]);
        let named: Vec<(String, Option<String>)> =
            refused.list().into_iter().map(|refusal| (refusal.service, refusal.real_server)).collect();
        let service = |service: &crate::model::VirtualService| service.key.to_string();
        assert_eq!(
            named,
            [(service(&gone), None), (service(&edited), None), (service(&edited), Some("192.0.2.9:80".to_owned()))]
        );
        assert_eq!(refused.absent_services().collect::<Vec<_>>(), [&gone.key]);
    }

    #[test]
    fn what_may_work_next_time_does_not_count_as_a_refusal() {
        let kernel = |errno: Errno| Error::Kernel { attempt: String::new(), errno: errno as i32, explanation: None };
        assert!(is_refusal(&kernel(Errno::ENOENT)) && is_refusal(&kernel(Errno::EINVAL)));
        assert!(!is_refusal(&kernel(Errno::ENOMEM)) && !is_refusal(&kernel(Errno::ENOBUFS)));
        assert!(!is_refusal(&Error::Timeout { attempt: String::new() }));
        assert!(!is_refusal(&Error::Permission { attempt: String::new(), errno: Errno::EPERM as i32 }));
    }
}
