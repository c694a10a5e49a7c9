//! What follows from a comparison of the kernel's table with the wanted one.

use std::collections::BTreeMap;

use super::drift::{self, DriftNews};
use super::{Moment, Services, WatchedService, fault};
use crate::config::OnDrift;
use crate::daemon::event::{Event, Sinks};
use crate::model::{ServiceEntry, ServiceKey, Table};
use crate::plan::{self, Difference, Sighting, TableRole};

impl Services {
    /// Notes a comparison of the kernel with `desired`: the kernel holds the services of `found` as given there, and
    /// all others as desired. Returns whether other programs have begun or ended a drift that stays.
    pub fn compared(
        &mut self,
        mut desired: Table,
        mut found: BTreeMap<ServiceKey, Option<ServiceEntry>>,
        moment: Moment,
        sinks: &mut Sinks,
    ) -> bool {
        self.removal.try_again();
        let mut has_news = false;
        for (key, watched) in &mut self.watched {
            // A service that has come meanwhile was not compared.
            let Some(wanted) = desired.remove(key) else { continue };
            let held = found.remove(key).unwrap_or_else(|| Some(wanted.clone()));
            let wanted = watched.leave_deleted(wanted, held.as_ref());
            let differences = differences(self.role, &wanted, held.as_ref());
            let is_unwritten = watched.sort_drift(differences, held.as_ref(), self.role, moment, |news, on_drift| {
                has_news |= !matches!(news, DriftNews::RepairedAgain { .. });
                sinks.emit(event(*key, news, on_drift));
            });
            if is_unwritten {
                self.dirty.insert(*key);
            } else {
                fault::update(&mut watched.fault, key, None, moment.now, sinks);
            }
            watched.held = held;
        }
        has_news
    }
}

impl WatchedService {
    /// Tells drift that stays from what is to be written, and returns whether there is any of that.
    fn sort_drift(
        &mut self,
        differences: Vec<Difference>,
        held: Option<&ServiceEntry>,
        role: TableRole,
        moment: Moment,
        mut tell: impl FnMut(DriftNews<'_>, OnDrift),
    ) -> bool {
        let Self { pool, held: known, on_drift, drifts, .. } = self;
        let sighting = Sighting { known: known.as_ref(), held };
        let may_stay = |place: &_| drift::may_stay(pool, *on_drift, role, place);
        drifts.note(differences, sighting, may_stay, moment, |news| tell(news, *on_drift))
    }
}

fn event(service: ServiceKey, news: DriftNews<'_>, on_drift: OnDrift) -> Event<'_> {
    match news {
        DriftNews::Began(difference) => Event::Drift { service, difference, on_drift },
        DriftNews::Ended(real) => Event::DriftEnded { service, real },
        DriftNews::RepairedAgain { place: real, times } => Event::RepairedAgain { service, real, times },
    }
}

/// Returns what the kernel holds otherwise than it shall, as far as this health monitor knows of it. A service that
/// another program owns comes and goes with its owner.
fn differences(role: TableRole, wanted: &ServiceEntry, held: Option<&ServiceEntry>) -> Vec<Difference> {
    match (role, held) {
        (TableRole::Observes, _) | (TableRole::MovesRealServers, None) => Vec::new(),
        _ => plan::entry_differences(wanted, held),
    }
}
