//! Drift: what another program has made of the entries of a virtual service, beside what we have written ourselves.

use std::collections::BTreeSet;

use crate::model::{RealServer, RealServerKey, ServiceEntry};

/// An entry of one virtual service: a real server, or the virtual service itself (`None`).
pub type Place = Option<RealServerKey>;

/// What is to be done about an entry that differs from the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftVerdict {
    /// Another program has changed it, and it stays so.
    Stays,
    /// Another program has changed it, and it is written as it is wanted.
    Repaired,
    /// No other program has changed it: we have not written it yet, or the kernel has refused it.
    Unwritten,
}

/// What the kernel was known to hold of a virtual service, by what was read and written, and what it holds now. `None`
/// means no such service.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// What was known.
    pub known: Option<&'a ServiceEntry>,
    /// What was found.
    pub held: Option<&'a ServiceEntry>,
}

impl Sighting<'_> {
    /// Judges an entry that differs from the wanted one. `stands` says whether it was judged to stay before, and
    /// `may_stay` whether nothing but the configuration speaks against it.
    pub fn judge(&self, place: &Place, stands: bool, may_stay: bool) -> DriftVerdict {
        match (stands || self.was_changed(place), may_stay) {
            (true, true) => DriftVerdict::Stays,
            (true, false) => DriftVerdict::Repaired,
            (false, _) => DriftVerdict::Unwritten,
        }
    }

    fn was_changed(&self, place: &Place) -> bool {
        match place {
            None => self.known.map(|entry| &entry.service) != self.held.map(|entry| &entry.service),
            Some(key) => match (real_server(self.known, key), real_server(self.held, key)) {
                (Some(known), Some(held)) => !known.is_configured_as(held),
                (known, held) => known.is_some() != held.is_some(),
            },
        }
    }
}

fn real_server<'a>(entry: Option<&'a ServiceEntry>, key: &RealServerKey) -> Option<&'a RealServer> {
    entry?.real_servers.get(key)
}

/// Returns what the kernel shall hold when those entries stay as they are for which `stays` says so, and all others are
/// as wanted. `None` means that the service is missing and stays so.
pub fn keep_drift(
    wanted: ServiceEntry,
    held: Option<&ServiceEntry>,
    stays: impl Fn(&Place) -> bool,
) -> Option<ServiceEntry> {
    let Some(held) = held else { return (!stays(&None)).then_some(wanted) };
    let mut target = wanted;
    if stays(&None) {
        target.service = held.service.clone();
    }
    let all: BTreeSet<RealServerKey> = target.real_servers.keys().chain(held.real_servers.keys()).copied().collect();
    for key in all.into_iter().filter(|key| stays(&Some(*key))) {
        match held.real_servers.get(&key) {
            Some(real) => drop(target.real_servers.insert(key, real.clone())),
            None => drop(target.real_servers.remove(&key)),
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::entry_differences;
    use crate::testing::{check_rows, real_server as real, virtual_service};

    /// Returns a service with this scheduler and real servers of these weights.
    fn entry(scheduler: &str, reals: &[(u8, u32)]) -> ServiceEntry {
        let mut service = virtual_service("tcp 192.0.2.1:80");
        service.scheduler = scheduler.parse().expect("scheduler");
        let reals = reals.iter().map(|(host, weight)| real(*host, *weight)).map(|real| (real.key, real));
        ServiceEntry { service, real_servers: reals.collect::<BTreeMap<_, _>>() }
    }

    #[test]
    fn drift_is_what_was_changed_since_it_was_known_and_not_what_is_unwritten_or_refused() {
        use DriftVerdict::{Repaired, Stays, Unwritten};
        let (full, empty) = (entry("wrr", &[(8, 1), (9, 3)]), entry("wrr", &[]));
        let by_hand = [
            entry("wrr", &[(8, 1), (9, 0)]),
            entry("wrr", &[(8, 1)]),
            entry("wrr", &[(8, 1), (9, 3), (7, 1)]),
            entry("rr", &[(8, 1), (9, 3)]),
        ];
        // The last columns: whether it was drift before, and whether it may stay.
        let changed = by_hand.iter().flat_map(|held| {
            let row = |stands, may_stay, expected| (Some(&full), Some(held), stands, may_stay, expected);
            [row(false, true, Stays), row(false, false, Repaired), row(true, true, Stays), row(true, false, Repaired)]
        });
        let others = [
            (Some(&full), None, false, true, Stays),
            (Some(&full), None, false, false, Repaired),
            // It was known to be so: the kernel has refused the entries, or they are still to be written.
            (Some(&empty), Some(&empty), false, true, Unwritten),
            (Some(&by_hand[0]), Some(&by_hand[0]), false, true, Unwritten),
            (Some(&by_hand[0]), Some(&by_hand[0]), true, true, Stays),
            (Some(&by_hand[0]), Some(&by_hand[0]), true, false, Repaired),
            (None, None, false, true, Unwritten),
            (None, None, true, true, Stays),
        ];
        check_rows(changed.chain(others), |(known, held, stands, may_stay, expected)| {
            let differences = entry_differences(&full, held);
            assert!(!differences.is_empty());
            for difference in differences {
                let place = difference.real_server().copied();
                assert_eq!(Sighting { known, held }.judge(&place, stands, may_stay), expected, "{difference}");
            }
        });
    }

    fn any_entry() -> impl Strategy<Value = ServiceEntry> {
        let reals = prop::collection::btree_map(1_u8..6, 0_u32..3, 0..6);
        (prop::sample::select(vec!["wrr", "rr"]), reals).prop_map(|(scheduler, reals)| {
            let reals: Vec<(u8, u32)> = reals.into_iter().collect();
            entry(scheduler, &reals)
        })
    }

    fn part<'a>(entry: Option<&'a ServiceEntry>, place: &Place) -> (Option<&'a str>, Option<&'a RealServer>) {
        match place {
            None => (entry.map(|entry| entry.service.scheduler.as_str()), None),
            Some(key) => (None, real_server(entry, key)),
        }
    }

    proptest! {
        /// Every entry is either as it was found or as it is wanted, and never anything else.
        #[test]
        fn what_stays_is_as_found_and_all_else_as_wanted(
            wanted in any_entry(),
            held in prop::option::of(any_entry()),
            staying in prop::collection::btree_set(prop::option::of(1_u8..6), 0..6),
        ) {
            let place = |host: Option<u8>| host.map(|host| real(host, 1).key);
            let staying: BTreeSet<Place> = staying.into_iter().map(place).collect();
            let target = keep_drift(wanted.clone(), held.as_ref(), |place| staying.contains(place));
            if held.is_none() {
                prop_assert_eq!(target, (!staying.contains(&None)).then_some(wanted));
                return Ok(());
            }
            for place in [None].into_iter().chain((1..6).map(Some)).map(place) {
                let source = if staying.contains(&place) { held.as_ref() } else { Some(&wanted) };
                prop_assert_eq!(part(target.as_ref(), &place), part(source, &place), "{:?}", place);
            }
        }
    }
}
