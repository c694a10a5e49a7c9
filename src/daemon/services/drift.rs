//! What other programs have made of a virtual service: the entries that stay so, and those that are repaired.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Moment;
use crate::config::OnDrift;
use crate::health::{Pool, RealServerSettings};
use crate::model::{Change, ServiceEntry};
use crate::plan::{Difference, DriftVerdict, Place, Sighting, TableRole};

/// How long repairs of one entry are counted after the first, and not told one by one: a program that sets it again and
/// again must not fill the log.
const COUNTED: Duration = Duration::from_secs(60);

/// The drift of one virtual service.
#[derive(Debug, Default)]
pub struct Drifts {
    /// The entries that stay as another program has made them.
    standing: BTreeMap<Place, StandingDrift>,
    /// The entries that are to be repaired, each with what was found.
    found: BTreeMap<Place, Difference>,
    /// The entries that were repaired a short while ago.
    repaired: BTreeMap<Place, RepeatedRepair>,
}

#[derive(Debug)]
struct StandingDrift {
    /// What was found; `None` until the first comparison, for one that the health monitor before this one has found.
    difference: Option<Difference>,
    /// Seconds since this machine was started: the next health monitor shall say the same.
    since: u64,
}

#[derive(Debug)]
struct RepeatedRepair {
    told: Instant,
    /// How many repairs came after that.
    times: u32,
}

impl Drifts {
    /// Returns the drift that the health monitor before this one has left as it is.
    pub fn inherited(standing: impl IntoIterator<Item = (Place, u64)>) -> Self {
        let standing = standing.into_iter().map(|(place, since)| (place, StandingDrift { difference: None, since }));
        Self { standing: standing.collect(), ..Self::default() }
    }

    /// Returns the entry as it was before other programs changed it. A real server that serves shall go on serving,
    /// whatever they have made of its weight.
    pub fn undone(&self, held: &ServiceEntry, configured: &[RealServerSettings]) -> ServiceEntry {
        let mut entry = held.clone();
        let drifting = configured.iter().map(|real| &real.real_server).filter(|real| self.stands(&Some(real.key)));
        entry.real_servers.extend(drifting.map(|real| (real.key, real.clone())));
        entry
    }

    pub fn stands(&self, place: &Place) -> bool {
        self.standing.contains_key(place)
    }

    /// Whether anything stays as another program has made it.
    pub fn is_any(&self) -> bool {
        !self.standing.is_empty()
    }

    /// Returns the entries that stay, each with the time at which it was found.
    pub fn places(&self) -> impl Iterator<Item = (&Place, u64)> {
        self.standing.iter().map(|(place, drift)| (place, drift.since))
    }

    /// Returns what was found of them.
    pub fn differences(&self) -> impl Iterator<Item = (&Difference, u64)> {
        self.standing.values().filter_map(|drift| Some((drift.difference.as_ref()?, drift.since)))
    }

    /// Ends every drift: everything is written as it is configured. Returns the entries that stayed until now.
    pub fn end_all(&mut self) -> impl Iterator<Item = Place> {
        std::mem::take(&mut self.standing).into_keys()
    }

    /// Ends the drift of one entry, and returns whether it stayed until now.
    pub fn end(&mut self, place: &Place) -> bool {
        self.standing.remove(place).is_some()
    }

    /// Takes the differences that a comparison has found, and returns whether some of them are to be written. `may_stay`
    /// says of an entry that another program has changed whether it stays so.
    pub fn note(
        &mut self,
        differences: Vec<Difference>,
        sighting: Sighting<'_>,
        may_stay: impl Fn(&Place) -> bool,
        moment: Moment,
        mut tell: impl FnMut(DriftNews<'_>),
    ) -> bool {
        let mut before = std::mem::take(&mut self.standing);
        let mut found_before = std::mem::take(&mut self.found);
        let mut is_unwritten = false;
        for difference in differences {
            let place = difference.real_server().copied();
            let verdict = sighting.judge(&place, before.contains_key(&place), may_stay(&place));
            is_unwritten |= verdict != DriftVerdict::Stays;
            let known = before.remove(&place);
            match verdict {
                DriftVerdict::Stays => {
                    let is_as_before =
                        |known: &StandingDrift| known.difference.as_ref().is_none_or(|d| *d == difference);
                    let since = known.filter(is_as_before).map(|known| known.since);
                    if since.is_none() {
                        tell(DriftNews::Began(&difference));
                    }
                    let drift = StandingDrift { difference: Some(difference), since: since.unwrap_or(moment.boot) };
                    self.standing.insert(place, drift);
                }
                DriftVerdict::Repaired => drop(self.found.insert(place, difference)),
                // The kernel has refused the repair, or it was not tried yet.
                DriftVerdict::Unwritten => self.found.extend(found_before.remove_entry(&place)),
            }
        }
        before.into_keys().for_each(|place| tell(DriftNews::Ended(place)));
        self.count_repairs(moment.now, &mut tell);
        is_unwritten
    }

    fn count_repairs(&mut self, now: Instant, tell: &mut impl FnMut(DriftNews<'_>)) {
        self.repaired.retain(|place, repair| {
            if now < repair.told + COUNTED {
                return true;
            }
            let times = std::mem::replace(repair, RepeatedRepair { told: now, times: 0 }).times;
            if times > 0 {
                tell(DriftNews::RepairedAgain { place: *place, times });
            }
            times > 0
        });
    }

    /// Notes that the kernel has executed a change of ours. Returns what it has repaired, and whether that was told of
    /// this entry a short while ago.
    pub fn written(&mut self, change: &Change, now: Instant) -> WrittenDrift {
        let place = match change {
            Change::DeleteService(_) => {
                *self = Self::default();
                return WrittenDrift::default();
            }
            Change::AddService(_) | Change::EditService(_) => None,
            Change::AddRealServer(_, real) | Change::EditRealServer(_, real) => Some(real.key),
            Change::DeleteRealServer(_, real) => Some(*real),
        };
        let ended = self.standing.remove(&place).map(|_| place);
        let repaired = self.found.remove(&place).map(|difference| (difference, self.is_told(place, now)));
        WrittenDrift { ended, repaired }
    }

    /// Counts a repair of the entry, and returns whether one was told a short while ago.
    fn is_told(&mut self, place: Place, now: Instant) -> bool {
        match self.repaired.get_mut(&place) {
            Some(repair) => {
                repair.times = repair.times.saturating_add(1);
                true
            }
            None => {
                self.repaired.insert(place, RepeatedRepair { told: now, times: 0 });
                false
            }
        }
    }
}

/// What a change of ours means for the drift of its service.
#[derive(Debug, Default)]
pub struct WrittenDrift {
    /// The entry whose drift has ended by that.
    pub ended: Option<Place>,
    /// What was repaired, and whether the log has a line of an earlier repair of this entry.
    pub repaired: Option<(Difference, bool)>,
}

/// What a comparison says of drift.
#[derive(Debug, PartialEq, Eq)]
pub enum DriftNews<'a> {
    /// Another program has changed an entry, and it stays so.
    Began(&'a Difference),
    /// The entry is as it is wanted again.
    Ended(Place),
    /// The entry was repaired so many times since that was told.
    RepairedAgain { place: Place, times: u32 },
}

/// Whether an entry that another program has changed stays so. What health decides is never left to another program: a
/// real server that shall not serve, the fallback, and one that has left the configuration. An operator's order goes before
/// what was done by hand.
pub fn may_stay(pool: &Pool, on_drift: OnDrift, role: TableRole, place: &Place) -> bool {
    match (place, on_drift) {
        // The virtual service is the `lvs` resource's to repair.
        (None, _) if role == TableRole::MovesRealServers => true,
        (_, OnDrift::Repair) => false,
        (None, OnDrift::Report) => true,
        (Some(key), OnDrift::Report) => match pool.serving_state(key) {
            Some(state) => state.serves && !pool.is_overridden(key),
            None => {
                let is_fallback = pool.settings().fallback.as_ref().is_some_and(|fallback| fallback.key == *key);
                !is_fallback && pool.draining().all(|draining| draining.real_server.key != *key)
            }
        },
    }
}
